package file

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// wholeFiles returns a valid file for every codec, by the extension.
func wholeFiles(t testing.TB) map[string]string {
	t.Helper()
	content := strings.Repeat("a line\n", 1000)
	bz2, err := base64.StdEncoding.DecodeString(twoStreams)
	require.NoError(t, err)
	out := map[string]string{".bz2": string(bz2)}
	for _, ext := range []string{".gz", ".gzip", ".xz", ".zst", ".deflate"} {
		out[ext] = compress(t, ext, content)
	}
	return out
}

func TestDamagedCompressedFile(t *testing.T) {
	junk := strings.Repeat("junk", 20)
	for ext, whole := range wholeFiles(t) {
		middle := []byte(whole)
		for i := len(middle) / 2; i < len(middle)/2+4; i++ {
			middle[i] ^= 0xff
		}
		for name, data := range map[string]string{
			"cut short":      whole[:len(whole)-3],
			"cut in half":    whole[:len(whole)/2],
			"only the start": whole[:1],
			"not compressed": "a line\n",
			"nothing at all": "",
			"junk behind it": whole + junk,
			"changed inside": string(middle),
		} {
			t.Run(ext+"/"+name, func(t *testing.T) {
				path := write(t, filepath.Join(t.TempDir(), "f"+ext), data)
				s := open(t, config(path))
				_, err := drain(t, reading(t, s, connectors.Limits{},
					find(t, s, checkpoint.Position{}).Found...))
				require.ErrorIs(t, err, ErrDamaged)
				require.Equal(t, connectors.Fatal, connectors.Classify(err))
				require.ErrorContains(t, err, "reading "+path+" at byte ")
				require.ErrorContains(t, err, "no valid "+ext+" data: ")
				require.ErrorContains(t, err, "put a whole file in its place")
			})
		}
	}
}

// TestDamagedCompressedFileAfterARestart finds the damage before the position.
func TestDamagedCompressedFileAfterARestart(t *testing.T) {
	for ext, whole := range wholeFiles(t) {
		t.Run(ext, func(t *testing.T) {
			path := age(t, write(t, filepath.Join(t.TempDir(), "f"+ext), whole), 0)
			s := open(t, config(path))
			r := reading(t, s, connectors.Limits{Records: 1}, find(t, s, checkpoint.Position{}).Found...)
			var b connectors.Batch
			require.NoError(t, r.Poll(t.Context(), &b))
			splits, err := r.Snapshot(t.Context(), 1)
			require.NoError(t, err)
			damaged := []byte(whole)
			damaged[0] ^= 0xff
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.Write(damaged)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			age(t, path, 0)
			_, err = drain(t, reading(t, s, connectors.Limits{}, splits...))
			require.ErrorIs(t, err, ErrDamaged)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
	}
}

// failingDisk fails all reads after so many bytes.
type failingDisk struct {
	filesystem.FileSystem
	after int64
	err   error
}

func (d failingDisk) Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	in, err := d.FileSystem.Open(ctx, path, offset)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(in, d.after), iotest.ErrReader(d.err)), in}, nil
}

func TestDiskErrorBelowADecompressorIsNoDamage(t *testing.T) {
	for ext, whole := range wholeFiles(t) {
		for name, after := range map[string]int{"at once": 0, "in the data": len(whole) / 2} {
			t.Run(ext+"/"+name, func(t *testing.T) {
				path := write(t, filepath.Join(t.TempDir(), "f"+ext), whole)
				s := open(t, config(path))
				found := find(t, s, checkpoint.Position{}).Found
				broken := errors.New("the disk is on fire")
				s.fs = failingDisk{s.fs, int64(after), broken}
				_, err := drain(t, reading(t, s, connectors.Limits{}, found...))
				require.ErrorIs(t, err, broken)
				require.NotErrorIs(t, err, ErrDamaged)
				require.Equal(t, connectors.Fail, connectors.Classify(err))
				require.ErrorContains(t, err, path)
			})
		}
	}
}

// TestTailWaitsForACompressor looks at a rotated file while it is being compressed and its
// original has another name already.
func TestTailWaitsForACompressor(t *testing.T) {
	log := age(t, write(t, filepath.Join(t.TempDir(), "app.log"), "one\n"), 1)
	x := newTailing(t, log)
	require.Equal(t, []string{"one"}, x.read())
	rename(t, log, log+".1")
	whole := compress(t, ".gz", "two\n")
	gz := write(t, log+".2.gz", whole[:12])
	require.NoError(t, os.Chtimes(gz, x.now, x.now))
	x.wait(rotateWaitDefault)
	require.Empty(t, x.read())
	write(t, gz, whole)
	require.Equal(t, []string{"two"}, x.settled())

	write(t, log+".3.gz", whole[:12])
	require.NoError(t, os.Chtimes(log+".3.gz", x.now, x.now))
	x.wait(time.Second)
	require.Empty(t, x.read())
	x.wait(compressingWait)
	_, err := x.settle()
	require.ErrorIs(t, err, ErrDamaged)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}
