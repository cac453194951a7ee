package kafka

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// TestFlawK1_NothingIsLeftOpen has processes die in their transactions, each with another number of
// tasks, the first before any checkpoint. In Flink a transaction whose id the next start does not
// guess stays open, and holds read_committed readers back until it times out, also from records of
// other writers. Here one id is known from the job's name alone: the next start ends whatever is
// open.
func TestFlawK1_NothingIsLeftOpen(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 4)
	j, config := c.job("k1"), c.exactlyOnce("out")
	config.PartitionBy = byTask
	for _, tasks := range []int{4, 1, 3} {
		r := j.start(tasks, config)
		for i := range tasks {
			r.write(fmt.Sprintf("never seen %d", i))
		}
		r.dirty()
		require.NotZero(t, c.held("out"))
		r.kill()
	}
	c.produce(&kgo.Record{Topic: "out", Partition: 0, Value: []byte("of another writer")})
	require.Empty(t, c.values("out"), "held back")
	r := j.start(1, config)
	require.Zero(t, c.held("out"))
	r.write("seen")
	r.snapshot()
	require.ElementsMatch(t, []string{"of another writer", "seen"}, c.values("out"))
}

// TestFlawK2_NoOutageIsTooLong lets the broker end a transaction before its job is back. Flink has
// completed the checkpoint by then, finds that the transaction cannot be committed, writes that to
// the log and goes on without the records. Here nothing of a decided epoch waits for a commit, and
// the epoch that was not decided is done again.
func TestFlawK2_NoOutageIsTooLong(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	j, config := c.job("k2"), c.exactlyOnce("out")
	r := j.start(1, config)
	r.write("42")
	r.snapshot()
	r.write("43")
	r.dirty()
	r.kill()
	// What the broker does to the transaction after its timeout.
	admin, err := config.OpenAdmin(t.Context(), testEnv("", 1))
	require.NoError(t, err)
	defer admin.Close()
	require.NoError(t, admin.Abort(t.Context(), "wasmflow.k2.0"))
	require.Equal(t, []string{"42"}, c.values("out"))
	r = j.start(1, config)
	require.Equal(t, checkpoint.Epoch(2), r.m.Previous, "the place of the last decided epoch")
	r.write("43")
	r.snapshot()
	require.Equal(t, []string{"42", "43"}, c.values("out"))
}

// TestFlawK3_TimeoutIsHeldAgainstTheBroker begins with the defaults of the sink and the broker.
// Flink's hour is above the 15 minutes that brokers allow, so its job fails at the first
// transaction. Here the defaults fit, and a timeout that does not is refused before the job begins,
// with both numbers.
func TestFlawK3_TimeoutIsHeldAgainstTheBroker(t *testing.T) {
	c := newCluster(t)
	config := c.exactlyOnce("")
	_, err := config.CheckLog(t.Context(), testEnv("out", 1), SessionOptions{})
	require.NoError(t, err)
	config.Timeout = connectors.Duration(time.Hour) // Flink's default
	_, err = config.CheckLog(t.Context(), testEnv("out", 1), SessionOptions{})
	require.ErrorContains(t, err, "1h0m0s")
	require.ErrorContains(t, err, "15m0s")
}

// TestFlawK6_CommitIsTriedAgain has the broker refuse the commit for a while, in every way that
// heals by itself. Flink fails the task at the first error, and restarts the job. Here the same
// owner asks for the commit again: nothing restarts and nothing is doubled. What becomes of a
// commit that gets no answer is TestUnknownOutcome.
func TestFlawK6_CommitIsTriedAgain(t *testing.T) {
	for _, refusal := range []*kerr.Error{
		kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator,
		kerr.ConcurrentTransactions,
	} {
		t.Run(refusal.Message, func(t *testing.T) {
			c := newCluster(t)
			c.topic("out", 1)
			r := c.job("k6").start(1, c.exactlyOnce("out"))
			r.write("a")
			refusals := c.refuseCommits(2, refusal)
			r.snapshot()
			require.Equal(t, int32(2), refusals.Load())
			r.write("b")
			r.snapshot()
			require.Equal(t, []string{"a", "b"}, c.values("out"))
			require.Zero(t, c.held("out"))
		})
	}
}

// refuseCommits answers the next n commits with an error.
func (c *cluster) refuseCommits(n int32, refusal *kerr.Error) *atomic.Int32 {
	var refused atomic.Int32
	c.fake.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.KeepControl()
		if refused.Load() == n {
			return nil, nil, false
		}
		refused.Add(1)
		resp := req.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = refusal.Code
		return resp, nil, true
	})
	return &refused
}

// TestFlawK9_FailedSendsSurface has a broker refuse records in the background. Flink lost such an
// error when no call came that looked at it. Here the next call returns it, whichever it is.
func TestFlawK9_FailedSendsSurface(t *testing.T) {
	for _, call := range []string{"write", "flush", "close"} {
		t.Run(call, func(t *testing.T) {
			c := newCluster(t)
			c.topic("out", 1)
			w := openWriter(t, c.sink("out"), connectors.WriterContext{})
			c.fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
				c.fake.KeepControl()
				return refuse(req.(*kmsg.ProduceRequest), kerr.TopicAuthorizationFailed.Code), nil, true
			})
			require.NoError(t, w.Write(t.Context(), batchOf("v")))
			require.NoError(t, w.(*writer).client.Flush(t.Context()))
			err := surface(t, w, call)
			require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
			require.ErrorContains(t, err, "writing to topic out, partition 0")
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
			if call != "close" {
				require.ErrorIs(t, w.Flush(t.Context()), kerr.TopicAuthorizationFailed, "it stays")
			}
		})
	}
}

// TestFlawK10_NewPartitionsAreWritten writes with one task and the default partitioner, and adds a
// partition meanwhile. Flink's default binds a task to one partition of a list that it reads once:
// with fewer tasks than partitions most stay empty, and new ones are never written. Here keys are
// hashed, records without one go to partitions in turn, and new partitions get their share without
// a restart.
func TestFlawK10_NewPartitionsAreWritten(t *testing.T) {
	for name, key := range map[string]func(int) []byte{
		"with keys":    func(n int) []byte { return []byte(strconv.Itoa(n)) },
		"without keys": func(int) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.topic("out", 3)
			config := c.sink("out")
			config.Properties = map[string]string{"metadata.max.age.ms": "5000"}
			w := openWriter(t, config, connectors.WriterContext{})
			n := 0
			fill := func(partitions int) {
				t.Helper()
				deadline := time.Now().Add(patience)
				for len(c.all("out")) < partitions {
					require.True(t, time.Now().Before(deadline), "a partition gets nothing")
					b := batchOf("a", "b", "c", "d")
					for i := range b.Records {
						b.Records[i].Key = key(n)
						n++
					}
					write(t, w, b)
				}
			}
			fill(3)
			c.grow("out", 4)
			w.(*writer).client.ForceMetadataRefresh()
			fill(4)
		})
	}
}

// TestFlawK11_NothingLeaks opens and ends a hundred transactions. Flink lost producers, their
// threads and connections on ways out that were not the usual one. Here one owner closes every
// client of a session.
func TestFlawK11_NothingLeaks(t *testing.T) { testCleanUp(t, semanticExactlyOnce) }
