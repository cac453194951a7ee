package s3

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// tokenVersion is the version of Token.Data of an upload to the final key: 1 is the marker's path,
// the upload's id and the tags of its parts, each as uvarint length and bytes. Without an id it is
// that of a stray.
const tokenVersion uint16 = 1

// shownMax is how long the object of a completed upload may take to show. It shows at once where
// servers keep their word; one that is still busy with an earlier call gets some time.
const shownMax = 30 * time.Second

// markerBytesMax bounds what a marker says, a path: S3 takes no keys longer than 1024 bytes.
const markerBytesMax = 1 + 1024

func (u *upload) encode() []byte {
	return encodeTexts(append([]string{u.marker, u.id}, u.tags...))
}

func encodeTexts(texts []string) []byte {
	var p []byte
	for _, s := range texts {
		p = binary.AppendUvarint(p, uint64(len(s)))
		p = append(p, s...)
	}
	return p
}

// decodeTexts reads the texts of a token, of which the first is a path that CreatePending makes. No
// damaged token can name what is not ours.
func decodeTexts(t filesystem.Token, version uint16) ([]string, error) {
	var texts []string
	rest := t.Data
	for len(rest) > 0 && len(texts) <= partsMax+2 {
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > uint64(len(rest)-used) {
			return nil, badToken(t)
		}
		texts = append(texts, string(rest[used:used+int(n)]))
		rest = rest[used+int(n):]
	}
	if t.Version != version || len(rest) > 0 || len(texts) < 2 ||
		!filesystem.IsPendingPath(texts[0]) {
		return nil, badToken(t)
	}
	return texts, nil
}

// uploadOf reads a token of the first version. Its target must be a path, too.
func (f *FileSystem) uploadOf(t filesystem.Token) (*upload, error) {
	texts, err := decodeTexts(t, tokenVersion)
	if err != nil {
		return nil, err
	}
	u := &upload{
		fs: f, marker: texts[0], target: t.Target, begun: true, id: texts[1], tags: texts[2:],
	}
	if u.id != "" && !isPath(u.target) {
		return nil, badToken(t)
	}
	return u, nil
}

func badToken(t filesystem.Token) error {
	return fmt.Errorf("reading token of %q, version %d: %w", t.Target, t.Version, filesystem.ErrToken)
}

func isPath(p string) bool {
	return path.IsAbs(p) && fs.ValidPath(strings.TrimPrefix(p, "/"))
}

// Publish implements filesystem.FileSystem.
func (f *FileSystem) Publish(ctx context.Context, t filesystem.Token) error {
	if t.Version == stagedVersion {
		return f.publishStaged(ctx, t)
	}
	u, err := f.uploadOf(t)
	if err != nil {
		return err
	}
	if u.id == "" {
		return badToken(t)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publishing %s: %w", t.Target, err)
	}
	done, err := f.isPublished(ctx, t)
	switch {
	case err != nil:
		return err
	case done: // before, or by somebody who put the object back, for whom the upload is still open
		return u.drop(ctx)
	}
	if err := failpoint.Hit("s3/before-complete"); err != nil {
		return err
	}
	if err := u.complete(ctx); err != nil {
		// The call may have been carried out, by this process or by another one (O4).
		done, again := f.isPublished(ctx, t)
		switch {
		case again != nil:
			return again
		case done: // by somebody else, maybe, for whom the upload is still open (O1)
			return u.drop(ctx)
		case codeOf(err) == codeNoSuchUpload || isNotFound(err):
			return fmt.Errorf("publishing %s://%s%s: %w", Scheme, f.bucket, t.Target,
				filesystem.ErrMissing)
		case codeOf(err) == codeInvalidPart:
			return fmt.Errorf("publishing %s://%s%s: %s: %w", Scheme, f.bucket, t.Target,
				messageOf(err), filesystem.ErrDamaged)
		default:
			return f.wrap("publishing", t.Target, err)
		}
	}
	if err := failpoint.Hit("s3/after-complete"); err != nil {
		return err
	}
	if err := f.awaitShown(ctx, t); err != nil {
		return err
	}
	return f.Remove(ctx, u.marker)
}

// awaitShown looks for an object that the server says it made (O4). There are servers whose word is
// too early: (1) one dies while it completes an upload, (2) it starts again and takes the upload for
// one that is being completed, (3) it answers every later call for it with success, and there is
// never an object.
func (f *FileSystem) awaitShown(ctx context.Context, t filesystem.Token) error {
	waiting, cancel := context.WithTimeout(ctx, f.shownMax)
	defer cancel()
	for pause := pauseMin; ; pause *= 2 {
		done, err := f.isPublished(ctx, t)
		if done || err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-waiting.Done():
			timer.Stop()
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("publishing %s: %w", t.Target, err)
			}
			return fmt.Errorf("publishing %s://%s%s: the server says that it made the object, and "+
				"there is none %s later; what the server keeps of the part may still be found in its own "+
				"files: %w", Scheme, f.bucket, t.Target, f.shownMax, filesystem.ErrMissing)
		}
	}
}

// isPublished tells whether the target stands with the right length (F3).
func (f *FileSystem) isPublished(ctx context.Context, t filesystem.Token) (bool, error) {
	out, err := f.head(ctx, t.Target)
	switch {
	case isNotFound(err):
		return false, nil
	case err != nil:
		return false, f.wrap("describing", t.Target, err)
	case aws.ToInt64(out.ContentLength) != t.Size:
		return false, fmt.Errorf("publishing %s://%s%s: there are %d bytes, not %d: %w", Scheme,
			f.bucket, t.Target, aws.ToInt64(out.ContentLength), t.Size, filesystem.ErrConflict)
	}
	return true, nil
}

// Discard implements filesystem.FileSystem. A writer that still lives is fenced by it.
func (f *FileSystem) Discard(ctx context.Context, t filesystem.Token) error {
	if t.Version == stagedVersion {
		return f.discardStaged(ctx, t)
	}
	u, err := f.uploadOf(t)
	if err != nil {
		return err
	}
	if u.id == "" {
		whole, err := f.isStaged(ctx, u.marker)
		if err != nil {
			return err
		}
		if whole {
			return f.Remove(ctx, u.marker)
		}
		target, err := f.ReadFile(ctx, u.marker, markerBytesMax)
		if errors.Is(err, filesystem.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if u.target = string(target); !isPath(u.target) {
			return fmt.Errorf("reading %s: it names no object: %w", u.marker, filesystem.ErrToken)
		}
	}
	return u.drop(ctx)
}

// ListStrays implements filesystem.FileSystem. A marker tells no upload, see Discard.
func (f *FileSystem) ListStrays(
	ctx context.Context, root, job string,
) iter.Seq2[filesystem.Stray, error] {
	return filesystem.Strays(ctx, f, root, job, func(info filesystem.Info) filesystem.Token {
		u := upload{marker: info.Path}
		return filesystem.Token{
			Version: tokenVersion, Size: filesystem.SizeUnknown, Data: u.encode(),
		}
	})
}
