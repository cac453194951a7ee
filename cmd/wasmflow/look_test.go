package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/conformance"
	"github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// pricesFolder has guestJob with its plugin and an input.
func pricesFolder(t *testing.T) string {
	t.Helper()
	dir := folder(t, map[string]string{
		"job.toml": guestJob, "input/a.csv": "tea,250\n# none\nwater\n",
	})
	copyFile(t, scaffolded(t).wasm, filepath.Join(dir, "plugin.wasm"))
	return dir
}

func TestDryRun(t *testing.T) {
	dir := pricesFolder(t)
	file := filepath.Join(dir, "job.toml")
	got := do(t, "dry-run", file)
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, `1. lines, DIR/input/a.csv at 0
   <- tea,250
   -> out  {"item":"tea","cents":250}
2. lines, DIR/input/a.csv at 8
   <- # none
   dropped
3. lines, DIR/input/a.csv at 15
   <- water
   refused: no separator in the line

3 records read, 1 would be written, 1 dropped, 1 refused; nothing was claimed or written
`, strings.ReplaceAll(got.stdout, dir, "DIR"))
	require.NoDirExists(t, filepath.Join(dir, "output"))
	require.NoDirExists(t, filepath.Join(dir, ".wasmflow"))

	lines := strings.Split(strings.TrimSpace(do(t, "dry-run", "-n", "1", "--json", file).stdout), "\n")
	require.Len(t, lines, 2)
	var e dryLine
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &e))
	require.Equal(t, host.DryWritten, e.Kind)
	require.Equal(t, "out", e.Stage)
	require.JSONEq(t, `{"value": "{\"item\":\"tea\",\"cents\":250}"}`, string(e.Record))

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "input")))
	gone := do(t, "dry-run", file)
	require.Equal(t, 3, gone.code)
	require.Contains(t, gone.stderr, "path does not exist")
}

func TestShow(t *testing.T) {
	long := strings.Repeat("x", dryValueBytesMax-1) + "\u00e9yz"
	for _, c := range []struct {
		in   []byte
		want string
	}{
		{nil, "null"},
		{[]byte(""), ""},
		{[]byte("gr\u00fc\u00dfe \"x\""), "gr\u00fc\u00dfe \"x\""},
		{[]byte("a\tb\x1b[2J"), `"a\tb\x1b[2J"`},
		{[]byte{0xff, 0x00}, `"\xff\x00"`},
		{[]byte(long), strings.Repeat("x", dryValueBytesMax-1) + "... (403 bytes)"},
	} {
		require.Equal(t, c.want, show(c.in), "%q", c.in)
	}
}

func TestDryPrinterShowsWholeRecords(t *testing.T) {
	var b strings.Builder
	d := &dryPrinter{w: &b}
	d.event(host.DryEvent{Kind: host.DryRead, Stage: "in", Split: "s", Position: "7",
		Record: &connectors.Record{
			Key: []byte("k"), Timestamp: 1_700_000_000_123,
			Headers: []connectors.Header{{Key: "trace", Value: []byte("1")}},
		}})
	d.event(host.DryEvent{Kind: host.DryWritten, Stage: "out", Record: &connectors.Record{
		Value: []byte("v"), Timestamp: connectors.NoTimestamp,
	}})
	d.end()
	require.Equal(t, `1. in, s at 7
   <- k = null  @2023-11-14T22:13:20.123Z
      trace: 1
   -> out  v

1 records read, 1 would be written, 0 dropped, 0 refused; nothing was claimed or written
`, b.String())
}

func TestInspect(t *testing.T) {
	s := scaffolded(t)
	got := do(t, "inspect", s.wasm)
	require.Zero(t, got.code, got.stderr)
	for _, want := range []string{
		"prices 0.1.0\n", "guest ABI v1\n", "\ntransform prices\n  Turns lines like \"tea,250\" into " +
			"JSON; drops comments and empty lines.\n",
		"configuration, as JSON Schema", `"separator"`, "[plugins.prices]\n",
		"[transforms.prices]\n  from     = [\"a source\"]\n  plugin   = \"prices\"\n",
	} {
		require.Contains(t, got.stdout, want)
	}
	var i inspection
	require.NoError(t, json.Unmarshal([]byte(do(t, "inspect", "--json", s.wasm).stdout), &i))
	require.Equal(t, "prices", i.Description.Functions[0].Name)
	require.Len(t, i.SHA256, 64)

	got = do(t, "inspect", filepath.Join(s.dir, "main.go"))
	require.Equal(t, 2, got.code)
	require.Contains(t, got.stderr, "main.go: this is not a WebAssembly binary; name a .wasm file")
}

// TestInspectShowsEveryRole checks the lines to paste into a job file.
func TestInspectShowsEveryRole(t *testing.T) {
	for role, want := range map[string]string{
		"transform":    "[transforms.x]\n",
		"deserializer": "[sources.x]\n  deserializer = { plugin = \"x\", function = \"f0\" }\n",
		"serializer":   "[sinks.x]\n  serializer = { plugin = \"x\", function = \"f0\" }\n",
		"bucketer":     "[sinks.x]\n  bucketer = { plugin = \"x\", function = \"f0\" }\n",
		"partitioner":  "[sinks.x]\n  partitioner = { plugin = \"x\", function = \"f0\" }\n",
	} {
		path := filepath.Join(t.TempDir(), "x.wasm")
		module := wasmtest.Guest{Description: wasmtest.DescriptionOf(role)}.Module()
		require.NoError(t, os.WriteFile(path, module, 0o600))
		got := do(t, "inspect", path)
		require.Zero(t, got.code, got.stderr)
		require.Contains(t, got.stdout, want)
	}
}

func TestConformance(t *testing.T) {
	s := scaffolded(t)
	got := do(t, "conformance", s.wasm)
	require.Zero(t, got.code, got.stdout)
	require.Contains(t, got.stdout, "OK as a plugin")
	var r conformance.Result
	got = do(t, "conformance", "--json", "--config", `{"separator": ";"}`, s.wasm)
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &r))
	require.True(t, r.OK())

	broken := filepath.Join(t.TempDir(), "broken.wasm")
	module := wasmtest.Guest{Process: wasmtest.Unreachable()}.Module()
	require.NoError(t, os.WriteFile(broken, module, 0o600))
	got = do(t, "conformance", broken)
	require.Equal(t, 2, got.code)
	require.Contains(t, got.stdout, "FAILED")
	require.Contains(t, got.stderr, "it does not keep to the guest ABI")
	require.Equal(t, 2, do(t, "conformance", "--config", "{", s.wasm).code)
}

func TestValidate(t *testing.T) {
	dir := pricesFolder(t)
	file := filepath.Join(dir, "job.toml")
	got := do(t, "validate", "--connect", file)
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, file+" is fine: job \"prices\" with 1 source, 1 transform, 1 sink, 1 plugin\n"+
		"  guarantee  exactly-once\n  log        store\n", got.stdout)
	require.NoDirExists(t, filepath.Join(dir, ".wasmflow"))

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "input")))
	got = do(t, "validate", file)
	require.Zero(t, got.code)
	require.Contains(t, got.stderr, "job.toml:12: sources.lines.path: there is nothing at ")
	var v verdict
	got = do(t, "validate", "--connect", "--json", file)
	require.Equal(t, 3, got.code)
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &v))
	require.False(t, v.OK)
	require.Len(t, v.Problems, 1)
	require.Equal(t, "sources.lines.path", v.Problems[0].Key)
	require.Equal(t, 12, v.Problems[0].Line)

	warned := folder(t, map[string]string{"job.toml": endlessJob})
	got = do(t, "validate", filepath.Join(warned, "job.toml"))
	require.Zero(t, got.code)
	require.Contains(t, got.stderr, "records may appear twice after a crash (warning)\n")
}

func TestFsck(t *testing.T) {
	dir, newest := ran(t)
	file := filepath.Join(dir, "job.toml")
	got := do(t, "fsck", file)
	require.Zero(t, got.code, got.stdout)
	require.Contains(t, got.stdout, "0 problems, 0 notes\n")

	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(newest), "note"), nil, 0o600))
	require.NoError(t, os.Truncate(newest, 10))
	var c checkup
	got = do(t, "fsck", "--json", file)
	require.Equal(t, 3, got.code)
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &c))
	require.Equal(t, 1, c.Problems)
	require.Equal(t, newest, c.Findings[0].Subject)
	require.Contains(t, got.stderr, "1 problem\n")
}

func TestFsckWithoutRecords(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": copyJob, "input/a.txt": "a\n"})
	file := filepath.Join(dir, "job.toml")
	never := do(t, "fsck", file)
	require.Zero(t, never.code, never.stderr)
	require.Contains(t, never.stdout, "the job has no records: it never ran here, or they were removed")

	require.Zero(t, do(t, "run", file).code)
	records, err := filepath.Glob(filepath.Join(dir, ".wasmflow/store/copy/epoch-*"))
	require.NoError(t, err)
	require.NotEmpty(t, records)
	for _, r := range records {
		require.NoError(t, os.Remove(r))
	}
	gone := do(t, "fsck", file)
	require.Equal(t, 3, gone.code, gone.stdout)
	require.Contains(t, gone.stdout, "was there before, the highest is 0 now; put the records back")
}

// TestAcceptedLoss follows a part that is gone before it was published: the process is killed
// between the decision and the publication, and somebody tidies up.
func TestAcceptedLoss(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": copyJob, "input/a.txt": "a\nb\n"})
	file := filepath.Join(dir, "job.toml")
	p, _, stderr := testProcess(t)
	p.disk = fstest.WrapDisk(local.OS(), fstest.FailWhen(func(op fstest.Op) bool {
		return op.Kind == fstest.Link && strings.HasPrefix(op.To, filepath.Join(dir, "output"))
	}, errors.New("power cut")))
	require.NotZero(t, run([]string{"run", file}, p))
	require.Contains(t, stderr.String(), "power cut")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "output/.wasmflow")))

	refused := do(t, "run", file)
	require.Equal(t, 3, refused.code)
	require.Contains(t, refused.stderr, "job.toml:7: sinks.out: ")
	require.Contains(t, refused.stderr, checkpoint.ErrLost.Error())
	var c checkup
	got := do(t, "fsck", "--json", file)
	require.Equal(t, 3, got.code)
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &c))
	require.Equal(t, 1, c.Problems, got.stdout)
	lost := c.Findings[0].Subject
	require.Contains(t, refused.stderr, "--accept-missing "+lost)

	typo := do(t, "fsck", "--accept-missing", lost+"x", file)
	require.Equal(t, 2, typo.code)
	accepted := do(t, "fsck", "--accept-missing", lost, file)
	require.Zero(t, accepted.code, accepted.stderr)
	require.Contains(t, accepted.stdout, "a person accepted its loss")
	require.Zero(t, do(t, "run", file).code)
}

func TestFsckSeesARunningJob(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": endlessJob})
	file := filepath.Join(dir, "job.toml")
	job := start(t, "run", file)
	job.stdout.await("10\n")
	require.Contains(t, do(t, "fsck", file).stdout, "the job runs: ")
	job.signals <- os.Interrupt
	require.Zero(t, <-job.code)
}

// TestReferenceIsCurrent compares the committed page with what the binary prints.
func TestReferenceIsCurrent(t *testing.T) {
	got := do(t, "docs")
	require.Zero(t, got.code)
	page, err := os.ReadFile("../../docs/reference.md")
	require.NoError(t, err)
	want, have := strings.Split(got.stdout, "\n"), strings.Split(string(page), "\n")
	for i := range want {
		if i == len(have) || want[i] != have[i] {
			t.Fatalf("docs/reference.md:%d is not what the binary prints, %q; run: wasmflow docs > "+
				"docs/reference.md", i+1, want[i])
		}
	}
	require.Len(t, have, len(want))
}

// TestRegistry checks what no compiler does: that the tables and the configurations fit.
func TestRegistry(t *testing.T) {
	p, _, _ := testProcess(t)
	reg := registry(p)
	page := config.Reference(reg)
	seen := map[string]bool{}
	for _, c := range reg.Connectors {
		require.False(t, seen[c.Name], "%s is there twice", c.Name)
		seen[c.Name] = true
		require.NotEmpty(t, c.Doc, c.Name)
		require.True(t, c.NewSource != nil || c.NewSink != nil, c.Name)
		require.Contains(t, page, `connector = "`+c.Name+`"`)
	}
	for _, b := range append(reg.Serializers, reg.Deserializers...) {
		require.NotEmpty(t, b.Doc, b.Name)
	}
	b := builtins()
	for name, open := range b.Serializers {
		s, err := open(t.Context(), connectors.FunctionContext{}, nil)
		if err != nil {
			require.ErrorContains(t, err, "it has no schema", name)
			continue
		}
		require.NoError(t, s.Close())
	}
	for name, open := range b.Deserializers {
		d, err := open(t.Context(), connectors.FunctionContext{}, nil)
		if err != nil {
			require.ErrorContains(t, err, "it has no schema", name)
			continue
		}
		require.NoError(t, d.Close())
	}
	_, _, err := fileSystems(p, false)(t.Context(), "ftp://127.0.0.1/x")
	require.ErrorContains(t, err, "there is no file system for ftp: here; there are file, hdfs")
	_, path, err := fileSystems(p, false)(t.Context(), "file:///a/b")
	require.NoError(t, err)
	require.Equal(t, "/a/b", path)
}

// TestValidateFindsFilesThatMeet has jobs whose own files get in each other's way.
func TestValidateFindsFilesThatMeet(t *testing.T) {
	const head = "name = \"meet\"\n"
	lines := func(keys string) string {
		return "sources.lines = { connector = \"file\", " + keys + " }\n"
	}
	sink := func(name, keys string) string {
		return "sinks." + name + " = { connector = \"bucketing\", from = [\"lines\"], " + keys + " }\n"
	}
	for _, c := range []struct {
		name, job string
		code      int
		want      string
	}{
		{"two sinks", lines(`path = "in"`) + sink("a", `path = "out"`) + sink("b", `path = "./out/"`), 2,
			"job.toml:4: sinks.b.path: sinks.a writes to the same path in line 3; name another, or have " +
				"one sink read both\n"},
		{"dead letters", lines(`path = "in"`) + sink("a", `path = "out"`) +
			"dead_letter = { connector = \"file\", path = \"out\" }\n", 2,
			"job.toml:4: dead_letter.path: sinks.a writes to the same path in line 3; name another, or " +
				"have one sink read both\n"},
		{"a circle", lines(`path = "d", nested = true`) + sink("a", `path = "d/out"`), 2,
			"job.toml:3: sinks.a.path: sources.lines in line 2 reads what is written here; write " +
				"somewhere else\n"},
		{"perhaps a circle", lines(`path = "d/*/*.csv"`) + sink("a", `path = "d/out"`), 0,
			"job.toml:3: sinks.a.path: sources.lines in line 2 may read what is written here; write " +
				"somewhere else, or see to it that its filter leaves these files out (warning)\n"},
		{"apart", lines(`path = "d"`) + sink("a", `path = "d/out"`), 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, map[string]string{"job.toml": head + c.job, "d/lines.csv": ""})
			got := do(t, "validate", filepath.Join(dir, "job.toml"))
			require.Equal(t, c.code, got.code, got.stderr)
			require.Equal(t, c.want, strings.ReplaceAll(got.stderr, dir+"/", ""))
		})
	}
}
