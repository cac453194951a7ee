package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/conformance"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// build builds a guest of the repository and returns its path.
func build(t *testing.T, l conformance.Language) string {
	t.Helper()
	for _, program := range l.Needs {
		_, err := exec.LookPath(program)
		require.NoError(t, err, "install %s", program)
	}
	out := filepath.Join(t.TempDir(), "guest.wasm")
	command := strings.Split(strings.ReplaceAll(strings.Join(l.Build, "\x00"), "{out}", out), "\x00")
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = filepath.Join("..", "..", filepath.FromSlash(l.Dir))
	cmd.Env = append(os.Environ(), l.Env...)
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)
	return out
}

func check(t *testing.T, src guest.Source, o conformance.Options) *conformance.Result {
	t.Helper()
	rt, err := guest.NewRuntime(guest.Config{})
	if src.Bytes == nil {
		rt, err = guesttest.NewRuntime(filepath.Dir(src.Path), guest.Config{}, src.Path)
	}
	require.NoError(t, err)
	res, err := conformance.Run(context.Background(), rt, src, o)
	require.NoError(t, err)
	return res
}

func TestLanguages(t *testing.T) {
	for _, l := range conformance.Languages() {
		t.Run(l.Name, func(t *testing.T) {
			res := check(t, guest.Source{Path: build(t, l)}, conformance.Options{})
			var text bytes.Buffer
			require.NoError(t, res.Write(&text))
			require.True(t, res.OK(), text.String())
			require.True(t, res.Core())
			require.Contains(t, text.String(), "OK, the core is complete: ")
			require.Len(t, res.Rows, len(conformance.Kit()))
			for _, row := range res.Rows {
				require.Equal(t, conformance.Passed, row.Status, row.Check)
			}
		})
	}
}

func row(t *testing.T, res *conformance.Result, check string) conformance.Row {
	t.Helper()
	for _, r := range res.Rows {
		if r.Check == check {
			return r
		}
	}
	t.Fatalf("no row %q", check)
	return conformance.Row{}
}

// TestPluginThatIsNoKit runs the plugin of the operators' tests, which offers nothing of the kit
// but a function of one name.
func TestPluginThatIsNoKit(t *testing.T) {
	l := conformance.Languages()[0]
	l.Dir = "host/operator/testdata/guest"
	src := guest.Source{Path: build(t, l)}
	res := check(t, src, conformance.Options{Seed: 7})
	require.Equal(t, uint64(7), res.Seed)
	require.Equal(t, conformance.NotOffered, row(t, res, "echo").Status)
	require.Equal(t, "forwards every record as it is", row(t, res, "echo").Detail)
	require.Equal(t, conformance.Failed, row(t, res, "length").Status, "another function of that name")
	require.Contains(t, row(t, res, "length").Detail, "in one instance: record 2 with value \"\": ")
	require.Equal(t, conformance.Passed, row(t, res, "function forward").Status)
	require.Equal(t, conformance.GroupAny, row(t, res, "function forward").Group)

	stateful := row(t, res, "function count")
	require.Equal(t, conformance.Failed, stateful.Status)
	require.Contains(t, stateful.Detail, "a new instance answers differently: record ")
	require.False(t, res.OK())
	require.False(t, res.Core())
	var text bytes.Buffer
	require.NoError(t, res.Write(&text))
	require.Contains(t, text.String(), "FAILED: ")

	again := check(t, src, conformance.Options{Seed: 7})
	require.Equal(t, res.Rows, again.Rows, "a seed means a run")
}

// dropAll is a guest made by hand whose functions consume every record and answer nothing.
func dropAll(description string) []byte {
	const countAt, consumedAt = RegionAt + 12, OutputAt + 8
	process := Join(
		Store32(OutputAt, 64),
		I32Const(consumedAt), I32Const(countAt), []byte{0x28, 2, 0}, []byte{0x36, 2, 0},
		I32Const(OutputAt))
	return Guest{Description: description, Process: process, Pages: 64}.Module()
}

func TestSDKThatIsWrong(t *testing.T) {
	res := check(t, guest.Source{Path: "wrong.wasm", Bytes: dropAll(`{"name":"wrong","version":"2",
		"functions":[{"name":"echo","role":"transform"},{"name":"lines","role":"transform"},
		{"name":"drop-odd","role":"transform"},{"name":"initial","role":"bucketer"}]}`)},
		conformance.Options{})
	var text bytes.Buffer
	require.NoError(t, res.Write(&text))
	require.Contains(t, row(t, res, "echo").Detail, "made 0 records; it must make 1")
	require.Equal(t, `in one instance: record 0 with value "0": made 0 records; it must make 1`,
		row(t, res, "drop-odd").Detail)
	require.Equal(t, "is a transform, it must be a deserializer", row(t, res, "lines").Detail)
	require.Contains(t, row(t, res, "initial").Detail, "0 answers of a bucketer for 6 records")
	require.Equal(t, conformance.Passed, row(t, res, "describe").Status)
	require.Contains(t, text.String(), "wrong.wasm: wrong 2, sha256 ")
	require.Contains(t, text.String(), "\nFAILED: 1 passed, 4 failed, 22 not offered (seed 1)\n")
}

func TestPluginThatIsFineAndNoSDK(t *testing.T) {
	res := check(t, guest.Source{Path: "p.wasm", Bytes: dropAll(DescriptionOf("transform"))},
		conformance.Options{})
	var text bytes.Buffer
	require.NoError(t, res.Write(&text))
	require.True(t, res.OK())
	require.False(t, res.Core())
	require.Contains(t, text.String(), "OK as a plugin; for an SDK 3 of 4 core checks are missing: "+
		"2 passed, 0 failed, 26 not offered")
}

func TestGuestThatIsRefused(t *testing.T) {
	res := check(t, guest.Source{Path: "x.wasm", Bytes: []byte("no")}, conformance.Options{})
	require.False(t, res.OK())
	var text bytes.Buffer
	require.NoError(t, res.Write(&text))
	require.Equal(t, `x.wasm

CHECK  GROUP  RESULT  DETAIL
load   core   failed  this is not a WebAssembly binary; name a .wasm file

FAILED: 0 passed, 1 failed, 0 not offered (seed 1)
`, text.String())
	encoded, err := json.Marshal(res)
	require.NoError(t, err)
	require.JSONEq(t, `{"path":"x.wasm","seed":1,"rows":[{"check":"load","group":"core",
		"status":"failed","detail":"this is not a WebAssembly binary; name a .wasm file"}]}`,
		string(encoded))
}

func TestCanceledRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	rt, err := guest.NewRuntime(guest.Config{})
	require.NoError(t, err)
	_, err = conformance.Run(ctx, rt, guest.Source{Path: "x.wasm", Bytes: Guest{}.Module()},
		conformance.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

// TestKitIsWellFormed: names are unique and every check says what it asks for.
func TestKitIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range conformance.Kit() {
		require.False(t, seen[c.Name], c.Name)
		seen[c.Name] = true
		require.NotEmpty(t, c.Doc, c.Name)
		require.Equal(t, c.Function == "", c.Role == "", c.Name)
	}
}

// TestAuthorsArePrepared: the page for authors and the README of the guest to copy from have a row
// for every function, with its role.
func TestAuthorsArePrepared(t *testing.T) {
	for _, page := range []string{"docs/conformance.md", "guests/conformance-go/README.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(page)))
		require.NoError(t, err)
		for _, c := range conformance.Kit() {
			if c.Function != "" {
				require.Contains(t, string(text), "\n| `"+c.Function+"` | "+string(c.Role)+" | ", page)
			}
		}
	}
}
