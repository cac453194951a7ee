package s3

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// FileSystem is one bucket. It is safe for concurrent use.
type FileSystem struct {
	bucket  string
	client  *client.Client
	nonce   string
	calls   atomic.Uint64 // numbers what carries the nonce
	met     atomic.Bool   // the server has answered
	honours atomic.Bool   // it refuses what If-None-Match asks it to refuse (O5)
	closed  atomic.Bool
	buffers sync.Pool // of *[]byte, for parts
	// shownMax is the constant of that name.
	shownMax time.Duration
}

// New returns the file system of o. It connects with the first call.
func New(o Options) (*FileSystem, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	f := &FileSystem{
		bucket: o.Bucket, client: connect(o), nonce: rand.Text(), shownMax: shownMax,
	}
	f.buffers.New = func() any { return new([]byte) }
	return f, nil
}

// Scheme implements filesystem.FileSystem.
func (f *FileSystem) Scheme() string { return Scheme }

// Abilities implements filesystem.FileSystem. Objects do not grow, so there is nothing to follow.
func (f *FileSystem) Abilities() filesystem.Abilities {
	return filesystem.Abilities{ExclusivePublish: true, RangeRead: true}
}

// Close implements filesystem.FileSystem.
func (f *FileSystem) Close() error {
	f.closed.Store(true)
	return nil
}

// keyOf returns the key of a path.
func keyOf(p string) *string { return aws.String(strings.TrimPrefix(p, "/")) }

// pathOf returns the path of a key. ok is false for keys that no path leads to, such as those that
// end in a slash, which programs make to stand for folders.
func pathOf(key string) (p string, ok bool) {
	p = "/" + key
	return p, path.Clean(p) == p
}

// head describes the object at p with errors of the library.
func (f *FileSystem) head(ctx context.Context, p string) (out *client.HeadObjectOutput, err error) {
	err = f.do(ctx, callMax, func(ctx context.Context, _ bool) error {
		out, err = f.client.HeadObject(ctx, &client.HeadObjectInput{Bucket: &f.bucket, Key: keyOf(p)})
		return err
	})
	return out, err
}

// Stat implements filesystem.FileSystem. What objects lie below is a folder.
func (f *FileSystem) Stat(ctx context.Context, p string) (filesystem.Info, error) {
	if p != "/" {
		out, err := f.head(ctx, p)
		if err == nil {
			return infoOf(p, aws.ToInt64(out.ContentLength), aws.ToTime(out.LastModified),
				aws.ToString(out.ETag)), nil
		}
		if !isNotFound(err) {
			return filesystem.Info{}, f.wrap("describing", p, err)
		}
	}
	for info, err := range f.List(ctx, p, false) {
		if err != nil {
			return filesystem.Info{}, err
		}
		return filesystem.Info{Path: p, Dir: true, ModTime: info.ModTime}, nil
	}
	return filesystem.Info{Path: p, Dir: true}, nil
}

// infoOf describes an object. Its age is told in whole seconds: listings of some servers know more
// of it than their other answers do.
func infoOf(p string, size int64, at time.Time, tag string) filesystem.Info {
	return filesystem.Info{
		Path: p, Size: size, ModTime: at.Truncate(time.Second), Identity: strings.Trim(tag, `"`),
	}
}

// List implements filesystem.FileSystem. A folder is there while an object lies below it; folders
// are told where nested is not asked for.
func (f *FileSystem) List(
	ctx context.Context, dir string, nested bool,
) iter.Seq2[filesystem.Info, error] {
	return func(yield func(filesystem.Info, error) bool) {
		// XML has no form for control characters, which a key may have.
		in := &client.ListObjectsV2Input{Bucket: &f.bucket, EncodingType: types.EncodingTypeUrl}
		if prefix := *keyOf(dir); prefix != "" {
			in.Prefix = aws.String(prefix + "/")
		}
		if !nested {
			in.Delimiter = aws.String("/")
		}
		for found := false; ; {
			out, err := f.page(ctx, in)
			if err != nil {
				yield(filesystem.Info{}, f.wrap("listing", dir, err))
				return
			}
			for _, info := range entries(out) {
				found = true
				if !yield(info, nil) {
					return
				}
			}
			if aws.ToBool(out.IsTruncated) {
				in.ContinuationToken = out.NextContinuationToken
				if aws.ToString(in.ContinuationToken) == "" {
					yield(filesystem.Info{}, f.wrap("listing", dir, errNoNext))
					return
				}
				continue
			}
			if !found && dir != "/" && aws.ToInt32(out.KeyCount) == 0 {
				yield(filesystem.Info{}, f.wrap("listing", dir,
					filesystem.Explain("no object lies below it", errNothing, filesystem.ErrNotFound)))
			}
			return
		}
	}
}

// errNoNext refuses a page after which the listing would begin anew.
var errNoNext = errors.New("the server says that there are more objects, but not how to go on")

// errNothing stands for a listing without entries.
var errNothing = errors.New("no entries")

func (f *FileSystem) page(
	ctx context.Context, in *client.ListObjectsV2Input,
) (out *client.ListObjectsV2Output, err error) {
	err = f.do(ctx, callMax, func(ctx context.Context, _ bool) error {
		out, err = f.client.ListObjectsV2(ctx, in)
		if err != nil {
			return err
		}
		if out.Name == nil && out.IsTruncated == nil && out.KeyCount == nil {
			return errCut // the library takes an empty answer for an empty bucket
		}
		return decodeKeys(out)
	})
	return out, err
}

// decodeKeys undoes the encoding of keys, which a server names that heeded the wish for it.
func decodeKeys(out *client.ListObjectsV2Output) error {
	if out.EncodingType != types.EncodingTypeUrl {
		return nil
	}
	keys := make([]**string, 0, len(out.Contents)+len(out.CommonPrefixes))
	for i := range out.Contents {
		keys = append(keys, &out.Contents[i].Key)
	}
	for i := range out.CommonPrefixes {
		keys = append(keys, &out.CommonPrefixes[i].Prefix)
	}
	for _, key := range keys {
		plain, err := url.QueryUnescape(aws.ToString(*key))
		if err != nil {
			return fmt.Errorf("the server claims to encode keys, and does not: %w", err)
		}
		*key = &plain
	}
	return nil
}

// entries returns the objects and folders of a page in path order. Servers tell them in two lists,
// each in order of the keys, where a folder counts with its slash.
func entries(out *client.ListObjectsV2Output) []filesystem.Info {
	var infos []filesystem.Info
	for _, o := range out.Contents {
		if p, ok := pathOf(aws.ToString(o.Key)); ok {
			infos = append(infos,
				infoOf(p, aws.ToInt64(o.Size), aws.ToTime(o.LastModified), aws.ToString(o.ETag)))
		}
	}
	for _, c := range out.CommonPrefixes {
		if p, ok := pathOf(strings.TrimSuffix(aws.ToString(c.Prefix), "/")); ok {
			infos = append(infos, filesystem.Info{Path: p, Dir: true})
		}
	}
	slices.SortStableFunc(infos, func(a, b filesystem.Info) int {
		return cmp.Compare(sortKey(a), sortKey(b))
	})
	return infos
}

func sortKey(i filesystem.Info) string {
	if i.Dir {
		return i.Path + "/"
	}
	return i.Path
}

// ReadFile implements filesystem.FileSystem. An answer holds one version of the object.
func (f *FileSystem) ReadFile(ctx context.Context, p string, sizeMax int64) ([]byte, error) {
	r, err := f.Open(ctx, p, 0)
	if err != nil {
		return nil, err
	}
	// One byte more than allowed tells an object that is too long from one that just fits.
	data, err := io.ReadAll(io.LimitReader(r, sizeMax+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) > sizeMax {
		return nil, fmt.Errorf("reading %s://%s%s: longer than %d bytes", Scheme, f.bucket, p, sizeMax)
	}
	return data, nil
}

// Remove implements filesystem.FileSystem.
func (f *FileSystem) Remove(ctx context.Context, p string) error {
	err := f.do(ctx, callMax, func(ctx context.Context, _ bool) error {
		_, err := f.client.DeleteObject(ctx,
			&client.DeleteObjectInput{Bucket: &f.bucket, Key: keyOf(p)})
		return err
	})
	if isNotFound(err) {
		return nil
	}
	return f.wrap("removing", p, err)
}

var _ filesystem.FileSystem = (*FileSystem)(nil)
