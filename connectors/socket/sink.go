package socket

import (
	"context"
	"fmt"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// windowBytesMin is how much of what a writer has sent since its last Flush is kept at the
	// least, to be sent again (K4): as much as Linux lets the send buffer of a connection grow
	// to, which is what a dead peer can leave unsent.
	windowBytesMin = 4 << 20
	// windowBytesMax is where older records are given up, down to windowBytesMin. The distance
	// makes moving the rest cheap per byte.
	windowBytesMax = 2 * windowBytesMin
	// windowKeepMax bounds what a writer keeps for re-use over a Flush, so that one huge record
	// does not hold its memory for the rest of the job.
	windowKeepMax = 2 * windowBytesMax
)

// Sink is the opened sink. Its writers share one connection (K3).
type Sink struct {
	delimiter string
	// turn holds the link while nobody uses it. A channel rather than a lock, because whoever
	// holds the link may wait long for the server, and the others must hear of an end meanwhile.
	turn chan *link
}

// OpenWriter opens the writer of one task.
func (s *Sink) OpenWriter(
	_ context.Context, wc connectors.WriterContext,
) (connectors.SinkWriter, error) {
	return &writer{sink: s, faults: wc.Faults}, nil
}

// Close closes the connection. All writers must be closed.
func (s *Sink) Close() error {
	l := <-s.turn
	defer func() { s.turn <- l }()
	return l.close()
}

// with calls f while it holds the link.
func (s *Sink) with(ctx context.Context, f func(*link) error) error {
	select {
	case l := <-s.turn:
		defer func() { s.turn <- l }()
		return f(l)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writer sends the records of one task.
type writer struct {
	sink   *Sink
	faults func(*connectors.Record, connectors.Fault) error

	window     []byte // records since the last Flush, the oldest perhaps given up
	ends       []int  // where the batches in window end
	sent       int    // bytes of window sent over the connection of generation
	generation uint64
}

// Write sends the records of b. When it returns they are in the hands of the kernel.
func (w *writer) Write(ctx context.Context, b *connectors.Batch) error {
	w.trim()
	for i := range b.Records {
		r := &b.Records[i]
		if r.Value == nil {
			if err := w.refuse(r, i); err != nil {
				return err
			}
			continue
		}
		w.window = append(w.window, r.Value...)
		w.window = append(w.window, w.sink.delimiter...)
	}
	w.ends = append(w.ends, len(w.window))
	return w.push(ctx, false)
}

// refuse hands on a record with a null value, which a stream of bytes cannot tell from an empty
// one.
func (w *writer) refuse(r *connectors.Record, index int) error {
	const text = "a null value cannot be written to a socket"
	if w.faults == nil {
		return fmt.Errorf("writing record %d of a batch: %s", index, text)
	}
	return w.faults(r, connectors.Fault{Index: index, Text: text, Function: name})
}

// trim gives up the oldest batches of a window that has grown too large.
func (w *writer) trim() {
	if len(w.window) <= windowBytesMax {
		return
	}
	n := 0
	for n < len(w.ends)-1 && len(w.window)-w.ends[n] >= windowBytesMin {
		n++
	}
	if n == 0 {
		return
	}
	cut := w.ends[n-1]
	w.window = w.window[:copy(w.window, w.window[cut:])]
	w.ends = w.ends[:copy(w.ends, w.ends[n:])]
	for i := range w.ends {
		w.ends[i] -= cut
	}
	w.sent = max(0, w.sent-cut)
}

// push sends what is not sent yet over the connection that stands, or all of the window over a
// new one (K4). With settle it returns only when that connection is proven.
func (w *writer) push(ctx context.Context, settle bool) error {
	return w.sink.with(ctx, func(l *link) error {
		for {
			if err := l.connect(ctx); err != nil {
				return err
			}
			if w.generation != l.generation {
				w.generation, w.sent = l.generation, 0
			}
			err := l.send(ctx, w.window[w.sent:])
			if err == nil && settle {
				err = l.settle(ctx)
			}
			if err == nil {
				w.sent = len(w.window)
				return nil
			}
			if err := l.broke(ctx, err); err != nil {
				return err
			}
		}
	})
}

// Flush makes sure that what was written since the last Flush went out over a proven connection
// that is not known to be broken. It is in the hands of the kernel then; what a server that dies
// later had not read is lost.
func (w *writer) Flush(ctx context.Context) error {
	if len(w.window) == 0 {
		return nil
	}
	if err := w.push(ctx, true); err != nil {
		return err
	}
	w.window, w.ends, w.sent = w.window[:0], w.ends[:0], 0
	if cap(w.window) > windowKeepMax {
		w.window = nil
	}
	return nil
}

// Close does nothing: the sink holds the connection.
func (w *writer) Close() error { return nil }

var (
	_ connectors.Sink       = (*Sink)(nil)
	_ connectors.SinkWriter = (*writer)(nil)
)
