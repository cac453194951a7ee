package kafka

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// TestTransactionsLeftOpen are found, described and aborted, so that readers go on.
func TestTransactionsLeftOpen(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 2)
	config := c.exactlyOnce("out")
	env := testEnv("out", 2)
	env.Job = "killed"
	s, err := config.OpenSession(t.Context(), env, SessionOptions{})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Fence(t.Context()))
	w := joinWriter(t, config, 0, begin(t, s, 1))
	b := batchOf("a")
	b.Records[0].Partition = 1
	require.NoError(t, w.Write(t.Context(), b))
	require.NoError(t, s.current().client.Flush(t.Context()))
	require.NotZero(t, c.held("out"))

	admin, err := config.OpenAdmin(t.Context(), testEnv("", 1))
	require.NoError(t, err)
	defer admin.Close()
	listed, err := admin.Transactions(t.Context(), "wasmflow.killed.")
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.Equal(t, "wasmflow.killed.0", listed[0].ID)
	require.True(t, listed[0].Open())
	require.Equal(t, []string{"out-1"}, listed[0].Partitions)
	require.Equal(t, time.Minute, listed[0].Timeout)
	require.WithinDuration(t, time.Now(), listed[0].Started, time.Minute)
	one, err := admin.Transaction(t.Context(), "wasmflow.killed.0")
	require.NoError(t, err)
	require.Equal(t, listed[0], one)
	none, err := admin.Transactions(t.Context(), "another.")
	require.NoError(t, err)
	require.Empty(t, none)
	hanging, err := admin.Hanging(t.Context(), "out")
	require.NoError(t, err)
	require.Empty(t, hanging, "its coordinator knows it")

	require.NoError(t, admin.Abort(t.Context(), "wasmflow.killed.0"))
	require.Zero(t, c.held("out"))
	require.Empty(t, c.values("out"))
	require.ErrorIs(t, admin.Abort(t.Context(), "wasmflow.killed.0"), ErrNotOpen)
	require.ErrorIs(t, admin.Abort(t.Context(), "wasmflow.killed.1"), ErrNoTransaction)
	require.ErrorIs(t, decide(t, s, "epoch 1"), checkpoint.ErrFenced, "its owner is told")
}

// TestHangingTransactions writes the marker of a transaction. A transaction that its coordinator
// has forgotten cannot be made on purpose; one that it knows takes a marker in the same way.
func TestHangingTransactions(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	w := joinWriter(t, config, 0, begin(t, s, 1))
	require.NoError(t, w.Write(t.Context(), batchOf("a")))
	require.NoError(t, s.current().client.Flush(t.Context()))
	id, epoch, err := s.current().client.ProducerID(t.Context())
	require.NoError(t, err)
	admin, err := config.OpenAdmin(t.Context(), testEnv("", 1))
	require.NoError(t, err)
	defer admin.Close()
	require.NoError(t, admin.AbortHanging(t.Context(), Hanging{
		Topic: "out", ProducerID: id, Epoch: epoch,
	}))
	require.Zero(t, c.held("out"))
	require.Empty(t, c.values("out"))
	err = admin.AbortHanging(t.Context(), Hanging{Topic: "none", ProducerID: id, Epoch: epoch})
	require.ErrorContains(t, err, "none-0")
}

// TestProgress: positions are shown with what the brokers say of the partitions.
func TestProgress(t *testing.T) {
	c := newCluster(t)
	c.topic("in", 3)
	c.fill("in", 0, 0, 10)
	c.fill("in", 1, 0, 4)
	config := c.source("in")
	config.Stop = Place{Mode: modeOffsets, Offsets: map[string]int64{"in-1": 3}}
	j := start(t, config, 1, checkpoint.Position{})
	splits := j.discover()
	gone := checkpoint.Split{ID: "gone-0", Position: partitionPosition{stop: endless}.encode()}
	late := partitionPosition{next: 99, stop: endless, epoch: noEpoch}
	for i, s := range splits {
		if s.ID == "in-2" {
			splits[i].Position = late.encode()
		}
	}
	got, err := config.ShowProgress(t.Context(), testEnv("in", 1), append(splits, gone))
	require.NoError(t, err)
	stops := []int64{10, 3}
	require.Equal(t, []Progress{
		{Topic: "gone", Next: 0, First: -1, End: -1, Lag: -1, Problem: ErrNoTopic.Error()},
		{Topic: "in", Partition: 0, Stop: &stops[0], End: 10, Lag: 10},
		{Topic: "in", Partition: 1, Stop: &stops[1], End: 4, Lag: 4},
		{Topic: "in", Partition: 2, Next: 99, Problem: ErrOutOfRange.Error()},
	}, got)
	_, err = config.ShowProgress(t.Context(), testEnv("in", 1), []checkpoint.Split{{ID: "?"}})
	require.ErrorIs(t, err, ErrPosition)
}

// TestResetIsObeyed: a job that starts from the reset splits reads from there.
func TestResetIsObeyed(t *testing.T) {
	c := newCluster(t)
	c.topic("in", 2)
	c.fill("in", 0, 0, 10)
	c.fill("in", 1, 0, 4)
	config := c.source("in")
	j := start(t, config, 1, checkpoint.Position{})
	j.discover()
	j.read(14)
	end := checkpoint.SourceState{Splits: j.snapshot(), Enumerator: j.state}
	for _, tt := range []struct {
		target string
		moves  []Move
		want   map[string]int
	}{
		{"earliest", []Move{{"in", 0, 10, 0}, {"in", 1, 4, 0}}, map[string]int{"in-0": 10, "in-1": 4}},
		{"latest", nil, map[string]int{}},
		{"0", []Move{{"in", 0, 10, 0}, {"in", 1, 4, 0}}, map[string]int{"in-0": 10, "in-1": 4}},
		{"in-0=7", []Move{{"in", 0, 10, 7}}, map[string]int{"in-0": 3}},
		{"in-0=9, in-1=3", []Move{{"in", 0, 10, 9}, {"in", 1, 4, 3}},
			map[string]int{"in-0": 1, "in-1": 1}},
	} {
		t.Run(tt.target, func(t *testing.T) {
			splits, moves, err := config.ResetSplits(t.Context(), testEnv("in", 1), end, tt.target)
			require.NoError(t, err)
			require.Equal(t, tt.moves, moves)
			again := start(t, config, 1, j.state, splits...)
			n := 0
			for _, records := range tt.want {
				n += records
			}
			again.read(n)
			require.Equal(t, tt.want, again.counts())
		})
	}
	for target, text := range map[string]string{
		"": "name a place", "soon": "none of earliest", "in-0": "none of earliest",
		"in-0=x": "want an offset", "in=3": "no partition", "in-0=1,in-0=2": "twice",
		"in-7=0": "reads no such partition", "in-0=11": "not between 0 and 10",
	} {
		_, _, err := config.ResetSplits(t.Context(), testEnv("in", 1), end, target)
		require.ErrorContains(t, err, text, target)
	}
	at, err := ParsePlace("2026-01-31T12:00:00Z")
	require.NoError(t, err)
	require.Equal(t, Place{Mode: modeTimestamp, Timestamp: 1769860800000}, at)
	partly := checkpoint.SourceState{Splits: end.Splits[1:], Enumerator: j.state} // in-0 has ended
	for target, text := range map[string]string{
		"earliest":      "in-0: it was read to its stop",
		"in-0=0":        "run --fresh reads all of it again",
		"in-1=0,in-0=0": "in-0: it was read to its stop",
	} {
		_, _, err := config.ResetSplits(t.Context(), testEnv("in", 1), partly, target)
		require.ErrorIs(t, err, ErrEnded)
		require.ErrorContains(t, err, text)
	}
	all := checkpoint.SourceState{Enumerator: j.state} // both have ended
	for _, target := range []string{"earliest", "latest", "2026-01-31T12:00:00Z", "in-1=0"} {
		_, _, err := config.ResetSplits(t.Context(), testEnv("in", 1), all, target)
		require.ErrorIs(t, err, ErrEnded, target)
		require.ErrorContains(t, err, "run --fresh reads all of it again", target)
	}
	splits, moves, err := config.ResetSplits(t.Context(), testEnv("in", 1), partly, "in-1=0")
	require.NoError(t, err)
	require.Len(t, splits, 1)
	require.Equal(t, []Move{{"in", 1, 4, 0}}, moves)

	c.delete("in")
	require.Eventually(t, func() bool { // an answer may be some milliseconds old
		_, _, err = config.ResetSplits(t.Context(), testEnv("in", 1), end, "earliest")
		return connectors.Classify(err) != connectors.Retry && err != nil
	}, patience, askMetadataAge)
	require.ErrorIs(t, err, ErrNoTopic)
}
