package kafka

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
)

// upstreamSinkFiles are the tests of FlinkKafkaProducer and what it is made of. "Snapshot" means
// that an epoch is decided: there is no state between prepared and committed here.
func upstreamSinkFiles() []connectortest.UpstreamFile {
	const (
		decided  = "there is no time between a snapshot and its commit: the transaction is the snapshot"
		noPool   = "there is no pool: one transaction follows the other under one id"
		oldState = "is about Flink's serialized state"
		closed   = "a closed session has no calls to refuse; the log that owns it closes it last"
		oneID    = "the id of a commit group is made of the job's name and a number; none is generated"
	)
	return []connectortest.UpstreamFile{
		{Name: "TwoPhaseCommitSinkFunctionTest", Tests: []connectortest.Upstream{
			{Name: "testNotifyOfCompletedCheckpoint", Run: testNotifyOfCompletedCheckpoint, Note: decided},
			{Name: "testSubsumedNotificationOfPreviousCheckpoint", Note: decided},
			{Name: "testFailBeforeNotify", Run: testFailBeforeNotify},
			{Name: "testIgnoreCommitExceptionDuringRecovery",
				Note: "a commit that failed is read back, never ignored"},
			{Name: "testLogTimeoutAlmostReachedWarningDuringCommit", Run: TestASickNeighbourDoesNotHoldReadersBack,
				Note: "the transaction is aborted at half of the time, and the error says so"},
			{Name: "testLogTimeoutAlmostReachedWarningDuringRecovery", Run: TestFlawK2_NoOutageIsTooLong,
				Note: "recovery commits no transaction, so no outage is too long"},
		}},
		{Name: "TransactionHolderTest", Tests: []connectortest.Upstream{
			{Name: "testElapsedTime", Note: oldState},
		}},
		{Name: "FlinkKafkaProducerITCase", Tests: []connectortest.Upstream{
			{Name: "testRestoreToCheckpointAfterExceedingProducersPool", Run: testFailAfterCommit, Note: noPool},
			{Name: "testFlinkKafkaProducerFailBeforeNotify", Run: testFailBeforeNotify},
			{Name: "testFailBeforeNotifyAndResumeWorkAfterwards", Run: testFailAndResumeWorkAfterwards},
			{Name: "testFailAndRecoverSameCheckpointTwice", Run: testFailAndRecoverSameCheckpointTwice},
			{Name: "testScaleDownBeforeFirstCheckpoint", Run: testScaleDownBeforeFirstCheckpoint},
			{Name: "testScaleUpAfterScalingDown", Run: testScaleUpAfterScalingDown},
			{Name: "testRecoverCommittedTransaction", Run: testFailAfterCommit},
			{Name: "testRunOutOfProducersInThePool", Note: noPool},
			{Name: "testMigrateFromAtLeastOnceToExactlyOnce", Run: testMigrateFromAtLeastOnce},
			{Name: "testMigrateFromAtExactlyOnceToAtLeastOnce", Run: testMigrateToAtLeastOnce,
				Note: "what was decided stands already; the job that leaves the log ends its transaction"},
			{Name: "resourceCleanUpNone", Run: func(t *testing.T) { testCleanUp(t, semanticNone) }},
			{Name: "resourceCleanUpAtLeastOnce", Run: func(t *testing.T) { testCleanUp(t, semanticAtLeastOnce) }},
		}},
		{Name: "FlinkKafkaInternalProducerITCase", Tests: []connectortest.Upstream{
			{Name: "testHappyPath", Run: TestOutputIsSeenWithItsCommitRecord},
			{Name: "testResumeTransaction",
				Note: "no transaction is resumed: one that is not known to be committed is ended by the next claim"},
			{Name: "testPartitionsForAfterClosed", Note: closed},
			{Name: "testInitTransactionsAfterClosed", Note: closed},
			{Name: "testBeginTransactionAfterClosed", Note: closed},
			{Name: "testCommitTransactionAfterClosed", Note: closed},
			{Name: "testResumeTransactionAfterClosed", Note: closed},
			{Name: "testAbortTransactionAfterClosed", Note: closed},
			{Name: "testFlushAfterClosed", Note: closed},
			{Name: "testProducerWhenCommitEmptyPartitionsToOutdatedTxnCoordinator", Run: TestEmptyTransaction,
				Note: "no transaction is empty, since the commit record is in it; one that were would not count as committed"},
		}},
		{Name: "KafkaProducerTestBase", Tests: []connectortest.Upstream{
			{Name: "testCustomPartitioning", Run: testCustomPartitioning},
			{Name: "testOneToOneAtLeastOnceRegularSink", Run: testOneToOneAtLeastOnce,
				Note: "the attempt that fails is one whose client is gone"},
			{Name: "testOneToOneAtLeastOnceCustomOperator", Run: testOneToOneAtLeastOnce,
				Note: "there is one kind of sink"},
			{Name: "testExactlyOnceRegularSink", Run: func(t *testing.T) { testExactlyOnce(t, 1) }},
			{Name: "testExactlyOnceCustomOperator", Run: func(t *testing.T) { testExactlyOnce(t, 1) },
				Note: "there is one kind of sink"},
		}},
		{Name: "KafkaProducerExactlyOnceITCase", Tests: []connectortest.Upstream{
			{Name: "testMultipleSinkOperators", Run: func(t *testing.T) { testExactlyOnce(t, 2) }},
		}},
		{Name: "FlinkKafkaProducerBaseTest", Tests: []connectortest.Upstream{
			{Name: "testInstantiationFailsWhenBootstrapServersMissing", Run: testBootstrapServersMissing},
			{Name: "testKeyValueDeserializersSetIfMissing", Note: "records are bytes; `serializer` makes them"},
			{Name: "testPartitionerInvokedWithDeterminatePartitionList", Run: TestChosenPartitions,
				Note: "a function is told how many partitions there are, which has no order"},
			{Name: "testAsyncErrorRethrownOnInvoke", Run: asyncError("write")},
			{Name: "testAsyncErrorRethrownOnCheckpoint", Run: asyncError("flush")},
			{Name: "testAsyncErrorRethrownOnCheckpointAfterFlush", Run: asyncError("close")},
			{Name: "testAtLeastOnceProducer", Run: testAtLeastOnceProducer},
			{Name: "testDoesNotWaitForPendingRecordsIfFlushingDisabled", Run: TestFlushWaitsUnlessNobodyDoes},
		}},
		{Name: "FlinkFixedPartitionerTest", Tests: []connectortest.Upstream{
			{Name: "testMoreFlinkThanBrokers", Run: func(t *testing.T) { testFixed(t, 4, 1) }},
			{Name: "testFewerPartitions", Run: func(t *testing.T) { testFixed(t, 2, 5) }},
			{Name: "testMixedCase", Run: func(t *testing.T) { testFixed(t, 3, 2) }},
		}},
		{Name: "TransactionalIdsGeneratorTest", Tests: []connectortest.Upstream{
			{Name: "testGenerateIdsToUse", Note: oneID},
			{Name: "testTaskNameMayContainPercentSign", Note: oneID},
			{Name: "testGeneratedIdsDoNotClash", Note: oneID},
		}},
	}
}

func testNotifyOfCompletedCheckpoint(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	r := c.job("notify").start(1, c.exactlyOnce("out"))
	r.write("42")
	r.snapshot()
	r.write("43")
	r.snapshot()
	r.write("44")
	r.dirty()
	require.Equal(t, []string{"42", "43"}, c.values("out"))
}

func testFailBeforeNotify(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	j, config := c.job("fail"), c.exactlyOnce("out")
	r := j.start(1, config)
	r.write("42")
	r.snapshot()
	r.write("43")
	r.snapshot()
	r.write("44")
	r.kill()
	j.start(1, config)
	require.Equal(t, []string{"42", "43"}, c.values("out"))
	require.Zero(t, c.held("out"))
}

func testFailAfterCommit(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	j, config := c.job("after"), c.exactlyOnce("out")
	r := j.start(1, config)
	r.write("42")
	r.snapshot()
	r.write("43")
	r.dirty()
	r.kill()
	for range 5 {
		j.start(1, config).dirty()
	}
	require.Equal(t, []string{"42"}, c.values("out"))
}

func testFailAndResumeWorkAfterwards(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	j, config := c.job("resume"), c.exactlyOnce("out")
	first := j.start(1, config)
	first.write("42")
	first.snapshot()
	first.write("43")
	first.snapshot()
	first.write("44")
	first.dirty()
	first.write("45")
	second := j.start(1, config)
	second.write("46")
	second.snapshot()
	second.write("47")
	second.dirty()
	require.ErrorIs(t, first.tryDecide(), checkpoint.ErrFenced)
	require.NoError(t, first.writers[0].Close())
	require.Equal(t, []string{"42", "43", "46"}, c.values("out"))
}

func testFailAndRecoverSameCheckpointTwice(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	j, config := c.job("twice"), c.exactlyOnce("out")
	r := j.start(1, config)
	r.write("42")
	r.snapshot()
	r.write("43")
	r.snapshot()
	for range 2 {
		r.kill()
		r = j.start(1, config)
		require.Equal(t, checkpoint.Epoch(3), r.m.Previous)
		r.write("44")
		r.dirty()
		r.write("45")
	}
	r.kill()
	j.start(1, config)
	require.Equal(t, []string{"42", "43"}, c.values("out"))
}

func testScaleDownBeforeFirstCheckpoint(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	j, config := c.job("down"), c.exactlyOnce("out")
	r := j.start(5, config)
	r.write("40", "41", "42", "43", "44")
	r.dirty()
	r.kill()
	r = j.start(1, config)
	r.write("46")
	r.snapshot()
	r.write("47")
	r.dirty()
	require.Equal(t, []string{"46"}, c.values("out"))
}

func testScaleUpAfterScalingDown(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	j, config := c.job("updown"), c.exactlyOnce("out")
	var want []string
	for _, tasks := range []int{4, 2, 3} {
		r := j.start(tasks, config)
		var values []string
		for range tasks {
			values = append(values, strconv.Itoa(len(want)))
			want = append(want, values[len(values)-1])
		}
		r.write(values...)
		r.snapshot()
		r.write(strings.Split(strings.Repeat("x", tasks), "")...)
		r.dirty()
		r.kill()
	}
	j.start(1, config)
	require.ElementsMatch(t, want, c.values("out"))
	require.Zero(t, c.held("out"))
}

func testMigrateFromAtLeastOnce(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	w := openWriter(t, c.sink("out"), connectors.WriterContext{})
	write(t, w, batchOf("42"))
	write(t, w, batchOf("43"))
	write(t, w, batchOf("44"))
	r := c.job("migrate").start(1, c.exactlyOnce("out"))
	r.write("45")
	r.snapshot()
	r.write("46")
	r.dirty()
	require.Equal(t, []string{"42", "43", "44", "45"}, c.values("out"))
}

func testMigrateToAtLeastOnce(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	j, config := c.job("migrate"), c.exactlyOnce("out")
	r := j.start(1, config)
	r.write("42")
	r.snapshot()
	r.write("43")
	r.snapshot()
	r.write("44")
	r.dirty()
	r.kill()
	sealed := openLog(t, config, j.fs, j.name)
	_, err := sealed.Seal(t.Context(), "store", 0)
	require.NoError(t, err)
	require.NoError(t, sealed.Close())
	w := openWriter(t, c.sink("out"), connectors.WriterContext{})
	for _, v := range []string{"45", "46", "47"} {
		write(t, w, batchOf(v))
	}
	require.Equal(t, []string{"42", "43", "45", "46", "47"}, c.values("out"))
}

// testCleanUp opens and closes sinks and leaves nothing behind.
func testCleanUp(t *testing.T, semantic string) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.sink("out")
	config.Semantic = semantic
	round := func() {
		env := testEnv("out", 1)
		sink, err := config.Open(t.Context(), env)
		require.NoError(t, err)
		wc, session := connectors.WriterContext{}, (*Session)(nil)
		if config.Transactional() {
			session, err = config.OpenSession(t.Context(), env, SessionOptions{})
			require.NoError(t, err)
			require.NoError(t, session.Fence(t.Context()))
			wc.Tx = begin(t, session, 1)
		}
		w, err := sink.OpenWriter(t.Context(), wc)
		require.NoError(t, err)
		require.NoError(t, w.Write(t.Context(), batchOf("v")))
		require.NoError(t, w.Close())
		require.NoError(t, sink.Close())
		if session != nil {
			require.NoError(t, session.Close())
		}
	}
	round()
	before := runtime.NumGoroutine()
	for range 100 {
		round()
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+50 },
		patience, 10*time.Millisecond)
}

// testCustomPartitioning sends each value to the partition that a function chose, in two topics.
func testCustomPartitioning(t *testing.T) {
	c := newCluster(t)
	c.topic("one", 3)
	c.topic("two", 3)
	w := openWriter(t, c.sink("one"), connectors.WriterContext{})
	b := new(connectors.Batch)
	for i := range 600 {
		r := b.Append()
		r.Value, r.Partition = []byte(strconv.Itoa(i%3)), int32(i%3)
		if i%2 == 1 {
			r.Target = b.TargetIndex("two")
		}
	}
	write(t, w, b)
	for _, topic := range []string{"one", "two"} {
		for p, records := range c.all(topic) {
			require.Len(t, records, 100)
			for _, r := range records {
				require.Equal(t, strconv.Itoa(int(p)), string(r.Value))
			}
		}
	}
}

// testOneToOneAtLeastOnce fails after 333 of 1000 elements and begins again.
func testOneToOneAtLeastOnce(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	decided := 0
	for attempt := range 2 {
		w := openWriter(t, c.sink("out"), connectors.WriterContext{})
		for i := decided; i < 1000; i++ {
			if attempt == 0 && i == 333 {
				// Whether those before it are written by now is a race; this one cannot be.
				w.(*writer).client.Close()
				require.Error(t, errors.Join(
					w.Write(t.Context(), batchOf(strconv.Itoa(i))), w.Flush(t.Context())))
				break
			}
			require.NoError(t, w.Write(t.Context(), batchOf(strconv.Itoa(i))))
			if i%100 == 99 {
				require.NoError(t, w.Flush(t.Context()))
				decided = i + 1
			}
		}
	}
	require.Equal(t, 1000, decided)
	got := map[string]bool{}
	for _, r := range c.all("out")[0] {
		got[string(r.Value)] = true
	}
	require.Len(t, got, 1000)
}

// testExactlyOnce fails after 333 of 1000 elements and goes on where the last epoch ended, with as
// many sinks as there are.
func testExactlyOnce(t *testing.T, sinks int) {
	c := newCluster(t)
	j := c.job("exactly")
	var configs []*SinkConfig
	for i := range sinks {
		topic := fmt.Sprintf("out-%d", i)
		c.topic(topic, 1)
		configs = append(configs, c.exactlyOnce(topic))
	}
	decided := 0
	for attempt := range 2 {
		r := j.start(1, configs...)
		for i := decided; i < 1000; i++ {
			for _, w := range r.writers {
				require.NoError(t, w.Write(t.Context(), batchOf(strconv.Itoa(i))))
			}
			if i%100 == 99 {
				r.snapshot()
				decided = i + 1
			}
			if attempt == 0 && i == 333 {
				r.kill()
				break
			}
		}
	}
	for _, config := range configs {
		got := c.values(config.Topic)
		require.Len(t, got, 1000)
		for i, v := range got {
			require.Equal(t, strconv.Itoa(i), v)
		}
	}
}

func testBootstrapServersMissing(t *testing.T) {
	config := goodSink()
	config.Brokers = nil
	requireProblem(t, config, "brokers", "required")
}

// asyncError checks where the error of a background send surfaces.
func asyncError(call string) func(*testing.T) {
	return func(t *testing.T) {
		c := newCluster(t)
		limit := "1000"
		c.topicWith("out", 1, map[string]*string{"max.message.bytes": &limit})
		w := openWriter(t, c.sink("out"), connectors.WriterContext{})
		require.NoError(t, w.Write(t.Context(), batchOf(strings.Repeat("x", 5000))))
		require.NoError(t, w.(*writer).client.Flush(t.Context()))
		require.ErrorContains(t, surface(t, w, call), "max.message.bytes")
	}
}

// surface makes a call that has to return the error of a background send.
func surface(t *testing.T, w connectors.SinkWriter, call string) error {
	t.Helper()
	return map[string]func() error{
		"write": func() error { return w.Write(t.Context(), batchOf("w")) },
		"flush": func() error { return w.Flush(t.Context()) },
		"close": w.Close,
	}[call]()
}

// testAtLeastOnceProducer: the end of an epoch waits for every record.
func testAtLeastOnceProducer(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.sink("out")
	config.Linger = connectors.Duration(lingerMax) // nothing leaves by itself
	w := openWriter(t, config, connectors.WriterContext{})
	for _, v := range []string{"1", "2", "3"} {
		require.NoError(t, w.Write(t.Context(), batchOf(v)))
	}
	require.Empty(t, c.values("out"))
	require.NoError(t, w.Flush(t.Context()))
	require.Equal(t, []string{"1", "2", "3"}, c.values("out"))
}

// testFixed gives every task the partition that Flink's fixed partitioner would.
func testFixed(t *testing.T, tasks, partitions int) {
	for task := range tasks {
		p := partitioner{newClientCounts()}.ForTopic("t")
		r := &kgo.Record{Key: []byte("any"), Partition: wayOf(byTask, task)}
		require.Equal(t, task%partitions, p.Partition(r, partitions))
	}
}
