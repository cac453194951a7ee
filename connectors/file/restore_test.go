package file

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// begun returns a source of one file and the position after its first record.
func begun(t *testing.T, change ...func(*SourceConfig)) (*Source, string, []checkpoint.Split) {
	t.Helper()
	path := age(t, write(t, filepath.Join(t.TempDir(), "f"), "one\ntwo\nthree\n"), 1)
	s := open(t, config(path, change...))
	r := reading(t, s, connectors.Limits{Records: 1}, find(t, s, checkpoint.Position{}).Found...)
	var b connectors.Batch
	require.NoError(t, r.Poll(t.Context(), &b))
	splits, err := r.Snapshot(t.Context(), 1)
	require.NoError(t, err)
	return s, path, splits
}

// replace puts another file under path, as an editor does.
func replace(t *testing.T, path, content string) {
	t.Helper()
	rename(t, write(t, path+".new", content), path)
}

func TestRestoredFile(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, path string)
		err    error
	}{
		{"unchanged", func(*testing.T, string) {}, nil},
		{"touched", func(t *testing.T, p string) { age(t, p, 2) }, nil},
		{"grown", func(t *testing.T, p string) { appendTo(t, p, "four\n") }, nil},
		{"copied with its time", func(t *testing.T, p string) {
			replace(t, p, "one\ntwo\nthree\n")
			age(t, p, 1)
		}, nil},
		{"gone", func(t *testing.T, p string) { require.NoError(t, os.Remove(p)) }, ErrVanished},
		{"shorter", func(t *testing.T, p string) { require.NoError(t, os.Truncate(p, 5)) }, ErrShrunk},
		{"replaced", func(t *testing.T, p string) { replace(t, p, "one\ntwo\nthree\n") }, ErrReplaced},
		{"rewritten in place", func(t *testing.T, p string) { write(t, p, "alpha\nbeta\ngamma\n") },
			ErrReplaced},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, path, splits := begun(t)
			c.change(t, path)
			got, err := drain(t, reading(t, s, connectors.Limits{}, splits...))
			if c.err == nil {
				require.NoError(t, err)
				require.Equal(t, []string{"two", "three"}, values(got))
				return
			}
			require.ErrorIs(t, err, c.err)
			require.ErrorContains(t, err, "reading "+path+" at byte 4: ")
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
		t.Run(c.name+", skipped", func(t *testing.T) {
			s, path, splits := begun(t, func(c *SourceConfig) { c.Vanished = vanishedSkip })
			c.change(t, path)
			r := reading(t, s, connectors.Limits{}, splits...)
			got, err := drain(t, r)
			require.NoError(t, err)
			if c.err != nil {
				require.Empty(t, got)
			}
			left, err := r.Snapshot(t.Context(), 2)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// TestSupersededVersion: in continuous mode the next listing finds the new version and reads it
// whole, so an old one of which nothing was read is no loss.
func TestSupersededVersion(t *testing.T) {
	path := age(t, write(t, filepath.Join(t.TempDir(), "f"), "one\n"), 1)
	s := open(t, config(path, continuous))
	found := find(t, s, checkpoint.Position{}).Found
	replace(t, path, "other\n")
	got, err := drain(t, reading(t, s, connectors.Limits{}, found...))
	require.NoError(t, err)
	require.Empty(t, got)
	require.NoError(t, os.Remove(path))
	_, err = drain(t, reading(t, s, connectors.Limits{}, found...))
	require.ErrorIs(t, err, ErrVanished, "a file that is gone will not be found again")
}

func TestFileThatShrinksWhileItIsRead(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), "one\ntwo\n")
	s := open(t, config(path))
	found := find(t, s, checkpoint.Position{}).Found
	s.fs = shortReads{s.fs}
	_, err := drain(t, reading(t, s, connectors.Limits{}, found...))
	require.ErrorIs(t, err, ErrShrunk)
	require.ErrorContains(t, err, path+" at byte 5: ")
}

// shortReads ends every file after five bytes.
type shortReads struct{ filesystem.FileSystem }

func (s shortReads) Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	in, err := s.FileSystem.Open(ctx, path, offset)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(in, 5), in}, nil
}

// failingReads fails after five bytes, or when it is closed.
type failingReads struct {
	filesystem.FileSystem
	closing bool
}

var errDisk = errors.New("disk is broken")

func (f failingReads) Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	in, err := f.FileSystem.Open(ctx, path, offset)
	if err != nil {
		return nil, err
	}
	r := io.Reader(in)
	if !f.closing {
		r = io.MultiReader(io.LimitReader(in, 5), brokenReader{})
	}
	return brokenCloser{r, f.closing, in}, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errDisk }

type brokenCloser struct {
	io.Reader
	broken bool
	in     io.Closer
}

func (b brokenCloser) Close() error {
	if b.broken {
		return errors.Join(errDisk, b.in.Close())
	}
	return b.in.Close()
}

func TestReadErrorsNameTheFile(t *testing.T) {
	for _, closing := range []bool{false, true} {
		path := write(t, filepath.Join(t.TempDir(), "f"), "one\ntwo\n")
		s := open(t, config(path))
		found := find(t, s, checkpoint.Position{}).Found
		s.fs = failingReads{s.fs, closing}
		_, err := drain(t, reading(t, s, connectors.Limits{}, found...))
		require.ErrorIs(t, err, errDisk)
		require.ErrorContains(t, err, path)
		require.Equal(t, connectors.Fail, connectors.Classify(err), "a restart may help")
	}
}

func TestFinishedFilesLeaveTheManifest(t *testing.T) {
	dir := t.TempDir()
	age(t, write(t, filepath.Join(dir, "a"), "1\n2\n"), 1)
	age(t, write(t, filepath.Join(dir, "b"), "3\n"), 2)
	s := open(t, config(dir))
	r := reading(t, s, connectors.Limits{Records: 1}, find(t, s, checkpoint.Position{}).Found...)
	ids := func() (out []string) {
		splits, err := r.Snapshot(t.Context(), 1)
		require.NoError(t, err)
		for _, s := range splits {
			out = append(out, filepath.Base(s.ID))
		}
		return out
	}
	var b connectors.Batch
	require.Equal(t, []string{"a", "b"}, ids())
	for _, want := range [][]string{{"a", "b"}, {"b"}, nil} {
		b.Reset()
		require.NoError(t, r.Poll(t.Context(), &b))
		require.Equal(t, want, ids())
	}
}
