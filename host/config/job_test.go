package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
)

func parse(t *testing.T, text string) *config.Job {
	t.Helper()
	job, err := config.Parse("job.toml", []byte(text), registry(), outside())
	require.NoError(t, err)
	return job
}

func plugin(name, function string) connectors.FunctionRef {
	return connectors.FunctionRef{Plugin: name, Function: function}
}

func span(d time.Duration) connectors.Duration { return connectors.Duration(d) }

func mainJob(t *testing.T) *config.Job {
	t.Helper()
	data, err := os.ReadFile("testdata/main.toml")
	require.NoError(t, err)
	return parse(t, string(data))
}

func TestParseFillsTheSections(t *testing.T) {
	job := mainJob(t)
	require.Equal(t, "orders-by-country", job.Name)
	require.Equal(t, "/jobs", job.Dir)
	require.Equal(t, config.Settings{
		ID: "7c1f00ba", Parallelism: 3,
		Batch: config.Batch{Records: 1024, Bytes: 256 << 10, Linger: span(10 * time.Millisecond)},
	}, job.Settings)
	require.Equal(t, config.Checkpoint{
		Interval: span(200 * time.Millisecond), Mode: config.ExactlyOnce,
		Store: "file:///var/lib/wasmflow", Log: "auto", Timeout: span(10 * time.Minute), Retain: 5,
	}, job.Checkpoint)
	require.Equal(t, config.RestartFailureRate, job.Restart.Strategy)
	require.Equal(t, 3, job.Restart.MaxFailuresPerInterval)
	require.Equal(t, span(10*time.Minute), job.Restart.FailureRateInterval)
	require.Equal(t, span(2*time.Second), job.Restart.Delay)
	require.Equal(t, "127.0.0.1:9090", job.Admin.Address)
	require.Equal(t, "open", job.Admin.Token.Reveal())
	require.Equal(t, 3, job.Settings.Tasks(8))
}

func TestParseFillsPlugins(t *testing.T) {
	job := mainJob(t)
	p := job.Plugin("orders")
	require.NotNil(t, p)
	require.Nil(t, job.Plugin("other"))
	require.Equal(t, "/jobs/orders.wasm", p.Path)
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", p.SHA256)
	require.Equal(t, `{"at":"2026-11-22T10:00:00Z","host":"db.example","names":["b","a"],"rate":1.2}`,
		string(p.Config.JSON()))
	require.Equal(t, config.PluginLimits{
		Memory: 128 << 20, Table: 1 << 18, Stack: 1 << 20,
		TimePerBatch: span(500 * time.Millisecond), TimePerRecord: span(500 * time.Millisecond),
		TimeToStart:   span(10 * time.Second),
		OutputRecords: 1 << 20, OutputBytes: 256 << 20, LogLines: 100, Module: 32 << 20,
		CompileMemory: 2 << 30, CompileTime: span(time.Minute),
	}, p.Limits)
}

func TestParseFillsSourcesAndSinks(t *testing.T) {
	job := mainJob(t)
	require.Len(t, job.Sources, 2)
	lines, orders := job.Sources[0], job.Sources[1]

	require.Equal(t, "lines", lines.Name)
	require.Equal(t, config.RateLimit{Records: 10}, lines.RateLimit)
	require.Equal(t, config.OnError{Policy: config.PolicyFail}, lines.OnError)
	require.True(t, lines.Deserializer.IsZero() && lines.Timestamp.IsZero())
	socket := lines.Config.(*socketSource)
	require.Equal(t, "db.example:9999", socket.Address)
	require.Equal(t, "hunter2", socket.Token.Reveal())
	require.Equal(t, "/etc/ca.pem", socket.TLS.CA)
	require.Equal(t, "${literal} $x $", socket.TLS.ServerName)
	require.Equal(t, "open sesame", socket.TLS.Password.Reveal())

	require.Equal(t, plugin("orders", "parse"), orders.Deserializer)
	require.Equal(t, connectors.FunctionRef{Builtin: "processing"}, orders.Timestamp)
	require.Equal(t, config.OnError{Policy: config.PolicyDeadLetter, ShareMax: 0.05}, orders.OnError)
	require.Equal(t, config.RateLimit{Records: 1000.5, Bytes: 1 << 20}, orders.RateLimit)
	require.Equal(t, &fileSource{
		common: common{Path: "/jobs/in/*.log", Charset: "utf-8"}, Mode: "continuous",
		Include: []string{"*.log"}, DiscoverInterval: span(time.Second), RecordBytesMax: 1 << 20,
	}, orders.Config)

	require.Len(t, job.Sinks, 2)
	lake, topic := job.Sinks[0], job.Sinks[1]
	require.Equal(t, []config.Edge{{Node: "after"}, {Node: "zip", Output: "errors"}}, lake.From)
	require.Equal(t, &bucketingSink{
		Path: "s3://bucket/orders", Bucketer: bucketer{guest: plugin("orders", "bucket")},
		Writer: "string", BatchSize: 1000,
	}, lake.Config)
	require.Equal(t, "round-robin", topic.Partitioner.Builtin)
	require.Equal(t, "json", topic.Serializer.Builtin)
	require.Equal(t, config.DeadLetterName, job.DeadLetter.Name)
	require.Equal(t, "/jobs/dead", job.DeadLetter.Config.(*bucketingSink).Path)
}

func TestTransformsFollowWhatTheyRead(t *testing.T) {
	var names []string
	for _, x := range mainJob(t).Transforms {
		names = append(names, x.Name)
	}
	require.Equal(t, []string{"enrich", "zip", "after"}, names)
}

func TestDefaults(t *testing.T) {
	job := parse(t, `
name = "small"
sources.in = { connector = "generator" }
sinks.out = { connector = "topic", topic = "t", from = ["in"] }`)
	require.Equal(t, config.Batch{Records: 4096, Bytes: 1 << 20, Linger: span(5 * time.Millisecond)},
		job.Settings.Batch)
	require.Equal(t, "/jobs/.wasmflow/store", job.Checkpoint.Store)
	require.Equal(t, config.RestartExponentialDelay, job.Restart.Strategy)
	require.Equal(t, config.AdminAuto, job.Admin.Address)
	require.Nil(t, job.DeadLetter)
	require.Empty(t, job.Warnings)
	require.Equal(t, int64(10), job.Sources[0].Config.(*generatorSource).Count)
}

func TestTasks(t *testing.T) {
	for _, c := range []struct{ parallelism, cpus, want int }{
		{0, 2, 2}, {0, 0, 1}, {5, 2, 5}, {0, 100_000, 4096},
	} {
		got := config.Settings{Parallelism: c.parallelism}.Tasks(c.cpus)
		require.Equal(t, c.want, got, "parallelism %d on %d CPUs", c.parallelism, c.cpus)
	}
}

func TestFieldTypes(t *testing.T) {
	job := parse(t, `
name = "types"
[sources.in]
connector = "generator"
count = 0x10
rate = "${RATIO}"
seed = 4294967295
small = -128
template = """
two
lines ${TASKS}"""
paths = ["a", "/b/../c", "hdfs://d/e", ""]
[[sources.in.records]]
key = ""
value = "v"
headers = { "x-y" = "${HOST}" }
timestamp = 2026-01-02
[[sources.in.records]]
timestamp = [1, { x = "${TASKS}" }]
[sinks.out]
connector = "topic"
topic = "t"
from = ["in"]`)
	got := job.Sources[0].Config.(*generatorSource)
	require.EqualValues(t, 16, got.Count)
	require.Equal(t, 0.5, got.Rate)
	require.EqualValues(t, 4294967295, got.Seed)
	require.EqualValues(t, -128, got.Small)
	require.Equal(t, "two\nlines 3", got.Template)
	require.Equal(t, []string{"/jobs/a", "/c", "hdfs://d/e", ""}, got.Paths)
	require.Len(t, got.Records, 2)
	require.NotNil(t, got.Records[0].Key)
	require.Empty(t, *got.Records[0].Key)
	require.Equal(t, map[string]string{"x-y": "db.example"}, got.Records[0].Headers)
	require.Equal(t, 2026, got.Records[0].Timestamp.(time.Time).Year())
	require.Nil(t, got.Records[1].Key)
	require.Equal(t, []any{int64(1), map[string]any{"x": "3"}}, got.Records[1].Timestamp)
}

func TestPluginConfigIsCanonical(t *testing.T) {
	config := func(text string) config.PluginConfig {
		return parse(t, `
name = "canonical"
[plugins.p]
path = "p.wasm"
`+text+`
[sources.in]
connector = "generator"
[sinks.out]
connector = "topic"
topic = "t"
from = ["in"]`).Plugin("p").Config
	}
	for _, c := range []struct{ name, text, want string }{
		{"none", "", `{}`},
		{"empty", "config = {}", `{}`},
		{"inline", `config = { b = 1, a = "<&>" }`, `{"a":"<&>","b":1}`},
		{"table", "[plugins.p.config]\na = '<&>'\nb = 0x1", `{"a":"<&>","b":1}`},
		{"no table", `config = [1, 2.5, true, "x"]`, `[1,2.5,true,"x"]`},
		{"dates", "config = [1979-05-27T07:32:00, 1979-05-27, 07:32:00.5, 1979-05-27T00:32:00-07:00]",
			`["1979-05-27T07:32:00","1979-05-27","07:32:00.5","1979-05-27T00:32:00-07:00"]`},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, string(config(c.text).JSON())) })
	}
	require.Equal(t, config(`config = { b = 1, a = "<&>" }`).SHA256(),
		config("[plugins.p.config]\na = '<&>'\nb = 0x1").SHA256())
	require.Equal(t, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
		config("").SHA256())
}

func TestSecretsStayOutOfFormattedJobs(t *testing.T) {
	job := mainJob(t)
	socket := job.Sources[0].Config.(*socketSource)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(verb, *socket) + fmt.Sprintf(verb, *socket.TLS) + fmt.Sprintf(verb, job.Admin)
		require.NotContains(t, text, "hunter2")
		require.NotContains(t, text, "open")
	}
}

func TestRefuseNamesTheLine(t *testing.T) {
	job := mainJob(t)
	for _, c := range []struct {
		key  string
		line int
	}{
		{"name", 1},
		{"plugins.orders.path", 21},
		{"plugins.orders.limits.memory", 24},
		{"plugins.orders.limits.absent", 24},
		{"sources.lines.tls.ca", 44},
		{"sources.lines.tls", 43},
		{"transforms.enrich.from[1]", 49},
		{"transforms.enrich.from[7]", 49},
		{"transforms.enrich.from[x]", 49},
		{"sinks.lake", 64},
		{"nothing", 1},
	} {
		var refused *config.Error
		require.True(t, errors.As(job.Refuse(c.key, "no"), &refused))
		want := config.Problem{File: "job.toml", Line: c.line, Key: c.key, Text: "no"}
		require.Equal(t, want, refused.Problems[0])
		require.EqualError(t, refused, fmt.Sprintf("job.toml:%d: %s: no", c.line, c.key))
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("token", "from a file\r\n")
	path := write("job.toml", `
name = "load"
[sources.in]
connector = "socket"
address = "localhost:1"
token = { file = "token" }
tls = { server_name = "${WASMFLOW_TEST_NAME}" }
[sinks.out]
connector = "bucketing"
path = "out"
from = ["in"]`)
	t.Setenv("WASMFLOW_TEST_NAME", "name")

	job, err := config.Load(path, registry(), config.Options{})
	require.NoError(t, err)
	require.Equal(t, dir, job.Dir)
	require.Equal(t, filepath.Join(dir, "out"), job.Sinks[0].Config.(*bucketingSink).Path)
	socket := job.Sources[0].Config.(*socketSource)
	require.Equal(t, "from a file", socket.Token.Reveal())
	require.Equal(t, "name", socket.TLS.ServerName)

	missing := filepath.Join(dir, "missing.toml")
	for _, c := range []struct{ name, path, want string }{
		{"missing", missing, missing + ": cannot be read: no such file or directory; name a job file"},
		{"folder", dir, dir + ": cannot be read: is a directory; name a job file"},
		{"too long", write("long.toml", string(make([]byte, 1<<20+1))),
			filepath.Join(dir, "long.toml") + ": cannot be read: the file is too long; keep it below 1MiB, " +
				"with records in files of their own"},
		{"not text", write("latin.toml", "# a\n# \xe4\n"),
			filepath.Join(dir, "latin.toml") + ":2: not UTF-8 text; save it as UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Load(c.path, registry(), config.Options{})
			require.EqualError(t, err, c.want)
		})
	}
	_, err = config.Parse("job.toml", make([]byte, 1<<20+1), registry(), config.Options{})
	require.EqualError(t, err, "job.toml: longer than 1MiB; keep records in files of their own")
}

func TestParseFillsFunctionOptions(t *testing.T) {
	job, err := config.Parse("job.toml", []byte(`
name = "options"
[sources.a]
connector = "generator"
deserializer = { format = "csv", columns = ["a", "b"] }
[sources.b]
connector = "generator"
deserializer = "csv"
[sinks.out]
connector = "print"
from = ["a", "b"]
`), registry(), outside())
	require.NoError(t, err)
	require.Equal(t, connectors.FunctionRef{
		Builtin: "csv", Options: &csvOptions{Delimiter: ",", Columns: []string{"a", "b"}},
	}, job.Sources[0].Deserializer)
	require.Equal(t, connectors.FunctionRef{Builtin: "csv"}, job.Sources[1].Deserializer)
}
