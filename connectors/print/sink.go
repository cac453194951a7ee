package printsink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"syscall"

	"github.com/wasmflow/wasmflow/connectors"
)

// bufferKeepMax bounds the buffer that a writer keeps between batches, so that one huge record
// does not hold its memory for the rest of the job.
const bufferKeepMax = 8 << 20

// null is how a null value is shown.
const null = "null"

// Sink prints to one stream.
type Sink struct {
	stream, id  string
	parallelism int
	to          *lockedWriter
}

// OpenWriter opens the writer of one task.
func (s *Sink) OpenWriter(
	_ context.Context, wc connectors.WriterContext,
) (connectors.SinkWriter, error) {
	return &writer{sink: s, prefix: prefixOf(s.id, wc.Task, s.parallelism)}, nil
}

// Close does nothing: the streams belong to the process.
func (s *Sink) Close() error { return nil }

// prefixOf returns what stands before every line of a task. Tasks are shown from 1.
func prefixOf(id string, task, parallelism int) string {
	number := strconv.Itoa(task + 1)
	switch {
	case id != "" && parallelism > 1:
		return id + ":" + number + "> "
	case id != "":
		return id + "> "
	case parallelism > 1:
		return number + "> "
	default:
		return ""
	}
}

type writer struct {
	sink   *Sink
	prefix string
	buf    []byte
}

// Write prints b with one Write of the stream.
func (w *writer) Write(_ context.Context, b *connectors.Batch) error {
	w.buf = w.buf[:0]
	for i := range b.Records {
		w.buf = append(w.buf, w.prefix...)
		if v := b.Records[i].Value; v != nil {
			w.buf = append(w.buf, v...)
		} else {
			w.buf = append(w.buf, null...)
		}
		w.buf = append(w.buf, '\n')
	}
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.sink.to.Write(w.buf)
	if cap(w.buf) > bufferKeepMax {
		w.buf = nil
	}
	return w.sink.ended(err)
}

// ended words what the stream says of a write; a nil err stays nil. No restart opens the stream
// again: it is the process that was given it.
func (s *Sink) ended(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("printing to %s: %w", s.stream, err)
	if errors.Is(err, syscall.EPIPE) {
		err = fmt.Errorf("%w: whatever read it has gone; run the job again with a reader that "+
			"stays, it goes on from the last epoch", err)
	}
	return connectors.Permanent(err)
}

// Flush does nothing: Write hands everything over.
func (w *writer) Flush(context.Context) error { return nil }

func (w *writer) Close() error { return nil }

// lockedWriter lets one Write run at a time.
type lockedWriter struct {
	mu sync.Mutex // held during Write of w, which is what it orders
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

var (
	_ connectors.Sink       = (*Sink)(nil)
	_ connectors.SinkWriter = (*writer)(nil)
)
