package connectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

func (s *fileSystemSuite) discardPublished(t *testing.T) {
	n := s.name("a")
	token := s.closed(t, n, []byte("hello"))
	require.NoError(t, s.fs.Publish(s.ctx, token))
	require.NoError(t, s.fs.Discard(s.ctx, token))
	require.Equal(t, "hello", s.content(t, n.Target))
}

func (s *fileSystemSuite) discardTwice(t *testing.T) {
	n := s.name("a")
	token := s.closed(t, n, []byte("hello"))
	require.NoError(t, s.fs.Discard(s.ctx, token))
	require.NoError(t, s.fs.Discard(s.ctx, token))
	require.NoError(t, s.h.open(t).Discard(s.ctx, token))
	require.Empty(t, s.strayParts(t, n.Job))
	require.Empty(t, s.visible(t))
}

func (s *fileSystemSuite) newerToken(t *testing.T) {
	token := s.closed(t, s.name("a"), []byte("hello"))
	newer := token
	newer.Version = 1<<16 - 1
	require.ErrorIs(t, s.fs.Publish(s.ctx, newer), filesystem.ErrToken)
	require.ErrorIs(t, s.fs.Discard(s.ctx, newer), filesystem.ErrToken)
	require.NoError(t, s.fs.Publish(s.ctx, token))
}

func (s *fileSystemSuite) abort(t *testing.T) {
	n := s.name("a")
	w := s.create(t, n, []byte("hello"))
	require.NoError(t, w.Abort(s.ctx))
	require.NoError(t, w.Abort(s.ctx))
	_, err := w.Write([]byte("more"))
	require.Error(t, err)
	_, err = w.Close(s.ctx)
	require.Error(t, err, "an aborted part must not get a token")
	require.Empty(t, s.strayParts(t, n.Job))
	require.Empty(t, s.visible(t))
}

func (s *fileSystemSuite) abortAfterClose(t *testing.T) {
	n := s.name("a")
	w := s.create(t, n, []byte("hello"))
	token, err := w.Close(s.ctx)
	require.NoError(t, err)
	require.NoError(t, w.Abort(s.ctx))
	require.NoError(t, s.fs.Publish(s.ctx, token))
	require.Equal(t, "hello", s.content(t, n.Target))
}

func (s *fileSystemSuite) writeAfterClose(t *testing.T) {
	n := s.name("a")
	w := s.create(t, n, []byte("hello"))
	token, err := w.Close(s.ctx)
	require.NoError(t, err)
	_, err = w.Write([]byte("more"))
	require.Error(t, err)
	require.NoError(t, s.fs.Publish(s.ctx, token))
	require.Equal(t, "hello", s.content(t, n.Target))
}

// readPending reads short and long parts that are not published, from another process, and not when
// they are gone.
func (s *fileSystemSuite) readPending(t *testing.T) {
	reads := s.h.open(t).(filesystem.PendingReader)
	for target, size := range map[string]int{"short": 100, "long": s.h.LargePartBytes} {
		n := s.name(target)
		n.Readable = true
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i % 251)
		}
		token := s.closed(t, n, data)
		for _, offset := range []int{0, 1, size / 2, size - 1} {
			r, err := reads.OpenPending(s.ctx, token, int64(offset))
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.True(t, bytes.Equal(data[offset:], got), "%s differs from byte %d on", target, offset)
		}
		require.NoError(t, s.fs.Publish(s.ctx, token))
		require.Equal(t, string(data), s.content(t, n.Target))
		_, err := reads.OpenPending(s.ctx, token, 0)
		require.ErrorIs(t, err, filesystem.ErrNotFound)
	}
	n := s.name("discarded")
	n.Readable = true
	token := s.closed(t, n, []byte("x"))
	require.NoError(t, s.fs.Discard(s.ctx, token))
	_, err := reads.OpenPending(s.ctx, token, 0)
	require.ErrorIs(t, err, filesystem.ErrNotFound)
	require.Empty(t, s.strayParts(t, n.Job))
}

// pendingNameOnce: where folders exist the second attempt is refused; a system without names for
// pending forms may hand out a second, separate one. Either way the first part stays as it is.
func (s *fileSystemSuite) pendingNameOnce(t *testing.T) {
	n := s.name("a")
	w := s.create(t, n, []byte("first"))
	second, err := s.fs.CreatePending(s.ctx, n)
	if err == nil {
		_, err = second.Write([]byte("second attempt"))
		require.NoError(t, err)
		require.NoError(t, second.Abort(s.ctx))
	}
	token, err := w.Close(s.ctx)
	require.NoError(t, err)
	require.NoError(t, s.fs.Publish(s.ctx, token))
	require.Equal(t, "first", s.content(t, n.Target))
}

func (s *fileSystemSuite) strays(t *testing.T) {
	require.Empty(t, s.strayParts(t, "job1"), "nothing was ever written")

	open, closed, published := s.name("open"), s.name("x/closed"), s.name("published")
	closed.Claim = 12
	// Never closed: its process dies. It is large enough to have left something.
	s.create(t, open, make([]byte, s.h.LargePartBytes))
	s.closed(t, closed, []byte("closed"))
	require.NoError(t, s.fs.Publish(s.ctx, s.closed(t, published, []byte("published"))))
	other := s.name("other")
	other.Job = "job2"
	s.closed(t, other, []byte("other"))

	next := *s
	next.fs = s.h.open(t)
	require.Equal(t, []string{"part-closed/12", "part-open/7"}, next.strayParts(t, "job1"))
	require.Equal(t, []string{"part-other/7"}, next.strayParts(t, "job2"))
	for stray, err := range next.fs.ListStrays(s.ctx, s.root, "job1") {
		require.NoError(t, err)
		require.NoError(t, next.fs.Discard(s.ctx, stray.Token))
	}
	require.Empty(t, next.strayParts(t, "job1"))
	require.Equal(t, []string{"part-other/7"}, next.strayParts(t, "job2"))
	require.Equal(t, []string{"published"}, next.visible(t))
}

func (s *fileSystemSuite) exclusiveRace(t *testing.T) {
	others := []filesystem.FileSystem{s.fs, s.h.open(t), s.h.open(t)}
	p := s.root + "/log/epoch-1"
	content := func(i int) string { return strings.Repeat(fmt.Sprintf("racer %d\n", i), 50) }
	errs := race(func(i int) error {
		return others[i%len(others)].PublishExclusive(s.ctx, p, []byte(content(i)))
	})
	winner := slices.Index(errs, nil)
	require.GreaterOrEqual(t, winner, 0, "nobody won: %v", errs)
	for i, err := range errs {
		if i != winner {
			require.ErrorIs(t, err, filesystem.ErrExists)
		}
	}
	require.Equal(t, content(winner), s.content(t, p))
}

func (s *fileSystemSuite) exclusiveKeeps(t *testing.T) {
	p := s.root + "/epoch-1"
	require.NoError(t, s.fs.PublishExclusive(s.ctx, p, []byte("first")))
	for _, data := range []string{"second", "first", ""} {
		err := s.h.open(t).PublishExclusive(s.ctx, p, []byte(data))
		require.ErrorIs(t, err, filesystem.ErrExists)
	}
	require.Equal(t, "first", s.content(t, p))
	require.Equal(t, []string{"epoch-1"}, s.visible(t), "temporary files are left over")
}

// writeFile reads while another process replaces: a reader sees one version or the other.
func (s *fileSystemSuite) writeFile(t *testing.T) {
	p := s.root + "/state/hint"
	versions := []string{strings.Repeat("a", 20_000), strings.Repeat("b", 30_000)}
	require.NoError(t, s.fs.WriteFile(s.ctx, p, []byte(versions[0])))

	writer := s.h.open(t)
	var failure error
	var wg sync.WaitGroup
	// Ends after its writes.
	wg.Go(func() {
		for i := range 20 {
			data := versions[(i+1)%2]
			failure = errors.Join(failure, writer.WriteFile(s.ctx, p, []byte(data)))
		}
	})
	for range 20 {
		got, err := s.fs.ReadFile(s.ctx, p, 1<<20)
		require.NoError(t, err)
		require.Contains(t, versions, string(got))
	}
	wg.Wait()
	require.NoError(t, failure)
	require.Equal(t, []string{"state/hint"}, s.visible(t), "temporary files are left over")
}

func (s *fileSystemSuite) remove(t *testing.T) {
	s.put(t, "a", "hello")
	require.NoError(t, s.fs.Remove(s.ctx, s.root+"/a"))
	require.NoError(t, s.fs.Remove(s.ctx, s.root+"/a"))
	require.NoError(t, s.fs.Remove(s.ctx, s.root+"/never/was"))
	require.Empty(t, s.visible(t))
}

func (s *fileSystemSuite) readFile(t *testing.T) {
	s.put(t, "a", "hello")
	got, err := s.fs.ReadFile(s.ctx, s.root+"/a", 5)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
	_, err = s.fs.ReadFile(s.ctx, s.root+"/a", 4)
	require.Error(t, err)
}

func (s *fileSystemSuite) open(t *testing.T) {
	s.put(t, "a", "0123456789")
	for offset, want := range map[int64]string{0: "0123456789", 3: "3456789", 9: "9", 10: ""} {
		r, err := s.fs.Open(s.ctx, s.root+"/a", offset)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, want, string(got), "from offset %d", offset)
	}
}

func (s *fileSystemSuite) stat(t *testing.T) {
	s.put(t, "dir/a", "hello")
	info, err := s.fs.Stat(s.ctx, s.root+"/dir/a")
	require.NoError(t, err)
	require.Equal(t, s.root+"/dir/a", info.Path)
	require.Equal(t, int64(5), info.Size)
	require.False(t, info.Dir)
	require.False(t, info.ModTime.IsZero())
	if s.fs.Abilities().Directories {
		info, err = s.fs.Stat(s.ctx, s.root+"/dir")
		require.NoError(t, err)
		require.True(t, info.Dir)
		require.Zero(t, info.Size)
	}
}

func (s *fileSystemSuite) list(t *testing.T) {
	for _, name := range []string{"b", "a/2", "a.txt", "a/1", "a/c/3", "a0"} {
		s.put(t, name, name)
	}
	require.Equal(t, []string{"a.txt", "a/1", "a/2", "a/c/3", "a0", "b"}, s.visible(t))

	var flat []string
	for info, err := range s.fs.List(s.ctx, s.root+"/a", false) {
		require.NoError(t, err)
		if !info.Dir {
			flat = append(flat, strings.TrimPrefix(info.Path, s.root))
			require.Equal(t, int64(len("a/1")), info.Size)
		}
	}
	require.Equal(t, []string{"/a/1", "/a/2"}, flat)

	for _, err := range s.fs.List(s.ctx, s.root, true) {
		require.NoError(t, err)
		break // a caller that has seen enough
	}
}

func (s *fileSystemSuite) missing(t *testing.T) {
	p := s.root + "/nowhere"
	_, err := s.fs.Stat(s.ctx, p)
	require.ErrorIs(t, err, filesystem.ErrNotFound)
	_, err = s.fs.ReadFile(s.ctx, p, 10)
	require.ErrorIs(t, err, filesystem.ErrNotFound)
	_, err = s.fs.Open(s.ctx, p, 0)
	require.ErrorIs(t, err, filesystem.ErrNotFound)
	for _, err = range s.fs.List(s.ctx, p, false) {
		break
	}
	require.ErrorIs(t, err, filesystem.ErrNotFound)
	require.ErrorContains(t, err, p)
}

func (s *fileSystemSuite) cancelled(t *testing.T) {
	token := s.closed(t, s.name("a"), []byte("hello"))
	s.put(t, "b", "seen")
	ctx, cancel := context.WithCancel(s.ctx)
	w, err := s.fs.CreatePending(s.ctx, s.name("c"))
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, s.fs.Publish(ctx, token), context.Canceled)
	_, err = s.fs.CreatePending(ctx, s.name("d"))
	require.ErrorIs(t, err, context.Canceled)
	for _, err = range s.fs.List(ctx, s.root, true) {
		if err != nil {
			break
		}
	}
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, w.Abort(ctx), "cleaning up works with a cancelled context")
	require.Equal(t, []string{"b"}, s.visible(t))
}
