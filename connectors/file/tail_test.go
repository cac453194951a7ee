package file

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// tailing is a job that follows files, with a clock that moves only when told.
type tailing struct {
	t      *testing.T
	source *Source
	reader connectors.SourceReader
	state  checkpoint.Position
	now    time.Time
}

func newTailing(t *testing.T, path string, change ...func(*SourceConfig)) *tailing {
	x := &tailing{t: t, now: time.Now()}
	x.source = open(t, config(path, append(change, func(c *SourceConfig) { c.Mode = modeTail })...))
	x.source.env.Now = func() time.Time { return x.now }
	x.reader = reading(t, x.source, connectors.Limits{})
	x.discover()
	return x
}

// discover lists once and hands new splits to the reader.
func (x *tailing) discover() []checkpoint.Split {
	x.t.Helper()
	e := find(x.t, x.source, x.state)
	require.False(x.t, e.Done)
	require.Equal(x.t, time.Second, e.Again)
	x.state = e.State
	require.NoError(x.t, x.reader.AddSplits(x.t.Context(), e.Found))
	return e.Found
}

// read polls for a while of the job's time and returns the values.
func (x *tailing) read() []string {
	x.t.Helper()
	return values(x.lines())
}

func (x *tailing) lines() []line {
	x.t.Helper()
	out, err := x.poll()
	require.NoError(x.t, err)
	return out
}

func (x *tailing) poll() (out []line, err error) {
	var b connectors.Batch
	for range 10 {
		b.Reset()
		if err := x.reader.Poll(x.t.Context(), &b); err != nil {
			return out, err
		}
		out = append(out, lines(&b)...)
		x.now = x.now.Add(lookWaitMax)
	}
	return out, nil
}

func (x *tailing) wait(d time.Duration) { x.now = x.now.Add(d) }

// snapshot returns the positions, as a manifest would keep them.
func (x *tailing) snapshot() []checkpoint.Split {
	x.t.Helper()
	splits, err := x.reader.Snapshot(x.t.Context(), 1)
	require.NoError(x.t, err)
	return splits
}

// restart goes on with a new reader at a snapshot.
func (x *tailing) restart(splits []checkpoint.Split) {
	x.t.Helper()
	require.NoError(x.t, x.reader.Close())
	x.reader = reading(x.t, x.source, connectors.Limits{}, splits...)
}

func appendTo(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o666)
	require.NoError(t, err)
	_, err = f.WriteString(content)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.Rename(from, to))
}

func TestTailFollowsGrowth(t *testing.T) {
	log := write(t, filepath.Join(t.TempDir(), "app.log"), "one\ntwo\n")
	x := newTailing(t, log)
	require.Equal(t, []line{{log, 0, "one"}, {log, 4, "two"}}, x.lines())
	require.Empty(t, x.read())
	appendTo(t, log, "three\n")
	require.Equal(t, []line{{log, 8, "three"}}, x.lines())
}

func TestTailWaitsForTheDelimiter(t *testing.T) {
	log := write(t, filepath.Join(t.TempDir(), "app.log"), "one\ntw")
	x := newTailing(t, log)
	require.Equal(t, []string{"one"}, x.read())
	appendTo(t, log, "o")
	require.Empty(t, x.read())
	x.restart(x.snapshot())
	require.Empty(t, x.read())
	appendTo(t, log, "\nthree\n")
	require.Equal(t, []line{{log, 4, "two"}, {log, 8, "three"}}, x.lines())
}

func TestTailGoesOnAfterARestart(t *testing.T) {
	log := write(t, filepath.Join(t.TempDir(), "app.log"), "one\n")
	x := newTailing(t, log)
	require.Equal(t, []string{"one"}, x.read())
	at := x.snapshot()
	appendTo(t, log, "two\n")
	require.Equal(t, []string{"two"}, x.read())
	x.restart(at)
	require.Equal(t, []line{{log, 4, "two"}}, x.lines())
	require.Empty(t, x.discover(), "a path is given out once")
}

func TestTailReadsARotatedFileToItsEnd(t *testing.T) {
	log := write(t, filepath.Join(t.TempDir(), "app.log"), "one\n")
	x := newTailing(t, log)
	require.Equal(t, []string{"one"}, x.read())

	old, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	defer old.Close()
	rename(t, log, log+".1")
	write(t, log, "four\n")
	_, err = old.WriteString("two\n")
	require.NoError(t, err)
	require.Equal(t, []string{"two"}, x.read())
	_, err = old.WriteString("thr")
	require.NoError(t, err)
	require.Empty(t, x.read(), "the new file waits while the old one grows")
	_, err = old.WriteString("ee")
	require.NoError(t, err)
	x.wait(rotateWaitDefault)
	var got []line
	for range 5 {
		got = append(got, x.lines()...)
	}
	require.Equal(t, []string{"three", "four"}, values(got), "the last line needs no delimiter")
	require.Equal(t, uint64(0), got[1].Offset)
	require.Equal(t, log, got[1].Split)
	splits := x.snapshot()
	require.Len(t, splits, 1)
	pos, err := decodeTail(splits[0].Position)
	require.NoError(t, err)
	require.Equal(t, uint64(1), pos.generation)
}

func TestTailNamesRecordsByGeneration(t *testing.T) {
	log := write(t, filepath.Join(t.TempDir(), "app.log"), "one\n")
	x := newTailing(t, log, func(c *SourceConfig) { c.RotateWait = 0 })
	var b connectors.Batch
	require.NoError(t, x.reader.Poll(t.Context(), &b))
	require.Equal(t, connectors.Position{}, b.Records[0].Position)
	rename(t, log, log+".1")
	write(t, log, "two\n")
	for b.Reset(); b.Len() == 0; x.wait(time.Second) {
		require.NoError(t, x.reader.Poll(t.Context(), &b))
	}
	require.Equal(t, connectors.Position{Hi: 1}, b.Records[0].Position)
}

func TestTailWaitsForADeletedFile(t *testing.T) {
	log := write(t, filepath.Join(t.TempDir(), "app.log"), "one\n")
	x := newTailing(t, log)
	require.Equal(t, []string{"one"}, x.read())
	require.NoError(t, os.Remove(log))
	for range 5 {
		require.Empty(t, x.read())
		require.Empty(t, x.discover())
		x.wait(rotateWaitDefault)
	}
	x.restart(x.snapshot())
	require.Empty(t, x.read(), "it was read to its end, so nothing is missing")
	write(t, log, "two\n")
	require.Equal(t, []string{"two"}, x.read())
}

func TestTailFindsNewFiles(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log")
	write(t, a, "a1\n")
	write(t, filepath.Join(dir, "done.log.gz"), "not followed")
	x := newTailing(t, dir)
	require.Equal(t, []string{"a1"}, x.read())
	write(t, b, "b1\n")
	appendTo(t, a, "a2\n")
	require.Len(t, x.discover(), 1)
	require.ElementsMatch(t, []string{"a2", "b1"}, x.read())
}

// TestTailFollowsEachFileOnce has rotated files and links in the folder that is followed.
func TestTailFollowsEachFileOnce(t *testing.T) {
	head := strings.Repeat("x", headBytesMax) + "\n"
	for _, c := range []struct {
		name  string
		while func(t *testing.T, dir, log string)
		found int
		want  []string
	}{
		{"numbered", func(t *testing.T, dir, log string) {
			rename(t, log, log+".1")
			write(t, log, "two\n")
		}, 0, []string{"two"}},
		{"numbered, the new one comes later", func(t *testing.T, dir, log string) {
			rename(t, log, log+".1")
		}, 0, []string{}},
		{"dated before the extension", func(t *testing.T, dir, log string) {
			rename(t, log, filepath.Join(dir, "app-2026-11-22.log"))
			write(t, log, "two\n")
		}, 0, []string{"two"}},
		{"linked", func(t *testing.T, dir, log string) {
			require.NoError(t, os.Symlink(log, filepath.Join(dir, "current")))
		}, 0, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			log := write(t, filepath.Join(dir, "app.log"), head)
			x := newTailing(t, dir)
			require.Len(t, x.read(), 1)
			c.while(t, dir, log)
			require.Len(t, x.discover(), c.found)
			require.Empty(t, x.discover())
			var got = []string{}
			for range 5 {
				got = append(got, x.read()...)
				x.wait(rotateWaitDefault)
			}
			require.Equal(t, c.want, got)
		})
	}
	t.Run("a link that moves on", func(t *testing.T) {
		dir := t.TempDir()
		link := filepath.Join(dir, "current")
		day := write(t, filepath.Join(dir, "day-a"), head)
		require.NoError(t, os.Symlink(day, link))
		x := newTailing(t, dir)
		require.Len(t, x.read(), 1, "one of the two names is followed")
		day = write(t, filepath.Join(dir, "day-b"), "two\n")
		require.NoError(t, os.Remove(link))
		require.NoError(t, os.Symlink(day, link))
		x.discover()
		var got []string
		for range 5 {
			got = append(got, x.read()...)
			x.wait(rotateWaitDefault)
		}
		require.Equal(t, []string{"two"}, got)
	})
}

// oneInode gives every file the same identity, as a file system does that uses an inode again at
// once.
type oneInode struct{ filesystem.FileSystem }

func (o oneInode) Stat(ctx context.Context, path string) (filesystem.Info, error) {
	info, err := o.FileSystem.Stat(ctx, path)
	info.Identity = "1"
	return info, err
}

func (o oneInode) List(
	ctx context.Context, dir string, nested bool,
) iter.Seq2[filesystem.Info, error] {
	return func(yield func(filesystem.Info, error) bool) {
		for info, err := range o.FileSystem.List(ctx, dir, nested) {
			info.Identity = "1"
			if !yield(info, err) {
				return
			}
		}
	}
}

func TestTailFileInTheInodeOfADeletedOne(t *testing.T) {
	for name, content := range map[string]string{"with content": "one\n", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log := write(t, filepath.Join(dir, "app.log"), content)
			x := newTailing(t, dir)
			x.source.fs = oneInode{x.source.fs}
			require.Empty(t, x.discover())
			x.read()
			require.NoError(t, os.Remove(log))
			write(t, filepath.Join(dir, "b.log"), "two\n")
			require.Len(t, x.discover(), 1)
			require.Contains(t, x.read(), "two")
		})
	}
}

func TestTailNamesARotationByItsSuffix(t *testing.T) {
	r := newRotatedName()
	for name, want := range map[string]bool{
		"app.log.1": true, "app.log.12.gz": true, "app.log-20261122": true, "app.log.old": true,
		"app.log.2026-11-22-10.xz": true, "app.log_2026-11-22T10:00:00": true, "app.log.bak": true,
		"app.log": false, "app.logger": false, "app.log.gz": false, "app.log.txt": false,
		"app.log.older": false, "other.log.1": false,
	} {
		require.Equal(t, want, r.of("/logs/"+name, "/logs/app.log"), name)
	}
}

func TestTailNeedsThePathAtTheFirstStart(t *testing.T) {
	s := open(t, config(filepath.Join(t.TempDir(), "app.log"),
		func(c *SourceConfig) { c.Mode = modeTail }))
	_, err := s.Enumerate(t.Context(), checkpoint.Position{})
	require.ErrorIs(t, err, ErrNoPath)
	e := find(t, s, (&followed{}).encode())
	require.Empty(t, e.Found, "later it may be away for a moment")
}

func TestTailSpreadsFilesOverTasks(t *testing.T) {
	s := open(t, config(t.TempDir(), func(c *SourceConfig) { c.Mode = modeTail }))
	seen := map[int]int{}
	for i := range 100 {
		task, ok := s.AssignTask(filepath.Join("/logs", string(rune('a'+i%26)), strings.Repeat("x", i)),
			4)
		require.True(t, ok)
		seen[task]++
	}
	require.Len(t, seen, 4)
	_, ok := open(t, config(t.TempDir())).AssignTask("/logs/a", 4)
	require.False(t, ok, "ranges are handed out on demand")
}

func TestTailRefusesALongLine(t *testing.T) {
	log := write(t, filepath.Join(t.TempDir(), "app.log"), "short\n"+strings.Repeat("x", 50))
	x := newTailing(t, log, func(c *SourceConfig) { c.RecordBytesMax = 100 })
	require.Equal(t, []string{"short"}, x.read())
	appendTo(t, log, strings.Repeat("x", 51))
	_, err := x.poll()
	require.ErrorIs(t, err, ErrRecordTooLong)
	require.ErrorContains(t, err, log+" at byte 6")
}

func TestStateOfAnotherModeIsRefused(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "app.log"), "one\n")
	modes := []string{modeOnce, modeContinuous, modeTail}
	for _, from := range modes {
		before := find(t, open(t, config(path, func(c *SourceConfig) { c.Mode = from })),
			checkpoint.Position{})
		for _, to := range modes {
			s := open(t, config(path, func(c *SourceConfig) { c.Mode = to }))
			_, err := s.Enumerate(t.Context(), before.State)
			if from == to {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, ErrOtherMode, "%s, then %s", from, to)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
			if from == modeTail || to == modeTail {
				err = reading(t, s, connectors.Limits{}).AddSplits(t.Context(), before.Found)
				require.ErrorIs(t, err, ErrOtherMode)
			}
		}
	}
}
