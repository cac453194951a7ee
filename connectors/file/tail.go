package file

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// tailReadBytes is read from one followed file before the next one has its turn.
const tailReadBytes = 128 << 10

// tailReader follows files in turn. It is used by one goroutine (C1).
type tailReader struct {
	source *Source
	limits connectors.Limits
	scan   scanner
	files  []*follower
	turn   int  // index of the file whose turn it is
	loaded bool // the scanner holds bytes of that file
}

func newTailReader(s *Source, rc connectors.ReaderContext) *tailReader {
	return &tailReader{source: s, limits: rc.Limits}
}

// AddSplits implements connectors.SourceReader. A file is opened when its turn comes.
func (r *tailReader) AddSplits(_ context.Context, splits []checkpoint.Split) error {
	for _, s := range splits {
		pos, err := decodeTail(s.Position)
		if err != nil {
			return connectors.Permanent(fmt.Errorf("file source %s: split %s: %w",
				r.source.env.Name, s.ID, err))
		}
		r.files = append(r.files, newFollower(r.source, s.ID, pos))
	}
	return nil
}

// Poll implements connectors.SourceReader. It gives every file one turn and never waits: the task
// does, and a file that did not grow is looked at again only after a while.
func (r *tailReader) Poll(ctx context.Context, dst *connectors.Batch) error {
	if len(r.files) == 0 {
		return connectors.ErrEndOfInput
	}
	r.scan.rewind()
	budget := r.limits.Bytes
	for range len(r.files) {
		f := r.files[r.turn]
		if !r.loaded {
			ready, err := f.ready(ctx)
			if err != nil {
				return err
			}
			if ready {
				room, err := r.load(f, dst.Len() > 0)
				if !room || err != nil {
					return err
				}
			}
		}
		if r.loaded {
			if err := f.cut(&r.scan, dst, r.limits.Records, &budget); err != nil {
				return err
			}
			if dst.Len() >= r.limits.Records || budget <= 0 {
				return nil // the scanner may hold more of this file
			}
			if err := f.keep(r.scan.pending()); err != nil {
				return err
			}
			r.scan.drop()
			r.loaded = false
		}
		r.turn = (r.turn + 1) % len(r.files)
	}
	return nil
}

// load fills the scanner with what f kept and what it has to read, and reports whether there was
// room without moving lent records.
func (r *tailReader) load(f *follower, lent bool) (bool, error) {
	if !r.scan.reserve(len(f.rest)+readBytesMin, lent) {
		return false, nil
	}
	r.scan.put(f.rest)
	r.loaded = true
	if f.in == nil {
		return true, nil // the end of a file that is gone
	}
	n, err := r.scan.fill(f.in, tailReadBytes)
	r.source.metrics.bytes.Add(float64(n))
	if err = f.noteRead(n, err); err != nil {
		return false, err
	}
	return true, nil
}

// Snapshot implements connectors.SourceReader. Followed files never end.
func (r *tailReader) Snapshot(context.Context, checkpoint.Epoch) ([]checkpoint.Split, error) {
	out := make([]checkpoint.Split, 0, len(r.files))
	for _, f := range r.files {
		out = append(out, checkpoint.Split{ID: f.id, Position: f.position().encode()})
	}
	return out, nil
}

// Close implements connectors.SourceReader.
func (r *tailReader) Close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.close())
	}
	r.files = nil
	return errors.Join(errs...)
}

var _ connectors.SourceReader = (*tailReader)(nil)
