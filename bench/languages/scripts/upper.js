// Upper case, as one writes it in JavaScript.
import { plugin, transformBatch } from "wasmflow";

plugin({ name: "upper-js", version: "1.0.0" });

transformBatch("upper", (records, out) => {
  for (const record of records) out.value(record.value.toUpperCase());
});
