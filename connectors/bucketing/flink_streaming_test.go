package bucketing

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// The scenarios of StreamingFileSink's tests.

func closingWithoutWriters(t *ground) {
	j := t.newJob()
	sink, err := j.config.Open(t.Context(), j.Env(len(j.Writers)))
	require.NoError(t, err)
	require.NoError(t, sink.Close())
	require.Empty(t, j.files())
}

func size(bytes connectors.Size) func(*Config) {
	return func(c *Config) { c.BatchSize = bytes }
}

func truncateAfterRecovery(t *ground) {
	j := t.newJob(size(10)).start(1)
	j.write(0, "test1@1")
	require.Equal(t, counts{1, 0, 0}, j.counts())
	j.snapshot()
	j.write(0, "test1@2").write(0, "test1@3")
	require.Empty(t, j.values())

	j.start(1) // the process died; @2 and @3 come again, after other input
	require.Equal(t, []string{"test1@1"}, j.values())
	j.write(0, "test1@4").write(0, "test1@5")
	second := j.snapshot()
	j.write(0, "test1@6")
	j.notify(second)
	require.Equal(t, []string{"test1@1", "test1@4", "test1@5"}, j.values())
	j.write(0, "test1@2").write(0, "test1@3").checkpoint().close()
	require.Equal(t,
		[]string{"test1@1", "test1@2", "test1@3", "test1@4", "test1@5", "test1@6"}, j.values())
}

func commitInOrder(t *ground) {
	j := t.newJob(size(10)).start(1)
	epochs := []checkpoint.Epoch{}
	write := func(from, until int) {
		for i := from; i <= until; i++ {
			j.write(0, fmt.Sprintf("test1@%d", i))
		}
		epochs = append(epochs, j.snapshot())
	}
	write(1, 3)
	write(4, 5)
	write(6, 7)
	require.Empty(t, j.values())
	j.notify(epochs[0])
	require.Equal(t, []string{"test1@1", "test1@2", "test1@3"}, j.values())
	j.notify(epochs[1]).notify(epochs[2])
	contents := []string{}
	files := j.files()
	for n := range len(files) {
		contents = append(contents, files[fmt.Sprintf("test1/part-5eed-out-0-1-00000001-%d", n)])
	}
	require.Equal(t, []string{
		"test1@1\ntest1@2\n", "test1@3\n", "test1@4\ntest1@5\n", "test1@6\ntest1@7\n",
	}, contents)
}

func closingOnSnapshot(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "test1@1").write(0, "test2@1").write(0, "test3@1")
	require.Equal(t, counts{3, 0, 0}, j.counts())
	j.checkpoint()
	require.Equal(t, counts{0, 0, 3}, j.counts())
	j.snapshot()
	j.write(0, "test4@10")
	require.Equal(t, counts{1, 0, 3}, j.counts())
	j.close()
	require.Equal(t, 3, j.counts()[2])
	require.Empty(t, strays(j), "close leaves nothing that was not prepared")
}

func strays(j *job) []string {
	var parts []string
	for stray, err := range j.View().ListStrays(j.Ctx, j.root, testJob) {
		require.NoError(j.T, err)
		parts = append(parts, stray.Part)
	}
	return parts
}

func closingWithCustomBucketer(t *ground) {
	j := t.newJob().start(1)
	for i := range 4 {
		j.write(0, fmt.Sprintf("%d@x", i))
	}
	j.checkpoint().close()
	require.Equal(t, counts{0, 0, 4}, j.counts())
	require.Equal(t, []string{"0: 0@x", "1: 1@x", "2: 2@x", "3: 3@x"}, j.rows())
}

// defaultRollingPolicy takes Flink's figures: 10 bytes, 4 ms idle, 11 ms old.
func defaultRollingPolicy(t *ground) {
	j := t.newJob(size(10), inactivity(4*millisecond), func(c *Config) {
		c.RolloverInterval = connectors.Duration(11 * millisecond)
		c.InactiveCheck = connectors.Duration(millisecond)
	}).start(1)
	j.clock = 1
	j.write(0, "test1@")
	j.clock = 2
	j.write(0, "test1@")
	require.Equal(t, counts{1, 0, 0}, j.counts())
	j.clock = 3
	j.write(0, "test1@")
	require.Equal(t, counts{1, 1, 0}, j.counts(), "rolled by size")
	j.at(5)
	require.Equal(t, counts{1, 1, 0}, j.counts())
	j.at(8)
	require.Equal(t, counts{0, 2, 0}, j.counts(), "rolled by idleness")
	for _, now := range []int64{8, 11, 14, 17, 19} {
		j.at(now)
		j.write(0, "t")
	}
	require.Equal(t, counts{1, 2, 0}, j.counts())
	j.at(20)
	require.Equal(t, counts{0, 3, 0}, j.counts(), "rolled by age")
	j.checkpoint().close()
	require.Len(t, j.values(), 8)
}

// customRollingPolicy rolls above 9 bytes, after 10 ms without a record, and with every epoch.
func customRollingPolicy(t *ground) {
	j := t.newJob(size(9), inactivity(10*millisecond), func(c *Config) {
		c.InactiveCheck = connectors.Duration(millisecond)
	}).start(1)
	j.clock = 2
	j.write(0, "test1").write(0, "test1")
	require.Equal(t, counts{1, 0, 0}, j.counts())
	j.write(0, "test1")
	require.Equal(t, counts{1, 1, 0}, j.counts(), "rolled by size")
	first := j.snapshot()
	require.Equal(t, counts{0, 2, 0}, j.counts(), "rolled by the epoch")
	j.clock = 5
	j.write(0, "test1")
	j.at(12)
	require.Equal(t, counts{1, 2, 0}, j.counts())
	j.at(16)
	require.Equal(t, counts{0, 3, 0}, j.counts(), "rolled by idleness")
	j.notify(first).checkpoint().close()
	require.Equal(t, []string{"test1", "test1", "test1", "test1"}, j.values())
}

func rollOnCheckpoint(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "test1@1").write(0, "test1@2").write(0, "test1@3")
	require.Equal(t, counts{1, 0, 0}, j.counts())
	j.snapshot()
	require.Equal(t, counts{0, 1, 0}, j.counts())
	j.write(0, "test1@4")
	j.snapshot()
	require.Equal(t, counts{0, 2, 0}, j.counts())
	j.close()
}

// partConfig holds the names of parts and what is in them.
func partConfig(prefix, suffix string) func(*ground) {
	return func(t *ground) {
		j := t.newJob(size(10), func(c *Config) {
			c.PartPrefix, c.PartSuffix = prefix, suffix
		}).start(1)
		j.write(0, "test1@1")
		require.Equal(t, counts{1, 0, 0}, j.counts())
		first := j.snapshot()
		j.write(0, "test1@2").write(0, "test1@3")
		second := j.snapshot()
		require.Equal(t, counts{0, 2, 0}, j.counts())
		j.notify(first).notify(second).close()
		require.Equal(t, map[string]string{
			"test1/" + prefix + "-5eed-out-0-1-00000001-0" + suffix: "test1@1\n",
			"test1/" + prefix + "-5eed-out-0-1-00000001-1" + suffix: "test1@2\ntest1@3\n",
		}, j.files())
	}
}

// snapshotAndRestore: whatever an epoch decided is published by the next claim.
func snapshotAndRestore(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "test1").snapshot()
	j.notify(j.Epoch)
	j.write(0, "test2").write(0, "test1@2").snapshot()
	require.Equal(t, []string{"test1"}, j.values())
	j.start(1)
	require.Equal(t, []string{"test1: test1", "test1: test1@2", "test2: test2"}, j.rows())
	j.start(1)
	require.Equal(t, counts{0, 0, 3}, j.counts(), "recovering again changes nothing")
}

func onProcessingTime(t *ground) {
	j := t.newJob(func(c *Config) {
		c.RolloverInterval = connectors.Duration(2 * millisecond)
		c.InactiveCheck = connectors.Duration(millisecond)
	}).start(1)
	j.clock = 3
	j.write(0, "test").at(7)
	require.Equal(t, counts{0, 1, 0}, j.counts())
	j.checkpoint()
	require.Equal(t, []string{"test"}, j.values())
}

func bucketIsRemoved(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "test1", "test2")
	require.Len(t, j.Writers[0].buckets, 2)
	j.checkpoint()
	require.Empty(t, j.Writers[0].buckets)
	require.Empty(t, j.Writers[0].open)
}

func partCounterGoesOn(t *ground) {
	j := t.newJob().start(1)
	for range 3 {
		j.write(0, "test").checkpoint()
	}
	var names []string
	for name := range j.files() {
		names = append(names, name)
	}
	slices.Sort(names)
	require.Equal(t, []string{
		"test/part-5eed-out-0-1-00000001-0", "test/part-5eed-out-0-1-00000001-1",
		"test/part-5eed-out-0-1-00000001-2",
	}, names)
}

// byTime writes records with timestamps under a time of the date-time bucketer.
func byTime(t *ground, mode string, timestamps ...int64) *job {
	t.Helper()
	j := t.newJob(func(c *Config) {
		c.Bucketer = defaultBucketer()
		c.Bucketer.Time = mode
	}).start(1).at(3 * 3_600_000)
	b := &connectors.Batch{}
	for i, ts := range timestamps {
		r := b.Append()
		r.Value, r.Timestamp = []byte(fmt.Sprintf("r%d", i)), ts
	}
	require.NoError(t, j.Writers[0].Write(j.Ctx, b))
	return j.checkpoint()
}

func timestampReachesBucketer(t *ground) {
	const hour = 3_600_000
	want := []string{"1970-01-01--00: r0", "1970-01-01--00: r3", "1970-01-01--01: r1",
		"1970-01-01--01: r2"}
	require.Equal(t, want, byTime(t, timeEvent, 1, hour, 2*hour-1, 5).rows())
	require.Equal(t, want, byTime(t, timeRecord, 1, hour, 2*hour-1, 5).rows())
	require.Equal(t, []string{"1970-01-01--03: r0"}, byTime(t, timeProcessing, 1).rows())
}

func nullTimestamp(t *ground) {
	require.Equal(t, []string{"1970-01-01--00: r1", "1970-01-01--03: r0"},
		byTime(t, timeRecord, connectors.NoTimestamp, 1).rows())
	j := byTime(t, timeEvent, connectors.NoTimestamp, 1)
	require.Equal(t, []string{"1970-01-01--00: r1"}, j.rows())
	require.Len(t, j.Faults, 1)
	require.Contains(t, j.Faults[0], "r0: bucketing: the record has no timestamp")
}

func assembleBucketPath(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "@in the base path", "a/b@below").checkpoint()
	require.Equal(t, []string{".: @in the base path", "a/b: a/b@below"}, j.rows())
}
