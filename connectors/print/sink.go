package printsink

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"

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
	if err != nil {
		return fmt.Errorf("printing to %s: %w", w.sink.stream, err)
	}
	return nil
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
