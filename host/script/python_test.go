//go:build !race

// The race detector has a load of the engine for Python take ten seconds, and sees nothing in it
// that it does not see in loads of others.

package script_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/operator"
	"github.com/wasmflow/wasmflow/host/script"
)

const pythonHead = `
from wasmflow import Failure, log, plugin, transform, transform_batch
plugin("test")
`

// TestPythonConformance runs the whole kit over the guest in Python.
func TestPythonConformance(t *testing.T) {
	testConformance(t, "../../guests/conformance-python/plugin.py")
}

func loadPython(t *testing.T, text string) (*guest.Module, error) {
	t.Helper()
	return loadScript(t, patient(), &script.Script{Name: "plugin.py", Text: []byte(text)})
}

// pythonSettings registers a plugin that looks at its configuration.
const pythonSettings = `
class Settings:
  times = 1

def check(settings):
  if settings.times > 3: raise ValueError("too often")

plugin("test", config=Settings, check=check)`

// pythonCase is the body of a function for one record, and what becomes of the record.
type pythonCase struct{ name, body, want string }

// pythonBounds are what would hang or kill an engine.
func pythonBounds() []pythonCase {
	return []pythonCase{
		{"endless recursion", "def deeper(): return 1 + deeper()\n  deeper()",
			"RecursionError: maximum recursion depth exceeded"},
		{"recursion through the engine", "def deeper(_): return list(map(deeper, [1]))\n  deeper(1)",
			"RecursionError: "},
		{"recursion through text", "class C:\n   def __str__(self): return str(self)\n  str(C())",
			"RecursionError: "},
		{"deep JSON", "import json\n  json.loads('[' * 100_000)", "RecursionError: "},
		{"endless loop", "while True: pass", "Interrupted: the record takes more steps than it may"},
		{"endless loop in a try", "try:\n   while True: pass\n  finally:\n   while True: pass",
			"Interrupted: "},
		{"list without end", "l = []\n  while True: l.append(bytes(100_000))",
			"MemoryError: out of memory"},
		{"array of a gigabyte", "bytearray(1 << 30)", "MemoryError: out of memory; at f7 (plugin.py:"},
	}
}

func pythonFailures() []pythonCase {
	return []pythonCase{
		{"nothing emitted", "pass", ""},
		{"failure", `raise Failure(7, "odd")`, "error 7: odd"},
		{"mistake", "nothing()",
			"error 0: NameError: name 'nothing' is not defined; at f10 (plugin.py:"},
		{"cause", "try: int('x')\n  except ValueError as e: raise KeyError('y') from e",
			"because of ValueError: invalid literal"},
		{"exit", "raise SystemExit(3)", "error 0: SystemExit: 3"},
		{"emission caught", "try: out.emit(value='x', key=1)\n  except TypeError: out.value('y')", "y"},
		{"field unknown", "out.emit(vlaue='x')", "error 0: TypeError: a record has no field vlaue"},
		{"number as value", "out.value(1)",
			"error 0: TypeError: the value must be str, bytes or None, not int"},
		{"output unknown", "out.emit(output='x')",
			"error 0: ValueError: the function is registered with no such output"},
		{"fraction as partition", "out.emit(partition=1.5)", "error 0: TypeError: a partition must be"},
		{"headers that are not read", "out.value(str(record.headers))",
			"error 0: RuntimeError: register the function with columns="},
		{"more of nothing", "out.more(1)", "error 0: RuntimeError: more was asked for before"},
		{"end of stream", "out.end_of_stream()",
			"error 0: RuntimeError: only a deserializer can end the stream"},
		{"half a character", `out.value("\ud800")`, "error 0: UnicodeEncodeError: "},
		{"no JSON", "out.json(object())", "error 0: TypeError: Object of type object is not JSON"},
		{"no number of JSON", "out.json(float('nan'))", "error 0: ValueError: Out of range float"},
	}
}

type pythonBatch struct {
	name, body string
	want       []string
}

func pythonBatches() []pythonBatch {
	return []pythonBatch{
		{"all", "for r in records: out.value(r.text + '!')", []string{"a!", "bad!", "c!", "d!"}},
		{"one fails",
			"for r in records:\n   out.forward()\n   if r.text == 'bad': raise Failure(2, 'bad')",
			[]string{"a", "error 2: bad", "c", "d"}},
		{"fails behind the last", "for r in records: out.forward()\n  raise Failure(2, 'late')",
			[]string{"a", "bad", "c", "error 2: late"}},
		{"leaves early", "for r in records:\n   out.forward()\n   break", []string{"a", "bad", "c", "d"}},
		{"fails at once", "raise Failure(1, 'no')",
			[]string{"error 1: no", "error 1: no", "error 1: no", "error 1: no"}},
	}
}

// pythonLibrary uses what a plugin is promised of the standard library.
const pythonLibrary = `
import base64, bisect, calendar, collections, copy, csv, dataclasses, datetime, decimal, enum
import fractions, functools, hashlib, heapq, hmac, html, io, itertools, json, logging, math
import operator, random, re, secrets, statistics, string, struct, textwrap, tomllib, typing
import unicodedata, urllib.parse, uuid, zlib

@dataclasses.dataclass
class Price:
  item: str
  cents: int = 0

parts = {
  "datetime": lambda: datetime.datetime.fromtimestamp(86400, datetime.timezone.utc).isoformat(),
  "parse": lambda: str(datetime.datetime.strptime("2026-11-22", "%Y-%m-%d").date()),
  "collections": lambda: str(collections.Counter("abca").most_common(1)),
  "functools": lambda: str(functools.reduce(lambda a, b: a * b, [1, 2, 3, 4])),
  "re": lambda: re.sub(r"(\d+)", lambda m: str(int(m[1]) + 1), "a9b"),
  "math": lambda: str(math.isqrt(10**40) == 10**20 and math.gcd(12, 18)),
  "decimal": lambda: str(decimal.Decimal("1.10") + decimal.Decimal("2.20")),
  "dataclass": lambda: str(Price("tea", 250)),
  "hash": lambda: hashlib.sha256(b"x").hexdigest()[:8],
  "division": lambda: str(10**30 / 3) + " " + str((0.1).as_integer_ratio()),
  "zlib": lambda: zlib.decompress(zlib.compress(b"aaaa")).decode(),
  "encode": lambda: "\u20ac".encode("cp1252").hex(),
  "again": lambda: str(random.random()),
}

@transform
def library(record, out): out.value(parts[record.text]())
`

// TestPython works on records in one plugin: to load an engine of this size takes a second.
func TestPython(t *testing.T) {
	text := strings.Replace(pythonHead, `plugin("test")`, pythonSettings, 1) + `
@transform
def f(record, out):
  if record.text == "fine": out.forward()
  else: globals()[record.text](record, out)
`
	cases := append(pythonBounds(), pythonFailures()...)
	for i, tt := range cases {
		text += fmt.Sprintf("def f%d(record, out):\n  %s\n", i, tt.body)
	}
	for i, tt := range pythonBatches() {
		text += fmt.Sprintf("@transform_batch\ndef b%d(records, out):\n  %s\n", i, tt.body)
	}
	m, err := loadPython(t, text+pythonLibrary)
	require.NoError(t, err)
	t.Run("records", func(t *testing.T) { testPythonRecords(t, m, cases) })
	for i, tt := range pythonBatches() {
		t.Run("batch, "+tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, answersOf(t, m, fmt.Sprintf("b%d", i), "a", "bad", "c", "d"))
		})
	}
	for config, want := range map[string]string{
		`{"times": "2"}`: "config.times: must be of type integer, not string",
		`{"tmes": 2}`:    "config.tmes: there is no such setting; there are times",
		`{"times": 9}`:   "ValueError: too often; at check (plugin.py:",
	} {
		t.Run("settings, "+config, func(t *testing.T) {
			_, err := operator.NewTransform(context.Background(), operator.Config{
				Module: m, Function: "f", Job: "test", PluginConfig: json.RawMessage(config),
				Now: func() time.Time { return time.UnixMilli(0) },
			})
			require.ErrorContains(t, err, want)
		})
	}
	t.Run("library", func(t *testing.T) {
		got := answersOf(t, m, "library", "datetime", "parse", "collections", "functools", "re",
			"math", "decimal", "dataclass", "hash",
			"division", "zlib", "encode")
		require.Equal(t, []string{
			"1970-01-02T00:00:00+00:00", "2026-11-22", "[('a', 2)]", "24", "a10b", "6", "3.30",
			"Price(item='tea', cents=250)", "2d711642",
			"3.333333333333333e+29 (3602879701896397, 36028797018963968)", "aaaa", "80",
		}, got)
	})
}

// testPythonRecords: a record that fails costs its instance nothing, so the one behind it is fine.
func testPythonRecords(t *testing.T, m *guest.Module, cases []pythonCase) {
	var values []string
	for i := range cases {
		values = append(values, fmt.Sprintf("f%d", i), "fine")
	}
	got := answersOf(t, m, "f", values...)
	for i, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			require.Contains(t, got[2*i], tt.want)
			require.Equal(t, "fine", got[2*i+1])
			require.False(t, strings.HasPrefix(got[2*i], "trap: "), got[2*i])
		})
	}
}

func TestPythonThatDoesNotLoad(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no syntax", "def", "SyntaxError: "},
		{"throws", pythonHead + "import numpy",
			"ModuleNotFoundError: No module named 'numpy'; at <module> (plugin.py:4)"},
		{"endless", "while True: pass", "Interrupted: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadPython(t, tt.text)
			require.ErrorContains(t, err, "plugin.wasm: has a script that does not load: ")
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestPythonBundle: what a script imports from beside it travels with it, and nothing else.
func TestPythonBundle(t *testing.T) {
	dir := t.TempDir()
	for path, text := range map[string]string{
		"plugin.py": "import json, prices as p\nfrom shop.tax import rate\n" + pythonHead +
			"@transform\ndef f(record, out): out.value(str(p.twice(rate(record.text))))\n",
		"prices.py":             "from helper import two\ndef twice(n): return two() * n\n",
		"helper.py":             "def two(): return 2\n",
		"other.py":              "raise ValueError",
		"shop/__init__.py":      "",
		"shop/tax.py":           "from .deep.data import RATE\ndef rate(n): return RATE * int(n)\n",
		"shop/deep/__init__.py": "", "shop/deep/data.py": "RATE = 10\n",
		"wasmflow/__init__.py": "raise ValueError",
	} {
		path = filepath.Join(dir, filepath.FromSlash(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	s, err := script.Bundle(filepath.Join(dir, "plugin.py"))
	require.NoError(t, err)
	var paths []string
	for _, f := range s.Beside {
		paths = append(paths, f.Path)
	}
	require.Equal(t, []string{"helper.py", "prices.py", "shop/__init__.py", "shop/deep/__init__.py",
		"shop/deep/data.py", "shop/tax.py"}, paths)
	m, err := loadScript(t, patient(), s)
	require.NoError(t, err)
	require.Equal(t, []string{"60"}, answersOf(t, m, "f", "3"))
}
