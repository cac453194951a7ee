package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// openWriter opens a sink and one writer of it.
func openWriter(t *testing.T, config *SinkConfig, wc connectors.WriterContext) connectors.SinkWriter {
	t.Helper()
	valid(t, config)
	s, err := config.Open(t.Context(), testEnv("out", 1))
	require.NoError(t, err)
	w, err := s.OpenWriter(t.Context(), wc)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = w.Close() // tests that expect an error have asked for it
		require.NoError(t, s.Close())
	})
	return w
}

func batchOf(values ...string) *connectors.Batch {
	b := new(connectors.Batch)
	for _, v := range values {
		b.Append().Value = []byte(v)
	}
	return b
}

func write(t *testing.T, w connectors.SinkWriter, b *connectors.Batch) {
	t.Helper()
	require.NoError(t, w.Write(t.Context(), b))
	require.NoError(t, w.Flush(t.Context()))
}

func TestRecordsAreWrittenWhole(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	w := openWriter(t, c.sink("out"), connectors.WriterContext{})
	b := batchOf("v", "", "x")
	b.Records[0].Key = []byte("k")
	b.Records[0].Timestamp = 1_700_000_000_123
	b.Records[0].Headers = []connectors.Header{{Key: "a", Value: []byte("1")}, {Key: "b"}}
	b.Records[2].Value = nil
	before := time.Now().UnixMilli()
	write(t, w, b)
	got := c.all("out")[0]
	require.Len(t, got, 3)
	require.Equal(t, "k", string(got[0].Key))
	require.Equal(t, int64(1_700_000_000_123), got[0].Timestamp.UnixMilli())
	require.Equal(t, []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b"}}, got[0].Headers)
	require.NotNil(t, got[1].Value)
	require.Nil(t, got[1].Key)
	require.GreaterOrEqual(t, got[1].Timestamp.UnixMilli(), before, "without a timestamp it is now")
	require.Nil(t, got[2].Value)
}

// TestKeysArePartitionedAsInJava holds vectors of Utils.toPositive(Utils.murmur2(key)).
func TestKeysArePartitionedAsInJava(t *testing.T) {
	hashes := map[string]int32{ // murmur2 of Kafka's own UtilsTest
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string":                       -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	}
	for _, n := range []int{1, 2, 3, 7, 100} {
		p := partitioner{newClientCounts()}.ForTopic("t")
		for key, hash := range hashes {
			r := &kgo.Record{Key: []byte(key), Partition: connectors.NoPartition}
			require.True(t, p.RequiresConsistency(r))
			require.Equal(t, int(hash&0x7fffffff)%n, p.Partition(r, n), key)
		}
	}
}

func TestPartitionBy(t *testing.T) {
	partitionsOf := func(t *testing.T, by string, task int) map[int32]int {
		c := newCluster(t)
		c.topic("out", 4)
		config := c.sink("out")
		config.PartitionBy = by
		w := openWriter(t, config, connectors.WriterContext{Task: task})
		write(t, w, batchOf(strings.Split(strings.Repeat("x", 40), "")...))
		chosen := batchOf("chosen")
		chosen.Records[0].Partition = 3
		write(t, w, chosen)
		got := map[int32]int{}
		for p, records := range c.all("out") {
			got[p] = len(records)
			if p == 3 {
				require.Equal(t, "chosen", string(records[len(records)-1].Value))
			}
		}
		require.NotZero(t, got[3], "a record goes to the partition that was chosen for it")
		got[3]--
		return got
	}
	t.Run("round-robin", func(t *testing.T) {
		require.Equal(t, map[int32]int{0: 10, 1: 10, 2: 10, 3: 10}, partitionsOf(t, byRoundRobin, 0))
	})
	t.Run("task", func(t *testing.T) {
		require.Equal(t, 40, partitionsOf(t, byTask, 6)[2])
	})
	for _, by := range []string{bySticky, byKey} {
		t.Run(by, func(t *testing.T) {
			total := 0
			for _, n := range partitionsOf(t, by, 0) {
				total += n
			}
			require.Equal(t, 40, total)
		})
	}
}

func TestTargetsChooseTopics(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	c.topic("other", 1)
	w := openWriter(t, c.sink("out"), connectors.WriterContext{})
	b := batchOf("1", "2", "3")
	b.Records[1].Target = b.TargetIndex("other")
	write(t, w, b)
	require.Len(t, c.all("out")[0], 2)
	require.Equal(t, "2", string(c.all("other")[0][0].Value))

	b = batchOf("4")
	b.Records[0].Target = b.TargetIndex("nowhere")
	err := w.Write(t.Context(), b)
	require.ErrorIs(t, err, ErrNoTopic)
	require.ErrorContains(t, err, "topic nowhere")
}

func TestMissingTopic(t *testing.T) {
	c := newCluster(t)
	config := c.sink("made")
	_, err := config.Open(t.Context(), testEnv("out", 1))
	require.ErrorIs(t, err, ErrNoTopic)
	require.ErrorContains(t, err, "create_topic")
	require.ErrorIs(t, config.CheckConnect(t.Context(), testEnv("out", 1)), ErrNoTopic)

	config.CreateTopic = &CreateTopic{Partitions: 3, Replication: 1,
		Configs: map[string]string{"retention.ms": "60000"}}
	require.NoError(t, config.CheckConnect(t.Context(), testEnv("out", 1)))
	listed, err := c.admin.ListTopics(t.Context())
	require.NoError(t, err)
	require.False(t, listed.Has("made"), "a look creates nothing")
	w := openWriter(t, config, connectors.WriterContext{})
	write(t, w, batchOf("v"))
	topics, err := c.admin.ListTopics(t.Context(), "made")
	require.NoError(t, err)
	require.Len(t, topics["made"].Partitions, 3)
	configs, err := c.admin.DescribeTopicConfigs(t.Context(), "made")
	require.NoError(t, err)
	var retention string
	for _, kv := range configs[0].Configs {
		if kv.Key == "retention.ms" {
			retention = kv.MaybeValue()
		}
	}
	require.Equal(t, "60000", retention)
}

// refuse answers every partition of req with code.
func refuse(req *kmsg.ProduceRequest, code int16) *kmsg.ProduceResponse {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

func TestFlushWaitsUnlessNobodyDoes(t *testing.T) {
	for semantic, waits := range map[string]bool{semanticAtLeastOnce: true, semanticNone: false} {
		t.Run(semantic, func(t *testing.T) {
			c := newCluster(t)
			c.topic("out", 1)
			config := c.sink("out")
			config.Semantic = semantic
			config.Linger = connectors.Duration(lingerMax) // nothing leaves by itself
			w := openWriter(t, config, connectors.WriterContext{})
			write(t, w, batchOf("v"))
			if waits {
				require.Len(t, c.all("out")[0], 1)
			} else {
				require.Empty(t, c.all("out"))
			}
			require.NoError(t, w.Close())
			require.Len(t, c.all("out")[0], 1, "Close sends what is left")
		})
	}
}

// TestRecordsThatDoNotFit meet the policy of the sink instead of failing the job.
func TestRecordsThatDoNotFit(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	var faults []connectors.Fault
	wc := connectors.WriterContext{Faults: func(_ *connectors.Record, f connectors.Fault) error {
		faults = append(faults, f)
		return nil
	}}
	w := openWriter(t, c.sink("out"), wc)
	write(t, w, batchOf("a", strings.Repeat("x", batchBytesDefault), "b"))
	require.Len(t, c.all("out")[0], 2)
	require.Len(t, faults, 1)
	require.Equal(t, 1, faults[0].Index)
	require.Contains(t, faults[0].Text, "batch_bytes_max")

	config := c.sink("")
	faults = nil
	write(t, openWriter(t, config, wc), batchOf("homeless"))
	require.Len(t, faults, 1)
	require.Contains(t, faults[0].Text, "names no topic")
}

// TestFetchedRecordsAreNotCopied: what came from Kafka goes to Kafka as it lies in memory.
func TestFetchedRecordsAreNotCopied(t *testing.T) {
	c := newCluster(t)
	c.topic("in", 1)
	c.fill("in", 0, 0, 1000)
	config := c.source("in")
	config.Stop = Place{Mode: modeLatest}
	j := start(t, config, 1, checkpoint.Position{})
	j.discover()
	b := new(connectors.Batch)
	require.NoError(t, j.readers[0].Poll(t.Context(), b))
	require.NotZero(t, b.Len())
	pool := new(slabs)
	s := pool.take(b)
	require.Same(t, &b.Records[0].Value[0], &s.fill(b, 0, "out", wayKey).Value[0])
	require.Zero(t, cap(s.bytes))
	b.Records[1].Value = []byte("changed on the way")
	s.fill(b, 1, "out", wayKey)
	require.Equal(t, "changed on the way", string(s.bytes))
}

// TestSlabsServeAgain: memory comes back when the client has let go of the last record.
func TestSlabsServeAgain(t *testing.T) {
	var failures int
	pool := &slabs{failed: func(*kgo.Record, error) { failures++ }}
	b := batchOf("a", "b")
	first := pool.take(b)
	one, two := first.fill(b, 0, "t", wayKey), first.fill(b, 1, "t", wayKey)
	first.left.Add(2) // as send does
	first.delivered(one, nil)
	first.release() // the writer's
	other := pool.take(b)
	require.NotSame(t, first, other, "the client still holds a record")
	require.Equal(t, "b", string(two.Value))
	first.delivered(two, errors.New("lost"))
	require.Equal(t, 1, failures)
	b.Records[0].Headers = []connectors.Header{{Key: "h", Value: []byte("x")}}
	b.Records[0].Timestamp = 1
	require.Same(t, first, pool.take(b))
	first.fill(b, 0, "t", wayKey)
	first.release()

	now := pool.take(b).fill(b, 1, "u", wayKey)
	require.Equal(t, "u", now.Topic)
	require.Empty(t, now.Headers, "of the record before")
	require.Zero(t, now.Timestamp)
}

// TestSlabsGrowAwayFromWhatTheyHold: the client points at records and bytes while a slab is filled.
func TestSlabsGrowAwayFromWhatTheyHold(t *testing.T) {
	const n = 3 * slabFirst
	b := new(connectors.Batch)
	for i := range n {
		r := b.Append()
		r.Value = fmt.Appendf(nil, "value %d", i)
		r.Headers = []connectors.Header{{Key: "h", Value: r.Value}}
	}
	s := new(slabs).take(b)
	var out []*kgo.Record
	for i := range n {
		out = append(out, s.fill(b, i, "t", wayKey))
	}
	for i, r := range out {
		want := fmt.Sprintf("value %d", i)
		require.Equal(t, want, string(r.Value))
		require.Equal(t, []kgo.RecordHeader{{Key: "h", Value: []byte(want)}}, r.Headers)
		require.Same(t, r, s.sent[i])
	}
}

// TestEmptyIsNotNull: the first bytes of a slab may be none (C5).
func TestEmptyIsNotNull(t *testing.T) {
	b := new(connectors.Batch)
	r := b.Append()
	r.Key, r.Value = []byte{}, []byte{}
	r.Headers = []connectors.Header{{Key: "empty", Value: []byte{}}, {Key: "null"}}
	out := new(slabs).take(b).fill(b, 0, "t", wayKey)
	require.NotNil(t, out.Key)
	require.NotNil(t, out.Value)
	require.NotNil(t, out.Headers[0].Value)
	require.Nil(t, out.Headers[1].Value)
}

// TestFetchedRecordsAreSentAgain: a fetched record goes on itself, once, whatever became of its
// value.
func TestFetchedRecordsAreSentAgain(t *testing.T) {
	fetched := []*kgo.Record{
		{Key: []byte("k"), Value: []byte("same"), Headers: []kgo.RecordHeader{{Key: "h"}}, Offset: 7},
		{Key: []byte("k"), Value: []byte("before")},
		{Value: []byte{}},
	}
	b := batchOf("same", "after", "")
	for i, r := range fetched {
		b.Records[i].Key = r.Key
		b.Carriers = append(b.Carriers, r)
	}
	b.Records[0].Value = fetched[0].Value
	b.Records[2].Value = nil

	pool := new(slabs)
	s := pool.take(b)
	for i := range fetched {
		require.Same(t, fetched[i], s.fill(b, i, "t", wayKey))
		require.Equal(t, "t", fetched[i].Topic)
		require.Empty(t, fetched[i].Headers, "the record has none any more")
	}
	require.Same(t, &b.Records[0].Value[0], &fetched[0].Value[0], "not copied")
	require.Equal(t, "after", string(fetched[1].Value))
	require.NotSame(t, &b.Records[1].Value[0], &fetched[1].Value[0], "the batch's bytes are re-used")
	require.Nil(t, fetched[2].Value, "null is not empty (C5)")

	other := pool.take(b)
	again := other.fill(b, 0, "u", wayKey)
	require.NotSame(t, fetched[0], again, "the first sink has it")
	require.Equal(t, "t", fetched[0].Topic)
	require.Equal(t, "same", string(again.Value))
	require.NotSame(t, &b.Records[0].Value[0], &again.Value[0],
		"what the batch says of its bytes is all that is known")

	s.release()
	require.Nil(t, s.sent[:1][0], "it would hold a fetch buffer back")
}

// TestSecurity logs in, with right and wrong passwords.
func TestSecurity(t *testing.T) {
	for _, mechanism := range []string{saslPlain, saslScramSHA256, saslScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"), kfake.EnableSASL(),
				kfake.Superuser(strings.ToUpper(mechanism), "ann", "secret"))
			require.NoError(t, err)
			defer fake.Close()
			config := newSourceConfig()
			config.Brokers, config.Topics = fake.ListenAddrs(), []string{"t"}
			config.Start = Place{Mode: modeEarliest}
			config.SASL = &SASL{Mechanism: mechanism, Username: "ann", Password: connectors.NewSecret("secret")}
			valid(t, config)
			require.NoError(t, config.CheckConnect(t.Context(), testEnv("s", 1)))
			config.SASL.Password = connectors.NewSecret("wrong-password")
			// This cluster hangs up without a word, and the client tries again.
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			err = config.CheckConnect(ctx, testEnv("s", 1))
			require.ErrorContains(t, err, config.Brokers[0])
			require.NotContains(t, err.Error(), "wrong-password")
		})
	}
}

// TestNoBroker: the error names the address, and is worth another try.
func TestNoBroker(t *testing.T) {
	address := silentAddress(t)
	config := newSourceConfig()
	config.Brokers, config.Topics = []string{address}, []string{"t"}
	config.Start = Place{Mode: modeEarliest}
	err := lookUntil(t, config, testEnv("s", 1), 200*time.Millisecond, retryable)
	require.ErrorContains(t, err, address)
	require.Equal(t, connectors.Retry, connectors.Classify(err))
}

// TestOneEpochManyTasks writes from several tasks at once.
func TestOneEpochManyTasks(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 3)
	config := c.sink("out")
	valid(t, config)
	s, err := config.Open(t.Context(), testEnv("out", 4))
	require.NoError(t, err)
	defer s.Close()
	done := make(chan error, 4)
	for task := range 4 {
		go func() { // ends after its records
			w, err := s.OpenWriter(t.Context(), connectors.WriterContext{Task: task})
			if err != nil {
				done <- err
				return
			}
			for i := range 50 {
				b := batchOf(fmt.Sprintf("%d/%d", task, i))
				b.Records[0].Key = []byte(strconv.Itoa(task))
				err = errors.Join(err, w.Write(t.Context(), b))
			}
			done <- errors.Join(err, w.Flush(t.Context()), w.Close())
		}()
	}
	for range 4 {
		require.NoError(t, <-done)
	}
	next := map[string]int{}
	for _, records := range c.all("out") {
		for _, r := range records {
			key := string(r.Key)
			require.Equal(t, fmt.Sprintf("%s/%d", key, next[key]), string(r.Value), "in order of the key")
			next[key]++
		}
	}
	require.Equal(t, map[string]int{"0": 50, "1": 50, "2": 50, "3": 50}, next)
}

// TestFlushGivesUp: a cluster that answers no more ends the attempt, with the field to change.
func TestFlushGivesUp(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.sink("out")
	config.DeliveryTimeout = connectors.Duration(time.Second)
	w := openWriter(t, config, connectors.WriterContext{})
	w.(*writer).sink.config.DeliveryTimeout = connectors.Duration(50 * time.Millisecond)
	c.fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.KeepControl()
		return nil, errors.New("hang up"), true
	})
	require.NoError(t, w.Write(t.Context(), batchOf("v")))
	require.ErrorContains(t, w.Flush(t.Context()), "delivery_timeout")
}
