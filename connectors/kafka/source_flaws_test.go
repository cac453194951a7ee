package kafka

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// TestFlawS5_DiscoveryIsOnByDefault adds partitions to a topic that is read. Flink looks for them
// only if an interval is set, and without one never reads them. Here they are looked for without a
// setting.
func TestFlawS5_DiscoveryIsOnByDefault(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	c.fill("t", 0, 0, 5)
	require.Positive(t, newSourceConfig().DiscoverInterval)
	j := start(t, c.source("t"), 2, checkpoint.Position{})
	j.discover()
	require.False(t, j.done)
	j.read(5)
	c.grow("t", 3)
	c.fill("t", 2, 0, 4)
	j.discoverNew(2)
	require.Empty(t, j.discover(), "nothing is found twice")
	j.read(4)
	require.Equal(t, map[string]int{"t-0": 5, "t-2": 4}, j.counts())
}

// TestFlawS6_StateWinsOverAnIncompleteAnswer has a broker leave a partition out of its answers when
// a job starts again. Flink dropped such a partition from its state, or gave it to a task that
// depended on the answer. Here what the checkpoint names is read from its position by the task that
// topic and partition alone decide.
func TestFlawS6_StateWinsOverAnIncompleteAnswer(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 3)
	config := c.source("t")
	first := start(t, config, 2, checkpoint.Position{})
	first.discover()
	for p := range int32(3) {
		c.fill("t", p, 0, 5)
	}
	first.read(15)
	state, splits := first.state, first.snapshot()
	require.Len(t, splits, 3)
	for p := range int32(3) {
		c.fill("t", p, 5, 5)
	}

	show := c.hide("t", 2)
	again := start(t, config, 2, state, splits...)
	require.Empty(t, again.discover(), "nothing is new")
	require.Equal(t, state, again.state, "nothing is forgotten")
	require.Len(t, again.snapshot(), 3)
	require.Equal(t, first.tasks, again.tasks)
	show()
	again.read(15)
	require.Equal(t, map[string]int{"t-0": 5, "t-1": 5, "t-2": 5}, again.counts())
	require.Equal(t, "t-2/5", again.got["t-2"][0], "from its position")
}

// hide leaves a partition out of what brokers tell of topics, until show is called. A real broker
// tells everything.
func (c *cluster) hide(topic string, partition int32) (show func()) {
	c.t.Helper()
	if c.fake == nil {
		return func() {}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...))
	require.NoError(c.t, err)
	defer client.Close()
	ask := kmsg.NewPtrMetadataRequest()
	ask.Topics = append(ask.Topics, kmsg.MetadataRequestTopic{Topic: &topic})
	told, err := ask.RequestWith(c.t.Context(), client)
	require.NoError(c.t, err)
	partitions := told.Topics[0].Partitions
	told.Topics[0].Partitions = slices.DeleteFunc(partitions,
		func(p kmsg.MetadataResponseTopicPartition) bool { return p.Partition == partition })
	var hidden atomic.Bool
	hidden.Store(true)
	c.fake.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.KeepControl()
		answer := *told
		answer.SetVersion(req.GetVersion())
		return &answer, nil, hidden.Load()
	})
	return func() { hidden.Store(false) }
}

// TestFlawS7_UnmatchedTopicsMeetAPolicy takes a topic out of the job file. Flink goes on reading
// it, or drops it with a warning, depending on a switch few know of. Here the job refuses to start
// with the place it would give up, or keeps or drops the topic where the job file says so.
func TestFlawS7_UnmatchedTopicsMeetAPolicy(t *testing.T) {
	c := newCluster(t)
	for _, topic := range []string{"old", "new"} {
		c.topic(topic, 1)
		c.fill(topic, 0, 0, 3)
	}
	j := start(t, c.source("old"), 1, checkpoint.Position{})
	j.discover()
	j.read(1 + 2)
	state, splits := j.state, j.snapshot()
	c.fill("old", 0, 3, 2)

	t.Run("fail", func(t *testing.T) {
		j := start(t, c.source("new"), 1, state)
		err := j.deal(splits)
		require.ErrorIs(t, err, ErrUnmatched)
		require.Equal(t, connectors.Fatal, connectors.Classify(err))
		require.ErrorContains(t, err, "topic old, partition 0, offset 3")
	})
	t.Run("keep", func(t *testing.T) {
		config := c.source("new")
		config.UnmatchedTopics = modeKeep
		j := start(t, config, 1, state, splits...)
		j.discover()
		j.read(5)
		require.Equal(t, map[string]int{"old-0": 2, "new-0": 3}, j.counts())
	})
	t.Run("drop", func(t *testing.T) {
		config := c.source("new")
		config.UnmatchedTopics = modeDrop
		j := start(t, config, 1, state, splits...)
		j.discover()
		j.read(3)
		require.Equal(t, map[string]int{"new-0": 3}, j.counts())
		left := j.snapshot()
		require.Len(t, left, 1)
		require.Equal(t, "new-0", left[0].ID)
	})
}

// TestFlawS8_StartOfNewPartitionsIsAnOption adds a partition to a topic that is read from its end.
// Flink reads every partition that it finds later from the earliest offset, whatever its start mode
// is, and takes an empty state for that case. Here new_partitions says where, and a state in which
// nothing was found is not the lack of one.
func TestFlawS8_StartOfNewPartitionsIsAnOption(t *testing.T) {
	for mode, want := range map[string]int{modeEarliest: 4, modeLatest: 0} {
		t.Run(mode, func(t *testing.T) {
			c := newCluster(t)
			c.topic("t", 1)
			config := c.source("t")
			config.Start = Place{Mode: modeLatest}
			config.NewPartitions = mode
			j := start(t, config, 1, checkpoint.Position{})
			j.discover()
			c.grow("t", 2)
			c.fill("t", 1, 0, 4)
			j.discoverNew(1)
			c.fill("t", 0, 0, 1)
			j.read(want + 1)
			require.Equal(t, want, j.counts()["t-1"])
		})
	}
}

// TestFlawS9_MissingTopicIsNamed reads a topic that is not there. Flink dies of a null pointer.
// Here the error names the topic, at the start and in the look before it.
func TestFlawS9_MissingTopicIsNamed(t *testing.T) {
	c := newCluster(t)
	config := c.source("nowhere")
	err := config.CheckConnect(t.Context(), testEnv("s", 1))
	require.ErrorIs(t, err, ErrNoTopic)
	require.ErrorContains(t, err, "topic nowhere")
	j := start(t, config, 1, checkpoint.Position{})
	_, err = j.source.Enumerate(t.Context(), checkpoint.Position{})
	require.ErrorIs(t, err, ErrNoTopic)

	config = c.source()
	config.TopicPattern = "no.*"
	err = config.CheckConnect(t.Context(), testEnv("s", 1))
	require.ErrorIs(t, err, ErrNoTopic)
	require.ErrorContains(t, err, `"no.*"`)
}

// TestFlawS10_StopIsPerPartition reads partitions to ends of their own. In Flink the first record
// that a schema takes for the end of the stream ends the task with all its partitions. Here the end
// of one partition ends no other.
func TestFlawS10_StopIsPerPartition(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 3)
	for p := range int32(3) {
		c.fill("t", p, 0, 10)
	}
	config := c.source("t")
	config.Stop = Place{Mode: modeOffsets, Offsets: map[string]int64{"t-0": 3, "t-1": 0}}
	j := start(t, config, 1, checkpoint.Position{})
	j.discover()
	require.True(t, j.done)
	c.fill("t", 2, 10, 5) // after the stop was resolved
	j.drain()
	require.Equal(t, map[string]int{"t-0": 3, "t-2": 10}, j.counts())
	require.Empty(t, j.snapshot())
}

// TestFlawS13_LagReachesZeroOnTransactionalTopics reads a topic whose last entry is the end of a
// transaction. Flink commits the offset behind the last record it saw, so its lag never reaches 0.
// Here the position is committed, which counts control records and aborted ones.
func TestFlawS13_LagReachesZeroOnTransactionalTopics(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	producer, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.TransactionalID("x"))
	require.NoError(t, err)
	defer producer.Close()
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		require.NoError(t, producer.BeginTransaction())
		require.NoError(t, producer.ProduceSync(t.Context(),
			&kgo.Record{Topic: "t", Value: []byte(fmt.Sprint(i))}).FirstErr())
		require.NoError(t, producer.EndTransaction(t.Context(), end))
	}
	config := c.source("t")
	config.Group = "g"
	j := start(t, config, 1, checkpoint.Position{})
	j.discover()
	j.read(2)
	require.Equal(t, []string{"0", "2"}, j.got["t-0"], "aborted records are not shown")
	_, err = j.poll(0) // the last control record may come by itself
	require.NoError(t, err)
	j.snapshot()
	j.decide(j.epoch)
	require.NoError(t, j.readers[0].Close())
	lags, err := c.admin.Lag(t.Context(), "g")
	require.NoError(t, err)
	ends, err := c.admin.ListEndOffsets(t.Context(), "t")
	require.NoError(t, err)
	require.GreaterOrEqual(t, ends["t"][0].Offset, int64(6), "three records and three markers")
	require.Equal(t, ends["t"][0].Offset, c.committed("g", "t")[0])
	require.Zero(t, lags["g"].Lag.Total())
}

// TestFlawS14_PartitionWithoutLeaderWaits starts while a partition has no leader. Flink hangs until
// it has one. Here the others are read, and the partition is tried again.
func TestFlawS14_PartitionWithoutLeaderWaits(t *testing.T) {
	topic := func(leader int32) kadm.TopicDetail {
		return kadm.TopicDetail{Topic: "t", Partitions: kadm.PartitionDetails{
			0: {Topic: "t", Partition: 0, Leader: 1}, 1: {Topic: "t", Partition: 1, Leader: leader},
		}}
	}
	s := &Source{config: newSourceConfig(), env: testEnv("s", 1)}
	s.config.Topics, s.config.Start = []string{"t"}, Place{Mode: modeLatest}
	known := newSeen()
	found, err := s.newPartitions(topic(-1), known, true)
	require.NoError(t, err)
	require.Len(t, found, 1)
	known.topics["t"].partitions[0] = false
	require.True(t, known.waiting())
	found, err = s.newPartitions(topic(1), known, false)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, int32(1), found[0].partition)
	require.Equal(t, modeLatest, found[0].start.Mode, "not where new partitions begin")
}
