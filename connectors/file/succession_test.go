package file

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

// settle reads until every drained file counts as read.
func (x *tailing) settle() ([]string, error) {
	x.t.Helper()
	out := []string{}
	for range 10 {
		got, err := x.poll()
		out = append(out, values(got)...)
		if err != nil {
			return out, err
		}
		x.wait(rotateWaitDefault)
	}
	return out, nil
}

func (x *tailing) settled() []string {
	x.t.Helper()
	out, err := x.settle()
	require.NoError(x.t, err)
	return out
}

// TestTailWithoutALiveFile rotates the file that comes next away before it was seen under the
// path, so that only rotated names are left.
func TestTailWithoutALiveFile(t *testing.T) {
	start := func(t *testing.T) (*tailing, string) {
		log := age(t, write(t, filepath.Join(t.TempDir(), "app.log"), "one\n"), 1)
		x := newTailing(t, log)
		require.Equal(t, []string{"one"}, x.read())
		return x, log
	}
	for name, names := range map[string][2]string{
		"the newest has the lowest number":  {".2", ".1"},
		"the newest has the highest number": {".1", ".2"},
		"dates":                             {"-20261121", "-20261122"},
	} {
		for _, after := range []string{"", "a restart"} {
			t.Run(name+", "+after, func(t *testing.T) {
				x, log := start(t)
				rename(t, log, log+names[0])
				if after == "" {
					require.Empty(t, x.settled(), "the moved file is followed on")
				}
				age(t, write(t, log+names[1], "two\n"), 2)
				if after != "" {
					x.restart(x.snapshot())
				}
				require.Equal(t, []string{"two"}, x.settled())
				require.NoError(t, os.Remove(log+names[1]))
				age(t, write(t, log, "three\n"), 3)
				require.Equal(t, []string{"three"}, x.settled(), "it was read, so nothing is missed")
				x.restart(x.snapshot())
				require.Empty(t, x.settled())
			})
		}
	}
	t.Run("compressed beside the original", func(t *testing.T) {
		x, log := start(t)
		rename(t, log, log+".1")
		age(t, write(t, log, "two\n"), 2)
		require.Equal(t, []string{"two"}, x.settled())
		rename(t, log+".1", log+".2")
		rename(t, log, log+".1")
		x.read()
		age(t, write(t, log+".2.gz", compress(t, ".gz", "one\n")[:10]), 9)
		require.Empty(t, x.settled(), "a compressor is at work on what was read before")
		age(t, write(t, log+".2.gz", compress(t, ".gz", "one\n")), 1)
		require.NoError(t, os.Remove(log+".2"))
		require.Empty(t, x.settled())
	})
}

func TestTailReadsALongSeriesOfRotationsWithoutALiveFile(t *testing.T) {
	const rotations, linesEach = 8, 200
	generation := func(n int) string {
		var b strings.Builder
		for i := range linesEach {
			fmt.Fprintln(&b, n*linesEach+i)
		}
		return b.String()
	}
	for name, highest := range map[string]bool{"shifted up": false, "counted up": true} {
		t.Run(name, func(t *testing.T) {
			log := age(t, write(t, filepath.Join(t.TempDir(), "app.log"), generation(0)), 0)
			x := newTailing(t, log)
			got := x.read()
			for n := range rotations {
				if highest {
					rename(t, log, log+"."+strconv.Itoa(n+1))
				} else {
					for i := n; i > 0; i-- {
						rename(t, log+"."+strconv.Itoa(i), log+"."+strconv.Itoa(i+1))
					}
					rename(t, log, log+".1")
				}
				if n < rotations-1 {
					age(t, write(t, log, generation(n+1)), n+1)
				}
			}
			for range rotations {
				got = append(got, x.settled()...)
			}
			require.Len(t, got, rotations*linesEach)
			for i, v := range got {
				require.Equal(t, strconv.Itoa(i), v)
			}
		})
	}
}

// missedCase is what becomes of a file between two looks at a followed path.
type missedCase struct {
	name  string
	seen  func(t *testing.T, log string) // before a look, after "one" was rotated to .1
	while func(t *testing.T, log string) // after it
	want  []string
	lost  bool
}

func missedCases() []missedCase {
	return []missedCase{
		{"removed under a rotated name", func(t *testing.T, log string) {
			age(t, write(t, log+".2", "two\n"), 2)
		}, func(t *testing.T, log string) {
			require.NoError(t, os.Remove(log+".2"))
			age(t, write(t, log, "three\n"), 3)
		}, []string{"three"}, true},
		{"removed under the path", func(t *testing.T, log string) {
			age(t, write(t, log, "two\n"), 2)
		}, func(t *testing.T, log string) {
			require.NoError(t, os.Remove(log))
			age(t, write(t, log, "three\n"), 3)
		}, []string{"three"}, true},
		{"one of two", func(t *testing.T, log string) {
			age(t, write(t, log+".2", "two\n"), 2)
			age(t, write(t, log+".3", "three\n"), 3)
		}, func(t *testing.T, log string) {
			require.NoError(t, os.Remove(log+".3"))
			age(t, write(t, log, "four\n"), 4)
		}, []string{"two", "four"}, true},
		{"rotated", func(t *testing.T, log string) {
			age(t, write(t, log, "two\n"), 2)
		}, func(t *testing.T, log string) {
			rename(t, log, log+".2")
			age(t, write(t, log, "three\n"), 3)
		}, []string{"two", "three"}, false},
		{"rotated to a name that does not show it", func(t *testing.T, log string) {
			age(t, write(t, log, "two\n"), 2)
		}, func(t *testing.T, log string) {
			rename(t, log, filepath.Join(filepath.Dir(log), "yesterday.log"))
			age(t, write(t, log, "three\n"), 3)
		}, []string{"two", "three"}, false},
		{"compressed", func(t *testing.T, log string) {
			age(t, write(t, log, "two\n"), 2)
		}, func(t *testing.T, log string) {
			age(t, write(t, log+".2.gz", compress(t, ".gz", "two\n")), 2)
			require.NoError(t, os.Remove(log))
			age(t, write(t, log, "three\n"), 3)
		}, []string{"two", "three"}, false},
		{"copied and truncated", func(t *testing.T, log string) {
			age(t, write(t, log, "two\n"), 2)
		}, func(t *testing.T, log string) {
			age(t, write(t, log+".2", "two\n"), 2)
			require.NoError(t, os.Truncate(log, 0))
			appendTo(t, log, "three\n")
			age(t, log, 3)
		}, []string{"two", "three"}, false},
		{"empty", func(t *testing.T, log string) {
			age(t, write(t, log, ""), 2)
		}, func(t *testing.T, log string) {
			require.NoError(t, os.Remove(log))
			age(t, write(t, log, "three\n"), 3)
		}, []string{"three"}, false},
		{"older than the last write to the drained one", func(t *testing.T, log string) {
			age(t, write(t, log, "two\n"), 2)
		}, func(t *testing.T, log string) {
			age(t, log+".1", 5)
			rename(t, log, log+".2")
			age(t, write(t, log, "three\n"), 6)
		}, []string{"two", "three"}, false},
		{"of the same time", func(t *testing.T, log string) {
			age(t, write(t, log, "two\n"), 1)
		}, func(t *testing.T, log string) {
			rename(t, log, log+".2")
			age(t, write(t, log+".3", "three\n"), 1)
			age(t, write(t, log, "four\n"), 1)
		}, []string{"two", "three", "four"}, false},
	}
}

// TestTailMissesAFileThatItSaw removes files that the reader has seen and not read.
func TestTailMissesAFileThatItSaw(t *testing.T) {
	for _, c := range missedCases() {
		for _, vanished := range []string{vanishedFail, vanishedSkip} {
			t.Run(c.name+"/"+vanished, func(t *testing.T) {
				log := age(t, write(t, filepath.Join(t.TempDir(), "app.log"), "one\n"), 1)
				x := newTailing(t, log, func(c *SourceConfig) {
					c.Vanished, c.RotateWait = vanished, connectors.Duration(time.Minute)
				})
				require.Equal(t, []string{"one"}, x.read())
				rename(t, log, log+".1")
				c.seen(t, log)
				require.Empty(t, x.read(), "what comes next waits for rotate_wait")
				c.while(t, log)
				var got []string
				var err error
				for range 5 {
					var more []string
					if more, err = x.settle(); err != nil {
						break
					}
					got = append(got, more...)
					x.wait(time.Minute)
				}
				if c.lost && vanished == vanishedFail {
					require.ErrorIs(t, err, ErrVanished)
					require.ErrorContains(t, err, "reading "+log+" at byte 0: ")
					require.Equal(t, connectors.Fatal, connectors.Classify(err))
					return
				}
				require.NoError(t, err)
				require.Equal(t, c.want, got)
			})
		}
	}
}
