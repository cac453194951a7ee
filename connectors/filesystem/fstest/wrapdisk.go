package fstest

import (
	"io"

	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// WrapDisk returns disk with every call shown to the hooks first.
func WrapDisk(disk local.Disk, list ...Hook) local.Disk {
	return &hookedDisk{disk: disk, hooks: &hooks{list: list}}
}

type hookedDisk struct {
	disk  local.Disk
	hooks *hooks
}

func (d *hookedDisk) Create(p string) (f local.File, err error) {
	err = d.hooks.run(Op{Kind: Create, Path: p}, func() (err error) {
		f, err = d.disk.Create(p)
		return err
	})
	return d.file(p, f, err)
}

func (d *hookedDisk) file(p string, f local.File, err error) (local.File, error) {
	if err != nil {
		return nil, err
	}
	return &hookedFile{File: f, path: p, hooks: d.hooks}, nil
}

func (d *hookedDisk) Open(p string) (r io.ReadSeekCloser, err error) {
	err = d.hooks.run(Op{Kind: Open, Path: p}, func() (err error) {
		r, err = d.disk.Open(p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (d *hookedDisk) Stat(p string) (e local.Entry, err error) {
	err = d.hooks.run(Op{Kind: Stat, Path: p}, func() (err error) {
		e, err = d.disk.Stat(p)
		return err
	})
	return e, err
}

func (d *hookedDisk) ReadDir(dir string) (names []local.Name, err error) {
	err = d.hooks.run(Op{Kind: ReadDir, Path: dir}, func() (err error) {
		names, err = d.disk.ReadDir(dir)
		return err
	})
	return names, err
}

func (d *hookedDisk) Mkdir(dir string) error {
	return d.hooks.run(Op{Kind: Mkdir, Path: dir}, func() error { return d.disk.Mkdir(dir) })
}

func (d *hookedDisk) Link(from, to string) error {
	op := Op{Kind: Link, Path: from, To: to}
	return d.hooks.run(op, func() error { return d.disk.Link(from, to) })
}

func (d *hookedDisk) Rename(from, to string) error {
	op := Op{Kind: Rename, Path: from, To: to}
	return d.hooks.run(op, func() error { return d.disk.Rename(from, to) })
}

func (d *hookedDisk) Unlink(p string) error {
	return d.hooks.run(Op{Kind: Unlink, Path: p}, func() error { return d.disk.Unlink(p) })
}

func (d *hookedDisk) SyncDir(dir string) error {
	return d.hooks.run(Op{Kind: SyncDir, Path: dir}, func() error { return d.disk.SyncDir(dir) })
}

type hookedFile struct {
	local.File
	path  string
	hooks *hooks
}

func (f *hookedFile) Write(p []byte) (int, error) {
	fault := f.hooks.ask(Op{Kind: Write, Path: f.path, Bytes: len(p)})
	if fault.Err != nil && !fault.Done {
		n, err := f.File.Write(p[:fault.Short])
		if err != nil {
			return n, err
		}
		return n, fault.Err
	}
	n, err := f.File.Write(p)
	if err != nil {
		return n, err
	}
	return n, fault.Err
}

func (f *hookedFile) Sync() error {
	return f.hooks.run(Op{Kind: Sync, Path: f.path}, f.File.Sync)
}

func (f *hookedFile) Close() error {
	return f.hooks.run(Op{Kind: Close, Path: f.path}, f.File.Close)
}
