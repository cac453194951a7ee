package compress

import (
	"cmp"
	"io"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// streamBlockBytes is compressed at once in a stream. The window of gzip is an eighth of it, so
// that blocks of their own cost next to nothing.
const streamBlockBytes = 256 << 10

// Writer compresses what another format.Writer makes, block by block (Z3).
type Writer struct {
	inner  format.Writer
	blocks *blocks
	closed bool
}

// NewWriter returns a writer into out that compresses, with p, what the writer makes that open
// returns.
func NewWriter(
	out io.Writer, p *Pool, open func(io.Writer) (format.Writer, error),
) (*Writer, error) {
	b := &blocks{out: out, pool: p}
	inner, err := open(b)
	if err != nil {
		return nil, err
	}
	return &Writer{inner: inner, blocks: b}, nil
}

// Append implements format.Writer.
func (w *Writer) Append(r *connectors.Record) error {
	if w.blocks.err != nil {
		return w.blocks.err
	}
	return w.inner.Append(r)
}

// Size implements format.Writer. A block counts once it is compressed.
func (w *Writer) Size() int64 { return w.blocks.size }

// Flush implements format.Writer. It ends a block.
func (w *Writer) Flush() error {
	return cmp.Or(w.blocks.err, w.inner.Flush(), w.blocks.flush())
}

// Close implements format.Writer. A stream without records is one empty block.
func (w *Writer) Close() error {
	if w.closed {
		return w.blocks.err
	}
	w.closed = true
	if err := cmp.Or(w.blocks.err, w.inner.Close(), w.blocks.flush()); err != nil {
		return err
	}
	if w.blocks.size == 0 {
		w.blocks.write(nil)
	}
	return w.blocks.err
}

// blocks gathers blocks and compresses them. Its first error stays.
type blocks struct {
	out  io.Writer
	pool *Pool
	raw  []byte // not compressed yet
	done []byte // memory to compress to
	size int64  // handed to out
	err  error
}

// Write implements io.Writer.
func (b *blocks) Write(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.raw = append(b.raw, p...)
	if len(b.raw) >= streamBlockBytes {
		if err := b.flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (b *blocks) flush() error {
	if b.err == nil && len(b.raw) > 0 {
		b.write(b.raw)
		b.raw = b.raw[:0]
	}
	return b.err
}

// write compresses raw and hands it on.
func (b *blocks) write(raw []byte) {
	if b.done, b.err = b.pool.Append(b.done[:0], raw); b.err != nil {
		return
	}
	n, err := b.out.Write(b.done)
	b.size += int64(n)
	if err == nil && n < len(b.done) {
		err = io.ErrShortWrite
	}
	b.err = err
}

var _ format.Writer = (*Writer)(nil)
