// Upper case, as one writes it in TypeScript.
import { type Emitter, plugin, type Records, transformBatch } from "wasmflow";

plugin({ name: "upper-ts", version: "1.0.0" });

transformBatch("upper", (records: Records, out: Emitter): void => {
  for (const record of records) out.value(record.value!.toUpperCase());
});
