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
		if err := j.Add(bytes.NewReader(f)); err != nil {
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
	broken := io.MultiReader(bytes.NewReader(file[:len(file)/2]), iotest.ErrReader(errFull))
	require.ErrorIs(t, j.Add(broken), errFull)

	for _, room := range []int{0, 1, len(file) / 2, len(file) - 1} {
		full := fullAfter(room)
		j, err := s.h.Joiner.Join(&full)
		if err == nil {
			err = j.Add(bytes.NewReader(file))
		}
		if err == nil {
			err = j.Close()
		}
		require.ErrorIs(t, err, errFull, "room for %d", room)
	}
}

// few are so few values that every byte of a file can be tried.
func (s *formatSuite) few() [][]byte { return s.h.Values[:min(len(s.h.Values), 6)] }

func (s *formatSuite) joinCut(t *testing.T) {
	file := s.write(t, s.few(), func(i int, w format.Writer, _ *bytes.Buffer) {
		require.NoError(t, w.Flush())
	})
	whole := 0
	for at := range file {
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

// joinDamaged changes one bit at a time: what is copied is as long as it was, or an error.
func (s *formatSuite) joinDamaged(t *testing.T) {
	file := s.write(t, s.few(), nil)
	good, err := s.joined(t, file, file)
	require.NoError(t, err)
	for at := range file {
		for bit := range 8 {
			bad := bytes.Clone(file)
			bad[at] ^= 1 << bit
			joined, err := s.joined(t, file, bad)
			if err != nil {
				require.ErrorIs(t, err, format.ErrDamaged)
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
