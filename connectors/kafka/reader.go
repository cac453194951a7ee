package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// reader reads the partitions of one task.
type reader struct {
	source  *Source
	limits  connectors.Limits
	client  *kgo.Client
	admin   *kadm.Client
	commits *groupCommitter // nil when no offsets are committed

	parts map[string]map[int32]*partition
	order []*partition // in the order in which they were added
	live  int          // partitions that have not ended
	// fetched is what the client brought and no batch holds yet, in order.
	fetched []chunk
	first   int // index of the first chunk with something left
	// headers are lent to the records of one batch.
	headers []connectors.Header
	closed  bool
}

// partition is a partition being read.
type partition struct {
	topic     string
	partition int32
	id        string
	at        partitionPosition
	end       int64 // end of the log, as the last fetch saw it
	ended     bool
	lag       prometheus.Gauge
}

// chunk is what one fetch brought of one partition, and how it ended.
type chunk struct {
	part    *partition
	records []*kgo.Record
	err     error
}

func openReader(
	ctx context.Context, s *Source, rc connectors.ReaderContext,
) (*reader, error) {
	opts, err := s.config.options(ctx, s.env, sourceSide, strconv.Itoa(rc.Task))
	if err != nil {
		return nil, err
	}
	isolation := kgo.ReadCommitted()
	if s.config.Isolation == readUncommitted {
		isolation = kgo.ReadUncommitted()
	}
	opts = append(opts,
		kgo.FetchIsolationLevel(isolation),
		kgo.FetchMaxBytes(int32(s.config.FetchBytes)),
		kgo.FetchMaxPartitionBytes(int32(s.config.FetchPartition)),
		kgo.FetchMaxWait(s.config.FetchWait.D()),
		// An offset outside the log is a matter of policy, never of the client.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// Control records are dropped here: their offsets belong to the position (Q1).
		kgo.KeepControlRecords(),
		retryHangUps(),
	)
	// Without partitions at its birth, a client would not take any later.
	opts = append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{}))
	client, err := kgo.NewClient(append(opts, kgo.WithHooks(s.metrics))...)
	if err != nil {
		return nil, fmt.Errorf("opening a Kafka client: %w", err)
	}
	r := &reader{
		source: s, limits: rc.Limits, client: client, admin: kadm.NewClient(client),
		parts: map[string]map[int32]*partition{},
	}
	if s.config.Group != "" && s.config.CommitOffsets == commitOnCheckpoint {
		r.commits = newGroupCommitter(r.admin, s.config.Group, s.env.Logger, s.metrics)
	}
	return r, nil
}

// AddSplits begins to read partitions, after a look that their topics are still the same (Q4).
func (r *reader) AddSplits(ctx context.Context, splits []checkpoint.Split) error {
	var added []*partition
	for _, s := range splits {
		topic, number, ok := parseSplitID(s.ID)
		if !ok {
			return connectors.Permanent(fmt.Errorf("restoring split %q: %w", s.ID, ErrPosition))
		}
		at, err := decodePartition(s.Position)
		if err != nil {
			return connectors.Permanent(fmt.Errorf("restoring split %s: %w", s.ID, err))
		}
		if !r.source.matches(topic) {
			keep, err := r.unmatched(topic, number, at)
			if err != nil {
				return err
			}
			if !keep {
				continue
			}
		}
		added = append(added, &partition{
			topic: topic, partition: number, id: s.ID, at: at, end: at.next,
			lag: r.source.metrics.lag.WithLabelValues(topic, strconv.Itoa(int(number))),
		})
	}
	if err := r.checkTopics(ctx, added); err != nil {
		return err
	}
	r.begin(added)
	return nil
}

// unmatched applies the policy for a topic that the job file does not name any more.
func (r *reader) unmatched(topic string, number int32, at partitionPosition) (bool, error) {
	switch r.source.config.UnmatchedTopics {
	case modeKeep:
		return true, nil
	case modeDrop:
		r.source.env.Logger.Warn("a partition is dropped: the job file names its topic no more",
			"source", r.source.env.Name, "topic", topic, "partition", number, "offset", at.next)
		return false, nil
	}
	return false, connectors.Permanent(atPartition(ErrUnmatched, "restoring", topic, number, at.next))
}

// checkTopics compares the ids of topics with those that positions were written for.
func (r *reader) checkTopics(ctx context.Context, added []*partition) error {
	var names []string
	asked := map[string]bool{}
	for _, p := range added {
		if !asked[p.topic] {
			asked[p.topic] = true
			names = append(names, p.topic)
		}
	}
	if len(names) == 0 {
		return nil
	}
	topics, err := r.source.admin.ListTopics(ctx, names...)
	if err != nil {
		return classify(fmt.Errorf("looking at the topics of a restored position: %w", err))
	}
	for _, p := range added {
		t := topics[p.topic]
		if errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
			return atPartition(ErrNoTopic, "reading", p.topic, p.partition, p.at.next)
		}
		if err := sameTopic(p.topic, p.at.topicID, t.ID); err != nil {
			return err
		}
	}
	return nil
}

// begin hands partitions to the client. Those that have nothing left to read end at once.
func (r *reader) begin(added []*partition) {
	offsets := map[string]map[int32]kgo.Offset{}
	for _, p := range added {
		if r.parts[p.topic] == nil {
			r.parts[p.topic] = map[int32]*partition{}
		}
		r.parts[p.topic][p.partition] = p
		r.order = append(r.order, p)
		if p.atStop() {
			p.ended = true
			continue
		}
		r.live++
		if offsets[p.topic] == nil {
			offsets[p.topic] = map[int32]kgo.Offset{}
		}
		// The epoch lets the client notice a log that was cut off behind us.
		offsets[p.topic][p.partition] = kgo.NewOffset().At(p.at.next).WithEpoch(p.at.epoch)
	}
	r.client.AddConsumePartitions(offsets)
}

func (p *partition) atStop() bool { return p.at.stop != endless && p.at.next >= p.at.stop }

// Poll fills dst from what was fetched, or waits for more, at most the linger.
func (r *reader) Poll(ctx context.Context, dst *connectors.Batch) error {
	r.headers = r.headers[:0]
	if err := r.fill(ctx, dst); err != nil || dst.Len() > 0 {
		return err
	}
	if r.live == 0 {
		return connectors.ErrEndOfInput
	}
	if err := r.fetch(ctx); err != nil {
		return err
	}
	if err := r.fill(ctx, dst); err != nil || dst.Len() > 0 {
		return err
	}
	if r.live == 0 {
		return connectors.ErrEndOfInput
	}
	return nil
}

// fetch takes everything the client holds.
func (r *reader) fetch(ctx context.Context) error {
	// Without a context the client hands out what it holds and does not wait; with one that has
	// ended it would hand out nothing.
	var wait context.Context
	if linger := time.Duration(r.limits.LingerMillis) * time.Millisecond; linger > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, linger)
		defer cancel()
	}
	fetches := r.client.PollFetches(wait)
	clear(r.fetched)
	r.fetched, r.first = r.fetched[:0], 0
	for i := range fetches {
		for j := range fetches[i].Topics {
			t := &fetches[i].Topics[j]
			for k := range t.Partitions {
				if err := r.take(ctx, t.Topic, &t.Partitions[k]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// take keeps what a fetch brought of one partition.
func (r *reader) take(ctx context.Context, topic string, f *kgo.FetchPartition) error {
	p := r.parts[topic][f.Partition]
	if p == nil {
		if f.Err == nil || ctx.Err() == nil && errors.Is(f.Err, context.DeadlineExceeded) {
			return nil // the linger ended
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return classify(fmt.Errorf("reading topic %q: %w", topic, f.Err))
	}
	if p.ended {
		return nil // a fetch that was under way when the partition reached its stop
	}
	if f.HighWatermark > 0 {
		p.end = f.HighWatermark
		if r.source.config.Isolation == readCommitted && f.LastStableOffset >= 0 {
			p.end = f.LastStableOffset
		}
	}
	r.fetched = append(r.fetched, chunk{p, f.Records, f.Err})
	return nil
}

// fill moves fetched records into dst, up to the limits.
func (r *reader) fill(ctx context.Context, dst *connectors.Batch) error {
	left := r.limits.Bytes
	for ; r.first < len(r.fetched); r.first++ {
		c := &r.fetched[r.first]
		var full bool
		if full, left = r.drain(c, dst, left); full {
			return nil
		}
		if c.err == nil {
			continue
		}
		if dst.Len() > 0 {
			return nil // the records first, then the error
		}
		err := c.err
		c.err = nil
		if err := r.partitionError(ctx, c.part, err); err != nil {
			return err
		}
	}
	return nil
}

// drain appends the records of c. It reports whether dst is full.
func (r *reader) drain(c *chunk, dst *connectors.Batch, left int) (bool, int) {
	p := c.part
	if p.ended || len(c.records) == 0 {
		return false, left
	}
	index := dst.SplitIndex(p.id)
	for n, rec := range c.records {
		if p.at.stop != endless && rec.Offset >= p.at.stop {
			break
		}
		if !rec.Attrs.IsControl() {
			if dst.Len() >= r.limits.Records || left <= 0 && dst.Len() > 0 {
				c.records = c.records[n:]
				return true, left
			}
			r.append(dst, rec, index)
			left -= len(rec.Key) + len(rec.Value)
		}
		p.at.next, p.at.epoch = rec.Offset+1, rec.LeaderEpoch
	}
	last := c.records[len(c.records)-1].Offset
	c.records = nil
	if p.at.stop != endless && last+1 >= p.at.stop {
		r.finish(p)
	}
	return false, left
}

// append adds rec to dst. Its bytes are the client's and stay as long as anybody holds them.
func (r *reader) append(dst *connectors.Batch, rec *kgo.Record, index uint32) {
	x := dst.Append()
	x.Key, x.Value, x.Split, x.Position.Lo = rec.Key, rec.Value, index, uint64(rec.Offset)
	if rec.Attrs.TimestampType() >= 0 {
		x.Timestamp = rec.Timestamp.UnixMilli()
	}
	if n := len(rec.Headers); n > 0 {
		from := len(r.headers)
		for _, h := range rec.Headers {
			r.headers = append(r.headers, connectors.Header{Key: h.Key, Value: h.Value})
		}
		x.Headers = r.headers[from : from+n : from+n]
	}
	dst.Carriers = append(dst.Carriers, rec)
}

// finish ends a partition that reached its stop.
func (r *reader) finish(p *partition) {
	p.ended = true
	r.live--
	r.client.RemoveConsumePartitions(map[string][]int32{p.topic: {p.partition}})
}

// partitionError says what an error of a fetch means: go on elsewhere, or fail.
func (r *reader) partitionError(ctx context.Context, p *partition, err error) error {
	var loss *kgo.ErrDataLoss
	if errors.Is(err, kerr.OffsetOutOfRange) || errors.As(err, &loss) {
		return r.outOfRange(ctx, p, err)
	}
	if errors.Is(err, kerr.UnknownTopicID) {
		err = connectors.Permanent(ErrRecreated)
	}
	return classify(atPartition(err, "reading", p.topic, p.partition, p.at.next))
}

// outOfRange applies the policy for an offset that the log has no more.
func (r *reader) outOfRange(ctx context.Context, p *partition, cause error) error {
	policy := r.source.config.OutOfRange
	if policy == modeFail {
		return connectors.Permanent(atPartition(fmt.Errorf("%w (%w); set out_of_range to "+
			"\"earliest\" or \"latest\" to go on without what is gone", ErrOutOfRange, cause),
			"reading", p.topic, p.partition, p.at.next))
	}
	listed, err := r.source.list(ctx, Place{Mode: policy}, p.topic)
	if err != nil {
		return atPartition(err, "reading", p.topic, p.partition, p.at.next)
	}
	o, ok := listed.Lookup(p.topic, p.partition)
	if !ok || o.Err != nil {
		return classify(atPartition(errors.Join(cause, o.Err),
			"reading", p.topic, p.partition, p.at.next))
	}
	r.source.metrics.resets.Inc()
	r.source.env.Logger.Warn("an offset is not in the log any more; reading goes on elsewhere",
		"source", r.source.env.Name, "topic", p.topic, "partition", p.partition,
		"offset", p.at.next, "goes_on_at", o.Offset, "error", cause)
	p.at.next, p.at.epoch = o.Offset, noEpoch
	r.client.RemoveConsumePartitions(map[string][]int32{p.topic: {p.partition}})
	if p.atStop() {
		p.ended = true
		r.live--
		return nil
	}
	r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{
		p.topic: {p.partition: kgo.NewOffset().At(o.Offset)},
	})
	return nil
}

// Snapshot returns the partitions that have not ended.
func (r *reader) Snapshot(_ context.Context, epoch checkpoint.Epoch) ([]checkpoint.Split, error) {
	var out []checkpoint.Split
	offsets := kadm.Offsets{}
	for _, p := range r.order {
		if !p.ended {
			out = append(out, checkpoint.Split{ID: p.id, Position: p.at.encode()})
		}
		p.lag.Set(float64(max(0, p.end-p.at.next)))
		if r.commits != nil {
			offsets.AddOffset(p.topic, p.partition, p.at.next, p.at.epoch)
		}
	}
	if r.commits != nil {
		r.commits.remember(epoch, offsets)
	}
	return out, nil
}

// OnCommitted commits the group's offsets in the background.
func (r *reader) OnCommitted(_ context.Context, epoch checkpoint.Epoch) error {
	if r.commits != nil {
		r.commits.decided(epoch)
	}
	return nil
}

// Close waits for the last commit of offsets and closes the client.
func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.commits != nil {
		r.commits.close()
	}
	// (1) AddSplits asks the client for metadata, (2) Close stops its fetches, (3) the metadata
	// comes and starts new ones. With nothing left to start, (3) does no harm.
	all := make(map[string][]int32, len(r.parts))
	for _, p := range r.order {
		all[p.topic] = append(all[p.topic], p.partition)
	}
	r.client.RemoveConsumePartitions(all)
	r.client.Close()
	return nil
}

var (
	_ connectors.SourceReader   = (*reader)(nil)
	_ connectors.CommitListener = (*reader)(nil)
)
