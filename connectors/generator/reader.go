package generator

import (
	"context"
	"math"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// chunkBytesMax is how much of a batch's arena is asked for at a time: small beside a batch,
	// large beside a record.
	chunkBytesMax = 64 << 10
	// napMin is the shortest sleep of a source with a rate: with less, a fast rate would wake
	// the processor for every record.
	napMin = time.Millisecond
)

// reader makes the records of one task's splits.
type reader struct {
	*Source
	limits connectors.Limits
	splits []split
	clock  []byte // formatted once a batch
	timer  *time.Timer
}

// split is a split being read. The columns of the search in nextBlock come first.
type split struct {
	next  uint64 // next sequence number
	index uint32 // in the batch being filled, when polled is set
	used  bool   // occurs in the batch being filled
	id    string
}

// AddSplits takes over splits. One that is at its end already is dropped at once.
func (r *reader) AddSplits(_ context.Context, splits []checkpoint.Split) error {
	for _, s := range splits {
		next, err := parseSplit(s)
		if err != nil {
			return err
		}
		if !r.ended(next) {
			r.splits = append(r.splits, split{next: next, id: s.ID})
		}
	}
	return nil
}

// Poll makes records up to the limits, or as many as the rate allows.
func (r *reader) Poll(ctx context.Context, dst *connectors.Batch) error {
	if len(r.splits) == 0 {
		return connectors.ErrEndOfInput
	}
	n := max(1, r.limits.Records)
	if r.pace != nil {
		granted, err := r.grant(ctx, n)
		if granted == 0 {
			return err
		}
		n = granted
	}
	r.fill(dst, n)
	if r.pace != nil && dst.Len() < n {
		r.pace.Return(n - dst.Len())
	}
	return nil
}

// grant asks the pace for up to n records and waits once, at most the linger, when none is due.
func (r *reader) grant(ctx context.Context, n int) (int, error) {
	granted, wait := r.pace.Take(r.now(), n)
	if granted > 0 {
		return granted, nil
	}
	linger := time.Duration(r.limits.LingerMillis) * time.Millisecond
	if err := r.sleep(ctx, min(max(wait, napMin), linger)); err != nil {
		return 0, err
	}
	granted, _ = r.pace.Take(r.now(), n)
	return granted, nil
}

func (r *reader) sleep(ctx context.Context, d time.Duration) error {
	if r.timer == nil {
		r.timer = time.NewTimer(d)
	} else {
		r.timer.Reset(d)
	}
	select {
	case <-r.timer.C:
		return nil
	case <-ctx.Done():
		r.timer.Stop()
		return ctx.Err()
	}
}

// fill appends up to n records, within the limit of bytes, or up to the end of the splits.
func (r *reader) fill(dst *connectors.Batch, n int) {
	w := writer{reader: r, dst: dst, left: n, bytesLeft: r.limits.Bytes}
	for i := range r.splits {
		r.splits[i].used = false
	}
	if r.value.clock || r.key != nil && r.key.clock {
		r.clock = r.now().UTC().AppendFormat(r.clock[:0], nowLayout)
	}
	for w.more() && len(r.splits) > 0 {
		i := r.nextBlock()
		s := &r.splits[i]
		if !s.used {
			s.index, s.used = dst.SplitIndex(s.id), true
		}
		w.block(s)
		if r.ended(s.next) {
			last := len(r.splits) - 1
			r.splits[i] = r.splits[last]
			r.splits = r.splits[:last]
		}
	}
}

// nextBlock returns the index of the split furthest behind (N3).
func (r *reader) nextBlock() int {
	best, lowest := 0, uint64(math.MaxUint64)
	for i := range r.splits {
		if n := r.splits[i].next; n < lowest {
			best, lowest = i, n
		}
	}
	return best
}

// ended reports whether a split whose next record is next has no more.
func (r *reader) ended(next uint64) bool { return r.count > 0 && next >= r.count }

// Snapshot returns the splits that have not ended.
func (r *reader) Snapshot(context.Context, checkpoint.Epoch) ([]checkpoint.Split, error) {
	out := make([]checkpoint.Split, len(r.splits))
	for i := range r.splits {
		s := &r.splits[i]
		out[i] = checkpoint.Split{ID: s.id, Position: number().Encode(s.next)}
	}
	return out, nil
}

// Close does nothing: there is nothing to release.
func (r *reader) Close() error { return nil }

// writer fills one batch.
type writer struct {
	*reader
	dst       *connectors.Batch
	left      int // records still wanted
	bytesLeft int
	chunk     []byte // unused rest of the arena's piece, as capacity
}

// more reports whether the batch takes another record: always a first one.
func (w *writer) more() bool { return w.left > 0 && (w.bytesLeft > 0 || w.dst.Len() == 0) }

// block appends records of s until its block or the batch is full or s ends.
func (w *writer) block(s *split) {
	for w.more() {
		seq := s.next
		rec := w.dst.Append()
		rec.Split, rec.Position.Lo = s.index, seq
		if w.value.fixed {
			rec.Value = w.value.constant
		} else {
			rec.Value = w.render(w.value, seq, newRandom(w.valueBase, seq))
		}
		if w.key != nil {
			rec.Key = w.render(w.key, seq, newRandom(w.keyBase, seq))
		}
		w.left--
		w.bytesLeft -= len(rec.Key) + len(rec.Value)
		s.next = after(seq)
		if s.next != seq+1 || w.ended(s.next) {
			return
		}
	}
}

// render makes the bytes of one record in the arena.
func (w *writer) render(t *template, seq uint64, r random) []byte {
	if t.fixed {
		return t.constant
	}
	if cap(w.chunk)-len(w.chunk) < t.lenMax {
		w.chunk = w.dst.Alloc(max(t.lenMax, min(chunkBytesMax, t.lenMax*w.left)))[:0]
	}
	start := len(w.chunk)
	w.chunk = t.append(w.chunk, seq, r, w.clock)
	return w.chunk[start:len(w.chunk):len(w.chunk)]
}

var _ connectors.SourceReader = (*reader)(nil)
