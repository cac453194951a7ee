package file

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors"
	format "github.com/wasmflow/wasmflow/connectors/format/lines"
)

const (
	// rowsBytesMax is gathered before it goes to the file: it stays in the first-level cache.
	rowsBytesMax = 16 << 10
	// rowsKeepMax bounds the buffer that is kept, so that one huge record does not hold its
	// memory for the rest of the job.
	rowsKeepMax = 1 << 20
)

// sinkWriter writes the file of one task.
type sinkWriter struct {
	sink    *Sink
	context connectors.WriterContext
	encoder *format.Encoder
	out     *output
	rows    []byte
	dirty   bool // readers do not see everything yet
	err     error
	closed  bool
}

// Write implements connectors.SinkWriter.
func (w *sinkWriter) Write(_ context.Context, b *connectors.Batch) error {
	if w.err == nil {
		w.err = w.write(b)
	}
	return w.err
}

func (w *sinkWriter) write(b *connectors.Batch) error {
	for i := range b.Records {
		rows, err := w.encoder.Append(w.rows, &b.Records[i])
		if err != nil {
			if err := w.refuse(b, i, err); err != nil {
				return err
			}
			continue
		}
		w.rows = rows
		if len(w.rows) >= rowsBytesMax {
			if err := w.push(); err != nil {
				return err
			}
		}
	}
	if err := w.push(); err != nil {
		return err
	}
	return failpoint.Hit("file/after-write")
}

// push hands the encoded rows to the file.
func (w *sinkWriter) push() error {
	if len(w.rows) == 0 {
		return nil
	}
	_, err := w.out.writer.Write(w.rows)
	w.dirty = true
	w.rows = w.rows[:0]
	if cap(w.rows) > rowsKeepMax {
		w.rows = nil
	}
	return err
}

// refuse reports a record that has no form in the file.
func (w *sinkWriter) refuse(b *connectors.Batch, i int, err error) error {
	r := &b.Records[i]
	if w.context.Faults == nil {
		return fmt.Errorf("record %d.%d of a batch: %w", i, r.Ordinal, err)
	}
	return w.context.Faults(r, connectors.Fault{Index: i, Text: err.Error(), Function: "file"})
}

// Flush implements connectors.SinkWriter: readers see everything.
func (w *sinkWriter) Flush(context.Context) error {
	if w.err == nil && w.dirty {
		w.err = w.out.writer.Flush()
		w.dirty = false
	}
	return w.err
}

// OnTime implements connectors.TimeListener: a slow stream is seen as it comes.
func (w *sinkWriter) OnTime(ctx context.Context, _ time.Time) error { return w.Flush(ctx) }

// Prepare implements checkpoint.Preparer: the length goes into the manifest, whether it changed or
// not, because a new owner is told of the newest epoch only. Task 0 speaks for the files of tasks
// that there are no more.
func (w *sinkWriter) Prepare(
	ctx context.Context, e checkpoint.Epoch,
) ([]checkpoint.Committable, error) {
	if w.err != nil {
		return nil, w.err
	}
	if w.err = w.settle(ctx); w.err != nil {
		return nil, fmt.Errorf("preparing epoch %d: %w", e, w.err)
	}
	s := w.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	w.out.prepared = w.out.writer.Size()
	told := []*output{w.out}
	if w.context.Task == 0 {
		told = append(told, s.orphans()...)
	}
	cs := make([]checkpoint.Committable, 0, len(told))
	for _, out := range told {
		cs = append(cs, checkpoint.Committable{
			Sink: s.env.Name, Task: out.task, Epoch: e, Claim: w.context.Owner.Number,
			Version: fileLengthVersion,
			Data: fileLength{
				base: s.config.Path, root: s.root, target: out.target, live: out.live,
				length: out.prepared,
			}.encode(),
		})
	}
	return cs, nil
}

// settle makes the file durable and looks whether readers still see it.
func (w *sinkWriter) settle(ctx context.Context) error {
	if w.out.writer.Size() != w.out.prepared {
		if err := w.out.writer.Sync(ctx); err != nil {
			return err
		}
		w.dirty = false
	}
	if err := w.sink.shown(ctx, w.out); err != nil {
		return err
	}
	return failpoint.Hit("file/after-prepare")
}

// orphans returns the files that no task of this claim writes, in order. s.mu is held.
func (s *Sink) orphans() []*output {
	var orphans []*output
	for _, out := range s.mu.outputs {
		if !out.taken {
			orphans = append(orphans, out)
		}
	}
	slices.SortFunc(orphans, func(a, b *output) int { return cmp.Compare(a.target, b.target) })
	return orphans
}

// Close implements connectors.SinkWriter. The sink closes the file, which it may need again.
func (w *sinkWriter) Close() error {
	if !w.closed && w.err == nil {
		w.err = fmt.Errorf("writing %s: the writer is closed", w.out.target)
	}
	w.closed = true
	return nil
}

var (
	_ connectors.SinkWriter   = (*sinkWriter)(nil)
	_ connectors.TimeListener = (*sinkWriter)(nil)
	_ checkpoint.Preparer     = (*sinkWriter)(nil)
)
