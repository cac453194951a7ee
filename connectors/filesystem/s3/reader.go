package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

const (
	// stallMax bounds the wait for the next bytes of an object.
	stallMax = 60 * time.Second
	// resumesMax is how often a reader goes on behind a broken connection without a byte in between.
	// Servers close connections of readers that take their time, which is nothing to tell.
	resumesMax = 5
)

var (
	// errRange is what a reader gets from a server that would have it read bytes twice.
	errRange = errors.New("the server or a proxy before it answers another range than was asked for")
	// errLength is what a reader gets that could not tell the end from a connection that broke.
	errLength = errors.New("the server or a proxy before it leaves out the length of the object")
	// errStalled is what came of an answer that stopped.
	errStalled = fmt.Errorf("no byte for %v: %w", stallMax, os.ErrDeadlineExceeded)
)

// Open implements filesystem.FileSystem. The reader sees one version of the object: when it has to
// ask again it asks for that one.
func (f *FileSystem) Open(ctx context.Context, p string, offset int64) (io.ReadCloser, error) {
	return f.open(ctx, p, offset, nil)
}

// open reads the version of an object that has the tag; nil is any.
func (f *FileSystem) open(
	ctx context.Context, p string, offset int64, tag *string,
) (io.ReadCloser, error) {
	r := &reader{fs: f, path: p, at: offset, tag: tag}
	if tag != nil {
		r.sentinel = filesystem.ErrDamaged
	}
	r.get = func() error { return r.fetch(context.WithoutCancel(ctx)) }
	if err := r.fetch(ctx); err != nil {
		return nil, f.wrap("opening", p, err)
	}
	return r, nil
}

// reader reads an object. The bytes of one answer may come over minutes, for as long as they come.
type reader struct {
	fs       *FileSystem
	path     string
	get      func() error // fetches from at on: a Read has no context of its own
	tag      *string      // of the version that is read; nil is any, before the first answer
	sentinel error        // of another version than the one that was asked for; nil is none
	at, size int64
	body     io.ReadCloser // nil when there is none
	stop     context.CancelFunc
	fruit    int // answers without a byte
}

// fetch asks for the bytes from at on. ctx ends the wait for the answer, not its body.
func (r *reader) fetch(ctx context.Context) error {
	return r.fs.persist(ctx, func(bool) error {
		if err := r.fs.meet(ctx); err != nil {
			return err
		}
		reading, stop := context.WithCancel(context.WithoutCancel(ctx))
		unbind := context.AfterFunc(ctx, stop)
		in := &client.GetObjectInput{Bucket: &r.fs.bucket, Key: keyOf(r.path), IfMatch: r.tag}
		if r.at > 0 {
			in.Range = aws.String("bytes=" + strconv.FormatInt(r.at, 10) + "-")
		}
		out, err := r.fs.client.GetObject(reading, in)
		if !unbind() && err == nil { // ctx has ended meanwhile
			err = errors.Join(ctx.Err(), out.Body.Close())
		}
		if err == nil {
			if wrong := r.check(out); wrong != nil {
				err = errors.Join(wrong, out.Body.Close())
			}
		}
		switch {
		case err == nil:
			r.body, r.stop, r.tag = out.Body, stop, out.ETag
			r.size = r.at + aws.ToInt64(out.ContentLength)
			return nil
		case codeOf(err) == codeInvalidRange: // behind the end there is nothing to read
			stop()
			r.size = r.at
			return nil
		case codeOf(err) == codePrecondition && r.tag != nil:
			err = filesystem.Explain(r.replaced(), err, r.sentinel)
		}
		stop()
		return err
	})
}

// replaced says what another version means.
func (r *reader) replaced() string {
	if r.sentinel != nil {
		return "it was replaced since it was written"
	}
	return "it was replaced while it was read"
}

// check holds an answer against the question.
func (r *reader) check(out *client.GetObjectOutput) error {
	begin := "bytes " + strconv.FormatInt(r.at, 10) + "-"
	switch {
	case r.at > 0 && !strings.HasPrefix(aws.ToString(out.ContentRange), begin):
		return errRange
	case out.ContentLength == nil:
		return errLength
	}
	return nil
}

// Read implements io.Reader. Its end of file is the object's: that of a connection is followed by
// another question.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.at < r.size {
		if r.body == nil {
			if err := r.get(); err != nil {
				return 0, r.fs.wrap("reading", r.path, err)
			}
			continue
		}
		n, err := r.receive(p)
		r.at += int64(n)
		if err != nil {
			err = errors.Join(err, r.drop())
		}
		if n > 0 {
			r.fruit = 0
			return n, nil
		}
		if r.fruit++; err != nil && r.fruit > resumesMax {
			return 0, r.fs.wrap("reading", r.path, err)
		}
	}
	return 0, io.EOF
}

// receive reads from the answer for stallMax at most.
func (r *reader) receive(p []byte) (int, error) {
	timer := time.AfterFunc(stallMax, r.stop)
	n, err := r.body.Read(p[:min(int64(len(p)), r.size-r.at)])
	if !timer.Stop() && err != nil {
		return n, errStalled // and not that somebody cancelled
	}
	if errors.Is(err, io.EOF) && r.at+int64(n) < r.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (r *reader) drop() error {
	if r.body == nil {
		return nil
	}
	r.stop()
	err := r.body.Close()
	r.body = nil
	return err
}

// Close implements io.Closer. That the rest of an answer is not wanted is no error.
func (r *reader) Close() error {
	_ = r.drop()
	r.at = r.size
	return nil
}
