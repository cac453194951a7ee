package hdfs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	hdfsclient "github.com/colinmarc/hdfs/v2"
)

// readBufferBytes is what Open reads ahead at most.
const readBufferBytes = 64 << 10

// Open implements filesystem.FileSystem. It reads the first bytes, for which the NameNode tells
// where all blocks are: what follows is between the reader and DataNodes, so that a NameNode that
// is away is waited for here, where ctx can end it.
func (f *FileSystem) Open(ctx context.Context, p string, offset int64) (io.ReadCloser, error) {
	var r *reader
	err := f.meta(ctx, "opening "+p, func(c *hdfsclient.Client, _ bool) error {
		file, err := c.Open(p)
		if err != nil {
			return f.wrap("opening", p, err)
		}
		r = &reader{fs: f, path: p, file: file, size: file.Stat().Size()}
		if err := r.begin(offset); err != nil {
			return errors.Join(err, file.Close())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{r.ahead, r}, nil
}

// reader reads a file up to the length that it had when it was opened.
type reader struct {
	fs       *FileSystem
	path     string
	file     *hdfsclient.FileReader
	at, size int64
	ahead    *bufio.Reader // reads from this
}

// begin goes to offset. Behind the end there is nothing to read, as on a disk.
func (r *reader) begin(offset int64) error {
	if r.file.Stat().IsDir() {
		return fmt.Errorf("opening %s: it is a folder", r.path)
	}
	r.at = min(offset, r.size)
	if _, err := r.file.Seek(r.at, io.SeekStart); err != nil {
		return r.fs.wrap("seeking in", r.path, err)
	}
	r.ahead = bufio.NewReaderSize(r, readBufferBytes)
	if _, err := r.ahead.Peek(1); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
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
