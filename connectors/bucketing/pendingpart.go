package bucketing

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// addPart copies a pending part whole.
func addPart(ctx context.Context, to format.Joining, p *heldPart) error {
	reads, ok := p.fs.(filesystem.PendingReader)
	if !ok {
		return errNoPendingReads
	}
	in := &pendingPart{ctx: ctx, fs: reads, token: p.token}
	err := to.Add(in)
	if err == nil && !in.ended {
		err = fmt.Errorf("%w: it was not read to its end", filesystem.ErrDamaged)
	}
	if err = errors.Join(err, in.close()); err != nil {
		return fmt.Errorf("reading %s, held back since epoch %d: %w", p.token.Target, p.epoch, err)
	}
	return nil
}

// pendingPart is a held part that is read. One that has another length than when it was closed is an
// error for whoever reads its end: records must not get lost, nor bytes of no record get in.
type pendingPart struct {
	ctx   context.Context // of the joining, which ends with it
	fs    filesystem.PendingReader
	token filesystem.Token
	first io.ReadCloser // of Read; nil before it
	ended bool          // somebody got to the end
}

// Size implements format.File.
func (p *pendingPart) Size() int64 { return p.token.Size }

// Read implements format.File.
func (p *pendingPart) Read(b []byte) (n int, err error) {
	if p.first == nil {
		if p.first, err = p.OpenAt(0); err != nil {
			return 0, err
		}
	}
	return p.first.Read(b)
}

// OpenAt implements format.File.
func (p *pendingPart) OpenAt(offset int64) (io.ReadCloser, error) {
	if err := p.ctx.Err(); err != nil {
		return nil, err
	}
	in, err := p.fs.OpenPending(p.ctx, p.token, offset)
	if isNotFound(err) {
		return nil, checkpoint.ErrLost
	}
	if err != nil {
		return nil, err
	}
	return &pendingBytes{of: p, in: in, at: offset}, nil
}

func (p *pendingPart) close() error {
	if p.first == nil {
		return nil
	}
	return p.first.Close()
}

// pendingBytes reads a part from some byte on.
type pendingBytes struct {
	of *pendingPart
	in io.ReadCloser
	at int64
}

// Read implements io.Reader. Bytes at the end are handed out only when it is where it was.
func (r *pendingBytes) Read(b []byte) (int, error) {
	if err := r.of.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.in.Read(b)
	r.at += int64(n)
	size := r.of.token.Size
	if err == nil && r.at == size {
		var more [1]byte
		var beyond int
		beyond, err = io.ReadFull(r.in, more[:])
		r.at += int64(beyond)
	}
	switch {
	case r.at > size:
		return 0, fmt.Errorf("%w: it has more than %d bytes", filesystem.ErrDamaged, size)
	case err == io.EOF && r.at < size:
		return 0, fmt.Errorf("%w: it has %d bytes, not %d", filesystem.ErrDamaged, r.at, size)
	case err == io.EOF:
		r.of.ended = true
	}
	return n, err
}

// Close implements io.Closer.
func (r *pendingBytes) Close() error { return r.in.Close() }

var _ format.File = (*pendingPart)(nil)
