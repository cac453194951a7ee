package file

import (
	"context"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// reader reads ranges of files one after the other, each to its end. It is used by one goroutine
// (C1).
type reader struct {
	source  *Source
	limits  connectors.Limits
	scan    scanner
	queue   []checkpoint.Split // not begun, in order
	current *cursor            // nil between two splits
}

func newReader(s *Source, rc connectors.ReaderContext) *reader {
	return &reader{source: s, limits: rc.Limits}
}

// AddSplits implements connectors.SourceReader.
func (r *reader) AddSplits(_ context.Context, splits []checkpoint.Split) error {
	for _, s := range splits {
		if _, err := decodeRange(s.Position); err != nil {
			return connectors.Permanent(fmt.Errorf("file source %s: split %s: %w",
				r.source.env.Name, s.ID, err))
		}
	}
	r.queue = append(r.queue, splits...)
	return nil
}

// Poll implements connectors.SourceReader. Records of several small files may share a batch.
func (r *reader) Poll(ctx context.Context, dst *connectors.Batch) error {
	r.scan.rewind()
	budget := r.limits.Bytes
	for dst.Len() < r.limits.Records && budget > 0 {
		if r.current == nil {
			opened, err := r.openNext(ctx)
			if err != nil {
				return err
			}
			if !opened {
				break
			}
		}
		done, err := r.current.cut(&r.scan, dst, r.limits.Records, &budget)
		if err != nil {
			return err
		}
		if done {
			if err := r.finish(); err != nil {
				return err
			}
			continue
		}
		if dst.Len() >= r.limits.Records || budget <= 0 {
			break
		}
		more, err := r.readMore(ctx, dst.Len() > 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if dst.Len() == 0 && r.current == nil && len(r.queue) == 0 {
		return connectors.ErrEndOfInput
	}
	return nil
}

// openNext opens the next split that can be opened and reports whether there was one.
func (r *reader) openNext(ctx context.Context) (bool, error) {
	for len(r.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		s := r.queue[0]
		pos, err := decodeRange(s.Position)
		if err != nil {
			return false, err
		}
		c, err := r.source.openCursor(ctx, s.ID, pos)
		if err != nil && !r.source.skips(pos, err) {
			return false, err
		}
		r.queue = r.queue[1:]
		if err == nil {
			r.current = c
			return true, nil
		}
		r.source.metrics.skipped.Inc()
		r.source.env.Logger.Warn("skipping a file that changed before it was read",
			"source", r.source.env.Name, "path", pos.path, "offset", pos.next, "reason", err)
	}
	return false, nil
}

// readMore reads from the file once and reports whether there was room for it.
func (r *reader) readMore(ctx context.Context, lent bool) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	c := r.current
	if err := c.checkUnfinished(len(r.scan.pending())); err != nil {
		return false, err
	}
	if !r.scan.reserve(readBytesMin, lent) {
		return false, nil
	}
	n, err := c.fill(&r.scan)
	r.source.metrics.bytes.Add(float64(n))
	return true, err
}

// finish closes the current split and forgets it.
func (r *reader) finish() error {
	c := r.current
	r.current = nil
	r.scan.drop()
	r.source.metrics.finished.Inc()
	if err := c.close(); err != nil {
		return fmt.Errorf("closing %s: %w", c.pos.path, err)
	}
	return nil
}

// Snapshot implements connectors.SourceReader.
func (r *reader) Snapshot(context.Context, checkpoint.Epoch) ([]checkpoint.Split, error) {
	out := make([]checkpoint.Split, 0, len(r.queue)+1)
	if c := r.current; c != nil {
		out = append(out, checkpoint.Split{ID: c.id, Position: c.pos.encode()})
	}
	return append(out, r.queue...), nil
}

// Close implements connectors.SourceReader.
func (r *reader) Close() error {
	if r.current == nil {
		return nil
	}
	c := r.current
	r.current = nil
	return c.close()
}

var _ connectors.SourceReader = (*reader)(nil)
