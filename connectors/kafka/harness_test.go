package kafka

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// lingerMillis is long enough that an idle poll is not confused with an empty partition, and
// ends as soon as something comes.
const lingerMillis = 200

// patience is how long tests wait for what is sure to come, on the slowest of machines.
const patience = 2 * time.Minute

// cluster is a cluster with a client: one in this process, or a real one.
type cluster struct {
	t     *testing.T
	fake  *kfake.Cluster // nil when it is a real one
	addrs []string
	admin *kadm.Client
}

// newCluster returns an empty cluster: the real one for tests below one that is named TestReal,
// one in this process for all others. Options are those of the latter.
func newCluster(t *testing.T, opts ...kfake.Opt) *cluster {
	t.Helper()
	if strings.HasPrefix(t.Name(), "TestReal") {
		return realCluster(t)
	}
	fake, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	c := &cluster{t: t, fake: fake, addrs: fake.ListenAddrs()}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.DisableClientMetrics())
	require.NoError(t, err)
	t.Cleanup(client.Close)
	c.admin = kadm.NewClient(client)
	return c
}

// lookUntil looks at the cluster of side until that ends as expected, each time for twice as long:
// what cannot succeed may be tried to the end of the time, and on a slow machine nothing may be
// known of it by then. After patience it returns what there is.
func lookUntil(
	t *testing.T, side connectors.Checker, env connectors.Env, most time.Duration,
	expected func(error) bool,
) error {
	t.Helper()
	for ; ; most *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), most)
		err := side.CheckConnect(ctx, env)
		cancel()
		if expected(err) || most > patience {
			return err
		}
	}
}

// retryable tells an error after which another try may succeed.
func retryable(err error) bool { return connectors.Classify(err) == connectors.Retry }

// silentAddress returns an address where nobody listens, nor will until the end of the test: the
// port is taken.
func silentAddress(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	syscall.CloseOnExec(fd)
	t.Cleanup(func() { require.NoError(t, syscall.Close(fd)) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
}

// topic creates a topic and waits until every partition has a leader.
func (c *cluster) topic(name string, partitions int32) {
	c.t.Helper()
	c.topicWith(name, partitions, nil)
}

// topicWith creates a topic with settings of its own.
func (c *cluster) topicWith(name string, partitions int32, configs map[string]*string) {
	c.t.Helper()
	_, err := c.admin.CreateTopic(c.t.Context(), partitions, 1, configs, name)
	require.NoError(c.t, err)
	c.settle(func(topics kadm.TopicDetails) bool {
		return len(topics[name].Partitions) == int(partitions) && topics.Error() == nil
	})
}

// grow adds partitions to a topic, up to so many, and waits until every one has a leader: a broker
// answers before it has heard of them itself.
func (c *cluster) grow(name string, partitions int) {
	c.t.Helper()
	updated, err := c.admin.UpdatePartitions(c.t.Context(), partitions, name)
	require.NoError(c.t, err)
	require.NoError(c.t, updated.Error())
	c.settle(func(topics kadm.TopicDetails) bool {
		return len(topics[name].Partitions) == partitions && topics.Error() == nil
	})
}

// delete deletes topics and waits until nobody sees them.
func (c *cluster) delete(names ...string) {
	c.t.Helper()
	deleted, err := c.admin.DeleteTopics(c.t.Context(), names...)
	require.NoError(c.t, err)
	require.NoError(c.t, deleted.Error())
	c.settle(func(topics kadm.TopicDetails) bool {
		return !slices.ContainsFunc(names, topics.Has)
	})
}

// settle waits until what brokers tell of topics is what was done to them.
func (c *cluster) settle(done func(kadm.TopicDetails) bool) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		// A client may answer from memory what it was asked a moment ago.
		client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.DisableClientMetrics())
		require.NoError(c.t, err)
		defer client.Close()
		topics, err := kadm.NewClient(client).ListTopics(context.Background())
		return err == nil && done(topics)
	}, patience, time.Millisecond)
}

// produce writes records and waits for them.
func (c *cluster) produce(records ...*kgo.Record) {
	c.t.Helper()
	// A client of its own knows every partition that was added.
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics(), kgo.ProducerLinger(0))
	require.NoError(c.t, err)
	defer client.Close()
	require.NoError(c.t, client.ProduceSync(c.t.Context(), records...).FirstErr())
}

// fill writes n numbered values into a partition, from number first.
func (c *cluster) fill(topic string, partition int32, first, n int) {
	c.t.Helper()
	var records []*kgo.Record
	for i := range n {
		records = append(records, &kgo.Record{
			Topic: topic, Partition: partition, Value: []byte(splitID(topic, partition) + "/" + strconv.Itoa(first+i)),
		})
	}
	c.produce(records...)
}

// commit commits an offset of a group.
func (c *cluster) commit(group, topic string, offsets map[int32]int64) {
	c.t.Helper()
	os := kadm.Offsets{}
	for p, at := range offsets {
		os.AddOffset(topic, p, at, -1)
	}
	require.NoError(c.t, c.admin.CommitAllOffsets(c.t.Context(), group, os))
}

// committed returns what a group committed in a topic.
func (c *cluster) committed(group, topic string) map[int32]int64 {
	c.t.Helper()
	os, err := c.admin.FetchOffsets(c.t.Context(), group)
	if !errors.Is(err, kerr.GroupIDNotFound) {
		require.NoError(c.t, err)
	}
	out := map[int32]int64{}
	for p, o := range os[topic] {
		out[p] = o.At
	}
	return out
}

// all returns every committed record of a topic, by partition.
func (c *cluster) all(topic string) map[int32][]*kgo.Record {
	c.t.Helper()
	end, err := c.admin.ListEndOffsets(c.t.Context(), topic)
	require.NoError(c.t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	require.NoError(c.t, err)
	defer client.Close()
	out := map[int32][]*kgo.Record{}
	left := int64(0)
	end.Each(func(o kadm.ListedOffset) { left += o.Offset })
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for left > 0 {
		fetches := client.PollFetches(ctx)
		require.NoError(c.t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			out[r.Partition] = append(out[r.Partition], r)
		})
	}
	return out
}

func testEnv(name string, tasks int) connectors.Env {
	return connectors.Env{
		Job: "test", Name: name, Parallelism: tasks, Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// source returns a configuration for topics of the cluster.
func (c *cluster) source(topics ...string) *SourceConfig {
	config := newSourceConfig()
	config.Brokers = c.addrs
	config.Topics = topics
	config.Start = Place{Mode: modeEarliest}
	config.FetchWait = connectors.Duration(10 * time.Millisecond)
	return config
}

func (c *cluster) sink(topic string) *SinkConfig {
	config := newSinkConfig()
	config.Brokers = c.addrs
	config.Topic = topic
	config.Semantic = semanticAtLeastOnce
	config.Linger = 0
	return config
}

// valid checks that a configuration has no problems.
func valid(t *testing.T, c interface{ Validate(*connectors.Problems) }) {
	t.Helper()
	var p connectors.Problems
	c.Validate(&p)
	require.Empty(t, p.List)
}

// job is a running source with its readers.
type job struct {
	t       *testing.T
	source  connectors.Source
	readers []connectors.SourceReader
	state   checkpoint.Position
	done    bool
	epoch   checkpoint.Epoch
	got     map[string][]string // values by split
	tasks   map[string]int      // task by split
}

// start opens a job at a manifest.
func start(
	t *testing.T, config *SourceConfig, tasks int, state checkpoint.Position, splits ...checkpoint.Split,
) *job {
	t.Helper()
	valid(t, config)
	source, err := config.Open(t.Context(), testEnv("under-test", tasks))
	require.NoError(t, err)
	j := &job{t: t, source: source, state: state, got: map[string][]string{}, tasks: map[string]int{}}
	t.Cleanup(func() { require.NoError(t, j.close()) })
	for i := range tasks {
		r, err := source.OpenReader(t.Context(), connectors.ReaderContext{
			Task: i, Limits: connectors.Limits{Records: 1000, Bytes: 64 << 20, LingerMillis: lingerMillis},
		})
		require.NoError(t, err)
		j.readers = append(j.readers, r)
	}
	require.NoError(t, j.deal(splits))
	return j
}

func (j *job) close() error {
	var errs []error
	for _, r := range j.readers {
		errs = append(errs, r.Close())
	}
	return errors.Join(append(errs, j.source.Close())...)
}

func (j *job) deal(splits []checkpoint.Split) error {
	for _, s := range splits {
		task, ok := j.source.(connectors.Assigner).AssignTask(s.ID, len(j.readers))
		require.True(j.t, ok)
		if err := j.readers[task].AddSplits(j.t.Context(), []checkpoint.Split{s}); err != nil {
			return err
		}
		j.tasks[s.ID] = task
	}
	return nil
}

// discover asks the enumerator once, when it is time to, and deals what it found.
func (j *job) discover() []checkpoint.Split {
	j.t.Helper()
	j.source.(*Source).discoverAt = time.Time{}
	e, err := j.source.Enumerate(j.t.Context(), j.state)
	require.NoError(j.t, err)
	j.state, j.done = e.State, e.Done
	require.NoError(j.t, j.deal(e.Found))
	return e.Found
}

// discoverNew asks until n new partitions are found: an answer may be some milliseconds old.
func (j *job) discoverNew(n int) {
	j.t.Helper()
	deadline := time.Now().Add(patience)
	for found := 0; found < n; found += len(j.discover()) {
		require.True(j.t, time.Now().Before(deadline), "%d partitions are missing", n-found)
	}
}

// poll polls one reader once.
func (j *job) poll(task int) (int, error) {
	b := new(connectors.Batch)
	err := j.readers[task].Poll(j.t.Context(), b)
	for i := range b.Records {
		split := b.Splits[b.Records[i].Split]
		j.got[split] = append(j.got[split], string(b.Records[i].Value))
	}
	return b.Len(), err
}

// read polls all readers in turn until n records are there.
func (j *job) read(n int) {
	j.t.Helper()
	deadline := time.Now().Add(patience)
	for n > 0 {
		require.True(j.t, time.Now().Before(deadline), "%d records are missing", n)
		for i := range j.readers {
			got, err := j.poll(i)
			if !errors.Is(err, connectors.ErrEndOfInput) {
				require.NoError(j.t, err)
			}
			n -= got
		}
	}
	require.Zero(j.t, n, "records too many")
}

// drain polls bounded readers to their ends.
func (j *job) drain() {
	j.t.Helper()
	deadline := time.Now().Add(patience)
	for i := range j.readers {
		for {
			_, err := j.poll(i)
			if errors.Is(err, connectors.ErrEndOfInput) {
				break
			}
			require.NoError(j.t, err)
			require.True(j.t, time.Now().Before(deadline), "the end does not come")
		}
	}
}

// snapshot decides an epoch and returns its splits.
func (j *job) snapshot() []checkpoint.Split {
	j.t.Helper()
	j.epoch++
	var out []checkpoint.Split
	for _, r := range j.readers {
		s, err := r.Snapshot(j.t.Context(), j.epoch)
		require.NoError(j.t, err)
		out = append(out, s...)
	}
	return out
}

// decide tells the readers that an epoch is decided.
func (j *job) decide(e checkpoint.Epoch) {
	j.t.Helper()
	for _, r := range j.readers {
		require.NoError(j.t, r.(connectors.CommitListener).OnCommitted(j.t.Context(), e))
	}
}

// counts returns how many records came from each split.
func (j *job) counts() map[string]int {
	out := map[string]int{}
	for split, values := range j.got {
		out[split] = len(values)
	}
	return out
}
