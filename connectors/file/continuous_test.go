package file

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

func continuous(c *SourceConfig) { c.Mode = modeContinuous }

// watch lists again and again, with a clock that moves only when told.
type watch struct {
	t      *testing.T
	source *Source
	state  checkpoint.Position
	now    time.Time
}

func newWatch(t *testing.T, path string, change ...func(*SourceConfig)) *watch {
	w := &watch{t: t, now: time.Unix(1_800_000_000, 0)}
	w.source = open(t, config(path, append(change, continuous)...))
	w.source.env.Now = func() time.Time { return w.now }
	return w
}

// read lists once and returns the values of what was found.
func (w *watch) read() []string {
	w.t.Helper()
	e := find(w.t, w.source, w.state)
	require.False(w.t, e.Done)
	w.state = e.State
	got, err := drain(w.t, reading(w.t, w.source, connectors.Limits{}, e.Found...))
	require.NoError(w.t, err)
	return values(got)
}

// TestLateFilesAreRead is flaw M1 of Flink: files that appear with an older or an equal time.
func TestLateFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return write(t, filepath.Join(dir, name), name+"\n") }
	age(t, file("b"), 10)
	w := newWatch(t, dir)
	require.Equal(t, []string{"b"}, w.read())
	age(t, file("a"), 10)
	require.Equal(t, []string{"a"}, w.read(), "equal time")
	age(t, file("c"), 1)
	require.Equal(t, []string{"c"}, w.read(), "older time")
	age(t, file("d"), 20)
	require.Equal(t, []string{"d"}, w.read())
	require.Empty(t, w.read())
}

func TestChangedFileIsReadAgainInFull(t *testing.T) {
	path := age(t, write(t, filepath.Join(t.TempDir(), "f"), "one\n"), 1)
	w := newWatch(t, path)
	require.Equal(t, []string{"one"}, w.read())
	first := w.state
	appendTo(t, path, "two\n")
	age(t, path, 2)
	require.Equal(t, []string{"one", "two"}, w.read())
	age(t, path, 3)
	require.Equal(t, []string{"one", "two"}, w.read(), "touched")

	again, err := w.source.Enumerate(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, path+"#0@1700000003000000000-8", again.Found[0].ID,
		"versions have names of their own")
}

func TestSeenFilesThatGoAndComeBack(t *testing.T) {
	dir := t.TempDir()
	path := age(t, write(t, filepath.Join(dir, "f"), "one\n"), 1)
	w := newWatch(t, dir)
	require.Equal(t, []string{"one"}, w.read())
	comeBack := func(after time.Duration) []string {
		require.NoError(t, os.Rename(path, path+"_COPYING_"))
		require.Empty(t, w.read())
		w.now = w.now.Add(after)
		require.Empty(t, w.read())
		require.NoError(t, os.Rename(path+"_COPYING_", path))
		return w.read()
	}
	require.Empty(t, comeBack(lookBackDefault), "within the look-back")
	require.Empty(t, comeBack(lookBackDefault), "counted anew")
	require.Equal(t, []string{"one"}, comeBack(lookBackDefault+time.Millisecond), "beyond it")
}

func TestSeenSetIsBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range 10 {
		age(t, write(t, filepath.Join(dir, fmt.Sprint(i)), fmt.Sprintln(i)), i)
	}
	w := newWatch(t, dir, func(c *SourceConfig) { c.SeenMax = 4 })
	require.Len(t, w.read(), 10)
	known, err := decodeSeen(w.state)
	require.NoError(t, err)
	require.Len(t, known.files, 4)
	require.Empty(t, w.read(), "what is forgotten is not read again")
	age(t, write(t, filepath.Join(dir, "late"), "late\n"), 5)
	require.Empty(t, w.read(), "not newer than the newest that was forgotten")
	age(t, write(t, filepath.Join(dir, "late2"), "late2\n"), 6)
	require.Equal(t, []string{"late2"}, w.read())
}

func TestSeenSetIsUnchangedWhenNothingHappens(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "f"), "one\n")
	w := newWatch(t, dir)
	w.read()
	before := w.state
	w.read()
	require.Equal(t, before, w.state)
}

// brokenListing fails in the middle of a listing.
type brokenListing struct{ filesystem.FileSystem }

var errListing = errors.New("name node is away")

func (b brokenListing) List(
	ctx context.Context, dir string, nested bool,
) iter.Seq2[filesystem.Info, error] {
	return func(yield func(filesystem.Info, error) bool) {
		for info, err := range b.FileSystem.List(ctx, dir, nested) {
			if !yield(info, err) {
				return
			}
			break
		}
		yield(filesystem.Info{}, errListing)
	}
}

func TestFailedListingIsNoEmptyListing(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), "a\n")
	for _, mode := range []string{modeOnce, modeContinuous, modeTail} {
		for _, path := range []string{dir, dir + "/*", dir + "/**"} {
			s := open(t, config(path, func(c *SourceConfig) { c.Mode = mode }))
			s.fs = brokenListing{s.fs}
			_, err := s.Enumerate(t.Context(), checkpoint.Position{})
			require.ErrorIs(t, err, errListing)
			require.ErrorContains(t, err, path)
		}
	}
}

func TestMissingPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nowhere")
	for _, p := range []string{path, path + "/*.log"} {
		c := config(p)
		_, err := open(t, c).Enumerate(t.Context(), checkpoint.Position{})
		require.ErrorIs(t, err, ErrNoPath)
		require.EqualError(t, err, "file source orders: path does not exist: "+p+"; correct the key path")
		require.Equal(t, connectors.Fatal, connectors.Classify(err))
		require.ErrorIs(t, c.CheckConnect(t.Context(), testEnv(t)), ErrNoPath)
	}
}

func TestOnceListsOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), "a\n")
	s := open(t, config(dir))
	e := find(t, s, checkpoint.Position{})
	require.True(t, e.Done)
	require.Len(t, e.Found, 1)
	write(t, filepath.Join(dir, "b"), "b\n")
	again := find(t, s, e.State)
	require.True(t, again.Done)
	require.Empty(t, again.Found)
	require.NoError(t, os.RemoveAll(dir))
	again = find(t, s, e.State)
	require.True(t, again.Done, "input that was read may be tidied away")
}
