package bucketing

import (
	"path"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

const minute = int64(60_000)

// marked is a job with buckets of a minute, in the manner of Hive, that are marked two minutes
// after they were over and quiet.
func marked(t *testing.T, mode string, change ...func(*Config)) *job {
	return newJob(t, append(change, func(c *Config) {
		c.Bucketer = Bucketer{Pattern: "'dt='yyyy-MM-dd'/min='HHmm", Zone: "UTC", Time: mode}
		c.SuccessFile, c.SuccessDelay = "_SUCCESS", connectors.Duration(2*time.Minute)
	})...)
}

// writeAt writes a value whose record has a time.
func (j *job) writeAt(task int, ms int64, value string) *job {
	j.T.Helper()
	b := &connectors.Batch{}
	r := b.Append()
	r.Value, r.Timestamp = []byte(value), ms
	require.NoError(j.T, j.Writers[task].Write(j.Ctx, b))
	return j
}

// marks returns the buckets that readers take for complete.
func (j *job) marks() []string {
	j.T.Helper()
	var buckets []string
	for name := range j.files() {
		if path.Base(name) == "_SUCCESS" {
			buckets = append(buckets, path.Dir(name))
		}
	}
	slices.Sort(buckets)
	return buckets
}

// epochs lets time pass with an epoch every quarter of a minute.
func (j *job) epochs(until int64) *job {
	j.T.Helper()
	for j.clock < until {
		j.at(j.clock + minute/4).checkpoint()
	}
	return j
}

func TestBucketIsMarkedWhenItIsOver(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"published": func(*Config) {}, "held": compact(time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			j := marked(t, timeProcessing, change).start(2)
			j.write(0, "1").write(1, "2").epochs(3 * minute)
			require.Empty(t, j.marks(), "nobody knew before this epoch that it would be over for so long")
			j.start(1).write(0, "3").epochs(3*minute + minute/2)
			require.Equal(t, []string{"dt=1970-01-01/min=0000"}, j.marks(), "a restart forgets none")
			j.epochs(7 * minute)
			require.Equal(t, []string{"dt=1970-01-01/min=0000", "dt=1970-01-01/min=0003"}, j.marks())
			require.Empty(t, j.Held[j.Epoch])
			require.Equal(t, []string{"1", "2", "3"}, j.values())
		})
	}
}

func TestHeldPartsKeepABucketFromItsMark(t *testing.T) {
	j := marked(t, timeRecord, compact(time.Hour)).start(1)
	j.writeAt(0, 0, "1").epochs(10 * minute)
	require.Empty(t, j.marks())
	j.epochs(62 * minute)
	require.Len(t, j.marks(), 1)
	require.Equal(t, []string{"1"}, j.values())
}

func TestLateRecordsGoBesideTheMark(t *testing.T) {
	j := marked(t, timeRecord).start(1)
	j.writeAt(0, 0, "1").epochs(4 * minute)
	require.Equal(t, []string{"dt=1970-01-01/min=0000"}, j.marks())
	j.writeAt(0, 0, "late").checkpoint()
	require.Equal(t, []string{"dt=1970-01-01/min=0000: 1", "dt=1970-01-01/min=0000: late"}, j.rows())
	j.epochs(8 * minute)
	require.Len(t, j.marks(), 1)
	require.Empty(t, j.Held[j.Epoch])
}

// TestEndMarksWhatIsOver: a bucket whose time is not over waits for the next run, if there is one.
func TestEndMarksWhatIsOver(t *testing.T) {
	j := marked(t, timeProcessing).start(1)
	j.write(0, "1").at(minute+1000).write(0, "2")
	require.NoError(t, j.Settle(1, true, j.prepare()))
	j.Epoch = 1
	j.notify(1).close()
	require.Equal(t, []string{"dt=1970-01-01/min=0000"}, j.marks())
	require.Len(t, j.Held[1], 1)
	require.True(t, j.Held[1][0].Optional, "the sink may leave the job file all the same")
	require.Empty(t, j.findings(1, j.Retained()))
	j.clock = 10 * minute
	j.start(1).checkpoint()
	require.Len(t, j.marks(), 1, "this process has not seen yet that nothing comes")
	j.checkpoint()
	require.Len(t, j.marks(), 2)
}

// TestMarkIsWrittenAgainAfterACrash: the process dies between the decision and the mark.
func TestMarkIsWrittenAgainAfterACrash(t *testing.T) {
	j := marked(t, timeProcessing).start(1)
	j.write(0, "1").epochs(3 * minute)
	j.clock += minute
	j.snapshot()
	require.Empty(t, j.marks())
	j.start(1)
	require.Len(t, j.marks(), 1)
}
