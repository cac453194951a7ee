import assert from "node:assert/strict";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { open } from "../../sdk/assemblyscript/testing.mjs";

const wasm = fileURLToPath(new URL("../prebuilt/conformance-assemblyscript.wasm", import.meta.url));

test("functions", async () => {
  const guest = await open(wasm);
  for (const soft of [0, 1]) {
    guest.softRecords = soft;
    for (const [name, value, want] of [
      ["echo", "Hello", ["Hello"]],
      ["upper", "aZ{`\u00e4", ["AZ{`\u00e4"]],
      ["drop-odd", "3", []],
      ["fail-odd", "4", ["4"]],
      ["fail-odd", "3", ["error: odd"]],
      ["repeat", "3", ["0", "1", "2"]],
      ["repeat", "0", []],
      ["greet", "you", ["hello you"]],
      ["settings", "", ["times=1 loud=false"]],
      ["lines", "a\n\nb\n", ["a", "b"]],
      ["lines", "END", ["<end of stream>"]],
      ["pair", "v", ["=v"]],
      ["twice", "ab", ["abab"]],
      ["twice", "0123456789".repeat(7000), ["0123456789".repeat(14000)]],
    ]) {
      assert.deepEqual(guest.values(name, [value]), want, `${name} ${value}`);
    }
  }
});

test("parts", async () => {
  const guest = await open(wasm);
  const [odd, even] = guest.run("route", [{ value: "3" }, { value: "4" }]);
  assert.deepEqual([odd.output, odd.target, odd.partition], ["odd", "t-3", 3]);
  assert.equal(even.output, "");
  const r = {
    value: "v", headers: [["a", null], ["b", null], ["empty", null]], timestamp: 5,
    split: "s", positionHigh: 1, positionLow: 2, ordinal: 2n ** 63n,
  };
  assert.deepEqual(guest.run("edit-headers", [r])[0].headers, [["b", null], ["empty", "v"]]);
  assert.deepEqual(guest.run("headers", [r])[0].headers.at(-1), ["count", "3"]);
  assert.equal(guest.run("origin", [r])[0].value, "s/1/2/9223372036854775808");
  assert.equal(guest.run("restamp", [r])[0].timestamp, 6);
  assert.equal(guest.run("restamp", [{}])[0].timestamp, 0);
  assert.equal(guest.run("nulls", [{ value: "" }])[0].value, null);
  assert.equal(guest.run("nulls", [{ value: "" }])[0].key, "");
});

test("answers", async () => {
  const guest = await open(wasm);
  const out = guest.run("length", ["abc", "ab", ""].map((value) => ({ value, partitionCount: 3 })));
  assert.deepEqual(out.map((o) => o.partition), [0, 2, null]);
  assert.equal(guest.run("initial", [{ value: "xy" }])[0].bucket, "initial=x");
  assert.deepEqual(guest.run("initial", [{}])[0].error, { code: 7, text: "empty" });
  guest.values("log", ["4"]);
  assert.deepEqual(guest.logs, [{ level: 1, text: "4" }]);
  assert.throws(() => guest.values("crash-odd", ["3"]), /an odd record \(plugin\.ts:/);
});

test("configurations", async () => {
  const guest = await open(wasm, { greeting: "h\u00ed ", times: -12 });
  assert.deepEqual(guest.values("greet", ["you"]), ["h\u00ed you"]);
  assert.deepEqual(guest.values("settings", [""]), ["times=-12 loud=false"]);
  for (const [config, field] of [
    [{ greeting: "" }, "greeting"], [{ times: 1.5 }, "times"], [{ loud: 1 }, "loud"],
    [{ laud: true }, "laud"],
  ]) {
    await assert.rejects(open(wasm, config), { field });
  }
});
