package fstest

import (
	"context"
	"io"
	"iter"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Wrap returns fs with every call shown to the hooks first, on the level of the contract.
func Wrap(fs filesystem.FileSystem, list ...Hook) filesystem.FileSystem {
	return &hookedFileSystem{FileSystem: fs, hooks: &hooks{list: list}}
}

type hookedFileSystem struct {
	filesystem.FileSystem
	hooks *hooks
}

func (h *hookedFileSystem) Stat(ctx context.Context, p string) (i filesystem.Info, err error) {
	err = h.hooks.run(Op{Kind: Stat, Path: p}, func() (err error) {
		i, err = h.FileSystem.Stat(ctx, p)
		return err
	})
	return i, err
}

func (h *hookedFileSystem) List(
	ctx context.Context, dir string, nested bool,
) iter.Seq2[filesystem.Info, error] {
	if fault := h.hooks.ask(Op{Kind: List, Path: dir}); fault.Err != nil {
		return func(yield func(filesystem.Info, error) bool) {
			yield(filesystem.Info{}, fault.Err)
		}
	}
	return h.FileSystem.List(ctx, dir, nested)
}

func (h *hookedFileSystem) Open(
	ctx context.Context, p string, offset int64,
) (r io.ReadCloser, err error) {
	err = h.hooks.run(Op{Kind: Open, Path: p}, func() (err error) {
		r, err = h.FileSystem.Open(ctx, p, offset)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (h *hookedFileSystem) CreatePending(
	ctx context.Context, name filesystem.PendingName,
) (w filesystem.PendingWriter, err error) {
	err = h.hooks.run(Op{Kind: CreatePending, Path: name.Target}, func() (err error) {
		w, err = h.FileSystem.CreatePending(ctx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &hookedWriter{PendingWriter: w, target: name.Target, hooks: h.hooks}, nil
}

func (h *hookedFileSystem) Publish(ctx context.Context, t filesystem.Token) error {
	op := Op{Kind: Publish, Path: t.Target}
	return h.hooks.run(op, func() error { return h.FileSystem.Publish(ctx, t) })
}

func (h *hookedFileSystem) Discard(ctx context.Context, t filesystem.Token) error {
	op := Op{Kind: Discard, Path: t.Target}
	return h.hooks.run(op, func() error { return h.FileSystem.Discard(ctx, t) })
}

func (h *hookedFileSystem) ListStrays(
	ctx context.Context, root, job string,
) iter.Seq2[filesystem.Stray, error] {
	if fault := h.hooks.ask(Op{Kind: ListStrays, Path: root}); fault.Err != nil {
		return func(yield func(filesystem.Stray, error) bool) {
			yield(filesystem.Stray{}, fault.Err)
		}
	}
	return h.FileSystem.ListStrays(ctx, root, job)
}

func (h *hookedFileSystem) PublishExclusive(ctx context.Context, p string, data []byte) error {
	op := Op{Kind: PublishExclusive, Path: p, Bytes: len(data)}
	return h.hooks.run(op, func() error { return h.FileSystem.PublishExclusive(ctx, p, data) })
}

func (h *hookedFileSystem) ReadFile(
	ctx context.Context, p string, sizeMax int64,
) (data []byte, err error) {
	err = h.hooks.run(Op{Kind: ReadFile, Path: p}, func() (err error) {
		data, err = h.FileSystem.ReadFile(ctx, p, sizeMax)
		return err
	})
	return data, err
}

func (h *hookedFileSystem) WriteFile(ctx context.Context, p string, data []byte) error {
	op := Op{Kind: WriteFile, Path: p, Bytes: len(data)}
	return h.hooks.run(op, func() error { return h.FileSystem.WriteFile(ctx, p, data) })
}

func (h *hookedFileSystem) Remove(ctx context.Context, p string) error {
	op := Op{Kind: Remove, Path: p}
	return h.hooks.run(op, func() error { return h.FileSystem.Remove(ctx, p) })
}

type hookedWriter struct {
	filesystem.PendingWriter
	target string
	hooks  *hooks
	err    error // the first error stays, as of any pending writer (F5)
}

func (w *hookedWriter) Write(p []byte) (n int, err error) {
	if w.err != nil {
		return 0, w.err
	}
	w.err = w.hooks.run(Op{Kind: Write, Path: w.target, Bytes: len(p)}, func() (err error) {
		n, err = w.PendingWriter.Write(p)
		return err
	})
	return n, w.err
}

func (w *hookedWriter) Close(ctx context.Context) (t filesystem.Token, err error) {
	if w.err != nil {
		return filesystem.Token{}, w.err
	}
	w.err = w.hooks.run(Op{Kind: Close, Path: w.target}, func() (err error) {
		t, err = w.PendingWriter.Close(ctx)
		return err
	})
	return t, w.err
}

func (w *hookedWriter) Abort(ctx context.Context) error {
	op := Op{Kind: Abort, Path: w.target}
	return w.hooks.run(op, func() error { return w.PendingWriter.Abort(ctx) })
}
