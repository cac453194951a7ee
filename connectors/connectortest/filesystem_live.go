package connectortest

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// live returns the ability: its cases run for systems that have it.
func (s *fileSystemSuite) live(t *testing.T) filesystem.LiveFiles {
	t.Helper()
	live, ok := s.fs.(filesystem.LiveFiles)
	require.True(t, ok)
	return live
}

// createLive makes a live file with so much more data.
func (s *fileSystemSuite) createLive(
	t *testing.T, name, from string, size int64, data string,
) filesystem.LiveWriter {
	t.Helper()
	w, err := s.live(t).CreateLive(s.ctx, s.root+"/stage/"+name, from, size)
	require.NoError(t, err)
	_, err = io.WriteString(w, data)
	require.NoError(t, err)
	require.Equal(t, size+int64(len(data)), w.Size())
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

func (s *fileSystemSuite) liveGrows(t *testing.T) {
	w := s.createLive(t, "a", "", 0, "one\n")
	require.NoError(t, s.live(t).Show(s.ctx, s.root+"/stage/a", s.root+"/deep/out", false))
	require.NoError(t, w.Flush())
	require.Equal(t, "one\n", s.content(t, s.root+"/deep/out"))
	_, err := io.WriteString(w, "two\n")
	require.NoError(t, err)
	require.NoError(t, w.Sync(s.ctx))
	require.Equal(t, "one\ntwo\n", s.content(t, s.root+"/deep/out"))

	live, err := s.fs.Stat(s.ctx, s.root+"/stage/a")
	require.NoError(t, err)
	shown, err := s.fs.Stat(s.ctx, s.root+"/deep/out")
	require.NoError(t, err)
	require.NotEmpty(t, live.Identity)
	require.Equal(t, live.Identity, shown.Identity)

	require.NoError(t, s.live(t).Hide(s.ctx, s.root+"/deep/out"))
	require.NoError(t, s.live(t).Hide(s.ctx, s.root+"/deep/out"))
	require.NoError(t, s.live(t).Hide(s.ctx, s.root+"/never/was"))
	require.Equal(t, "one\ntwo\n", s.content(t, s.root+"/stage/a"))

	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	_, err = io.WriteString(w, "late")
	require.Error(t, err)
}

func (s *fileSystemSuite) liveExclusive(t *testing.T) {
	s.createLive(t, "a", "", 0, "")
	s.put(t, "out", "precious")
	err := s.live(t).Show(s.ctx, s.root+"/stage/a", s.root+"/out", false)
	require.ErrorIs(t, err, filesystem.ErrExists)
	require.Equal(t, "precious", s.content(t, s.root+"/out"))
	_, err = s.live(t).CreateLive(s.ctx, s.root+"/stage/a", "", 0)
	require.ErrorIs(t, err, filesystem.ErrExists)
}

func (s *fileSystemSuite) liveReplaces(t *testing.T) {
	old := s.createLive(t, "old", "", 0, "old\n")
	require.NoError(t, s.live(t).Show(s.ctx, s.root+"/stage/old", s.root+"/out", false))
	require.NoError(t, old.Sync(s.ctx))
	reader, err := s.fs.Open(s.ctx, s.root+"/out", 0)
	require.NoError(t, err)

	next := s.createLive(t, "next", "", 0, "next\n")
	require.NoError(t, next.Sync(s.ctx))
	for range 2 {
		require.NoError(t, s.live(t).Show(s.ctx, s.root+"/stage/next", s.root+"/out", true))
		require.Equal(t, "next\n", s.content(t, s.root+"/out"))
	}
	_, err = io.WriteString(old, "written to nobody\n")
	require.NoError(t, err)
	require.NoError(t, old.Flush())
	require.Equal(t, "next\n", s.content(t, s.root+"/out"))
	got, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	require.Equal(t, "old\nwritten to nobody\n", string(got), "an open reader keeps the old file")
	require.Equal(t, []string{"out", "stage/next", "stage/old"}, s.visible(t))
}

func (s *fileSystemSuite) liveCopy(t *testing.T) {
	s.put(t, "source", "0123456789")
	w := s.createLive(t, "a", s.root+"/source", 4, "more")
	require.NoError(t, w.Sync(s.ctx))
	require.Equal(t, "0123more", s.content(t, s.root+"/stage/a"))
	_, err := s.live(t).CreateLive(s.ctx, s.root+"/stage/b", s.root+"/source", 11)
	require.ErrorIs(t, err, filesystem.ErrDamaged)
	_, err = s.live(t).CreateLive(s.ctx, s.root+"/stage/b", s.root+"/nowhere", 1)
	require.ErrorIs(t, err, filesystem.ErrNotFound)
	require.Equal(t, []string{"source", "stage/a"}, s.visible(t), "a failed copy is left over")
}
