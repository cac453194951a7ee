package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	hdfsclient "github.com/colinmarc/hdfs/v2"
)

// Open implements filesystem.FileSystem.
func (f *FileSystem) Open(ctx context.Context, p string, offset int64) (io.ReadCloser, error) {
	r := &reader{fs: f, path: p}
	err := f.meta(ctx, func(c *hdfsclient.Client, _ bool) (err error) {
		r.file, err = c.Open(p)
		return err
	})
	if err != nil {
		return nil, f.wrap("opening", p, err)
	}
	if r.file.Stat().IsDir() {
		return nil, fmt.Errorf("opening %s: it is a folder", p)
	}
	r.size = r.file.Stat().Size()
	if offset > r.size {
		// As on a disk: there is nothing to read behind the end.
		offset = r.size
	}
	if _, err := r.file.Seek(offset, io.SeekStart); err != nil {
		return nil, f.wrap("seeking in", p, errors.Join(err, r.file.Close()))
	}
	r.at = offset
	return r, nil
}

// reader reads a file up to the length that it had when it was opened.
type reader struct {
	fs       *FileSystem
	path     string
	file     *hdfsclient.FileReader
	at, size int64
}

// Read implements io.Reader. Its end of file is the file's: that of a connection is an error.
func (r *reader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	if err := r.file.SetDeadline(time.Now().Add(transferMax)); err != nil {
		return 0, r.fs.wrap("reading", r.path, err)
	}
	n, err := r.file.Read(p)
	r.at += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, r.fs.wrap("reading", r.path, err)
}

// Close implements io.Closer.
func (r *reader) Close() error { return r.fs.wrap("closing", r.path, r.file.Close()) }
