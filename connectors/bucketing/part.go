package bucketing

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// sealsMax is how many parts a task closes at the same time. Closing is waiting for a disk or a
// name node: a few at once hide the waiting, many would only queue there.
const sealsMax = 4

// reason says why a part was closed, for metrics: parts that are small for a reason that can be
// changed are the first complaint about file sinks.
type reason string

const (
	bySize  reason = "size"
	byAge   reason = "age"
	byIdle  reason = "idle"
	byLimit reason = "limit" // open_parts_max
	byEpoch reason = "epoch"
)

// part is a file being written.
type part struct {
	bucket  *bucket
	number  uint64
	file    filesystem.PendingWriter
	rows    format.Writer // into file
	records uint64
	created time.Time
	written time.Time // last time
	turn    uint64    // the writer's turn at the last write, to find the longest unwritten part
}

// isFull tells whether the next record goes to another part. A header alone fills none, or a size
// below it would have parts follow one another for ever.
func (p *part) isFull(sizeMax int64) bool { return p.records > 0 && p.rows.Size() > sizeMax }

// sealed is a part that is closed and not yet prepared.
type sealed struct {
	number  uint64
	records uint64
	until   int64 // of its bucket
	token   filesystem.Token
}

// sealer closes parts in goroutines, so that a task writes on while a disk syncs. It belongs to
// one writer.
type sealer struct {
	metrics *metrics
	slots   chan struct{}
	running sync.WaitGroup
	mu      struct {
		sync.Mutex
		done []sealed
		err  error // the first; it stays
	}
}

func newSealer(m *metrics, parallel int) *sealer {
	return &sealer{metrics: m, slots: make(chan struct{}, parallel)}
}

// seal closes p, waiting only while too many others are being closed. The part is closed even
// when the call that asked for it is over: Prepare or Close wait for it. One without records, all
// of which were refused, is no part.
func (s *sealer) seal(ctx context.Context, p *part, why reason) {
	ctx = context.WithoutCancel(ctx)
	until := p.bucket.until // the writer may change it meanwhile
	s.slots <- struct{}{}
	// Ends with the part's Close.
	s.running.Go(func() {
		defer func() { <-s.slots }()
		if p.records == 0 {
			s.fail(p.file.Abort(ctx))
			return
		}
		err := p.rows.Close()
		var token filesystem.Token
		if err == nil {
			token, err = p.file.Close(ctx)
		}
		if err == nil {
			err = failpoint.Hit("bucketing/after-close")
		}
		if err != nil {
			s.fail(errors.Join(err, p.file.Abort(ctx)))
			return
		}
		s.metrics.closed(why, token.Size)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.mu.done = append(s.mu.done, sealed{
			number: p.number, records: p.records, until: until, token: token,
		})
	})
}

func (s *sealer) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.err = cmp.Or(s.mu.err, err)
}

// err returns the first error so far.
func (s *sealer) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.err
}

// take waits for all parts and returns them in the order of their numbers.
func (s *sealer) take() ([]sealed, error) {
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.mu.done
	if s.mu.err != nil {
		return done, s.mu.err
	}
	s.mu.done = nil
	slices.SortFunc(done, func(a, b sealed) int { return cmp.Compare(a.number, b.number) })
	return done, nil
}
