package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// nonceKey is the key of an object's metadata that tells which call made it.
const nonceKey = "wasmflow-nonce"

// errIgnores refuses servers on which two owners could both decide (O5).
var errIgnores = errors.New("the server ignores If-None-Match, so it cannot keep two owners apart; " +
	"choose another place for the checkpoint store")

// newNonce returns what no other call carries.
func (f *FileSystem) newNonce() string {
	return f.nonce + "-" + strconv.FormatUint(f.calls.Add(1), 10)
}

// conditional makes a call that has a condition, and again without it where the server does not know
// it. What hangs on the condition alone must not be called so: see probe.
func conditional(condition **string, call func() error) error {
	err := call()
	if *condition != nil && codeOf(err) == codeNotImplemented {
		*condition = nil
		err = call()
	}
	return err
}

// put makes or replaces an object.
func (f *FileSystem) put(ctx context.Context, p string, data []byte) error {
	return f.do(ctx, partMax, func(ctx context.Context, _ bool) error {
		_, err := f.client.PutObject(ctx, &client.PutObjectInput{
			Bucket: &f.bucket, Key: keyOf(p), Body: bytes.NewReader(data),
		})
		return err
	})
}

// WriteFile implements filesystem.FileSystem. Objects change as a whole.
func (f *FileSystem) WriteFile(ctx context.Context, p string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("writing %s: %w", p, err)
	}
	return f.wrap("writing", p, f.put(ctx, p, data))
}

// PublishExclusive implements filesystem.FileSystem.
func (f *FileSystem) PublishExclusive(ctx context.Context, p string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publishing %s: %w", p, err)
	}
	if err := f.probe(ctx, path.Dir(p)); err != nil {
		return f.wrap("publishing", p, err)
	}
	if err := failpoint.Hit("s3/before-exclusive"); err != nil {
		return err
	}
	if err := f.putExclusive(ctx, p, data); err != nil {
		return f.wrap("publishing", p, err)
	}
	return failpoint.Hit("s3/after-exclusive")
}

// putExclusive makes a new object, or returns ErrExists. A call whose answer is lost, the library's
// own ones included, may have made the object: its nonce tells.
func (f *FileSystem) putExclusive(ctx context.Context, p string, data []byte) error {
	nonce := f.newNonce()
	err := f.do(ctx, partMax, func(ctx context.Context, _ bool) error {
		_, err := f.client.PutObject(ctx, &client.PutObjectInput{
			Bucket: &f.bucket, Key: keyOf(p), Body: bytes.NewReader(data),
			IfNoneMatch: aws.String("*"), Metadata: map[string]string{nonceKey: nonce},
		})
		return err
	})
	if err == nil || isMeeting(err) || codeOf(err) == codeNotImplemented {
		return err
	}
	standing, again := f.head(ctx, p)
	switch {
	case isNotFound(again) && codeOf(err) == codePrecondition: // it was taken, and removed since
	case again != nil:
		return err // unknown, for the caller to read back
	case standing.Metadata[nonceKey] == nonce:
		return nil
	}
	return filesystem.Explain("the name is taken", err, filesystem.ErrExists)
}

// probe makes a name of its own twice and sees whether the server refuses the second.
func (f *FileSystem) probe(ctx context.Context, dir string) error {
	if f.honours.Load() {
		return nil
	}
	p := path.Join(dir, ".probe-"+f.newNonce()+".tmp")
	if err := f.putExclusive(ctx, p, []byte(p)); err != nil {
		if codeOf(err) == codeNotImplemented {
			return fmt.Errorf("%w: %w", errIgnores, err)
		}
		return err
	}
	err := f.putExclusive(ctx, p, []byte(p))
	removed := f.Remove(ctx, p)
	switch {
	case err == nil:
		return errors.Join(errIgnores, removed)
	case !errors.Is(err, filesystem.ErrExists):
		return errors.Join(err, removed)
	case removed != nil:
		return removed
	}
	f.honours.Store(true)
	return nil
}
