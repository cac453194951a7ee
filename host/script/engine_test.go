package script_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/operator"
)

const head = `
import { Failure, log, plugin, sleep, transform, transformBatch } from "wasmflow";
plugin({ name: "test" });
`

// answers runs the transform f of a script over values and returns what became of each: its
// values, or its error behind "error: ".
func answers(t *testing.T, text string, values ...string) []string {
	t.Helper()
	m, err := load(t, text)
	require.NoError(t, err)
	return answersOf(t, m, "f", values...)
}

func answersOf(t *testing.T, m *guest.Module, function string, values ...string) []string {
	t.Helper()
	transform, err := operator.NewTransform(context.Background(), operator.Config{
		Module: m, Function: function, Job: "test", Now: func() time.Time { return time.UnixMilli(0) },
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, transform.Close()) }()
	in := &connectors.Batch{Splits: []string{"split"}}
	for i, v := range values {
		r := in.Append()
		r.Value, r.Position.Lo = []byte(v), uint64(i)
	}
	var out connectors.Batch
	var faults connectors.Faults
	require.NoError(t, transform.Transform(context.Background(), in, &out, &faults))
	got := make([]string, len(values))
	for i := range out.Records {
		at := &got[out.Records[i].Position.Lo]
		*at = strings.TrimPrefix(*at+"|"+string(out.Records[i].Value), "|")
	}
	for i := range faults.List {
		f := &faults.List[i]
		got[f.Index] = fmt.Sprintf("error %d: %s", f.Code, f.Text)
		if f.Trap {
			got[f.Index] = "trap: " + f.Text
		}
	}
	return got
}

// TestBounds: what would hang or kill an engine costs its record an error with a stack, and its
// instance nothing.
func TestBounds(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"endless recursion", `() => { function deeper() { return 1 + deeper(); } deeper(); }`,
			"RangeError: Maximum call stack size exceeded; at deeper (plugin.js:"},
		{"recursion through the engine", `() => { function deeper() { [1].map(deeper); } deeper(); }`,
			"RangeError: Maximum call stack size exceeded"},
		{"recursion through a sort",
			`() => { function deeper() { [2, 1].sort(deeper); return 0; } deeper(); }`,
			"RangeError: Maximum call stack size exceeded"},
		{"recursion through text", `() => { const o = { toString() { return "" + o; } }; "" + o; }`,
			"RangeError: Maximum call stack size exceeded"},
		{"deep JSON", `() => { JSON.parse("[".repeat(1e6)); }`, "Error: "},
		{"deep code", `() => { new Function("return " + "(".repeat(1e6)); }`, "Error: "},
		{"deep pattern", `() => { new RegExp("(".repeat(1e6)); }`, "Error: "},
		{"endless loop", `() => { for (;;); }`, "interrupted: the record takes more steps than"},
		{"endless loop in a try", `() => { try { for (;;); } finally { for (;;); } }`, "interrupted: "},
		{"endless loop behind an await", `async () => { await 0; for (;;); }`, "interrupted: "},
		{"endless promises", `() => { const f = () => Promise.resolve().then(f); f(); }`,
			"interrupted: "},
		{"endless pattern", `() => { /(a+)+b/.test("a".repeat(64)); }`, "interrupted: "},
		{"list without end", `() => { for (const l = []; ;) l.push(new Array(1000).fill(0)); }`,
			"InternalError: out of memory; at "},
		{"text without end", `() => { for (let s = "x"; ;) s += s + "y"; }`, "Error: "},
		{"array too large", `() => { new Uint8Array(2 ** 40); }`, "Error: "},
	}
	text := head + "const bodies = {\n"
	var values []string
	for _, tt := range tests {
		text += fmt.Sprintf("%q: %s,\n", tt.name, tt.body)
		values = append(values, tt.name, "fine")
	}
	got := answers(t, text+`};
		transform("f", (record, out) => {
			out.forward();
			return bodies[record.value]?.();
		});`, values...)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.True(t, strings.HasPrefix(got[2*i], "error 0: "), got[2*i])
			require.Contains(t, got[2*i], tt.want)
			require.Equal(t, "fine", got[2*i+1])
		})
	}
}

// TestHostBoundsTheStack: what nests too deep for the stack that plugins have by default costs its
// record the instance, and calls of the script an error all the same.
func TestHostBoundsTheStack(t *testing.T) {
	limits := patient()
	limits.StackBytes = guest.DefaultStackBytes
	m, err := loadWithin(t, limits, head+`transform("f", (record, out) => {
		const deeper = () => 1 + deeper();
		if (record.value === "calls") deeper();
		if (record.value === "code") new Function("return " + "(".repeat(1e6));
		out.forward();
	});`)
	require.NoError(t, err)
	got := answersOf(t, m, "f", "calls", "fine", "code", "fine")
	require.Contains(t, got[0], "error 0: RangeError: Maximum call stack size exceeded")
	require.Contains(t, got[2], "trap: trapped: out of stack: it calls too deep (limits.stack = ")
	require.Equal(t, []string{"fine", "fine"}, []string{got[1], got[3]})
}

func TestFailures(t *testing.T) {
	tests := []struct{ name, function, want string }{
		{"nothing emitted", `() => {}`, ""},
		{"failure", `() => { throw new Failure(7, "odd"); }`, "error 7: odd"},
		{"mistake", `() => { nothing(); }`,
			"error 0: ReferenceError: nothing is not defined; at mistake (plugin.js:7:"},
		{"text thrown", `() => { throw "so"; }`, "error 0: threw so"},
		{"null thrown", `() => { throw null; }`, "error 0: threw null"},
		{"behind an await", `async () => { await 0; throw new Failure(3, "late"); }`, "error 3: late"},
		{"rejection that nobody waits for", `() => { Promise.reject(new Failure(4, "lost")); }`,
			"error 4: lost"},
		{"rejection that is caught", `(r, out) => {
			Promise.reject(new Failure(4, "lost")).catch((e) => out.value(e.message));
		}`, "lost"},
		{"promise that nothing keeps", `() => new Promise(() => {})`,
			"error 0: TypeError: waits for a promise that nothing can keep"},
		{"awaits", `async (r, out) => { await 0; out.value("!"); }`, "!"},
		{"emission caught", `(r, out) => {
			try { out.emit({ value: "x", key: 1 }); } catch { out.value("y"); }
		}`, "y"},
		{"field unknown", `(r, out) => out.emit({ vlaue: "x" })`,
			"error 0: TypeError: a record has no field vlaue"},
		{"number as value", `(r, out) => out.value(1)`,
			"error 0: TypeError: the value must be a string, a Uint8Array or null"},
		{"output unknown", `(r, out) => out.emit({ output: "x" })`,
			"error 0: TypeError: the function is registered with no such output"},
		{"fraction as partition", `(r, out) => out.emit({ partition: 1.5 })`,
			"error 0: TypeError: a partition must be"},
		{"headers that are not read", `(r, out) => out.value(String(r.headers.length))`,
			"error 0: TypeError: register the function with columns: [\"headers\"]"},
		{"more of nothing", `(r, out) => out.more(1)`, "error 0: TypeError: more was asked for before"},
		{"end of stream", `(r, out) => out.endOfStream()`,
			"error 0: TypeError: only a deserializer can end the stream"},
		{"half a character", `(r, out) => out.value("\ud800x\udc00")`, "\ufffdx\ufffd"},
		{"JSON", `(r, out) => out.json({ v: r.value, n: null })`, `{"v":"JSON","n":null}`},
		{"no JSON", `(r, out) => out.json(undefined)`, "error 0: TypeError: the value has no form"},
	}
	text := head + "const functions = {\n"
	var values []string
	for _, tt := range tests {
		text += fmt.Sprintf("%q: %s,\n", tt.name, tt.function)
		values = append(values, tt.name)
	}
	got := answers(t, text+`};
		transform("f", (record, out) => functions[record.value](record, out));`, values...)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.HasPrefix(tt.want, "error 0: ") {
				require.Contains(t, got[i], tt.want)
			} else {
				require.Equal(t, tt.want, got[i])
			}
		})
	}
}

func TestValues(t *testing.T) {
	const f = `transform("f", (record, out) => {
		switch (record.value[0]) {
		case "{": return out.value(String(record.json().n) + record.json().s);
		case "n": return out.emit({ value: null });
		case "l": return out.value(record.value.toLowerCase());
		case "b": return out.value(record.valueBytes.subarray(1));
		}
		out.value(record.value.toUpperCase());
	});`
	got := answers(t, head+f, `{"n":1.5,"s":"\u00e4"}`, `{"n":`, "n", "bytes", "gr\u00fc\u00df",
		"\xff\xfe", "\xed\xa0\x80", "\U0001f600",
		"aZ{`@[ 09\x00\x7f", "lAZ{`@[z\u00c4")
	require.Equal(t, "1.5\u00e4", got[0])
	require.Contains(t, got[1], "error 0: SyntaxError: ")
	require.Equal(t, []string{"", "ytes", "GR\u00dcSS"}, got[2:5])
	require.Contains(t, got[5], "the value is no UTF-8; read valueBytes")
	require.Contains(t, got[6], "the value is no UTF-8; read valueBytes")
	require.Equal(t, []string{"\U0001f600", "AZ{`@[ 09\x00\x7f", "laz{`@[z\u00e4"}, got[7:])
}

// TestRecordsAreOfTheirTime: a record that a script keeps cannot be read later.
func TestRecordsAreOfTheirTime(t *testing.T) {
	got := answers(t, head+`let kept;
		transform("f", (record, out) => {
			kept ??= record;
			out.value(kept.value);
		});`, "a", "b")
	require.Equal(t, "a", got[0])
	require.Contains(t, got[1], "error 0: TypeError: the record is no longer at hand")
}

func TestBatchFunctions(t *testing.T) {
	tests := []struct {
		name, function string
		want           []string
	}{
		{"all", `(records, out) => { for (const r of records) out.value(r.value + "!"); }`,
			[]string{"a!", "bad!", "c!", "d!"}},
		{"one fails", `(records, out) => {
			for (const r of records) {
				out.forward();
				if (r.value === "bad") throw new Failure(2, "bad");
			}
		}`, []string{"a", "error 2: bad", "c", "d"}},
		{"fails behind the last", `(records, out) => {
			for (const r of records) out.forward();
			throw new Failure(2, "late");
		}`, []string{"a", "bad", "c", "error 2: late"}},
		{"leaves early", `(records, out) => {
			for (const r of records) { out.forward(); break; }
		}`, []string{"a", "bad", "c", "d"}},
		{"takes none", `() => {}`, []string{
			"error 0: TypeError: the batch function took no record",
			"error 0: TypeError: the batch function took no record",
			"error 0: TypeError: the batch function took no record",
			"error 0: TypeError: the batch function took no record",
		}},
		{"fails at once", `() => { throw new Failure(1, "no"); }`,
			[]string{"error 1: no", "error 1: no", "error 1: no", "error 1: no"}},
		{"drops", `(records, out) => { for (const r of records) if (r.value > "b") out.forward(); }`,
			[]string{"", "bad", "c", "d"}},
	}
	text := head
	for i, tt := range tests {
		text += fmt.Sprintf("transformBatch(\"f%d\", %s);\n", i, tt.function)
	}
	m, err := load(t, text)
	require.NoError(t, err)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := answersOf(t, m, fmt.Sprintf("f%d", i), "a", "bad", "c", "d")
			require.Equal(t, tt.want, got)
		})
	}
}

func TestScriptsThatDoNotLoad(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no syntax", "const = 1", "SyntaxError: "},
		{"throws", head + `throw new Error("no")`, "Error: no; at <anonymous> (plugin.js:4:"},
		{"no function", head, "the script registers no function"},
		{"another import", `import "fs"`, `cannot import "fs": a script is packed with what it imports`},
		{"endless", "const x = 1;\nfor (;;);", "InternalError: interrupted: to load it takes more than " +
			"4000 steps of ten thousand loops and calls; at <anonymous> (plugin.js:"},
		{"endless list", `for (const l = []; ;) l.push(new Array(1000).fill(0));`, "out of memory: it has " +
			"64 bytes, and to load it takes more than 48 MiB, or than the instance has; at "},
		{"too much text", strings.Repeat("()=>1;", 1<<18), "out of memory: it has 1572874 bytes, " +
			"and to load it takes more than 48 MiB, or than the instance has"},
		{"says so itself", head + `throw new Error("out of memory")`, "Error: out of memory; at <an"},
		{"unknown option", `import { plugin } from "wasmflow"; plugin({ nmae: "x" });`,
			"plugin: no option nmae; there are name, version, config, validate, limits"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.text)
			require.ErrorContains(t, err, "plugin.wasm: has a script that does not load: ")
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestOpenIsBounded: what a script does with its configuration has the bounds of a record.
func TestOpenIsBounded(t *testing.T) {
	tests := []struct{ name, validate, want string }{
		{"loops", `() => { for (;;); }`, "InternalError: interrupted: to check the configuration takes " +
			"more steps than plugin({limits: {steps}}) allows; at validate (plugin.js:"},
		{"hoards", `() => { for (const l = []; ;) l.push(new Array(1000).fill(0)); }`,
			"InternalError: out of memory; at validate (plugin.js:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := load(t, `import { plugin, transform } from "wasmflow";
				plugin({ name: "test", validate: `+tt.validate+` });
				transform("f", () => {});`)
			require.NoError(t, err)
			_, err = m.Instantiate(context.Background(), guest.InstanceConfig{})
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestEmptyNamesStay: a name without bytes lies where the next record begins, and stays when that
// fails.
func TestEmptyNamesStay(t *testing.T) {
	require.Equal(t, []string{"a", "error 1: no"}, answers(t, head+`
		transform("f", (r, out) => {
			if (r.value === "bad") throw new Failure(1, "no");
			out.emit({ value: r.value, target: "" });
		});`, "a", "bad"))
}

// TestFailuresEmitNothing: what is thrown is an object of the script, whose code runs when it is
// asked what happened.
func TestFailuresEmitNothing(t *testing.T) {
	const text = head + `
		let emitted = "nothing";
		const emit = (out) => {
			try { for (let i = 0; i < 1000; i++) out.value("late"); emitted = "much"; } catch {}
		};
		transform("f", (r, out) => {
			if (r.value !== "bad") return out.value(emitted);
			throw {
				get wasmflowCode() { emit(out); return 2; },
				toJSON() { emit(out); return "said late"; },
			};
		});`
	require.Equal(t, []string{`error 2: threw "said late"`, "nothing"}, answers(t, text, "bad", "after"))
}
