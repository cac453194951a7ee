package connectortest

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// join holds W6.
func (s *formatSuite) join(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"a joined file reads as its files", s.joinRows},
		{"joined files are joined again", s.joinTwice},
		{"an error of either stream is told", s.joinErrors},
	} {
		t.Run(tt.name, tt.run)
	}
	if s.h.Marks {
		t.Run("what was cut is not taken for less", s.joinCut)
		t.Run("what is damaged is not taken for less", s.joinDamaged)
		t.Run("files of another kind are refused", s.joinOthers)
	}
}

// joined returns one file of several.
func (s *formatSuite) joined(t *testing.T, files ...[]byte) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	j, err := s.h.Joiner.Join(&out)
	require.NoError(t, err)
	for _, f := range files {
		if err := j.Add(format.InMemory(f)); err != nil {
			return nil, err
		}
	}
	require.NoError(t, j.Close())
	return out.Bytes(), nil
}

// thirds returns the values in three files, with one that has none between.
func (s *formatSuite) thirds(t *testing.T) (files [][]byte) {
	t.Helper()
	n := len(s.h.Values)
	for _, values := range [][][]byte{
		s.h.Values[:n/3], nil, s.h.Values[n/3 : n/2], s.h.Values[n/2:],
	} {
		files = append(files, s.write(t, values, nil))
	}
	return files
}

func (s *formatSuite) joinRows(t *testing.T) {
	joined, err := s.joined(t, s.thirds(t)...)
	require.NoError(t, err)
	require.Equal(t, s.h.Values, s.h.Read(t, joined))
	none, err := s.joined(t)
	require.NoError(t, err)
	require.Empty(t, s.h.Read(t, none))
}

func (s *formatSuite) joinTwice(t *testing.T) {
	files := s.thirds(t)
	first, err := s.joined(t, files[:2]...)
	require.NoError(t, err)
	second, err := s.joined(t, files[2:]...)
	require.NoError(t, err)
	both, err := s.joined(t, first, second)
	require.NoError(t, err)
	require.Equal(t, s.h.Values, s.h.Read(t, both))
}

func (s *formatSuite) joinErrors(t *testing.T) {
	file := s.write(t, s.h.Values, nil)
	var out bytes.Buffer
	j, err := s.h.Joiner.Join(&out)
	require.NoError(t, err)
	require.ErrorIs(t, j.Add(newHalfFile(file)), errFull)

	whole, err := s.joined(t, file)
	require.NoError(t, err)
	for _, room := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		full := fullAfter(room)
		j, err := s.h.Joiner.Join(&full)
		if err == nil {
			err = j.Add(format.InMemory(file))
		}
		if err == nil {
			err = j.Close()
		}
		require.ErrorIs(t, err, errFull, "room for %d", room)
	}
}

// halfFile is a file whose second half cannot be read, in whatever way.
type halfFile struct {
	format.File
	first io.Reader
}

func newHalfFile(content []byte) halfFile {
	f := format.InMemory(content)
	return halfFile{f, endsIn(f, f.Size()/2)}
}

// endsIn returns n bytes of in, and errFull behind them.
func endsIn(in io.Reader, n int64) io.Reader {
	return io.MultiReader(io.LimitReader(in, n), iotest.ErrReader(errFull))
}

// Read implements format.File.
func (f halfFile) Read(p []byte) (int, error) { return f.first.Read(p) }

// OpenAt implements format.File.
func (f halfFile) OpenAt(offset int64) (io.ReadCloser, error) {
	in, err := f.File.OpenAt(offset)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{endsIn(in, f.Size()/2-offset), in}, nil
}

// againEvery is how many cuts and bits are left out where rows are written again, which takes long.
const againEvery = 17

// few are so few values that every byte of a file can be tried.
func (s *formatSuite) few() [][]byte { return s.h.Values[:min(len(s.h.Values), 6)] }

func (s *formatSuite) joinCut(t *testing.T) {
	file := s.write(t, s.few(), func(i int, w format.Writer, _ *bytes.Buffer) {
		require.NoError(t, w.Flush())
	})
	whole := 0
	for at := range file {
		if s.h.Footer && at%againEvery != 0 {
			continue
		}
		joined, err := s.joined(t, file, file[:at])
		if err != nil {
			require.ErrorIs(t, err, format.ErrDamaged, "cut at %d", at)
			continue
		}
		want := slices.Concat(s.few(), s.h.Read(t, file[:at])) // a whole file, W5
		require.Equal(t, want, s.h.Read(t, joined), "cut at %d", at)
		whole++
	}
	require.LessOrEqual(t, whole, 1+len(s.few()))
}

// joinDamaged changes one bit at a time: what is copied is as long as it was, or an error. Where rows
// are written again, they are what they were.
func (s *formatSuite) joinDamaged(t *testing.T) {
	file := s.write(t, s.few(), nil)
	good, err := s.joined(t, file, file)
	require.NoError(t, err)
	want := s.h.Read(t, good)
	for at := range file {
		for bit := range 8 {
			if s.h.Footer && (8*at+bit)%againEvery != 0 {
				continue
			}
			bad := bytes.Clone(file)
			bad[at] ^= 1 << bit
			joined, err := s.joined(t, file, bad)
			if err != nil {
				require.ErrorIs(t, err, format.ErrDamaged)
				continue
			}
			if s.h.Footer {
				require.Equal(t, want, s.h.Read(t, joined), "bit %d of byte %d", bit, at)
				continue
			}
			require.Len(t, joined, len(good), "bit %d of byte %d", bit, at)
		}
	}
	for _, bad := range [][]byte{nil, []byte("no such file"), append(bytes.Clone(file), 0)} {
		_, err := s.joined(t, file, bad)
		require.ErrorIs(t, err, format.ErrDamaged)
	}
}

func (s *formatSuite) joinOthers(t *testing.T) {
	require.NotEmpty(t, s.h.OtherKinds)
	for i, other := range s.h.OtherKinds {
		require.NotEqual(t, s.h.Joiner.Kind(), other.Kind(), "%d", i)
		var out bytes.Buffer
		j, err := other.Join(&out)
		require.NoError(t, err)
		require.NoError(t, j.Close())
		_, err = s.joined(t, out.Bytes())
		require.ErrorIs(t, err, format.ErrDamaged, "%d", i)
	}
}
