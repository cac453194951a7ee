package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors"
)

// exactlyOnce returns the configuration of a sink that writes in transactions.
func (c *cluster) exactlyOnce(topic string) *SinkConfig {
	config := c.sink(topic)
	config.Semantic = semanticExactlyOnce
	return config
}

// openSession opens a session whose id no other test has.
func openSession(t *testing.T, config *SinkConfig) *Session {
	t.Helper()
	valid(t, config)
	s, err := config.OpenSession(t.Context(), testEnv("out", 2), SessionOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// readBack returns the committed records, newest first.
func readBack(t *testing.T, s *Session) []string {
	t.Helper()
	var got []string
	require.NoError(t, s.ReadBack(t.Context(), func(r []byte) bool {
		got = append(got, string(r))
		return true
	}))
	return got
}

// joinWriter opens the writer of a task in the transaction.
func joinWriter(t *testing.T, config *SinkConfig, task int, tx checkpoint.Tx) connectors.SinkWriter {
	t.Helper()
	s, err := config.Open(t.Context(), testEnv("out", 2))
	require.NoError(t, err)
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{Task: task, Tx: tx})
	require.NoError(t, err)
	t.Cleanup(func() {
		w.Close()
		s.Close()
	})
	return w
}

func begin(t *testing.T, s *Session, e checkpoint.Epoch) checkpoint.Tx {
	t.Helper()
	tx, err := s.Begin(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, e, tx.Epoch())
	return tx
}

// decide commits the open transaction with a record.
func decide(t *testing.T, s *Session, record string) error {
	t.Helper()
	require.NoError(t, s.Append(t.Context(), []byte(record)))
	return s.Commit(context.WithoutCancel(t.Context()))
}

// TestOutputIsSeenWithItsCommitRecord follows two epochs of one writer.
func TestOutputIsSeenWithItsCommitRecord(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	require.Empty(t, readBack(t, s))
	w := joinWriter(t, config, 0, begin(t, s, 1))
	require.NoError(t, w.Write(t.Context(), batchOf("a", "b")))
	require.Empty(t, c.values("out"), "not committed yet")
	require.NoError(t, w.Flush(t.Context()))
	cs, err := w.(checkpoint.Preparer).Prepare(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, cs)
	require.NoError(t, w.Write(t.Context(), batchOf("c")), "is staged")
	require.NoError(t, decide(t, s, "epoch 1"))
	require.Equal(t, []string{"a", "b"}, c.values("out"))
	require.Equal(t, []string{"epoch 1"}, readBack(t, s))
	begin(t, s, 2)
	require.NoError(t, w.Write(t.Context(), batchOf("d")))
	require.NoError(t, decide(t, s, "epoch 2"))
	require.Equal(t, []string{"a", "b", "c", "d"}, c.values("out"))
	require.Equal(t, []string{"epoch 2", "epoch 1"}, readBack(t, s))
}

// values returns what a read_committed reader sees of a topic now, partition by partition.
func (c *cluster) values(topic string) []string {
	c.t.Helper()
	byPartition := c.committedRecords(topic)
	var out []string
	for _, p := range slices.Sorted(maps.Keys(byPartition)) {
		for _, r := range byPartition[p] {
			out = append(out, string(r.Value))
		}
	}
	return out
}

// committedRecords returns what a read_committed reader sees of a topic now, by partition.
func (c *cluster) committedRecords(topic string) map[int32][]*kgo.Record {
	c.t.Helper()
	c.markers()
	stable, err := c.admin.ListCommittedOffsets(c.t.Context(), topic)
	require.NoError(c.t, err)
	require.NoError(c.t, stable.Error())
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	require.NoError(c.t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	out, reached := map[int32][]*kgo.Record{}, map[int32]int64{}
	behind := func() bool {
		for p, o := range stable[topic] {
			if reached[p] < o.Offset {
				return true
			}
		}
		return false
	}
	for behind() {
		fetches := client.PollFetches(ctx)
		require.NoError(c.t, fetches.Err(), "of %s", topic)
		fetches.EachRecord(func(r *kgo.Record) {
			reached[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				out[r.Partition] = append(out[r.Partition], r)
			}
		})
	}
	return out
}

// TestFencedSession: a session that comes later ends the transaction of one before it, whose own
// commit then says so, and which may take over again.
func TestFencedSession(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	old, young := openSession(t, config), openSession(t, config)
	require.NoError(t, old.Fence(t.Context()))
	w := joinWriter(t, config, 0, begin(t, old, 1))
	require.NoError(t, w.Write(t.Context(), batchOf("old")))
	require.NoError(t, old.Append(t.Context(), []byte("old")))

	require.NoError(t, young.Fence(t.Context()))
	begin(t, young, 1)
	require.NoError(t, decide(t, young, "young"))
	require.ErrorIs(t, old.Commit(t.Context()), checkpoint.ErrFenced)
	require.Error(t, w.Write(t.Context(), batchOf("too late")))
	require.Empty(t, c.values("out"))
	require.Equal(t, []string{"young"}, readBack(t, old), "also one that was fenced can read")

	require.NoError(t, old.Fence(t.Context()))
	begin(t, old, 2)
	require.NoError(t, decide(t, old, "old again"))
	require.Equal(t, []string{"old again", "young"}, readBack(t, old))
	require.Zero(t, c.held("out"))
}

// markers waits until every transaction that was ended is ended in every partition: brokers answer
// before that.
func (c *cluster) markers() {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		listed, err := c.admin.ListTransactions(c.t.Context(), nil,
			[]string{statePrepareCommit, statePrepareAbort})
		return err == nil && len(listed) == 0
	}, patience, time.Millisecond)
}

// held returns how many offsets a read_committed reader may not read yet.
func (c *cluster) held(topic string) (held int64) {
	c.t.Helper()
	c.markers()
	end, err := c.admin.ListEndOffsets(c.t.Context(), topic)
	require.NoError(c.t, err)
	stable, err := c.admin.ListCommittedOffsets(c.t.Context(), topic)
	require.NoError(c.t, err)
	end.Each(func(o kadm.ListedOffset) {
		s, _ := stable.Lookup(topic, o.Partition)
		held += o.Offset - s.Offset
	})
	return held
}

// TestUnknownOutcome: when no answer to the commit comes, nothing is said about it, and the next
// claim reads what became of it.
func TestUnknownOutcome(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		t.Run(fmt.Sprintf("the request arrives %t", arrives), func(t *testing.T) {
			c := newCluster(t)
			c.topic("out", 1)
			config := c.exactlyOnce("out")
			s := openSession(t, config)
			require.NoError(t, s.Fence(t.Context()))
			w := joinWriter(t, config, 0, begin(t, s, 1))
			require.NoError(t, w.Write(t.Context(), batchOf("a")))
			require.NoError(t, s.Append(t.Context(), []byte("epoch 1")))

			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			delivered := make(chan error, 1)
			c.fake.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
				giveUp()
				go func() { // ends with the request
					if arrives {
						delivered <- c.request(r)
						return
					}
					delivered <- nil
				}()
				return nil, errors.New("hang up"), true
			})
			err := s.Commit(ctx)
			require.Error(t, err)
			require.NotErrorIs(t, err, checkpoint.ErrFenced)
			require.NotErrorIs(t, err, txlog.ErrNotCommitted)
			_, err = s.Begin(t.Context(), 2)
			require.Error(t, err, "not before the outcome is known")

			require.NoError(t, <-delivered)
			require.NoError(t, s.Fence(t.Context()))
			if arrives {
				require.Equal(t, []string{"epoch 1"}, readBack(t, s))
				require.Equal(t, []string{"a"}, c.values("out"))
			} else {
				require.Empty(t, readBack(t, s))
				require.Empty(t, c.values("out"))
			}
			require.Zero(t, c.held("out"))
		})
	}
}

// request sends a request that a connection lost.
func (c *cluster) request(r kmsg.Request) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.Request(context.Background(), r)
	return err
}

// TestEmptyTransaction: the client would say nil of a transaction that it turned into an abort.
func TestEmptyTransaction(t *testing.T) {
	c := newCluster(t)
	s := openSession(t, c.exactlyOnce(""))
	require.NoError(t, s.Fence(t.Context()))
	begin(t, s, 1)
	err := s.Commit(t.Context())
	require.ErrorIs(t, err, txlog.ErrNotCommitted)
	require.ErrorContains(t, err, "nothing was written")
}

func TestNothingHappensBeforeFence(t *testing.T) {
	c := newCluster(t)
	s := openSession(t, c.exactlyOnce(""))
	_, err := s.Begin(t.Context(), 1)
	require.ErrorContains(t, err, "fenced")
	require.Error(t, s.Append(t.Context(), []byte("r")))
	require.Error(t, s.Commit(t.Context()))
	require.NoError(t, s.Abort(t.Context()))
}

// TestAbort: nothing of the transaction stays, and only another Fence makes the session usable.
func TestAbort(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	w := joinWriter(t, config, 0, begin(t, s, 1))
	require.NoError(t, w.Write(t.Context(), batchOf("a")))
	require.NoError(t, s.Append(t.Context(), []byte("epoch 1")))
	require.NoError(t, s.Abort(t.Context()))
	require.NoError(t, s.Abort(t.Context()))
	require.ErrorIs(t, s.Commit(t.Context()), txlog.ErrNotCommitted)
	require.Empty(t, c.values("out"))
	require.Zero(t, c.held("out"))
	require.Empty(t, readBack(t, s))
	require.NoError(t, s.Fence(t.Context()))
	w = joinWriter(t, config, 0, begin(t, s, 1))
	require.NoError(t, w.Write(t.Context(), batchOf("b")))
	require.NoError(t, decide(t, s, "epoch 1"))
	require.Equal(t, []string{"b"}, c.values("out"))
}

// TestReadBackInWindows reads far more than one window, newest first, and stops when it is told.
func TestReadBackInWindows(t *testing.T) {
	c := newCluster(t)
	config := c.exactlyOnce("")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	foreign := &kgo.Record{Topic: s.Topic(), Key: []byte("group-7"), Value: []byte("of another group")}
	const n = 3 * readBackOffsetsMax
	var records []*kgo.Record
	for i := range n {
		records = append(records, &kgo.Record{Topic: s.Topic(), Key: []byte("group-0"),
			Value: []byte(strconv.Itoa(i))})
	}
	c.produce(append(records, foreign)...)
	got := readBack(t, s)
	require.Len(t, got, n)
	for i, r := range got {
		require.Equal(t, strconv.Itoa(n-1-i), r)
	}
	var few []string
	require.NoError(t, s.ReadBack(t.Context(), func(r []byte) bool {
		few = append(few, string(r))
		return len(few) < 3
	}))
	require.Equal(t, got[:3], few)
}

// TestReadBackWaitsForALeaderThatWasJustElected: it cannot tell offsets at first.
func TestReadBackWaitsForALeaderThatWasJustElected(t *testing.T) {
	c := newCluster(t)
	s := openSession(t, c.exactlyOnce(""))
	require.NoError(t, s.Fence(t.Context()))
	begin(t, s, 1)
	require.NoError(t, decide(t, s, "epoch 1"))
	refusals := 0
	c.fake.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.KeepControl()
		refusals++
		answer := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, topic := range r.(*kmsg.ListOffsetsRequest).Topics {
			named := kmsg.ListOffsetsResponseTopic{Topic: topic.Topic}
			for _, p := range topic.Partitions {
				named.Partitions = append(named.Partitions, kmsg.ListOffsetsResponseTopicPartition{
					Partition: p.Partition, ErrorCode: kerr.OffsetNotAvailable.Code,
				})
			}
			answer.Topics = append(answer.Topics, named)
		}
		return answer, nil, refusals <= 3
	})
	require.Equal(t, []string{"epoch 1"}, readBack(t, s))
	require.Greater(t, refusals, 3)
}

// TestReadBackSeesNoOpenTransaction: one who has not fenced reads up to the open transaction and
// does not wait for it.
func TestReadBackSeesNoOpenTransaction(t *testing.T) {
	c := newCluster(t)
	config := c.exactlyOnce("")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	begin(t, s, 1)
	require.NoError(t, decide(t, s, "epoch 1"))
	begin(t, s, 2)
	require.NoError(t, s.Append(t.Context(), []byte("epoch 2")))
	require.NoError(t, s.current().client.Flush(t.Context()))
	require.NotZero(t, c.held(s.Topic()))
	looker, err := config.OpenSession(t.Context(), testEnv("out", 1), SessionOptions{ReadOnly: true})
	require.NoError(t, err)
	require.Equal(t, []string{"epoch 1"}, readBack(t, looker))
	require.Error(t, looker.Fence(t.Context()), "it is for looking")
	require.NoError(t, looker.Close())
	require.NoError(t, s.Commit(t.Context()), "the owner was not disturbed")
}

// TestLookingCreatesNothing: neither the topic nor a transactional id, and a job that looks before
// it claims may find that it must not.
func TestLookingCreatesNothing(t *testing.T) {
	c := newCluster(t)
	for _, readOnly := range []bool{true, false} {
		s, err := c.exactlyOnce("").OpenSession(t.Context(), testEnv("out", 1),
			SessionOptions{ReadOnly: readOnly})
		require.NoError(t, err)
		require.Empty(t, readBack(t, s))
		require.NoError(t, s.Close())
	}
	topics, err := c.admin.ListTopics(t.Context())
	require.NoError(t, err)
	require.Empty(t, topics)
	listed, err := c.admin.ListTransactions(t.Context(), nil, nil)
	require.NoError(t, err)
	require.Empty(t, listed)
}

// TestDeliveryTimeoutOfACommit: brokers that do not answer end the attempt, and nothing of it will
// be seen.
func TestDeliveryTimeoutOfACommit(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	begin(t, s, 1)
	release := make(chan struct{})
	c.fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.KeepControl()
		c.fake.SleepControl(func() { <-release })
		return nil, nil, false
	})
	go func() { // ends when the session has given up
		<-s.current().dead
		close(release)
	}()
	config.DeliveryTimeout = connectors.Duration(50 * time.Millisecond)
	require.NoError(t, s.Append(t.Context(), []byte("epoch 1")))
	err := s.Commit(t.Context())
	require.ErrorIs(t, err, txlog.ErrNotCommitted)
	require.ErrorContains(t, err, "delivery_timeout")
}

func TestIntervalAndTimeout(t *testing.T) {
	config := newSinkConfig()
	require.NoError(t, config.CheckInterval(0))
	require.NoError(t, config.CheckInterval(29*time.Second))
	err := config.CheckInterval(30 * time.Second)
	require.ErrorContains(t, err, "raise transaction_timeout above 1m0s")
	var key *connectors.KeyError
	require.ErrorAs(t, err, &key)
	require.Equal(t, "transaction_timeout", key.Key)
	c := newCluster(t)
	_, err = c.exactlyOnce("").OpenSession(t.Context(), testEnv("out", 1),
		SessionOptions{Interval: time.Hour})
	require.ErrorContains(t, err, "interval is 1h0m0s")
}
