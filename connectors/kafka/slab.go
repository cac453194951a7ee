package kafka

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

// slabsMax bounds the idle slabs a writer keeps: a few batches are under way at any time, and a
// burst is not to hold its memory for ever.
const slabsMax = 64

// slabBytesMax is the largest copy of bytes that an idle slab keeps: one batch of huge records is
// not to stay in memory for ever, times slabsMax.
const slabBytesMax = 2 << 20

// slabFirst is the room that a slab begins with, in bytes, headers or records: it doubles until a
// batch fits.
const slabFirst = 64

// clientRecordBytes is about what the client keeps of a record beside its bytes.
const clientRecordBytes = 200

// slab holds what the client is to keep of one batch: its records, and copies of their bytes. When
// the client is done with the last record, the slab serves another batch. A fetched record that
// nobody has sent yet is sent again itself, with those of its bytes that are still its own (Q6).
type slab struct {
	sent    []*kgo.Record // that the client gets, in order: fetched ones or the slab's own
	own     []kgo.Record
	size    int   // bytes of their keys, values and headers, and what the client keeps of each
	charged int64 // of it, counted as held by the writer
	headers []kgo.RecordHeader
	bytes   []byte
	// left counts records the client holds, and one for the writer while it fills the slab.
	left    atomic.Int64
	state   atomic.Int32
	pool    *slabs
	promise func(*kgo.Record, error) // delivered; a value, so that no record allocates one
}

// What became of a slab's records.
const (
	slabUnsent int32 = iota
	slabSent
	slabFailed
)

// slabs are the slabs of a writer.
type slabs struct {
	failed func(*kgo.Record, error)
	// acked hears that a slab is idle again: how much of it was charged, and whether every record
	// was sent and delivered. nil is nobody.
	acked func(charged int64, delivered bool)

	mu struct {
		sync.Mutex
		idle []*slab
	}
}

// take returns a slab for b.
func (p *slabs) take(b *connectors.Batch) *slab {
	p.mu.Lock()
	var s *slab
	if n := len(p.mu.idle); n > 0 {
		s, p.mu.idle = p.mu.idle[n-1], p.mu.idle[:n-1]
	}
	p.mu.Unlock()
	if s == nil {
		s = &slab{pool: p}
		s.promise = s.delivered
	}
	s.left.Store(1)
	s.size, s.charged = 0, 0
	s.state.Store(slabUnsent)
	if cap(s.sent) < b.Len() {
		s.sent = make([]*kgo.Record, 0, b.Len())
	}
	return s
}

// fill makes the next record of the slab from record i of b. way is what the partitioner goes by
// when no function chose a partition.
func (s *slab) fill(b *connectors.Batch, i int, topic string, way int32) *kgo.Record {
	r, out := &b.Records[i], carrierOf(b, i)
	if out == nil {
		out = s.next()
		out.Key, out.Value = s.copy(r.Key), s.copy(r.Value)
	} else {
		if !aliases(r.Key, out.Key) {
			out.Key = s.copy(r.Key)
		}
		if !aliases(r.Value, out.Value) {
			out.Value = s.copy(r.Value)
		}
	}
	out.Context = context.Background() // it is taken; no fetched record has one
	s.sent = append(s.sent, out)
	out.Topic, out.Partition, out.Headers, out.Timestamp = topic, r.Partition, nil, time.Time{}
	if r.Partition == connectors.NoPartition {
		out.Partition = way
	}
	s.size += len(r.Key) + len(r.Value) + clientRecordBytes
	if r.Timestamp != connectors.NoTimestamp {
		out.Timestamp = time.UnixMilli(r.Timestamp)
	}
	if n := len(r.Headers); n > 0 {
		s.headers = room(s.headers, n)
		from := len(s.headers)
		for _, h := range r.Headers {
			s.headers = append(s.headers, kgo.RecordHeader{Key: h.Key, Value: s.copy(h.Value)})
			s.size += len(h.Key) + len(h.Value)
		}
		out.Headers = s.headers[from : from+n : from+n]
	}
	return out
}

// next returns a record of the slab's own.
func (s *slab) next() *kgo.Record {
	s.own = room(s.own, 1)
	s.own = s.own[:len(s.own)+1]
	return &s.own[len(s.own)-1]
}

// room returns s if it has room for n more, else an empty slice that has, and for many more. What s
// holds stays where it is, for the client points at it.
func room[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	return make([]T, 0, max(n, 2*cap(s), slabFirst))
}

// send hands the filled records to the client, in order, and gives up the writer's hold.
func (s *slab) send(ctx context.Context, client *kgo.Client) {
	s.state.Store(slabSent)
	s.left.Add(int64(len(s.sent)))
	for _, r := range s.sent {
		client.Produce(ctx, r, s.promise)
	}
	s.release()
}

// copy returns a copy of p. A nil p stays nil, and an empty one empty (C5).
func (s *slab) copy(p []byte) []byte {
	if len(p) == 0 {
		if p == nil {
			return nil
		}
		return []byte{} // there may be no bytes yet to point into
	}
	s.bytes = room(s.bytes, len(p))
	from := len(s.bytes)
	s.bytes = append(s.bytes, p...)
	return s.bytes[from:len(s.bytes):len(s.bytes)]
}

// delivered hears what became of a record. It runs on the client's goroutine, which is done with
// the record.
func (s *slab) delivered(r *kgo.Record, err error) {
	if err != nil {
		s.state.Store(slabFailed)
		s.pool.failed(r, err)
	}
	s.release()
}

// release gives one hold up; with the last one the slab is idle.
func (s *slab) release() {
	if s.left.Add(-1) > 0 {
		return
	}
	if s.pool.acked != nil {
		s.pool.acked(s.charged, len(s.sent) > 0 && s.state.Load() == slabSent)
	}
	// Nothing may point at a fetch buffer that everybody else has let go.
	clear(s.sent)
	if cap(s.bytes) > slabBytesMax {
		s.own, s.headers, s.bytes = nil, nil, nil
	}
	s.sent, s.own, s.headers, s.bytes = s.sent[:0], s.own[:0], s.headers[:0], s.bytes[:0]
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	if len(s.pool.mu.idle) < slabsMax {
		s.pool.mu.idle = append(s.pool.mu.idle, s)
	}
}

// carrierOf returns the fetched record that record i of b was made from, if nobody has sent it yet,
// or nil. Several sinks of a task may be given the same one: the first to ask takes it, for they
// are called one after the other.
func carrierOf(b *connectors.Batch, i int) *kgo.Record {
	if len(b.Carriers) != b.Len() {
		return nil
	}
	r, _ := b.Carriers[i].(*kgo.Record)
	if r == nil || r.Context != nil {
		return nil
	}
	return r
}

// aliases reports whether a is the very memory of b, or as empty as b.
func aliases(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) == 0 {
		return (a == nil) == (b == nil)
	}
	return &a[0] == &b[0]
}
