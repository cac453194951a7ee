package kafka

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// TestPartitionsAreDealtAsInFlink holds the golden table of tasks for partition 0.
func TestPartitionsAreDealtAsInFlink(t *testing.T) {
	tasks := []int{1, 2, 3, 4, 5, 8, 10}
	for _, tt := range []struct {
		topic string
		hash  int32
		want  []int
	}{
		{"test-topic", 639758388, []int{0, 0, 0, 0, 1, 4, 6}},
		{"test-topic2", -1642326402, []int{0, 0, 0, 2, 0, 2, 0}},
		{"myTopic", 1498774243, []int{0, 1, 1, 1, 0, 5, 5}},
		{"orders", -1008770331, []int{0, 1, 0, 3, 4, 3, 9}},
		{"a", 97, []int{0, 1, 1, 3, 2, 7, 7}},
	} {
		t.Run(tt.topic, func(t *testing.T) {
			require.Equal(t, tt.hash, javaHash(tt.topic))
			for i, n := range tasks {
				for p := range int32(25) {
					require.Equal(t, (tt.want[i]+int(p))%n, assign(tt.topic, p, n), "%d of %d", p, n)
				}
			}
		})
	}
}

func TestSplitNames(t *testing.T) {
	for _, topic := range []string{"a", "a-1", "a.b_c", "-"} {
		got, partition, ok := parseSplitID(splitID(topic, 17))
		require.True(t, ok)
		require.Equal(t, topic, got)
		require.Equal(t, int32(17), partition)
	}
	for _, id := range []string{"", "a", "-1", "a-", "a-01", "a-+1", "a-2147483648"} {
		_, _, ok := parseSplitID(id)
		require.False(t, ok, id)
	}
}

func TestCopartition(t *testing.T) {
	s := &Source{config: &SourceConfig{Copartition: true}}
	for p := range int32(9) {
		for _, topic := range []string{"a", "orders"} {
			task, ok := s.AssignTask(splitID(topic, p), 4)
			require.True(t, ok)
			require.Equal(t, int(p)%4, task)
		}
	}
}

// TestRecordsArriveWhole checks keys, nulls, headers, timestamps and places.
func TestRecordsArriveWhole(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 2)
	c.produce(
		&kgo.Record{Topic: "t", Partition: 1, Key: []byte("k"), Value: []byte("v"),
			Timestamp: time.UnixMilli(1_700_000_000_123),
			Headers:   []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b"}}},
		&kgo.Record{Topic: "t", Partition: 1, Value: []byte{}, Timestamp: time.UnixMilli(5)},
		&kgo.Record{Topic: "t", Partition: 1, Key: []byte{}},
	)
	config := c.source("t")
	config.Stop = Place{Mode: modeLatest}
	j := start(t, config, 1, checkpoint.Position{})
	j.discover()
	b := new(connectors.Batch)
	require.NoError(t, j.readers[0].Poll(t.Context(), b))
	require.Equal(t, 3, b.Len())
	first, second, third := &b.Records[0], &b.Records[1], &b.Records[2]
	require.Equal(t, "t-1", b.Splits[first.Split])
	require.Equal(t, connectors.Position{}, first.Position)
	require.Equal(t, int64(1_700_000_000_123), first.Timestamp)
	require.Equal(t, "k", string(first.Key))
	require.Equal(t, "v", string(first.Value))
	require.Equal(t, []connectors.Header{{Key: "a", Value: []byte("1")}, {Key: "b"}}, first.Headers)
	require.Nil(t, second.Key)
	require.NotNil(t, second.Value)
	require.Empty(t, second.Value)
	require.Equal(t, connectors.Position{Lo: 1}, second.Position)
	require.NotNil(t, third.Key)
	require.Nil(t, third.Value, "a tombstone is a null of its own")
	require.Len(t, b.Carriers, 3)
	require.Same(t, &first.Value[0], &b.Carriers[0].(*kgo.Record).Value[0])
}

// TestTopicPatternMatchesWholeNames reads by pattern and finds a topic that comes later.
func TestTopicPatternMatchesWholeNames(t *testing.T) {
	c := newCluster(t)
	c.topic("orders", 1)
	c.topic("orders-dead", 1)
	c.fill("orders", 0, 0, 3)
	c.fill("orders-dead", 0, 0, 3)
	config := c.source()
	config.TopicPattern = "orders|pay.*"
	j := start(t, config, 1, checkpoint.Position{})
	j.discover()
	j.read(3)
	c.topic("payments", 1)
	c.fill("payments", 0, 0, 2)
	j.discoverNew(1)
	j.read(2)
	require.Equal(t, map[string]int{"orders-0": 3, "payments-0": 2}, j.counts())
}

// TestS5DiscoveryIsOnByDefault: partitions that are added are read, without a setting.
func TestS5DiscoveryIsOnByDefault(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	c.fill("t", 0, 0, 5)
	require.Positive(t, newSourceConfig().DiscoverInterval)
	j := start(t, c.source("t"), 2, checkpoint.Position{})
	j.discover()
	require.False(t, j.done)
	j.read(5)
	_, err := c.admin.UpdatePartitions(t.Context(), 3, "t")
	require.NoError(t, err)
	c.fill("t", 2, 0, 4)
	j.discoverNew(2)
	require.Empty(t, j.discover(), "nothing is found twice")
	j.read(4)
	require.Equal(t, map[string]int{"t-0": 5, "t-2": 4}, j.counts())
}

// TestS6StateWinsOverAnIncompleteAnswer: what a broker does not name is not forgotten.
func TestS6StateWinsOverAnIncompleteAnswer(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 2)
	config := c.source("t")
	valid(t, config)
	opened, err := config.Open(t.Context(), testEnv("s", 1))
	require.NoError(t, err)
	s := opened.(*Source)
	defer s.Close()
	e, err := s.Enumerate(t.Context(), checkpoint.Position{})
	require.NoError(t, err)
	known, err := decodeSeen(e.State)
	require.NoError(t, err)
	known.topics["t"].partitions[7] = false // found before, and not in the next answer
	again, err := s.Enumerate(t.Context(), known.encode())
	require.NoError(t, err)
	require.Empty(t, again.Found)
	require.Equal(t, known.encode(), again.State)
}

// TestS7UnmatchedTopics: a topic that the job file names no more meets a stated policy.
func TestS7UnmatchedTopics(t *testing.T) {
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

// TestS8StartOfNewPartitionsIsAnOption: they begin where new_partitions says, whatever start says.
func TestS8StartOfNewPartitionsIsAnOption(t *testing.T) {
	for mode, want := range map[string]int{modeEarliest: 4, modeLatest: 0} {
		t.Run(mode, func(t *testing.T) {
			c := newCluster(t)
			c.topic("t", 1)
			config := c.source("t")
			config.Start = Place{Mode: modeLatest}
			config.NewPartitions = mode
			j := start(t, config, 1, checkpoint.Position{})
			j.discover()
			_, err := c.admin.UpdatePartitions(t.Context(), 2, "t")
			require.NoError(t, err)
			c.fill("t", 1, 0, 4)
			j.discoverNew(1)
			c.fill("t", 0, 0, 1)
			j.read(want + 1)
			require.Equal(t, want, j.counts()["t-1"])
		})
	}
}

// TestS9MissingTopicIsNamed: at the start, and in the look before it.
func TestS9MissingTopicIsNamed(t *testing.T) {
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

// TestS10StopIsPerPartition: the end of one partition ends no other.
func TestS10StopIsPerPartition(t *testing.T) {
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

// TestStopAtTimestamp ends each partition before the first record at that moment.
func TestStopAtTimestamp(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	for i := range 10 {
		c.produce(&kgo.Record{Topic: "t", Value: []byte("v"), Timestamp: time.UnixMilli(int64(1000 + i))})
	}
	config := c.source("t")
	config.Stop = Place{Mode: modeTimestamp, Timestamp: 1004}
	j := start(t, config, 1, checkpoint.Position{})
	j.discover()
	j.drain()
	require.Equal(t, map[string]int{"t-0": 4}, j.counts())
}

// TestS13LagReachesZeroOnTransactionalTopics: the committed offset counts control records.
func TestS13LagReachesZeroOnTransactionalTopics(t *testing.T) {
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
	require.Equal(t, int64(6), c.committed("g", "t")[0])
	require.Zero(t, lags["g"].Lag.Total())
}

// TestOpenTransactionsAreNotShown: a bounded read ends before a transaction that is open.
func TestOpenTransactionsAreNotShown(t *testing.T) {
	for isolation, want := range map[string][]string{
		readCommitted: {"t-0/0"}, readUncommitted: {"t-0/0", "open"},
	} {
		t.Run(isolation, func(t *testing.T) {
			c := newCluster(t)
			c.topic("t", 1)
			c.fill("t", 0, 0, 1)
			producer, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.TransactionalID("x"))
			require.NoError(t, err)
			defer producer.Close()
			require.NoError(t, producer.BeginTransaction())
			require.NoError(t, producer.ProduceSync(t.Context(),
				&kgo.Record{Topic: "t", Value: []byte("open")}).FirstErr())
			config := c.source("t")
			config.Isolation = isolation
			config.Stop = Place{Mode: modeLatest}
			j := start(t, config, 1, checkpoint.Position{})
			j.discover()
			j.drain()
			require.Equal(t, want, j.got["t-0"])
		})
	}
}

// TestRecreatedTopicIsRefused by the enumerator and by the reader.
func TestRecreatedTopicIsRefused(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	c.fill("t", 0, 0, 3)
	j := start(t, c.source("t"), 1, checkpoint.Position{})
	j.discover()
	j.read(3)
	state, splits := j.state, j.snapshot()
	require.NoError(t, j.close())
	c.delete("t")
	c.topic("t", 1)

	j = start(t, c.source("t"), 1, state)
	_, err := j.source.Enumerate(t.Context(), state)
	require.ErrorIs(t, err, ErrRecreated)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
	err = j.deal(splits)
	require.ErrorIs(t, err, ErrRecreated)
	require.ErrorContains(t, err, "topic t")
}

// TestOutOfRange deletes records under a stopped job.
func TestOutOfRange(t *testing.T) {
	for _, policy := range []string{modeFail, modeEarliest, modeLatest} {
		t.Run(policy, func(t *testing.T) {
			c := newCluster(t)
			c.topic("t", 1)
			c.fill("t", 0, 0, 10)
			config := c.source("t")
			config.OutOfRange = policy
			split := checkpoint.Split{ID: "t-0", Position: partitionPosition{
				next: 2, stop: endless, epoch: noEpoch,
			}.encode()}
			cut := kadm.Offsets{}
			cut.AddOffset("t", 0, 6, -1)
			_, err := c.admin.DeleteRecords(t.Context(), cut)
			require.NoError(t, err)
			j := start(t, config, 1, checkpoint.Position{}, split)
			for end := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(end); {
				_, err = j.poll(0)
				if policy != modeFail && j.readers[0].(*reader).parts["t"][0].at.next != 2 {
					break
				}
			}
			switch policy {
			case modeFail:
				require.ErrorIs(t, err, ErrOutOfRange)
				require.ErrorContains(t, err, "topic t, partition 0, offset 2")
				require.Equal(t, connectors.Fatal, connectors.Classify(err))
			case modeEarliest:
				require.NoError(t, err)
				j.read(4 - len(j.got["t-0"]))
				require.Equal(t, []string{"t-0/6", "t-0/7", "t-0/8", "t-0/9"}, j.got["t-0"])
			case modeLatest:
				require.NoError(t, err)
				c.fill("t", 0, 10, 1)
				j.read(1)
				require.Equal(t, []string{"t-0/10"}, j.got["t-0"])
			}
		})
	}
}

// TestPartitionWithoutLeaderWaits: it begins where start says once it has a leader.
func TestPartitionWithoutLeaderWaits(t *testing.T) {
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

// TestNoGroupOffset tries the three policies.
func TestNoGroupOffset(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	c.fill("t", 0, 0, 3)
	for policy, want := range map[string]int64{modeEarliest: 0, modeLatest: 3} {
		config := c.source("t")
		config.Group, config.Start, config.NoGroupOffset = "unknown", Place{Mode: modeGroupOffsets}, policy
		j := start(t, config, 1, checkpoint.Position{})
		at, err := decodePartition(j.discover()[0].Position)
		require.NoError(t, err)
		require.Equal(t, want, at.next, policy)
	}
	config := c.source("t")
	config.Group, config.Start, config.NoGroupOffset = "unknown", Place{Mode: modeGroupOffsets}, modeFail
	j := start(t, config, 1, checkpoint.Position{})
	_, err := j.source.Enumerate(t.Context(), checkpoint.Position{})
	require.ErrorIs(t, err, ErrNoGroupOffset)
	require.ErrorContains(t, err, "topic t, partition 0")
}

// TestRecordsAreSharedOutInBatches: limits cut a fetch, and nothing is lost at the cuts.
func TestRecordsAreSharedOutInBatches(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 2)
	c.fill("t", 0, 0, 50)
	c.fill("t", 1, 0, 50)
	config := c.source("t")
	config.Stop = Place{Mode: modeLatest}
	j := start(t, config, 1, checkpoint.Position{})
	j.readers[0].(*reader).limits.Records = 7
	j.discover()
	j.drain()
	for p := range int32(2) {
		var want []string
		for i := range 50 {
			want = append(want, fmt.Sprintf("t-%d/%d", p, i))
		}
		require.Equal(t, want, j.got[splitID("t", p)])
	}
	require.False(t, slices.ContainsFunc(j.snapshot(), func(checkpoint.Split) bool { return true }))
}
