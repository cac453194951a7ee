package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

const (
	// partBytes is gathered before a part of an upload is sent: the least that S3 takes of all parts
	// but the last one, because it stands in memory for every file that is written. Some servers ask
	// for parts of one size.
	partBytes = 5 << 20
	// partsMax is how many parts S3 takes for one object, which bounds it to 48 GiB here.
	partsMax = 10_000
	// bufferBytesMin is the first size of a part's buffer: many files stay small.
	bufferBytesMin = 64 << 10
	// abortMax bounds the removal of a part that is given up. What stays is found as a stray.
	abortMax = 10 * time.Second
)

var (
	// errPartClosed is what a write after Close gets.
	errPartClosed = errors.New("part is closed")
	// errTooLong is what a write to a part gets that is full.
	errTooLong = fmt.Errorf("an object of more than %d parts of %d bytes; roll parts earlier",
		partsMax, partBytes)
	// errNoTag is what a part gets whose upload was answered without the tag that completing asks for:
	// later, when the part is committed, would be too late to find out.
	errNoTag = errors.New("the server or a proxy before it leaves out the ETag of a part")
	// errMarkerGone is what the owner of a part meets that another owner has discarded.
	errMarkerGone = errors.New("another owner has discarded the part")
)

// CreatePending implements filesystem.FileSystem. It sends nothing: a part that fits into one part
// of an upload leaves no trace until it is closed.
func (f *FileSystem) CreatePending(
	ctx context.Context, name filesystem.PendingName,
) (filesystem.PendingWriter, error) {
	if err := errors.Join(ctx.Err(), name.Validate()); err != nil {
		return nil, fmt.Errorf("creating part %s: %w", name.Part, err)
	}
	w := &pendingWriter{
		upload: upload{fs: f, marker: name.PendingPath(), target: name.Target},
		final:  name.Target, buffer: f.buffers.Get().(*[]byte),
	}
	if name.Readable {
		w.target, w.staged, w.nonce = w.marker, true, f.newNonce()
	}
	return w, nil
}

// pendingWriter writes one part.
type pendingWriter struct {
	upload
	final  string  // path of the part when it is published
	buffer *[]byte // nil once closed or aborted
	size   int64
	err    error // the first error stays (F5)
	sealed bool  // Close returned a token
}

// Write implements io.Writer. It has no context; partMax and awayMax bound it.
func (w *pendingWriter) Write(p []byte) (int, error) {
	if w.err != nil || w.buffer == nil {
		return 0, w.stuck()
	}
	if w.staged && w.size+int64(len(p)) > copyBytesMax {
		w.err = w.fs.wrap("writing", w.final, errTooLongToCopy)
		return 0, w.err
	}
	written := 0
	for len(p) > 0 {
		if len(*w.buffer) == partBytes {
			if w.err = w.send(context.Background(), *w.buffer); w.err != nil {
				return written, w.err
			}
			*w.buffer = (*w.buffer)[:0]
		}
		n := min(len(p), partBytes-len(*w.buffer))
		*w.buffer = appendWithin(*w.buffer, p[:n])
		w.size += int64(n)
		written += n
		p = p[n:]
	}
	return written, nil
}

// appendWithin appends to a buffer that grows by doubling, but not beyond a part.
func appendWithin(buffer, p []byte) []byte {
	if need := len(buffer) + len(p); need > cap(buffer) {
		grown := make([]byte, len(buffer), min(partBytes, max(need, 2*cap(buffer), bufferBytesMin)))
		copy(grown, buffer)
		buffer = grown
	}
	return append(buffer, p...)
}

func (w *pendingWriter) stuck() error {
	if w.err != nil {
		return w.err
	}
	return w.fs.wrap("writing", w.final, errPartClosed)
}

// Size implements filesystem.PendingWriter.
func (w *pendingWriter) Size() int64 { return w.size }

// Close implements filesystem.PendingWriter. After an error the part stays for Abort. An empty
// object is an upload of one empty part.
func (w *pendingWriter) Close(ctx context.Context) (filesystem.Token, error) {
	if w.err != nil || w.buffer == nil {
		return filesystem.Token{}, w.stuck()
	}
	if err := ctx.Err(); err != nil {
		return filesystem.Token{}, w.fs.wrap("closing", w.final, err)
	}
	data, err := w.finish(ctx)
	w.release()
	if err == nil && w.staged {
		err = failpoint.Hit("s3/after-stage")
	}
	if w.err = err; err != nil {
		return filesystem.Token{}, err
	}
	w.sealed = true
	t := filesystem.Token{Version: tokenVersion, Target: w.final, Size: w.size, Data: data}
	if w.staged {
		t.Version = stagedVersion
	}
	return t, nil
}

// finish sends what is left and returns the data of the part's token.
func (w *pendingWriter) finish(ctx context.Context) ([]byte, error) {
	if w.staged && len(w.tags) == 0 {
		return w.stage(ctx, *w.buffer)
	}
	if len(*w.buffer) > 0 || len(w.tags) == 0 {
		if err := w.send(ctx, *w.buffer); err != nil {
			return nil, err
		}
	}
	if w.staged {
		return w.stageUpload(ctx, w.size)
	}
	return w.encode(), nil
}

func (w *pendingWriter) release() {
	*w.buffer = (*w.buffer)[:0]
	w.fs.buffers.Put(w.buffer)
	w.buffer = nil
}

// Abort implements filesystem.PendingWriter. It works with a cancelled context, too.
func (w *pendingWriter) Abort(ctx context.Context) error {
	if w.sealed {
		return nil
	}
	if w.buffer != nil {
		w.release()
	}
	if w.err == nil {
		w.err = w.fs.wrap("writing", w.final, os.ErrClosed)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortMax)
	defer cancel()
	return w.drop(ctx)
}

var _ filesystem.PendingWriter = (*pendingWriter)(nil)

// upload is a multipart upload and its marker.
type upload struct {
	fs             *FileSystem
	marker, target string // paths
	staged         bool   // both are one: the object is not the part's last form
	nonce          string // of what is put in the marker's place, if staged
	begun          bool   // the marker may stand
	id             string // "" before the upload is known
	tags           []string
}

// begin puts the marker and then creates the upload (O1).
func (u *upload) begin(ctx context.Context) error {
	u.begun = true
	if err := u.mark(ctx); err != nil {
		return u.fs.wrap("marking", u.target, err)
	}
	if err := failpoint.Hit("s3/after-marker"); err != nil {
		return err
	}
	var err error
	if u.id, err = u.fs.create(ctx, u.target, u.metadata()); err != nil {
		return u.fs.wrap("beginning", u.target, err)
	}
	if err := failpoint.Hit("s3/after-create"); err != nil {
		return err
	}
	_, err = u.fs.head(ctx, u.marker) // O2
	if isNotFound(err) {
		err = errMarkerGone
	}
	return u.fs.wrap("beginning", u.target, err)
}

// mark puts the marker. Where the part will take its place it must not come late (O8).
func (u *upload) mark(ctx context.Context) error {
	if !u.staged {
		return u.fs.put(ctx, u.marker, []byte(u.target))
	}
	_, err := u.putNew(ctx, []byte(u.target), map[string]string{nonceKey: u.nonce})
	return err
}

// create begins an upload. After a lost answer there is one that nobody knows, which is ended before
// another begins; for this the library must not ask twice by itself.
func (f *FileSystem) create(
	ctx context.Context, target string, metadata map[string]string,
) (id string, err error) {
	err = f.do(ctx, callMax, func(ctx context.Context, again bool) error {
		if again {
			if err := f.endAll(ctx, target); err != nil {
				return err
			}
		}
		out, err := f.client.CreateMultipartUpload(ctx,
			&client.CreateMultipartUploadInput{
				Bucket: &f.bucket, Key: keyOf(target), Metadata: metadata,
			},
			func(o *client.Options) { o.Retryer = aws.NopRetryer{} })
		if err != nil {
			return err
		}
		if id = aws.ToString(out.UploadId); id == "" {
			return errCut
		}
		return nil
	})
	return id, err
}

// send uploads the next part. Doing it again replaces it.
func (u *upload) send(ctx context.Context, data []byte) error {
	if len(u.tags) == partsMax {
		return u.fs.wrap("writing", u.target, errTooLong)
	}
	if !u.begun {
		if err := u.begin(ctx); err != nil {
			return err
		}
	}
	err := u.fs.do(ctx, partMax, func(ctx context.Context, _ bool) error {
		out, err := u.fs.client.UploadPart(ctx, &client.UploadPartInput{
			Bucket: &u.fs.bucket, Key: keyOf(u.target), UploadId: &u.id,
			PartNumber: aws.Int32(int32(len(u.tags) + 1)), Body: bytes.NewReader(data),
		})
		if err != nil {
			return err
		}
		tag := aws.ToString(out.ETag)
		if tag == "" {
			return errNoTag
		}
		u.tags = append(u.tags, tag)
		return nil
	})
	if err != nil {
		return u.fs.wrap("writing", u.target, err)
	}
	return failpoint.Hit("s3/after-part")
}

// complete makes the object of the parts. A key that is taken is left as it is by servers that know
// the condition, unless it is that of a marker; one that does not is asked without.
func (u *upload) complete(ctx context.Context) error {
	in := &client.CompleteMultipartUploadInput{
		Bucket: &u.fs.bucket, Key: keyOf(u.target), UploadId: &u.id,
		MultipartUpload: &types.CompletedMultipartUpload{},
	}
	if !u.staged {
		in.IfNoneMatch = aws.String("*")
	}
	for i, tag := range u.tags {
		in.MultipartUpload.Parts = append(in.MultipartUpload.Parts,
			types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: aws.String(tag)})
	}
	return u.fs.do(ctx, callMax, func(ctx context.Context, _ bool) error {
		return conditional(&in.IfNoneMatch, func() error {
			out, err := u.fs.client.CompleteMultipartUpload(ctx, in)
			// The status comes before the work is done, and for the library no body is a success.
			if err == nil && aws.ToString(out.ETag) == "" {
				return errCut
			}
			return err
		})
	})
}

// drop ends the upload, if there is one, and then removes the marker (O1).
func (u *upload) drop(ctx context.Context) error {
	if !u.begun {
		return nil
	}
	if u.id == "" {
		return u.fs.sweep(ctx, u.marker, u.target)
	}
	if err := u.fs.end(ctx, u.target, u.id); err != nil {
		return u.fs.wrap("discarding", u.target, err)
	}
	return u.fs.Remove(ctx, u.marker)
}

// end aborts an upload. One that is gone has ended.
func (f *FileSystem) end(ctx context.Context, target, id string) error {
	err := f.do(ctx, callMax, func(ctx context.Context, _ bool) error {
		_, err := f.client.AbortMultipartUpload(ctx, &client.AbortMultipartUploadInput{
			Bucket: &f.bucket, Key: keyOf(target), UploadId: &id,
		})
		return err
	})
	if err != nil && codeOf(err) != codeNoSuchUpload && !isNotFound(err) {
		return err
	}
	return failpoint.Hit("s3/after-abort")
}

// sweep ends a part of which the marker alone is known (O2).
func (f *FileSystem) sweep(ctx context.Context, marker, target string) error {
	if err := f.endAll(ctx, target); err != nil {
		return f.wrap("discarding", target, err)
	}
	if err := f.Remove(ctx, marker); err != nil {
		return err
	}
	return f.wrap("discarding", target, f.endAll(ctx, target))
}

// endAll aborts all uploads of one key. Listings begin with it: no key with this beginning sorts
// before the key itself.
func (f *FileSystem) endAll(ctx context.Context, target string) error {
	var out *client.ListMultipartUploadsOutput
	err := f.do(ctx, callMax, func(ctx context.Context, _ bool) (err error) {
		out, err = f.client.ListMultipartUploads(ctx, &client.ListMultipartUploadsInput{
			Bucket: &f.bucket, Prefix: keyOf(target),
		})
		return err
	})
	switch {
	case codeOf(err) == codeNoSuchUpload: // some servers' word for an empty list
		return nil
	case err != nil:
		return err
	}
	for _, u := range out.Uploads {
		if aws.ToString(u.Key) != *keyOf(target) {
			continue
		}
		if err := f.end(ctx, target, aws.ToString(u.UploadId)); err != nil {
			return err
		}
	}
	return nil
}
