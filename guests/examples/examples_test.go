package examples

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/guests/prebuilt"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest"
	"github.com/wasmflow/wasmflow/host/operator"
	"github.com/wasmflow/wasmflow/host/script"
)

var update = flag.Bool("update", false, "write expected.txt, as the plugin in Go has it")

type testCase struct {
	Function string          `json:"function"`
	Config   json.RawMessage `json:"config"`
	Records  []struct {
		Key, Value *string
		Headers    []struct{ Key, Value string }
	} `json:"records"`
}

func optional(s *string) []byte {
	if s == nil {
		return nil
	}
	return []byte(*s)
}

func (c *testCase) batch() *connectors.Batch {
	b := &connectors.Batch{Splits: []string{"split"}}
	for i, x := range c.Records {
		r := b.Append()
		r.Key, r.Value, r.Position.Lo = optional(x.Key), optional(x.Value), uint64(i)
		r.Timestamp = int64(1000 + i)
		for _, h := range x.Headers {
			r.Headers = append(r.Headers, connectors.Header{Key: h.Key, Value: []byte(h.Value)})
		}
	}
	return b
}

// write tells what became of each record, a line each.
func (c *testCase) write(t *testing.T, m *guest.Module, w *bytes.Buffer) {
	ctx := context.Background()
	f, err := operator.NewTransform(ctx, operator.Config{
		Module: m, Function: c.Function, Job: "examples", PluginConfig: c.Config, Now: midnight,
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var out connectors.Batch
	var faults connectors.Faults
	require.NoError(t, f.Transform(ctx, c.batch(), &out, &faults))
	lines := make([]string, len(c.Records))
	for i := range lines {
		lines[i] = "dropped"
	}
	for _, fault := range faults.List {
		lines[fault.Index] = fmt.Sprintf("error %d: %s", fault.Code, fault.Text)
	}
	for i := range out.Records {
		r := &out.Records[i]
		line := fmt.Sprintf("output %d key %s value %s time %d", r.Output, quoted(r.Key),
			quoted(r.Value), r.Timestamp)
		for _, h := range r.Headers {
			line += fmt.Sprintf(" header %q=%s", h.Key, quoted(h.Value))
		}
		if target := out.TargetOf(r); target != "" {
			line += fmt.Sprintf(" target %q", target)
		}
		lines[r.Position.Lo] = line
	}
	fmt.Fprintf(w, "# %s %s\n", c.Function, c.Config)
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
}

func midnight() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }

func quoted(b []byte) string {
	if b == nil {
		return "null"
	}
	return fmt.Sprintf("`%s`", b)
}

// scripts builds the plugins that need no tools of their language, and returns their modules.
func scripts(t *testing.T) []string {
	var paths []string
	for _, language := range []string{"js", "ts"} {
		paths = append(paths, packed(t, language, "plugin."+language))
	}
	return paths
}

// packed builds the plugin that is a script in a language, and returns its module.
func packed(t *testing.T, language, file string) string {
	t.Helper()
	plugin, err := script.Build("../examples-" + language + "/" + file)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "examples-"+language+".wasm")
	require.NoError(t, os.WriteFile(path, plugin, 0o600))
	return path
}

func readCases(t *testing.T) []testCase {
	t.Helper()
	data, err := os.ReadFile("cases.json")
	require.NoError(t, err)
	var cases []testCase
	require.NoError(t, json.Unmarshal(data, &cases))
	return cases
}

// TestSameInEveryLanguage runs the committed modules, the one in Go and those that are scripts.
func TestSameInEveryLanguage(t *testing.T) {
	cases := readCases(t)
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	all, err := prebuilt.All(os.DirFS(dir))
	require.NoError(t, err)
	inGo, err := guesttest.Build(t.TempDir(), "../examples-go")
	require.NoError(t, err)
	paths := []string{inGo}
	for _, m := range all {
		if m.Kind == prebuilt.KindExample {
			paths = append(paths, filepath.Join(dir, filepath.FromSlash(m.Wasm())))
		}
	}
	paths = append(paths, scripts(t)...)
	rt, err := guesttest.NewRuntime(t.TempDir(), guest.Config{}, paths...)
	require.NoError(t, err)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			got := same(t, rt, cases, path)
			if *update && path == inGo {
				require.NoError(t, os.WriteFile("expected.txt", got, 0o644))
			}
			checkSame(t, got)
		})
	}
}

// same returns what the module at path makes of the cases; it refuses a bad configuration.
func same(t *testing.T, rt *guest.Runtime, cases []testCase, path string) []byte {
	t.Helper()
	ctx := context.Background()
	m, err := rt.Load(ctx, guest.Source{Path: path}, guest.Limits{})
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close(ctx)) }()
	var got bytes.Buffer
	for i := range cases {
		cases[i].write(t, m, &got)
	}
	_, err = operator.NewTransform(ctx, operator.Config{
		Module: m, Function: "mask", Job: "examples", Now: midnight,
		PluginConfig: json.RawMessage(`{"large_cents": 0}`),
	})
	require.ErrorContains(t, err, "large_cents")
	return got.Bytes()
}

func checkSame(t *testing.T, got []byte) {
	t.Helper()
	want, err := os.ReadFile("expected.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}
