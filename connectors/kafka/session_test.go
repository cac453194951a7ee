package kafka

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// exactlyOnce returns the configuration of a sink that writes in transactions.
func (c *cluster) exactlyOnce(topic string) *SinkConfig {
	config := c.sink(topic)
	config.Semantic = semanticExactlyOnce
	return config
}

// openSession opens a session whose id no other test has.
func openSession(t *testing.T, config *SinkConfig) *Session {
	t.Helper()
	valid(t, config)
	s, err := config.OpenSession(t.Context(), testEnv("out", 2), SessionOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// readBack returns the committed records, newest first.
func readBack(t *testing.T, s *Session) []string {
	t.Helper()
	var got []string
	require.NoError(t, s.ReadBack(t.Context(), func(r []byte) bool {
		got = append(got, string(r))
		return true
	}))
	return got
}

// joinWriter opens the writer of a task in the transaction.
func joinWriter(t *testing.T, config *SinkConfig, task int, tx checkpoint.Tx) connectors.SinkWriter {
	t.Helper()
	s, err := config.Open(t.Context(), testEnv("out", 2))
	require.NoError(t, err)
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{Task: task, Tx: tx})
	require.NoError(t, err)
	t.Cleanup(func() {
		w.Close()
		s.Close()
	})
	return w
}

func begin(t *testing.T, s *Session, e checkpoint.Epoch) checkpoint.Tx {
	t.Helper()
	tx, err := s.Begin(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, e, tx.Epoch())
	return tx
}

// decide commits the open transaction with a record.
func decide(t *testing.T, s *Session, record string) error {
	t.Helper()
	require.NoError(t, s.Append(t.Context(), []byte(record)))
	return s.Commit(context.WithoutCancel(t.Context()))
}

// TestOutputIsSeenWithItsCommitRecord follows two epochs of one writer.
func TestOutputIsSeenWithItsCommitRecord(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	require.Empty(t, readBack(t, s))
	w := joinWriter(t, config, 0, begin(t, s, 1))
	require.NoError(t, w.Write(t.Context(), batchOf("a", "b")))
	require.Empty(t, c.values("out"), "not committed yet")
	require.NoError(t, w.Flush(t.Context()))
	cs, err := w.(checkpoint.Preparer).Prepare(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, cs)
	require.NoError(t, w.Write(t.Context(), batchOf("c")), "is staged")
	require.NoError(t, decide(t, s, "epoch 1"))
	require.Equal(t, []string{"a", "b"}, c.values("out"))
	require.Equal(t, []string{"epoch 1"}, readBack(t, s))
	begin(t, s, 2)
	require.NoError(t, w.Write(t.Context(), batchOf("d")))
	require.NoError(t, decide(t, s, "epoch 2"))
	require.Equal(t, []string{"a", "b", "c", "d"}, c.values("out"))
	require.Equal(t, []string{"epoch 2", "epoch 1"}, readBack(t, s))
}

// values returns what a read_committed reader sees of a topic now, partition by partition.
func (c *cluster) values(topic string) []string {
	c.t.Helper()
	stable, err := c.admin.ListCommittedOffsets(c.t.Context(), topic)
	require.NoError(c.t, err)
	require.NoError(c.t, stable.Error())
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	require.NoError(c.t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	byPartition := map[int32][]string{}
	reached := map[int32]int64{}
	behind := func() bool {
		for p, o := range stable[topic] {
			if reached[p] < o.Offset {
				return true
			}
		}
		return false
	}
	for behind() {
		fetches := client.PollFetches(ctx)
		require.NoError(c.t, fetches.Err(), "of %s", topic)
		fetches.EachRecord(func(r *kgo.Record) {
			reached[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				byPartition[r.Partition] = append(byPartition[r.Partition], string(r.Value))
			}
		})
	}
	var out []string
	for _, p := range slices.Sorted(maps.Keys(byPartition)) {
		out = append(out, byPartition[p]...)
	}
	return out
}
