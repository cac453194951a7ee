package kafka

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
)

// TestUpstream runs Flink's tests of its Kafka connector.
func TestUpstream(t *testing.T) {
	connectortest.UpstreamPage{
		Page: "flink-kafka.md", Package: "connectors/kafka",
		Title: "Flink's Kafka connector, test by test",
		Intro: "What becomes of the tests of FlinkKafkaConsumer and FlinkKafkaProducer in the connector " +
			"`kafka`. A test that runs is found under its own name below `TestUpstream` in " +
			"connectors/kafka and checks what a reader sees, against a broker in the same process; " +
			"below `TestRealUpstream` it does so against Kafka itself.",
		Files: upstreamFiles(),
	}.Run(t, *update)
}

// filled returns a cluster with partitions of n records each in topic t.
func filled(t *testing.T, partitions int32, n int, opts ...kfake.Opt) *cluster {
	c := newCluster(t, opts...)
	c.topic("t", partitions)
	for p := range partitions {
		c.fill("t", p, 0, n)
	}
	return c
}

func checkRestoredCheckpointWhenFetcherNotReady(t *testing.T) {
	c := filled(t, 2, 5)
	want := []checkpoint.Split{
		{ID: "t-0", Position: partitionPosition{next: 3, stop: endless, epoch: noEpoch}.encode()},
		{ID: "t-1", Position: partitionPosition{next: 4, stop: endless, epoch: noEpoch}.encode()},
	}
	j := start(t, c.source("t"), 1, checkpoint.Position{}, want...)
	require.Equal(t, want, j.snapshot())
}

// testCommitModes reads ten records and decides them.
func testCommitModes(t *testing.T) {
	for _, tt := range []struct {
		group, mode string
		want        map[int32]int64
	}{
		{"g", commitOnCheckpoint, map[int32]int64{0: 10}},
		{"g", commitOff, map[int32]int64{}},
		{"", commitOnCheckpoint, map[int32]int64{}},
	} {
		t.Run(tt.group+" "+tt.mode, func(t *testing.T) {
			c := filled(t, 1, 10)
			config := c.source("t")
			config.Group, config.CommitOffsets = tt.group, tt.mode
			j := start(t, config, 1, checkpoint.Position{})
			j.discover()
			j.read(10)
			j.snapshot()
			j.decide(j.epoch)
			require.NoError(t, j.close())
			require.Equal(t, tt.want, c.committed("g", "t"))
		})
	}
}

func testSnapshotStateWithCommitOnCheckpoints(t *testing.T) {
	c := filled(t, 1, 3)
	config := c.source("t")
	config.Group = "g"
	j := start(t, config, 1, checkpoint.Position{})
	j.readers[0].(*reader).limits.Records = 1
	j.discover()
	commits := j.readers[0].(*reader).commits
	for _, e := range []checkpoint.Epoch{138, 140, 141} {
		j.read(1)
		_, err := j.readers[0].Snapshot(t.Context(), e)
		require.NoError(t, err)
	}
	require.Len(t, commits.pending, 3)
	j.decide(138)
	require.Len(t, commits.pending, 2)
	j.decide(141)
	require.Empty(t, commits.pending, "140 is forgotten")
	j.decide(666)
	require.NoError(t, j.close())
	require.Equal(t, map[int32]int64{0: 3}, c.committed("g", "t"))
}

// testScale restores with another number of tasks and more partitions.
func testScale(t *testing.T, tasks, tasksAfter int, partitions, partitionsAfter int32) {
	c := filled(t, partitions, 4)
	j := start(t, c.source("t"), tasks, checkpoint.Position{})
	j.discover()
	j.read(int(partitions) * 4)
	state, splits := j.state, j.snapshot()
	require.Len(t, splits, int(partitions))
	require.NoError(t, j.close())
	c.grow("t", int(partitionsAfter))
	j = start(t, c.source("t"), tasksAfter, state, splits...)
	j.discoverNew(int(partitionsAfter - partitions))
	positions := map[string]int64{}
	for _, s := range j.snapshot() {
		at, err := decodePartition(s.Position)
		require.NoError(t, err)
		require.NotContains(t, positions, s.ID, "each partition has one owner")
		positions[s.ID] = at.next
	}
	require.Len(t, positions, int(partitionsAfter))
	for p := range partitionsAfter {
		want := int64(0)
		if p < partitions {
			want = 4
		}
		require.Equal(t, want, positions[splitID("t", p)])
	}
}

func testRestoreFromEmptyState(t *testing.T) {
	c := filled(t, 2, 3)
	config := c.source("t")
	config.Start = Place{Mode: modeLatest}
	j := start(t, config, 1, newSeen().encode())
	j.discover()
	j.read(6)
}

func testRestore(t *testing.T) {
	c := filled(t, 2, 50)
	j := start(t, c.source("t"), 1, checkpoint.Position{},
		checkpoint.Split{ID: "t-0", Position: partitionPosition{next: 16, stop: endless, epoch: noEpoch}.encode()},
		checkpoint.Split{ID: "t-1", Position: partitionPosition{next: 23, stop: endless, epoch: noEpoch}.encode()})
	j.read(34 + 27)
	require.Equal(t, "t-0/16", j.got["t-0"][0])
	require.Equal(t, "t-1/23", j.got["t-1"][0])
}

// testDealt checks that tasks get the same number of partitions, give or take one.
func testDealt(t *testing.T, partitions int32, tasks int) {
	got := make([]int, tasks)
	for p := range partitions {
		got[assign("test-topic", p, tasks)]++
	}
	for task, n := range got {
		require.GreaterOrEqual(t, n, int(partitions)/tasks, "task %d", task)
		require.LessOrEqual(t, n, (int(partitions)+tasks-1)/tasks, "task %d", task)
	}
}

func testNonContiguousPartitionIDDiscovery(t *testing.T) {
	s := &Source{config: newSourceConfig(), env: testEnv("s", 1)}
	known := newSeen()
	details := func(partitions ...int32) kadm.TopicDetail {
		d := kadm.TopicDetail{Topic: "t", Partitions: kadm.PartitionDetails{}}
		for _, p := range partitions {
			d.Partitions[p] = kadm.PartitionDetail{Topic: "t", Partition: p, Leader: 1}
		}
		return d
	}
	found, err := s.newPartitions(details(1, 4), known, true)
	require.NoError(t, err)
	require.Len(t, found, 2)
	known.topics["t"].partitions = map[int32]bool{1: false, 4: false}
	found, err = s.newPartitions(details(0, 1, 2, 4, 5), known, false)
	require.NoError(t, err)
	var ids []int32
	for _, f := range found {
		ids = append(ids, f.partition)
	}
	require.Equal(t, []int32{0, 2, 5}, ids)
}

func testConcurrentProducerConsumerTopology(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 3)
	c.topic("empty", 2)
	w := openWriter(t, c.sink("t"), connectors.WriterContext{})
	j := start(t, c.source("t", "empty"), 2, checkpoint.Position{})
	j.discover()
	want := map[string]bool{}
	for i := range 100 {
		b := batchOf(fmt.Sprint(i, "a"), fmt.Sprint(i, "b"), fmt.Sprint(i, "c"))
		for k := range b.Records {
			b.Records[k].Partition = int32(k)
			want[string(b.Records[k].Value)] = true
		}
		write(t, w, b)
	}
	j.read(300)
	for _, values := range j.got {
		for _, v := range values {
			require.True(t, want[v], "%s is new and comes once", v)
			delete(want, v)
		}
	}
	require.Empty(t, want)
}

func testKeyValueSupport(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	w := openWriter(t, c.sink("t"), connectors.WriterContext{})
	b := new(connectors.Batch)
	for i := range 5000 {
		r := b.Append()
		if i%2 == 0 {
			r.Key = []byte(strconv.Itoa(i))
		}
		r.Value = []byte("v" + strconv.Itoa(i))
	}
	write(t, w, b)
	for i, r := range c.all("t")[0] {
		require.Equal(t, "v"+strconv.Itoa(i), string(r.Value))
		if i%2 == 0 {
			require.Equal(t, strconv.Itoa(i), string(r.Key))
		} else {
			require.Nil(t, r.Key)
		}
	}
}

// testFailure reads a third, decides it, reads on, dies, and goes on from what was decided.
func testFailure(t *testing.T, partitions int32, tasks int) {
	const each = 1000
	c := filled(t, partitions, each)
	config := c.source("t")
	config.Stop = Place{Mode: modeLatest}
	j := start(t, config, tasks, checkpoint.Position{})
	j.discover()
	share := map[int]int{}
	for _, task := range j.tasks {
		share[task]++
	}
	for task, n := range share {
		require.LessOrEqual(t, n, (int(partitions)+tasks-1)/tasks, "task %d", task)
	}
	for i := range j.readers {
		j.readers[i].(*reader).limits.Records = 333
		_, err := j.poll(i)
		if len(j.readers[i].(*reader).parts) > 0 {
			require.NoError(t, err)
		}
	}
	state, splits := j.state, j.snapshot()
	decided := map[string]int{}
	for split, values := range j.got {
		decided[split] = len(values)
	}
	for i := range j.readers { // read and never decided
		if len(j.readers[i].(*reader).parts) > 0 {
			_, err := j.poll(i)
			require.NoError(t, err)
		}
	}
	require.NoError(t, j.close())
	again := start(t, config, tasks, state, splits...)
	again.drain()
	for p := range partitions {
		id := splitID("t", p)
		all := append(j.got[id][:decided[id]:decided[id]], again.got[id]...)
		require.Len(t, all, each)
		for i, v := range all {
			require.Equal(t, id+"/"+strconv.Itoa(i), v)
		}
	}
}

func testBigRecordJob(t *testing.T) {
	c := newCluster(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000000"}))
	c.topic("t", 1)
	config := c.sink("t")
	config.BatchBytes, config.BufferBytes = 16<<20, 16<<20
	w := openWriter(t, config, connectors.WriterContext{})
	source := c.source("t")
	j := start(t, source, 1, checkpoint.Position{})
	j.discover()
	for i, size := range []int{7 << 20, 10 << 20, 14 << 20} {
		write(t, w, batchOf(strings.Repeat("x", size)))
		j.read(1)
		require.Len(t, j.got["t-0"][i], size)
	}
}

func testMultipleTopics(t *testing.T) {
	c := newCluster(t)
	var topics []string
	for i := range 5 {
		topics = append(topics, "topic-"+strconv.Itoa(i))
		c.topic(topics[i], 1)
	}
	w := openWriter(t, c.sink(""), connectors.WriterContext{})
	b := new(connectors.Batch)
	for i := range 100 {
		r := b.Append()
		r.Value, r.Target = []byte(strconv.Itoa(i)), b.TargetIndex(topics[i%5])
	}
	write(t, w, b)
	j := start(t, c.source(topics...), 3, checkpoint.Position{})
	j.discover()
	j.read(100)
	for _, topic := range topics {
		require.Equal(t, 20, j.counts()[topic+"-0"])
	}
}

func testAllDeletes(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	w := openWriter(t, c.sink("t"), connectors.WriterContext{})
	b := new(connectors.Batch)
	for i := range 300 {
		b.Append().Key = []byte(strconv.Itoa(i))
	}
	write(t, w, b)
	got := c.all("t")[0]
	require.Len(t, got, 300)
	for _, r := range got {
		require.Nil(t, r.Value)
	}
}

func testStartFromEarliestOffsets(t *testing.T) {
	c := filled(t, 3, 50)
	c.commit("g", "t", map[int32]int64{0: 23, 1: 31, 2: 43})
	config := c.source("t")
	config.Group = "g"
	j := start(t, config, 2, checkpoint.Position{})
	j.discover()
	j.read(150)
	require.Equal(t, map[string]int{"t-0": 50, "t-1": 50, "t-2": 50}, j.counts())
}

func testStartFromLatestOffsets(t *testing.T) {
	c := filled(t, 3, 50)
	config := c.source("t")
	config.Start = Place{Mode: modeLatest}
	j := start(t, config, 2, checkpoint.Position{})
	j.discover()
	for p := range int32(3) {
		c.fill("t", p, 50, 200)
	}
	j.read(600)
	require.Equal(t, map[string]int{"t-0": 200, "t-1": 200, "t-2": 200}, j.counts())
	require.Equal(t, "t-1/50", j.got["t-1"][0])
}

func testStartFromGroupOffsets(t *testing.T) {
	c := filled(t, 3, 50)
	c.commit("g", "t", map[int32]int64{0: 23, 2: 43})
	config := c.source("t")
	config.Group, config.Start, config.NoGroupOffset = "g", Place{Mode: modeGroupOffsets}, modeEarliest
	j := start(t, config, 2, checkpoint.Position{})
	j.discover()
	j.read(27 + 50 + 7)
	require.Equal(t, map[string]int{"t-0": 27, "t-1": 50, "t-2": 7}, j.counts())
}

func testStartFromSpecificOffsets(t *testing.T) {
	c := filled(t, 4, 50)
	c.commit("g", "t", map[int32]int64{0: 23, 1: 31, 2: 43})
	config := c.source("t")
	config.Group, config.NoGroupOffset = "g", modeEarliest
	config.Start = Place{Mode: modeOffsets, Offsets: map[string]int64{"t-0": 19, "t-2": 22, "t-4": 26}}
	j := start(t, config, 2, checkpoint.Position{})
	j.discover()
	j.read(31 + 19 + 28 + 50)
	require.Equal(t, map[string]int{"t-0": 31, "t-1": 19, "t-2": 28, "t-3": 50}, j.counts())
}

func testStartFromTimestamp(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 4)
	first, second := time.UnixMilli(1_700_000_000_000), time.UnixMilli(1_700_000_001_000)
	var records []*kgo.Record
	for p := range int32(4) {
		for i := range 80 {
			at := first
			if i >= 50 {
				at = second
			}
			records = append(records,
				&kgo.Record{Topic: "t", Partition: p, Value: []byte(strconv.Itoa(i)), Timestamp: at})
		}
	}
	c.produce(records...)
	for at, n := range map[time.Time]int{first: 80, second: 30} {
		config := c.source("t")
		config.Start = Place{Mode: modeTimestamp, Timestamp: at.UnixMilli()}
		j := start(t, config, 2, checkpoint.Position{})
		j.discover()
		j.read(4 * n)
		for p := range int32(4) {
			require.Len(t, j.got[splitID("t", p)], n)
			require.Equal(t, strconv.Itoa(80-n), j.got[splitID("t", p)][0])
		}
	}
}

func testCommitOffsetsToKafka(t *testing.T) {
	c := filled(t, 3, 50)
	config := c.source("t")
	config.Group = "g"
	j := start(t, config, 2, checkpoint.Position{})
	j.discover()
	j.read(150)
	j.snapshot()
	require.Empty(t, c.committed("g", "t"), "nothing before the epoch is decided")
	j.decide(j.epoch)
	require.NoError(t, j.close())
	require.Equal(t, map[int32]int64{0: 50, 1: 50, 2: 50}, c.committed("g", "t"))
}
