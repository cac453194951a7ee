package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

// tool runs one of the programs that come with Kafka.
func (c *cluster) tool(in, class string, args ...string) string {
	c.t.Helper()
	broker, err := real.Kafka(c.t.Context())
	require.NoError(c.t, err)
	args = append([]string{"--bootstrap-server", strings.Join(c.addrs, ",")}, args...)
	out, err := broker.Tool(c.t.Context(), strings.NewReader(in), class, args...)
	require.NoError(c.t, err)
	return string(out)
}

// TestRealJavaReadsWhatIsWritten has Java's consumer read every compression, in transactions and
// without, and what was aborted it does not see.
func TestRealJavaReadsWhatIsWritten(t *testing.T) {
	c := newCluster(t)
	var want []string
	for i, compression := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		for _, semantic := range []string{semanticAtLeastOnce, semanticExactlyOnce} {
			topic := "java-" + compression + "-" + semantic
			c.topic(topic, 1)
			config := c.sink(topic)
			config.Semantic, config.Compression = semantic, compression
			var tx checkpoint.Tx
			var s *Session
			if semantic == semanticExactlyOnce {
				s = openSession(t, config)
				require.NoError(t, s.Fence(t.Context()))
				tx = begin(t, s, 1)
			}
			w := openWriter(t, config, connectors.WriterContext{Tx: tx})
			b := batchOf(strings.Repeat(compression, 100), "")
			b.Records[0].Key = []byte("key")
			b.Records[0].Headers = []connectors.Header{{Key: "h", Value: []byte("x")}, {Key: "n"}}
			b.Records[0].Timestamp = int64(1_700_000_000_000 + i)
			b.Records[1].Value = nil
			b.Records[1].Timestamp = 1
			require.NoError(t, w.Write(t.Context(), b))
			require.NoError(t, w.Flush(t.Context()))
			if s != nil {
				require.NoError(t, decide(t, s, "epoch 1"))
				begin(t, s, 2)
				require.NoError(t, w.Write(t.Context(), batchOf("aborted")))
				require.NoError(t, s.Append(t.Context(), []byte("epoch 2")))
				require.NoError(t, s.Abort(t.Context()))
			}
			want = append(want,
				fmt.Sprintf("CreateTime:%d|h:x,n:null|key|%s", 1_700_000_000_000+i,
					strings.Repeat(compression, 100)),
				"CreateTime:1|NO_HEADERS|null|null")
		}
	}
	c.markers()
	out := c.tool("", servers.ConsoleConsumer, "--include", "java-.*", "--from-beginning",
		"--isolation-level", "read_committed", "--max-messages", fmt.Sprint(len(want)),
		"--timeout-ms", fmt.Sprint(patience.Milliseconds()), "--formatter-property", "print.timestamp=true",
		"--formatter-property", "print.headers=true", "--formatter-property", "print.key=true",
		"--formatter-property", "key.separator=|", "--formatter-property", "headers.separator=,")
	got := strings.Split(strings.TrimSpace(strings.ReplaceAll(out, "\t", "|")), "\n")
	slices.Sort(got)
	slices.Sort(want)
	require.Equal(t, want, got)
}

// TestRealJavaWritesWhatIsRead reads every compression of Java's producer.
func TestRealJavaWritesWhatIsRead(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	var want []string
	for _, compression := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		c.tool("h:x\tkey\t"+compression+"\nNULL\tNULL\tNULL\n", servers.ConsoleProducer,
			"--topic", "t", "--compression-codec", compression,
			"--reader-property", "parse.key=true", "--reader-property", "parse.headers=true",
			"--reader-property", "null.marker=NULL")
		want = append(want, "h=x key "+compression, "  <null>")
	}
	config := c.source("t")
	config.Stop = Place{Mode: modeLatest}
	j := start(t, config, 1, checkpoint.Position{})
	j.discover()
	var got []string
	for len(got) < len(want) {
		b := new(connectors.Batch)
		require.NoError(t, j.readers[0].Poll(t.Context(), b))
		for i := range b.Records {
			r := &b.Records[i]
			headers, value := "", string(r.Value)
			for _, h := range r.Headers {
				headers += h.Key + "=" + string(h.Value)
			}
			if r.Value == nil {
				value = "<null>"
			}
			got = append(got, headers+" "+string(r.Key)+" "+value)
		}
	}
	require.Equal(t, want, got)
}

// TestRealJavaSeesNoLag asks Kafka's own tools: the group has read everything, and no transaction
// is left.
func TestRealJavaSeesNoLag(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	config := c.exactlyOnce("t")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	w := joinWriter(t, config, 0, begin(t, s, 1))
	require.NoError(t, w.Write(t.Context(), batchOf("a", "b")))
	require.NoError(t, decide(t, s, "epoch 1"))
	c.markers()

	source := c.source("t")
	source.Group = "g"
	j := start(t, source, 1, checkpoint.Position{})
	j.discover()
	j.read(2)
	_, err := j.poll(0) // the marker may come by itself
	require.NoError(t, err)
	j.snapshot()
	j.decide(j.epoch)
	require.NoError(t, j.readers[0].Close())
	out := c.tool("", servers.ConsumerGroupCommand, "--describe", "--group", "g")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	// GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG ...
	require.Equal(t, []string{"g", "t", "0", "3", "3", "0"}, strings.Fields(lines[len(lines)-1])[:6], out)
	out = c.tool("", servers.TransactionsCommand, "find-hanging", "--broker-id", "1")
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 1, "only the heading: %s", out)
}
