package file

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// rotatesAtOpen rotates a log right before it is opened for the first time.
type rotatesAtOpen struct {
	filesystem.FileSystem
	rotate func()
}

func (r *rotatesAtOpen) Open(ctx context.Context, path string, offset int64) (io.ReadCloser,
	error) {
	if rotate := r.rotate; rotate != nil {
		r.rotate = nil
		rotate()
	}
	return r.FileSystem.Open(ctx, path, offset)
}

func TestTailRotatedBetweenLookAndOpen(t *testing.T) {
	log := write(t, filepath.Join(t.TempDir(), "app.log"), "one\n")
	x := newTailing(t, log)
	x.source.fs = &rotatesAtOpen{x.source.fs, func() {
		rename(t, log, log+".1")
		write(t, log, "two\n")
	}}
	var got []line
	for range 10 {
		got = append(got, x.lines()...)
		x.wait(rotateWaitDefault)
	}
	require.Equal(t, []string{"one", "two"}, values(got))
}

// rotatingLog is a log whose lines are numbered, and what happens to it.
type rotatingLog struct {
	t       *testing.T
	rng     *rand.Rand
	path    string
	lines   int
	written int // bytes of the line that is not finished
	ticks   int
}

// step writes a line, sometimes in two parts, rotates or compresses.
func (l *rotatingLog) step() {
	switch l.rng.IntN(8) {
	case 0:
		l.rotate()
	case 1:
		l.compress()
	default:
		text := l.line()[l.written:]
		if l.rng.IntN(4) == 0 {
			text = text[:l.rng.IntN(len(text))]
		}
		l.written += len(text)
		if strings.HasSuffix(text, "\n") {
			l.lines, l.written = l.lines+1, 0
		}
		appendTo(l.t, l.path, text)
		l.tick(l.path)
	}
}

// line returns the text of the line that comes next.
func (l *rotatingLog) line() string {
	return strconv.Itoa(l.lines) + strings.Repeat(".", l.lines*37%80) + "\n"
}

func (l *rotatingLog) tick(path string) {
	l.ticks++
	age(l.t, path, l.ticks)
}

const (
	rotatingKeep  = 40 // more than go by between a snapshot and the return to it
	rotatingBurst = 7  // steps between two looks at most
)

// rotate makes a new file, or none, so that nothing stands under the path until something is
// written. A begun line stays in the old file, whole but for its delimiter when there is a new file
// to tell that none comes any more.
func (l *rotatingLog) rotate() {
	if _, err := os.Stat(l.path); err != nil {
		return
	}
	anew := l.rng.IntN(2) == 0
	if l.written > 0 {
		rest := l.line()[l.written:]
		if anew {
			rest = strings.TrimSuffix(rest, "\n")
		}
		appendTo(l.t, l.path, rest)
		l.lines, l.written = l.lines+1, 0
		l.tick(l.path)
	}
	for i := rotatingKeep; i > 0; i-- {
		for _, ext := range []string{"", ".gz"} {
			from := l.path + "." + strconv.Itoa(i) + ext
			if _, err := os.Stat(from); err == nil {
				rename(l.t, from, l.path+"."+strconv.Itoa(i+1)+ext)
			}
		}
	}
	rename(l.t, l.path, l.path+".1")
	if anew {
		write(l.t, l.path, "")
		l.tick(l.path)
	}
}

// compress compresses the second newest rotated file, as logrotate does, with its time.
func (l *rotatingLog) compress() {
	from := l.path + ".2"
	info, err := os.Stat(from)
	if err != nil {
		return
	}
	content, err := os.ReadFile(from)
	require.NoError(l.t, err)
	to := write(l.t, from+".gz", compress(l.t, ".gz", string(content)))
	require.NoError(l.t, os.Chtimes(to, info.ModTime(), info.ModTime()))
	require.NoError(l.t, os.Remove(from))
}

// TestTailThroughRandomRotations interleaves a writer that rotates with a job that crashes.
func TestTailThroughRandomRotations(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 7))
		dir := t.TempDir()
		l := &rotatingLog{t: t, rng: rng, path: write(t, filepath.Join(dir, "app.log"), "")}
		l.tick(l.path)
		x := newTailing(t, dir, func(c *SourceConfig) { c.RotateWait = connectors.Duration(time.Second) })
		decided, undecided := []string{}, []string{}
		splits, state := x.snapshot(), x.state
		rotations := 0
		for range 150 {
			switch rng.IntN(6) {
			case 0:
				undecided = append(undecided, x.read()...)
				rotations = 0
			case 1:
				x.discover()
			case 2:
				splits, state = x.snapshot(), x.state
				decided = append(decided, undecided...)
				undecided = nil
			case 3:
				x.restart(splits)
				x.state, undecided = state, nil
			default:
				if rotations < rotatingBurst {
					l.step()
					rotations++
				}
			}
		}
		if l.written > 0 {
			appendTo(t, l.path, l.line()[l.written:])
			l.lines++
			l.tick(l.path)
		}
		for range 40 {
			undecided = append(undecided, x.read()...)
			x.wait(time.Second)
		}
		got := append(decided, undecided...)
		require.Len(t, got, l.lines, "seed %d", seed)
		for i, v := range got {
			require.Equal(t, strconv.Itoa(i), strings.TrimRight(v, "."), "seed %d", seed)
		}
		require.NoError(t, x.reader.Close())
	}
}

// rotationCase is a way to rotate a log after its first line was read.
type rotationCase struct {
	name  string
	while func(t *testing.T, log string) // after "one" was read
	want  []string
	gone  bool // the rest of the first file is lost
}

// rotationCases makes lines of the length of the one that was read, so that a position fits each.
func rotationCases(long func(string) string) []rotationCase {
	two, three, four := long("two"), long("three"), long("four")
	return []rotationCase{
		{"nothing", func(t *testing.T, log string) {
			appendTo(t, log, two+"\n")
		}, []string{two}, false},
		{"renamed and made again", func(t *testing.T, log string) {
			appendTo(t, log, two+"\n")
			rename(t, log, log+".1")
			write(t, log, three+"\n")
		}, []string{two, three}, false},
		{"renamed to a dated name", func(t *testing.T, log string) {
			appendTo(t, log, two+"\n")
			rename(t, log, filepath.Join(filepath.Dir(log), "old-2026-11-22.log"))
			write(t, log, three+"\n")
		}, []string{two, three}, false},
		{"renamed, not made again", func(t *testing.T, log string) {
			appendTo(t, log, two+"\n")
			rename(t, log, log+".1")
			appendTo(t, log+".1", three+"\n")
		}, []string{two, three}, false},
		{"rotated twice", func(t *testing.T, log string) {
			appendTo(t, log, two+"\n")
			rename(t, log, log+".1")
			age(t, write(t, log, three+"\n"), 1<<30)
			rename(t, log+".1", log+".2")
			rename(t, log, log+".1")
			age(t, write(t, log, four+"\n"), 1<<30+1)
		}, []string{two, three, four}, false},
		{"copied and truncated", func(t *testing.T, log string) {
			appendTo(t, log, two+"\n")
			content, err := os.ReadFile(log)
			require.NoError(t, err)
			write(t, log+".1", string(content))
			require.NoError(t, os.Truncate(log, 0))
			appendTo(t, log, three+"\n")
		}, []string{two, three}, false},
		{"copied, truncated and grown beyond", func(t *testing.T, log string) {
			write(t, log+".1", long("one")+"\n")
			require.NoError(t, os.Truncate(log, 0))
			appendTo(t, log, three+"\n"+four+"\n")
		}, []string{three, four}, false},
		{"truncated without a copy", func(t *testing.T, log string) {
			require.NoError(t, os.Truncate(log, 0))
			appendTo(t, log, three+"\n")
		}, []string{three}, true},
		{"deleted and made again", func(t *testing.T, log string) {
			require.NoError(t, os.Remove(log))
			write(t, log, three+"\n")
		}, []string{three}, true},
		{"compressed", func(t *testing.T, log string) {
			appendTo(t, log, two+"\n")
			content, err := os.ReadFile(log)
			require.NoError(t, err)
			rename(t, log, log+".1")
			write(t, log+".1.gz", compress(t, ".gz", string(content)))
			require.NoError(t, os.Remove(log+".1"))
			write(t, log, three+"\n")
		}, []string{two, three}, false},
	}
}

// TestTailRotation restarts a job at a snapshot after every kind of rotation went by while it was
// down, or lets it run.
func TestTailRotation(t *testing.T) {
	long := func(s string) string { return s + strings.Repeat(".", 100) }
	one := long("one")
	for _, c := range rotationCases(long) {
		start := func(t *testing.T, change ...func(*SourceConfig)) (*tailing, string) {
			log := age(t, write(t, filepath.Join(t.TempDir(), "app.log"), one+"\n"), 0)
			x := newTailing(t, log, change...)
			require.Equal(t, []string{one}, x.read())
			return x, log
		}
		all := func(x *tailing) (out []string) {
			for range 10 {
				out = append(out, x.read()...)
				x.wait(rotateWaitDefault)
			}
			return out
		}
		t.Run(c.name+"/running", func(t *testing.T) {
			x, log := start(t)
			c.while(t, log)
			require.Equal(t, c.want, all(x))
			x.restart(x.snapshot())
			require.Empty(t, all(x))
		})
		t.Run(c.name+"/restarted", func(t *testing.T) {
			x, log := start(t, func(s *SourceConfig) {
				if c.gone {
					s.Vanished = vanishedSkip
				}
			})
			c.while(t, log)
			x.restart(x.snapshot())
			require.Equal(t, c.want, all(x))
			x.restart(x.snapshot())
			require.Empty(t, all(x))
		})
		if !c.gone {
			continue
		}
		t.Run(c.name+"/restarted, and loss is an error", func(t *testing.T) {
			x, log := start(t)
			c.while(t, log)
			x.restart(x.snapshot())
			_, err := x.poll()
			require.ErrorIs(t, err, ErrVanished)
			require.ErrorContains(t, err, "reading "+log+" at byte 104: ")
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
	}
}
