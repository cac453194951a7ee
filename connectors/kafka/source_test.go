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
			for end := time.Now().Add(patience); err == nil && time.Now().Before(end); {
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
