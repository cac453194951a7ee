package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// stagedVersion is the version of Token.Data of a part that can be read before it is published: the
// path of the object that it is until then, and that object's tag.
const stagedVersion uint16 = 2

// stagedKey is the key of an object's metadata that tells a part from the marker of one.
const stagedKey = "wasmflow-staged"

// copyBytesMax is the longest object that one call copies.
const copyBytesMax = 5 << 30

// errTooLongToCopy is what a write to a readable part gets that is full.
var errTooLongToCopy = fmt.Errorf("a part of more than %d bytes that can be read before it is "+
	"published; roll parts earlier, or write compact = \"off\"", copyBytesMax)

// errNotStaged is what the reader of an upload gets.
var errNotStaged = errors.New("it is an upload in pieces, which cannot be read")

// metadata is what the object of the upload says of itself.
func (u *upload) metadata() map[string]string {
	if !u.staged {
		return nil
	}
	return map[string]string{stagedKey: "1", nonceKey: u.nonce}
}

// stage makes a part that is short an object at once and returns the data of its token.
func (u *upload) stage(ctx context.Context, data []byte) ([]byte, error) {
	u.begun = true
	tag, err := u.putNew(ctx, data, u.metadata())
	if err == nil && tag == "" {
		err = errNoTag
	}
	if err != nil {
		return nil, u.fs.wrap("writing", u.target, err)
	}
	return encodeTexts([]string{u.target, tag}), nil
}

// putNew makes an object in the marker's place where there is none and returns its tag (O8). It may
// have been made by an earlier call of this one, whose answer was lost: its nonce tells.
func (u *upload) putNew(
	ctx context.Context, data []byte, metadata map[string]string,
) (tag string, err error) {
	in := &client.PutObjectInput{
		Bucket: &u.fs.bucket, Key: keyOf(u.marker), Metadata: metadata, IfNoneMatch: aws.String("*"),
	}
	err = u.fs.do(ctx, partMax, func(ctx context.Context, _ bool) error {
		return conditional(&in.IfNoneMatch, func() error {
			in.Body = bytes.NewReader(data)
			out, err := u.fs.client.PutObject(ctx, in)
			if err == nil {
				tag = aws.ToString(out.ETag)
			}
			return err
		})
	})
	if codeOf(err) != codePrecondition {
		return tag, err
	}
	standing, again := u.fs.head(ctx, u.marker)
	switch {
	case isNotFound(again):
		return "", errMarkerGone
	case again != nil:
		return "", again
	case standing.Metadata[nonceKey] != u.nonce:
		return "", filesystem.Explain("the name is taken", err, filesystem.ErrExists)
	}
	return aws.ToString(standing.ETag), nil
}

// stageUpload completes the upload of a part of size bytes in the place of its marker and returns
// the data of its token. The server's word is not enough, see awaitShown.
func (u *upload) stageUpload(ctx context.Context, size int64) ([]byte, error) {
	completed := u.complete(ctx)
	out, err := u.fs.head(ctx, u.target)
	switch {
	case err != nil:
	case out.Metadata[stagedKey] == "" || aws.ToInt64(out.ContentLength) != size:
		err = errors.New("the server made no object of its upload")
	case aws.ToString(out.ETag) == "":
		err = errNoTag
	}
	if err != nil {
		return nil, u.fs.wrap("closing", u.target, errors.Join(completed, err))
	}
	return encodeTexts([]string{u.target, aws.ToString(out.ETag)}), nil
}

// stagedOf reads a token of the second version.
func stagedOf(t filesystem.Token) (p, tag string, err error) {
	texts, err := decodeTexts(t, stagedVersion)
	if err != nil {
		return "", "", err
	}
	if len(texts) != 2 || texts[1] == "" || !isPath(t.Target) {
		return "", "", badToken(t)
	}
	return texts[0], texts[1], nil
}

// OpenPending implements filesystem.PendingReader.
func (f *FileSystem) OpenPending(
	ctx context.Context, t filesystem.Token, offset int64,
) (io.ReadCloser, error) {
	if t.Version == tokenVersion {
		return nil, fmt.Errorf("reading the pending form of %s: %w", t.Target, errNotStaged)
	}
	p, tag, err := stagedOf(t)
	if err != nil {
		return nil, err
	}
	return f.open(ctx, p, offset, &tag)
}

// publishStaged copies a part to its final key, within the server, and removes the one that was
// staged (O7).
func (f *FileSystem) publishStaged(ctx context.Context, t filesystem.Token) error {
	p, tag, err := stagedOf(t)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publishing %s: %w", t.Target, err)
	}
	done, err := f.isPublished(ctx, t)
	if err != nil {
		return err
	}
	if !done {
		if err := f.copyStaged(ctx, t, p, tag); err != nil {
			return err
		}
	}
	return f.Remove(ctx, p)
}

func (f *FileSystem) copyStaged(ctx context.Context, t filesystem.Token, p, tag string) error {
	if err := failpoint.Hit("s3/before-copy"); err != nil {
		return err
	}
	if err := f.copy(ctx, p, tag, t.Target); err != nil {
		// The call may have been carried out, by this process or by another one (O4).
		done, again := f.isPublished(ctx, t)
		switch {
		case done || again != nil:
			return again
		case isNotFound(err):
			return fmt.Errorf("publishing %s://%s%s: %w", Scheme, f.bucket, t.Target,
				filesystem.ErrMissing)
		case codeOf(err) == codePrecondition: // the target is not there, so it is the tag
			return fmt.Errorf("publishing %s://%s%s: %s is another object than the one that was "+
				"written: %w", Scheme, f.bucket, t.Target, p, filesystem.ErrDamaged)
		}
		return f.wrap("publishing", t.Target, err)
	}
	if err := failpoint.Hit("s3/after-copy"); err != nil {
		return err
	}
	return f.awaitShown(ctx, t)
}

// copy makes an object of the one at p that has the tag. A key that is taken is left as it is by
// servers that know the condition; one that does not is asked without.
func (f *FileSystem) copy(ctx context.Context, p, tag, target string) error {
	// Servers read it as they read a form, where a plus is a space.
	source := strings.NewReplacer("+", "%20", "%2F", "/").Replace(
		url.QueryEscape(f.bucket + "/" + *keyOf(p)))
	in := &client.CopyObjectInput{
		Bucket: &f.bucket, Key: keyOf(target), CopySource: &source, CopySourceIfMatch: &tag,
		IfNoneMatch: aws.String("*"), MetadataDirective: types.MetadataDirectiveReplace,
	}
	return f.do(ctx, callMax, func(ctx context.Context, _ bool) error {
		return conditional(&in.IfNoneMatch, func() error {
			out, err := f.client.CopyObject(ctx, in)
			if err == nil &&
				(out.CopyObjectResult == nil || aws.ToString(out.CopyObjectResult.ETag) == "") {
				return errCut
			}
			return err
		})
	})
}

// discardStaged removes a part that can be read.
func (f *FileSystem) discardStaged(ctx context.Context, t filesystem.Token) error {
	p, _, err := stagedOf(t)
	if err != nil {
		return err
	}
	return f.Remove(ctx, p)
}

// isStaged tells a part that can be read from a marker, and from nothing.
func (f *FileSystem) isStaged(ctx context.Context, p string) (bool, error) {
	out, err := f.head(ctx, p)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, f.wrap("describing", p, err)
	}
	return out.Metadata[stagedKey] != "", nil
}

var _ filesystem.PendingReader = (*FileSystem)(nil)
