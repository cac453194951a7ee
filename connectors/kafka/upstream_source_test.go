package kafka

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

// upstreamFiles are the tests of FlinkKafkaConsumer and of what it is made of, and those of the
// producer.
func upstreamFiles() []connectortest.UpstreamFile {
	const (
		watermarks = "there are no watermarks"
		oldState   = "is about the binary state of old Flink versions"
		fetcher    = "is about a thread that wasmflow does not have"
		restored   = "`unmatched_topics` says fail, keep or drop; there is no silent filter"
	)
	return append([]connectortest.UpstreamFile{
		{Name: "FlinkKafkaConsumerBaseTest", Tests: []connectortest.Upstream{
			{Name: "testEitherWatermarkExtractor", Note: watermarks},
			{Name: "ignoreCheckpointWhenNotRunning",
				Note: "a closed reader is asked for no snapshot"},
			{Name: "checkRestoredCheckpointWhenFetcherNotReady",
				Run: checkRestoredCheckpointWhenFetcherNotReady},
			{Name: "testConfigureOnCheckpointsCommitMode", Run: testCommitModes},
			{Name: "testConfigureAutoCommitMode",
				Note: "offsets are committed after epochs or not at all"},
			{Name: "testConfigureDisableOffsetCommitWithCheckpointing", Run: testCommitModes},
			{Name: "testConfigureDisableOffsetCommitWithoutCheckpointing", Run: testCommitModes,
				Note: "every job has checkpoints"},
			{Name: "testSetFilterRestoredParitionsNoChange",
				Run: TestFlawS7_UnmatchedTopicsMeetAPolicy, Note: restored},
			{Name: "testSetFilterRestoredParitionsWithRemovedTopic",
				Run: TestFlawS7_UnmatchedTopicsMeetAPolicy, Note: restored},
			{Name: "testSetFilterRestoredParitionsWithAddedTopic",
				Run: testRestoredParitionsWithAddedTopic},
			{Name: "testDisableFilterRestoredParitionsNoChange",
				Run: TestFlawS7_UnmatchedTopicsMeetAPolicy, Note: restored},
			{Name: "testDisableFilterRestoredParitionsWithRemovedTopic",
				Run: TestFlawS7_UnmatchedTopicsMeetAPolicy, Note: restored},
			{Name: "testDisableFilterRestoredParitionsWithAddedTopic",
				Run: testRestoredParitionsWithAddedTopic},
			{Name: "testSnapshotStateWithCommitOnCheckpointsEnabled",
				Run: testSnapshotStateWithCommitOnCheckpoints},
			{Name: "testSnapshotStateWithCommitOnCheckpointsDisabled", Run: testCommitModes},
			{Name: "testClosePartitionDiscovererWhenOpenThrowException",
				Run: func(t *testing.T) { testCloses(t, failsToOpen) }},
			{Name: "testClosePartitionDiscovererWhenCreateKafkaFetcherFails",
				Run: func(t *testing.T) { testCloses(t, failsToFind) }},
			{Name: "testClosePartitionDiscovererWhenKafkaFetcherFails",
				Run: func(t *testing.T) { testCloses(t, failsToRead) }},
			{Name: "testClosePartitionDiscovererWithCancellation",
				Run: func(t *testing.T) { testCloses(t, isCancelled) }},
			{Name: "testScaleUp", Run: func(t *testing.T) { testScale(t, 5, 8, 2, 30) }},
			{Name: "testScaleDown", Run: func(t *testing.T) { testScale(t, 5, 2, 10, 100) }},
		}},
		{Name: "FlinkKafkaConsumerBaseMigrationTest", Tests: []connectortest.Upstream{
			{Name: "testRestoreFromEmptyStateNoPartitions", Run: TestFlawS9_MissingTopicIsNamed,
				Note: "a source that finds no topic says so instead of reading nothing"},
			{Name: "testRestoreFailsWithNonEmptyPreFlink13StatesIfDiscoveryEnabled",
				Note: oldState},
			{Name: "testRestoreFromEmptyStateWithPartitions", Run: testRestoreFromEmptyState,
				Note: "an empty state is one in which nothing was found; partitions found later begin at `new_partitions`"},
			{Name: "testRestore", Run: testRestore},
		}},
		{Name: "AbstractFetcherTest", Tests: []connectortest.Upstream{
			{Name: "testIgnorePartitionStateSentinelInSnapshot",
				Note: "a position is always an offset; there are no sentinels"},
			{Name: "testSkipCorruptedRecord",
				Note: "what does not parse meets `on_error`, for every source alike"},
			{Name: "testSkipCorruptedRecordWithPunctuatedWatermarks", Note: watermarks},
			{Name: "testSkipCorruptedRecordWithPeriodicWatermarks", Note: watermarks},
			{Name: "testPunctuatedWatermarks", Note: watermarks},
			{Name: "testPeriodicWatermarks", Note: watermarks},
			{Name: "testPeriodicWatermarksWithNoSubscribedPartitionsShouldYieldNoWatermarks",
				Note: watermarks},
			{Name: "testConcurrentPartitionsDiscoveryAndLoopFetching", Note: fetcher},
		}},
		{Name: "AbstractPartitionDiscovererTest", Tests: []connectortest.Upstream{
			{Name: "testPartitionsEqualConsumersFixedPartitions",
				Run: func(t *testing.T) { testDealt(t, 4, 4) }},
			{Name: "testMultiplePartitionsPerConsumersFixedPartitions",
				Run: func(t *testing.T) { testDealt(t, 11, 4) }},
			{Name: "testPartitionsFewerThanConsumersFixedPartitions",
				Run: func(t *testing.T) { testDealt(t, 4, 8) }},
			{Name: "testGrowingPartitions", Run: TestFlawS5_DiscoveryIsOnByDefault},
			{Name: "testDeterministicAssignmentWithDifferentFetchedPartitionOrdering",
				Run:  TestPartitionsAreDealtAsInFlink,
				Note: "the task depends on topic and partition alone"},
			{Name: "testNonContiguousPartitionIdDiscovery",
				Run: testNonContiguousPartitionIDDiscovery},
		}},
		{Name: "KafkaTopicsDescriptorTest", Tests: []connectortest.Upstream{
			{Name: "testIsMatchingTopic", Run: TestTopicPatternMatchesWholeNames},
		}},
		{Name: "KafkaTopicPartitionTest", Tests: []connectortest.Upstream{
			{Name: "validateUid", Note: oldState},
		}},
		{Name: "Kafka09FetcherTest", Tests: []connectortest.Upstream{
			{Name: "testCommitDoesNotBlock", Run: testCommitDoesNotBlock},
			{Name: "ensureOffsetsGetCommitted", Run: testSnapshotStateWithCommitOnCheckpoints},
			{Name: "testCancellationWhenEmitBlocks", Run: func(t *testing.T) { testCancel(t, 0) }},
		}},
		{Name: "KafkaITCase", Tests: []connectortest.Upstream{
			{Name: "testFailOnNoBroker", Run: TestNoBroker},
			{Name: "testConcurrentProducerConsumerTopology",
				Run: testConcurrentProducerConsumerTopology},
			{Name: "testKeyValueSupport", Run: testKeyValueSupport},
			{Name: "testOneToOneSources", Run: func(t *testing.T) { testFailure(t, 5, 5) }},
			{Name: "testOneSourceMultiplePartitions",
				Run: func(t *testing.T) { testFailure(t, 5, 2) }},
			{Name: "testMultipleSourcesOnePartition",
				Run: func(t *testing.T) { testFailure(t, 5, 8) }},
			{Name: "testCancelingEmptyTopic", Run: func(t *testing.T) { testCancel(t, 0) }},
			{Name: "testCancelingFullTopic", Run: func(t *testing.T) { testCancel(t, 1000) }},
			{Name: "testBrokerFailure", Run: testBrokerFailure,
				Note: "the broker is cut off; those that die are the kill test's, `make chaos-kafka`"},
			{Name: "testBigRecordJob",
				Run: testBigRecordJob, Note: "three records, of 7 to 14 MiB"},
			{Name: "testMultipleTopicsWithLegacySerializer", Run: testMultipleTopics},
			{Name: "testMultipleTopicsWithKafkaSerializer", Run: testMultipleTopics},
			{Name: "testAllDeletes", Run: testAllDeletes},
			{Name: "testMetricsAndEndOfStream",
				Run: TestFlawS10_StopIsPerPartition, Note: "`stop` ends each partition by itself"},
			{Name: "testStartFromEarliestOffsets", Run: testStartFromEarliestOffsets},
			{Name: "testStartFromLatestOffsets", Run: testStartFromLatestOffsets},
			{Name: "testStartFromGroupOffsets", Run: testStartFromGroupOffsets},
			{Name: "testStartFromSpecificOffsets", Run: testStartFromSpecificOffsets},
			{Name: "testStartFromTimestamp", Run: testStartFromTimestamp},
			{Name: "testCommitOffsetsToKafka", Run: testCommitOffsetsToKafka},
			{Name: "testAutoOffsetRetrievalAndCommitToKafka", Run: testAutoOffsetRetrieval},
			{Name: "testTimestamps",
				Run: TestRecordsArriveWhole, Note: watermarks + "; timestamps travel"},
		}},
		{Name: "KafkaShortRetentionTestBase", Tests: []connectortest.Upstream{
			{Name: "runAutoOffsetResetTest", Run: TestOutOfRange},
			{Name: "runFailOnAutoOffsetResetNone", Run: TestOutOfRange},
			{Name: "runFailOnAutoOffsetResetNoneEager", Run: TestNoGroupOffset},
		}},
		{Name: "KafkaSourceITCase", Tests: []connectortest.Upstream{
			{Name: "testTimestamp", Run: TestRecordsArriveWhole},
			{Name: "testBasicRead", Run: testStartFromEarliestOffsets},
			{Name: "testValueOnlyDeserializer", Run: testKeyValueSupport},
			{Name: "testRedundantParallelism", Run: func(t *testing.T) { testFailure(t, 1, 4) }},
			{Name: "testBasicReadWithoutGroupId", Run: testCommitModes},
			{Name: "testPerPartitionWatermark", Note: watermarks},
			{Name: "testConsumingEmptyTopic", Run: testBoundedEmptyTopic},
			{Name: "testConsumingTopicWithEmptyPartitions", Run: testBoundedWithEmptyPartitions},
			{Name: "testConsumingTransactionalMessage", Run: TestOpenTransactionsAreNotShown},
		}},
		{Name: "HandoverTest", Tests: doNotApply(fetcher,
			"testWithVariableProducer", "testWithVariableConsumer", "testWithVariableBoth",
			"testPublishErrorOnEmptyHandover", "testPublishErrorOnFullHandover",
			"testExceptionMarksClosedOnEmpty", "testExceptionMarksClosedOnFull",
			"testCloseEmptyForConsumer", "testCloseFullForConsumer", "testCloseEmptyForProducer",
			"testCloseFullForProducer", "testWakeupDoesNotWakeWhenEmpty", "testWakeupWakesOnlyOnce")},
		{Name: "KafkaConsumerThreadTest", Tests: append(doNotApply(fetcher,
			"testCloseWithoutAssignedPartitions",
			"testReassigningPartitionsWithDefinedOffsetsWhenNoInitialAssignment",
			"testReassigningPartitionsWithoutDefinedOffsetsWhenNoInitialAssignment",
			"testReassigningPartitionsWithDefinedOffsets",
			"testReassigningPartitionsWithoutDefinedOffsets",
			"testReassigningPartitionsWithDefinedOffsetsWhenEarlyWakeup",
			"testReassignPartitionsDefinedOffsetsWithoutInitialAssignmentsWhenEarlyWakeup",
			"testReassignPartitionsDefinedOffsetsWithoutInitialAssignmentsWhenWakeupMidway"),
			connectortest.Upstream{Name: "testRatelimiting", Note: "rates are limited for every source alike, outside the connector"})},
		{Name: "ClosableBlockingQueueTest", Tests: doNotApply(fetcher,
			"testCreateQueueHashCodeEquals", "testCloseEmptyQueue", "testCloseNonEmptyQueue",
			"testPeekAndPoll", "testPollBatch", "testGetElementBlocking", "testGetBatchBlocking",
			"notifyOnClose", "testMultiThreadedAddGet")},
	}, upstreamSinkFiles()...)
}

// doNotApply returns rows that share a reason.
func doNotApply(why string, names ...string) (rows []connectortest.Upstream) {
	for _, name := range names {
		rows = append(rows, connectortest.Upstream{Name: name, Note: why})
	}
	return rows
}

// testRestoredParitionsWithAddedTopic: what was restored goes on, what was added begins.
func testRestoredParitionsWithAddedTopic(t *testing.T) {
	c := newCluster(t)
	for _, topic := range []string{"old", "added"} {
		c.topic(topic, 1)
		c.fill(topic, 0, 0, 3)
	}
	j := start(t, c.source("old"), 1, checkpoint.Position{})
	j.discover()
	j.read(3)
	state, splits := j.state, j.snapshot()
	require.NoError(t, j.close())
	c.fill("old", 0, 3, 2)
	j = start(t, c.source("old", "added"), 1, state, splits...)
	j.discoverNew(1)
	j.read(5)
	require.Equal(t, map[string]int{"old-0": 2, "added-0": 3}, j.counts())
}

// The ways in which a source ends before its time.
const (
	failsToOpen = iota
	failsToFind
	failsToRead
	isCancelled
)

// testCloses checks that nothing of a source stays, however it ends.
func testCloses(t *testing.T, how int) {
	c := filled(t, 1, 3)
	before := runtime.NumGoroutine()
	config := c.source("t")
	switch how {
	case failsToOpen:
		config.TLS = &transport.TLS{CA: "nowhere"}
		_, err := config.Open(t.Context(), testEnv("s", 1))
		require.ErrorContains(t, err, "TLS")
	case failsToFind:
		config.Topics = []string{"nowhere"}
		s, err := config.Open(t.Context(), testEnv("s", 1))
		require.NoError(t, err)
		_, err = s.Enumerate(t.Context(), checkpoint.Position{})
		require.ErrorIs(t, err, ErrNoTopic)
		require.NoError(t, s.Close())
	case failsToRead:
		j := start(t, config, 1, checkpoint.Position{}, checkpoint.Split{
			ID: "t-0", Position: partitionPosition{next: 99, stop: endless, epoch: noEpoch}.encode(),
		})
		require.Eventually(t, func() bool {
			_, err := j.poll(0)
			return errors.Is(err, ErrOutOfRange)
		}, patience, time.Millisecond)
		require.NoError(t, j.close())
	case isCancelled:
		j := start(t, config, 1, checkpoint.Position{})
		j.discover()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, j.readers[0].Poll(ctx, new(connectors.Batch)), context.Canceled)
		require.NoError(t, j.close())
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before },
		patience, time.Millisecond, "nothing goes on")
}

// testCommitDoesNotBlock: an epoch ends although the group's coordinator does not answer.
func testCommitDoesNotBlock(t *testing.T) {
	c := filled(t, 1, 3)
	config := c.source("t")
	config.Group = "g"
	j := start(t, config, 1, checkpoint.Position{})
	j.discover()
	j.read(3)
	mend := c.stall(kmsg.OffsetCommit)
	j.snapshot()
	j.decide(j.epoch)
	mend()
	require.NoError(t, j.close())
}

// testCancel ends a job that reads or waits.
func testCancel(t *testing.T, records int) {
	c := newCluster(t)
	c.topic("t", 1)
	c.fill("t", 0, 0, records)
	j := start(t, c.source("t"), 1, checkpoint.Position{})
	j.discover()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { // ends with ctx
		var err error
		for b := new(connectors.Batch); err == nil; b.Reset() {
			err = j.readers[0].Poll(ctx, b)
		}
		ended <- err
	}()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// testBrokerFailure cuts the broker off after a third of the records.
func testBrokerFailure(t *testing.T) {
	const each = 1000
	c := filled(t, 2, each)
	config := c.source("t")
	config.Stop = Place{Mode: modeLatest}
	j := start(t, config, 2, checkpoint.Position{})
	j.discover()
	for i := range j.readers {
		j.readers[i].(*reader).limits.Records = 333
		_, err := j.poll(i)
		require.NoError(t, err)
	}
	mend := c.cut()
	for i := range j.readers {
		_, err := j.poll(i) // of what the client holds already
		require.True(t, err == nil || connectors.Classify(err) == connectors.Retry, "%v", err)
	}
	mend()
	j.drain()
	for p := range int32(2) {
		id := splitID("t", p)
		require.Len(t, j.got[id], each)
		for i, v := range j.got[id] {
			require.Equal(t, id+"/"+strconv.Itoa(i), v)
		}
	}
}

// testAutoOffsetRetrieval: a group without offsets begins at the end, and commits it.
func testAutoOffsetRetrieval(t *testing.T) {
	c := filled(t, 3, 50)
	config := c.source("t")
	config.Group, config.Start, config.NoGroupOffset = "g", Place{Mode: modeGroupOffsets}, modeLatest
	j := start(t, config, 2, checkpoint.Position{})
	j.discover()
	j.snapshot()
	j.decide(j.epoch)
	require.NoError(t, j.close())
	require.Equal(t, map[int32]int64{0: 50, 1: 50, 2: 50}, c.committed("g", "t"))
}

func testBoundedEmptyTopic(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 2)
	config := c.source("t")
	config.Stop = Place{Mode: modeLatest}
	j := start(t, config, 2, checkpoint.Position{})
	j.discover()
	j.drain()
	require.Empty(t, j.got)
}

func testBoundedWithEmptyPartitions(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 4)
	c.fill("t", 2, 0, 5)
	config := c.source("t")
	config.Stop = Place{Mode: modeLatest}
	j := start(t, config, 2, checkpoint.Position{})
	j.discover()
	j.drain()
	require.Equal(t, map[string]int{"t-2": 5}, j.counts())
}

// cut ends all connections to the brokers and refuses new ones until the returned function is
// called.
func (c *cluster) cut() (mend func()) {
	c.t.Helper()
	if c.fake == nil {
		broker, err := real.Kafka(c.t.Context())
		require.NoError(c.t, err)
		proxy := broker.Nodes()[0].Proxy()
		proxy.Drop()
		return func() { require.NoError(c.t, proxy.Restore()) }
	}
	var mended atomic.Bool
	c.fake.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		if mended.Load() {
			return nil, nil, false
		}
		c.fake.KeepControl()
		return nil, errors.New("cut"), true
	})
	return func() { mended.Store(true) }
}

// stall lets requests of a kind go unanswered until the returned function is called; of a real
// broker all of them.
func (c *cluster) stall(key kmsg.Key) (mend func()) {
	c.t.Helper()
	if c.fake == nil {
		broker, err := real.Kafka(c.t.Context())
		require.NoError(c.t, err)
		proxy := broker.Nodes()[0].Proxy()
		require.NoError(c.t, proxy.Stall(servers.ToServer))
		return func() { proxy.Heal(context.Background()) }
	}
	answer := make(chan struct{})
	c.fake.ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.SleepControl(func() { <-answer })
		return nil, nil, false
	})
	return func() { close(answer) }
}
