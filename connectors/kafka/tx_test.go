package kafka

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors"
)

func prepare(t *testing.T, w connectors.SinkWriter, e checkpoint.Epoch) {
	t.Helper()
	require.NoError(t, w.Flush(t.Context()))
	cs, err := w.(checkpoint.Preparer).Prepare(t.Context(), e)
	require.NoError(t, err)
	require.Empty(t, cs)
}

// TestStagedRecordsGoWithTheNextEpoch: a task that is done with an epoch works on while others are
// not, and its records neither join the transaction too early nor overtake each other.
func TestStagedRecordsGoWithTheNextEpoch(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	tx := begin(t, s, 4)
	quick, slow := joinWriter(t, config, 0, tx), joinWriter(t, config, 1, tx)
	require.NoError(t, quick.Write(t.Context(), batchOf("quick 4")))
	prepare(t, quick, 4)
	require.NoError(t, quick.Write(t.Context(), batchOf("quick 5a")))
	require.NoError(t, quick.Write(t.Context(), batchOf("quick 5b")))
	require.NoError(t, slow.Write(t.Context(), batchOf("slow 4")))
	prepare(t, slow, 4)
	require.NoError(t, decide(t, s, "epoch 4"))
	require.ElementsMatch(t, []string{"quick 4", "slow 4"}, c.values("out"))
	require.NoError(t, quick.Write(t.Context(), batchOf("quick 5c")), "between two transactions")
	begin(t, s, 5)
	require.NoError(t, quick.Write(t.Context(), batchOf("quick 5d")))
	prepare(t, quick, 5)
	prepare(t, slow, 5)
	require.NoError(t, decide(t, s, "epoch 5"))
	require.Equal(t, []string{"quick 5a", "quick 5b", "quick 5c", "quick 5d"}, c.values("out")[2:])
}

// TestManyEpochsKeepEveryKeyInOrder has tasks write at full speed while epochs are decided.
func TestManyEpochsKeepEveryKeyInOrder(t *testing.T) {
	const tasks, epochs, batches, perBatch = 3, 12, 30, 20
	c := newCluster(t)
	c.topic("out", 4)
	config := c.exactlyOnce("out")
	config.BufferBytes = 2_000_000 // Write waits now and then
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	tx := begin(t, s, 1)
	var decided sync.WaitGroup
	next := make([]chan struct{}, tasks) // a task may end one epoch more
	prepared := make(chan error, tasks)
	for task := range tasks {
		w := joinWriter(t, config, task, tx)
		next[task] = make(chan struct{}, 1)
		decided.Go(func() { // ends after the last epoch
			n := 0
			for e := range checkpoint.Epoch(epochs) {
				for range batches {
					b := new(connectors.Batch)
					for range perBatch {
						r := b.Append()
						r.Key, r.Value = []byte(strconv.Itoa(task)), []byte(strconv.Itoa(n))
						n++
					}
					if err := w.Write(t.Context(), b); err != nil {
						prepared <- err
						return
					}
				}
				<-next[task]
				_, err := w.(checkpoint.Preparer).Prepare(t.Context(), e+1)
				prepared <- err
			}
		})
	}
	for e := range checkpoint.Epoch(epochs) {
		for task := range tasks {
			next[task] <- struct{}{}
		}
		for range tasks {
			require.NoError(t, <-prepared)
		}
		require.NoError(t, decide(t, s, fmt.Sprintf("epoch %d", e+1)))
		begin(t, s, e+2)
	}
	decided.Wait()
	got := map[string]int{}
	for _, records := range c.committedRecords("out") {
		for _, r := range records {
			key := string(r.Key)
			require.Equal(t, strconv.Itoa(got[key]), string(r.Value), "of key %s", key)
			got[key]++
		}
	}
	const want = epochs * batches * perBatch
	require.Equal(t, map[string]int{"0": want, "1": want, "2": want}, got)
	require.Len(t, readBack(t, s), epochs)
}

// TestFullBufferWaitsForTheNextTransaction: what is staged is bounded, and who waits can be
// stopped.
func TestFullBufferWaitsForTheNextTransaction(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	config.BatchBytes, config.BufferBytes = 10_000, 10_000
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	w := joinWriter(t, config, 0, begin(t, s, 1))
	prepare(t, w, 1)
	large := strings.Repeat("x", 6_000)
	require.NoError(t, w.Write(t.Context(), batchOf(large)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, w.Write(ctx, batchOf(large)), context.Canceled)

	wrote := make(chan error)
	go func() { wrote <- w.Write(t.Context(), batchOf(large)) }() // ends when there is room
	require.NoError(t, decide(t, s, "epoch 1"))
	begin(t, s, 2)
	require.NoError(t, <-wrote)
	prepare(t, w, 2)
	require.NoError(t, decide(t, s, "epoch 2"))
	require.Len(t, c.values("out"), 2)

	require.NoError(t, w.Write(t.Context(), batchOf(large)))
	go func() { wrote <- w.Write(t.Context(), batchOf(large)) }() // ends with the transaction
	require.NoError(t, s.Abort(t.Context()))
	require.Error(t, <-wrote)
}

// TestSinksOfOneClusterShareTheTransaction: side outputs and dead letters are seen with the output
// or not at all, each where its own settings put it.
func TestSinksOfOneClusterShareTheTransaction(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 4)
	c.topic("dead", 4)
	config, dead := c.exactlyOnce("out"), c.exactlyOnce("dead")
	dead.PartitionBy = byTask
	require.True(t, config.SameSystem(dead))
	require.Empty(t, Compatible(config, dead))
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	tx := begin(t, s, 1)
	w, d := joinWriter(t, config, 2, tx), joinWriter(t, dead, 2, tx)
	b := batchOf("21")
	b.Records[0].Key = []byte("21")
	require.NoError(t, w.Write(t.Context(), b))
	require.NoError(t, d.Write(t.Context(), b))
	require.NoError(t, s.Abort(t.Context()))
	require.Empty(t, c.values("out"))
	require.Empty(t, c.values("dead"))
	require.NoError(t, s.Fence(t.Context()))
	tx = begin(t, s, 1)
	w, d = joinWriter(t, config, 2, tx), joinWriter(t, dead, 2, tx)
	require.NoError(t, w.Write(t.Context(), b))
	require.NoError(t, d.Write(t.Context(), b))
	require.NoError(t, decide(t, s, "epoch 1"))
	const hash = -973932308 & 0x7fffffff // of Java's client
	require.Len(t, c.committedRecords("out")[hash%4], 1)
	require.Len(t, c.committedRecords("dead")[2], 1)
}

// TestChosenPartitions: the index of a function is obeyed, and a bad one is the record's fault.
func TestChosenPartitions(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 3)
	config := c.exactlyOnce("out")
	sink, err := config.Open(t.Context(), testEnv("out", 1))
	require.NoError(t, err)
	defer sink.Close()
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	var faults []connectors.Fault
	w, err := sink.OpenWriter(t.Context(), connectors.WriterContext{
		Tx: begin(t, s, 1), Faults: func(_ *connectors.Record, f connectors.Fault) error {
			faults = append(faults, f)
			return nil
		},
	})
	require.NoError(t, err)
	defer w.Close()
	n, err := w.(connectors.PartitionCounter).Partitions(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, int32(3), n)
	b := batchOf("a", "b", "c", "d")
	for i, p := range []int32{2, 3, -2, 0} {
		b.Records[i].Partition = p
	}
	require.NoError(t, w.Write(t.Context(), b))
	require.NoError(t, decide(t, s, "epoch 1"))
	require.Equal(t, []string{"d", "a"}, c.values("out"))
	require.Len(t, faults, 2)
	require.Contains(t, faults[0].Text, "partition 3 was chosen")
	require.Contains(t, faults[1].Text, "partition -2 was chosen")
}

// TestARecordThatABrokerRefusesEndsTheEpoch: an error of a background send surfaces wherever the
// epoch is touched next, and nothing of the epoch is seen.
func TestARecordThatABrokerRefusesEndsTheEpoch(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	config.BatchBytes = 4 * batchBytesDefault
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	w := joinWriter(t, config, 0, begin(t, s, 1))
	require.NoError(t, w.Write(t.Context(), batchOf("fits")))
	require.NoError(t, w.Write(t.Context(), batchOf(strings.Repeat("x", 3*batchBytesDefault))))
	<-s.current().dead
	for name, err := range map[string]error{
		"write": w.Write(t.Context(), batchOf("late")), "flush": w.Flush(t.Context()),
		"append": s.Append(t.Context(), []byte("epoch 1")), "commit": s.Commit(t.Context()),
	} {
		require.ErrorContains(t, err, "max.message.bytes", name)
		require.Equal(t, connectors.Fatal, connectors.Classify(err), name)
	}
	require.ErrorIs(t, s.Commit(t.Context()), txlog.ErrNotCommitted)
	require.Empty(t, c.values("out"))
	require.Zero(t, c.held("out"))
}

// TestASickNeighbourDoesNotHoldReadersBack: a transaction that waits too long for something else is
// aborted, and the error says what was late.
func TestASickNeighbourDoesNotHoldReadersBack(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	config.Timeout = connectors.Duration(transactionTimeoutMin)
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	tx := begin(t, s, 1)
	well, sick := joinWriter(t, config, 0, tx), joinWriter(t, config, 1, tx)
	require.NoError(t, well.Write(t.Context(), batchOf("a")))
	prepare(t, well, 1)
	require.Less(t, s.current().age(), time.Minute)
	<-s.current().dead
	err := s.Commit(t.Context())
	require.ErrorIs(t, err, txlog.ErrNotCommitted)
	require.ErrorContains(t, err, "half of transaction_timeout (1s)")
	require.ErrorContains(t, err, "task 1 of out had not ended the epoch")
	require.Error(t, sick.Write(t.Context(), batchOf("b")), "the attempt is over")
	// The attempt is told of its end before the broker is.
	require.Eventually(t, func() bool { return c.held("out") == 0 }, patience, time.Millisecond)
	c.produce(&kgo.Record{Topic: "out", Value: []byte("of another writer")})
	require.Equal(t, []string{"of another writer"}, c.values("out"))
	require.NoError(t, s.Fence(t.Context()))
	begin(t, s, 1)
	require.NoError(t, decide(t, s, "epoch 1"))
}

// TestAnEndedAttemptLeavesNothingOpen: the last writer to close aborts, since the next claim may be
// long in coming.
func TestAnEndedAttemptLeavesNothingOpen(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	tx := begin(t, s, 1)
	one, two := joinWriter(t, config, 0, tx), joinWriter(t, config, 1, tx)
	require.NoError(t, one.Write(t.Context(), batchOf("a")))
	require.NoError(t, s.current().client.Flush(t.Context()))
	require.NotZero(t, c.held("out"))
	require.NoError(t, one.Close())
	require.NotZero(t, c.held("out"), "the other one may go on")
	require.NoError(t, two.Close())
	require.NoError(t, two.Close())
	require.Zero(t, c.held("out"))
	require.Empty(t, c.values("out"))
}

// TestWritersMayCloseWhileTheEpochIsDecided: an attempt that ends meanwhile takes nothing back.
func TestWritersMayCloseWhileTheEpochIsDecided(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	w := joinWriter(t, config, 0, begin(t, s, 1))
	ctx, stopped := context.WithCancel(t.Context())
	require.NoError(t, w.Write(ctx, batchOf("a")))
	prepare(t, w, 1)
	require.NoError(t, w.Write(ctx, batchOf("never seen")))
	require.NoError(t, s.Append(t.Context(), []byte("epoch 1")))
	c.fake.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		stopped()
		go w.Close() // ends at once
		return nil, nil, false
	})
	require.NoError(t, s.Commit(t.Context()))
	require.Equal(t, []string{"a"}, c.values("out"))
	require.Equal(t, []string{"epoch 1"}, readBack(t, s))
}

// TestPrepareOfAnotherEpoch is a bug of the caller, and is told.
func TestPrepareOfAnotherEpoch(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	w := joinWriter(t, config, 0, begin(t, s, 7))
	_, err := w.(checkpoint.Preparer).Prepare(t.Context(), 8)
	require.ErrorContains(t, err, "the writer is in epoch 7")
}

func TestCompatible(t *testing.T) {
	a, b := newSinkConfig(), newSinkConfig()
	require.Empty(t, Compatible(a, b))
	b.Linger, b.Compression, b.Topic, b.PartitionBy = 0, "zstd", "other", byTask
	b.SASL = &SASL{Mechanism: saslPlain, Username: "u", Password: connectors.NewSecret("p")}
	b.Properties = map[string]string{"client.id": "x"}
	require.Equal(t, []string{"compression", "linger", "properties", "sasl"}, Compatible(a, b))
	a.SASL = &SASL{Mechanism: saslPlain, Username: "u", Password: connectors.NewSecret("other")}
	require.Contains(t, a.Differences(b), "sasl")
	a.SASL.Password = connectors.NewSecret("p")
	require.NotContains(t, a.Differences(b), "sasl")
}

func TestTakeMode(t *testing.T) {
	for _, tt := range []struct {
		semantic string
		mode     connectors.Guarantee
		want     string
	}{
		{"", connectors.ExactlyOnce, semanticExactlyOnce},
		{"", connectors.AtLeastOnce, semanticAtLeastOnce},
		{semanticNone, connectors.ExactlyOnce, semanticNone},
		{semanticExactlyOnce, connectors.AtLeastOnce, semanticExactlyOnce},
	} {
		c := newSinkConfig()
		c.Semantic = tt.semantic
		c.TakeMode(tt.mode)
		require.Equal(t, tt.want, c.Semantic)
	}
}

// TestFirstRecordsOfATopicAreInTheirTransaction: a client shows the partitions of a topic some
// instructions after it may have written there, and ends a transaction by what it shows. Ended in
// between, the commit would be an abort that nobody is told of.
func TestFirstRecordsOfATopicAreInTheirTransaction(t *testing.T) {
	c := newCluster(t)
	s := openSession(t, c.exactlyOnce(""))
	const claims = 40
	for e := range checkpoint.Epoch(claims) {
		require.NoError(t, s.Fence(t.Context())) // a new client knows no topic
		begin(t, s, 2*e+1)
		require.NoError(t, decide(t, s, "claim"))
		begin(t, s, 2*e+2)
		require.NoError(t, decide(t, s, "epoch"))
	}
	require.Len(t, readBack(t, s), 2*claims)
}
