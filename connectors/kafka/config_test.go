package kafka

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

func goodSource() *SourceConfig {
	c := newSourceConfig()
	c.Brokers, c.Topics, c.Group = []string{"127.0.0.1:9092"}, []string{"orders"}, "g"
	return c
}

func goodSink() *SinkConfig {
	c := newSinkConfig()
	c.Brokers, c.Topic, c.Semantic = []string{"127.0.0.1:9092"}, "orders", semanticAtLeastOnce
	return c
}

func TestGoodConfigurations(t *testing.T) {
	valid(t, goodSource())
	valid(t, goodSink())
	require.Equal(t, connectors.ExactlyOnce, goodSource().Guarantee())
	require.Equal(t, connectors.AtLeastOnce, goodSink().Guarantee())
	none := goodSink()
	none.Semantic = semanticNone
	require.Equal(t, connectors.AtMostOnce, none.Guarantee())
}

// requireProblem checks that there is one problem, at key, whose text has all of texts.
func requireProblem(
	t *testing.T, c interface{ Validate(*connectors.Problems) }, key string, texts ...string,
) {
	t.Helper()
	var p connectors.Problems
	c.Validate(&p)
	require.Len(t, p.List, 1, "%v", p.List)
	require.Equal(t, key, p.List[0].Key)
	for _, text := range texts {
		require.Contains(t, p.List[0].Text, text)
	}
}

func TestSourceProblems(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*SourceConfig)
		key    string
		text   string
	}{
		{"no brokers", func(c *SourceConfig) { c.Brokers = nil }, "brokers", "required"},
		{"no port", func(c *SourceConfig) { c.Brokers = []string{"host"} }, "brokers[0]", "host:port"},
		{"no topics", func(c *SourceConfig) { c.Topics = nil }, "topics", "required"},
		{"a topic twice", func(c *SourceConfig) { c.Topics = []string{"a", "a"} }, "topics", "twice"},
		{"topics and a pattern", func(c *SourceConfig) { c.TopicPattern = "a.*" }, "topic_pattern", "leave one out"},
		{"a broken pattern", func(c *SourceConfig) { c.Topics, c.TopicPattern = nil, "a(" }, "topic_pattern", "missing"},
		{"no group", func(c *SourceConfig) { c.Group = "" }, "group", "earliest"},
		{"an unknown start", func(c *SourceConfig) { c.Start.Mode = "soon" }, "start", "soon"},
		{"an unknown stop", func(c *SourceConfig) { c.Stop.Mode = "soon" }, "stop", "soon"},
		{"before 1970", func(c *SourceConfig) { c.Stop = Place{Mode: modeTimestamp, Timestamp: -1} }, "stop", "1970"},
		{"isolation", func(c *SourceConfig) { c.Isolation = "some" }, "isolation", "read-committed"},
		{"half a certificate", func(c *SourceConfig) { c.TLS = &transport.TLS{Cert: "a"} }, "tls.key", "required"},
		{"no password", func(c *SourceConfig) { c.SASL = &SASL{Mechanism: "plain", Username: "a"} },
			"sasl.password", "env"},
		{"another mechanism", func(c *SourceConfig) {
			c.SASL = &SASL{Mechanism: "PLAIN", Username: "a", Password: connectors.NewSecret("b")}
		}, "sasl.mechanism", "scram-sha-256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := goodSource()
			tt.change(c)
			requireProblem(t, c, tt.key, tt.text)
		})
	}
}

func TestSinkProblems(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*SinkConfig)
		key    string
		text   string
	}{
		{"no semantic", func(c *SinkConfig) { c.Semantic = "" }, "semantic", "exactly-once"},
		{"another semantic", func(c *SinkConfig) { c.Semantic = "maybe" }, "semantic", "maybe"},
		{"idempotence with acks", func(c *SinkConfig) { c.Acks = acksLeader }, "idempotence", "acks"},
		{"acks none", func(c *SinkConfig) { c.Acks, c.Idempotence = acksNone, false }, "acks", "loses"},
		{"compression", func(c *SinkConfig) { c.Compression = "rar" }, "compression", "zstd"},
		{"partition_by", func(c *SinkConfig) { c.PartitionBy = "luck" }, "partition_by", "sticky"},
		{"a small buffer", func(c *SinkConfig) { c.BufferBytes = 1 }, "buffer_bytes_max", "batch_bytes_max"},
		{"create_topic", func(c *SinkConfig) { c.CreateTopic = &CreateTopic{Partitions: -1} },
			"create_topic", "negative"},
		{"linger", func(c *SinkConfig) { c.Linger = connectors.Duration(time.Hour) }, "linger", "1m0s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := goodSink()
			tt.change(c)
			requireProblem(t, c, tt.key, tt.text)
		})
	}
}

func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		in   any
		want Place
		err  string
	}{
		{in: "earliest", want: Place{Mode: modeEarliest}},
		{in: "offsets", err: "{ offsets = ... }"},
		{in: int64(3), err: "not int64"},
		{in: map[string]any{"timestamp": int64(7)}, want: Place{Mode: modeTimestamp, Timestamp: 7}},
		{in: map[string]any{"timestamp": time.UnixMilli(9)}, want: Place{Mode: modeTimestamp, Timestamp: 9}},
		{in: map[string]any{"timestamp": "1970-01-01T00:00:01Z"},
			want: Place{Mode: modeTimestamp, Timestamp: 1000}},
		{in: map[string]any{"timestamp": "noon"}, err: "no moment"},
		{in: map[string]any{"offsets": map[string]any{"a-b-0": int64(5)}},
			want: Place{Mode: modeOffsets, Offsets: map[string]int64{"a-b-0": 5}}},
		{in: map[string]any{"offsets": map[string]any{"a": int64(5)}}, err: "topic-partition"},
		{in: map[string]any{"offsets": map[string]any{"a-0": int64(-5)}}, err: "from 0"},
		{in: map[string]any{"when": int64(5)}, err: "timestamp, offsets"},
		{in: map[string]any{}, err: "one of"},
	} {
		var got Place
		err := got.UnmarshalTOML(tt.in)
		if tt.err != "" {
			require.ErrorContains(t, err, tt.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tt.want, got)
	}
}

func TestFutureTimestampIsRefused(t *testing.T) {
	c := goodSource()
	c.Start = Place{Mode: modeTimestamp, Timestamp: time.Now().Add(time.Hour).UnixMilli()}
	_, err := c.Open(t.Context(), testEnv("s", 1))
	require.ErrorContains(t, err, "future")
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

func TestProperties(t *testing.T) {
	for name, want := range map[string]string{
		"group.id":           "use group",
		"no.such.thing":      "no.such.thing is not known; known are client.id, client.rack",
		"linger.ms":          "no meaning here",
		"request.timeout.ms": "no number of milliseconds",
	} {
		c := goodSource()
		c.Properties = map[string]string{name: "x"}
		requireProblem(t, c, "properties", name, want)
	}
	c := goodSource()
	c.Properties = map[string]string{"client.rack": "a", "fetch.min.bytes": "10", "metadata.max.age.ms": "9000"}
	valid(t, c)
	s, err := c.Open(t.Context(), testEnv("s", 1))
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// TestReadmeListsEveryProperty holds the table of the README to the one that decides.
func TestReadmeListsEveryProperty(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, p := range propertyTable() {
		here := p.key
		if p.apply != nil {
			here = "as a property"
		}
		row := "| `" + p.name + "` | " + here + " |"
		require.True(t, strings.Contains(string(readme), row), "README.md lacks: %s", row)
		require.NotEqual(t, p.key == "", p.apply == nil, p.name)
	}
}
