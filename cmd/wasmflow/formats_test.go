package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/wasmflow/wasmflow/connectors/kafka/devbroker"
)

const orderAvro = `{"type":"record","name":"Order","namespace":"shop","fields":[` +
	`{"name":"id","type":"long"},{"name":"note","type":["null","string"],"default":null}]}`

// formatted is a broker and a registry with a topic of four records: an order, a poisonous one, a
// tombstone and another order.
type formatted struct {
	broker   string
	registry *srfake.Registry
}

func newFormatted(t *testing.T) *formatted {
	t.Helper()
	broker, err := devbroker.Start(devbroker.Options{Address: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	f := &formatted{broker: broker.Address(), registry: srfake.New()}
	t.Cleanup(f.registry.Close)
	f.registry.SeedSchema("orders-value", 1, 7, sr.Schema{Schema: orderAvro})
	client := f.client(t, kgo.AllowAutoTopicCreation())
	for _, r := range []*kgo.Record{
		{Key: []byte(`"a"`), Value: []byte("\x00\x00\x00\x00\x07\x02\x00")},
		{Key: []byte(`"b"`), Value: []byte("poison"), Headers: []kgo.RecordHeader{{Key: "h",
			Value: []byte("v")}}},
		{Key: []byte(`"c"`)},
		{Key: []byte(`"d"`), Value: []byte("\x00\x00\x00\x00\x07\x04\x02\x04hi")},
	} {
		r.Topic, r.Partition = "orders", 0
		require.NoError(t, client.ProduceSync(t.Context(), r).FirstErr())
	}
	return f
}

func (f *formatted) client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(f.broker),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// read returns n records of a topic.
func (f *formatted) read(t *testing.T, topic string, n int) (out []*kgo.Record) {
	t.Helper()
	client := f.client(t, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	for len(out) < n {
		fetches := client.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		out = append(out, fetches.Records()...)
	}
	return out
}

// job writes a job file from the topic orders with a policy, and what else it is given.
func (f *formatted) job(t *testing.T, onError, rest string) string {
	t.Helper()
	dir := folder(t, map[string]string{"job.toml": `name = "formats"
[job]
parallelism = 1
[checkpoint]
interval = "50ms"
[sources.orders]
connector = "kafka"
brokers = ["` + f.broker + `"]
topics = ["orders"]
start = "earliest"
stop = "latest"
deserializer = { format = "avro", registry = { urls = ["` + f.registry.URL() + `"] } }
key_deserializer = "json"
on_error = "` + onError + `"
` + rest})
	return filepath.Join(dir, "job.toml")
}

func (f *formatted) sink() string {
	return `[sinks.out]
connector = "kafka"
from = ["orders"]
brokers = ["` + f.broker + `"]
topic = "out"
semantic = "at-least-once"
create_topic = { partitions = 1 }
serializer = { format = "protobuf", schema_file = "order.proto", registry = { urls = ["` +
		f.registry.URL() + `"] } }
key_serializer = { format = "json-schema", schema = '{"type":"string"}', registry = { urls = ["` +
		f.registry.URL() + `"] } }
`
}

const orderProto = `syntax = "proto3"; package shop; message Order { int64 id = 1; string note` +
	` = 2; }`

// headerOf returns what stands before the values of a subject's first schema.
func (f *formatted) headerOf(t *testing.T, subject string) string {
	t.Helper()
	s, ok := f.registry.GetSchema(subject, 1)
	require.True(t, ok)
	return "\x00\x00\x00\x00" + string(rune(s.ID))
}

// TestFormatProblems names line, key and remedy of what is wrong with a format.
func TestFormatProblems(t *testing.T) {
	const sink = "[sinks.out]\nconnector = \"discard\"\nfrom = [\"in\"]\n"
	for name, c := range map[string]struct{ line, want string }{
		"unknown format": {`deserializer = "avroo"`,
			`job.toml:5: sources.in.deserializer: unknown built-in function "avroo"; did you mean "avro"?`},
		"no schema": {`deserializer = "avro"`,
			`job.toml:5: sources.in.deserializer.schema_file: required without a registry; name the sch` +
				`ema of the values`},
		"missing file": {`deserializer = { format = "avro", schema_file = "nowhere.avsc" }`,
			`job.toml:5: sources.in.deserializer.schema_file: opening nowhere.avsc: no such file or dir` +
				`ectory; name the file of a schema`},
		"invalid schema": {`deserializer = { format = "avro", schema_file = "bad.avsc" }`,
			`job.toml:5: sources.in.deserializer.schema_file: reading the schema: `},
		"invalid proto": {`deserializer = { format = "protobuf", schema_file = "bad.proto" }`,
			`job.toml:5: sources.in.deserializer.schema_file: reading the schema: bad.proto:1:9`},
		"two schemas": {`deserializer = { format = "json-schema", schema = "{}", schema_file = "x" }`,
			`job.toml:5: sources.in.deserializer.schema: not together with schema_file; leave one of th` +
				`em out`},
		"key of a plugin": {`key_deserializer = { plugin = "x", function = "y" }`,
			`job.toml:5: sources.in.key_deserializer: a plugin cannot work on keys alone; its other fun` +
				`ctions see and set the key of a record`},
		"no format of keys": {`key_deserializer = "csv"`,
			`job.toml:5: sources.in.key_deserializer: unknown built-in function "csv"`},
		"registry": {`deserializer = { format = "avro", registry = { urls = ["nonsense"] } }`,
			`job.toml:5: sources.in.deserializer.registry.urls: "nonsense" is no address of a registry`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{
				"job.toml": "name = \"x\"\n[sources.in]\nconnector = \"collection\"\nrecords = [\"a\"]\n" +
					c.line + "\n" + sink,
				"bad.avsc": `{"type":"record"}`, "bad.proto": "message {",
			})
			got := do(t, "validate", filepath.Join(dir, "job.toml"))
			require.Equal(t, 2, got.code, got.stdout)
			require.Contains(t, strings.ReplaceAll(got.stderr, dir+"/", ""), c.want)
		})
	}
}

// TestValidateConnectAsksTheRegistry finds a registry that is not there, and credentials that are
// not right.
func TestValidateConnectAsksTheRegistry(t *testing.T) {
	fake := srfake.New(srfake.WithAuth("Bearer right"))
	t.Cleanup(fake.Close)
	file := func(token string) string {
		return filepath.Join(folder(t, map[string]string{"job.toml": "name = \"x\"\n[sources.in]\n" +
			"connector = \"collection\"\nrecords = [\"a\"]\ndeserializer = { format = \"avro\", " +
			"registry = { urls = [\"" + fake.URL() + "\"], token = \"" + token + "\" } }\n" +
			"[sinks.out]\nconnector = \"discard\"\nfrom = [\"in\"]\n"}), "job.toml")
	}
	require.Zero(t, do(t, "validate", "--connect", file("right")).code)
	got := do(t, "validate", "--connect", file("wrong-token"))
	require.Equal(t, 3, got.code)
	require.Contains(t, got.stderr, "job.toml:5: sources.in.deserializer: ")
	require.Contains(t, got.stderr, "the schema registry refuses the credentials; check "+
		"registry.username and registry.password, or registry.token")
	require.NotContains(t, got.stderr, "wrong-token")
}
