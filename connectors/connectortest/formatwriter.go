package connectortest

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// FormatWriterHarness tells how to reach the writer of a file format under test.
type FormatWriterHarness struct {
	// Open returns a writer into out.
	Open func(t *testing.T, out io.Writer) format.Writer
	// Values are some dozens of records that the format can hold.
	Values [][]byte
	// Refused are values that it cannot hold.
	Refused [][]byte
	// Read returns the values of a whole stream, as a reader of the format sees them.
	Read func(t *testing.T, stream []byte) [][]byte
	// Blocks says that a flush ends a block, so that the bytes depend on flushes (W1).
	Blocks bool
	// Joiner joins such files, with markers that are not theirs; nil where the format cannot.
	Joiner format.Joiner
	// Marks says that files have headers and marks, which the joiner checks. OtherKinds are joiners
	// of files that are alike but for a class, a schema or a codec.
	Marks      bool
	OtherKinds []format.Joiner
	// Footer says that a stream ends with what readers need, so that one which is cut is none (W5).
	Footer bool
}

// RunFormatWriter checks the writer of a file format against W1 to W5, and its joiner against W6.
func RunFormatWriter(t *testing.T, h FormatWriterHarness) {
	s := &formatSuite{h}
	for _, tt := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"records are read back", s.readBack},
		{"a stream without records is whole", s.empty},
		{"flushing changes nothing", s.flush},
		{"what was flushed is whole", s.cut},
		{"Size counts what is written", s.size},
		{"a refused record leaves no byte", s.refused},
		{"nothing of a record is kept", s.keepsNothing},
		{"the first error of the stream stays", s.streamError},
		{"Close may be called again and ends the writer", s.close},
	} {
		t.Run(tt.name, tt.run)
	}
	if h.Joiner != nil {
		t.Run("files are joined", s.join)
	}
}

type formatSuite struct{ h FormatWriterHarness }

// write writes values, calling between after each, and returns the whole stream.
func (s *formatSuite) write(
	t *testing.T, values [][]byte, between func(i int, w format.Writer, out *bytes.Buffer),
) []byte {
	t.Helper()
	var out bytes.Buffer
	w := s.h.Open(t, &out)
	for i, v := range values {
		require.NoError(t, w.Append(&connectors.Record{Value: v}))
		if between != nil {
			between(i, w, &out)
		}
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func (s *formatSuite) readBack(t *testing.T) {
	require.Equal(t, s.h.Values, s.h.Read(t, s.write(t, s.h.Values, nil)))
}

func (s *formatSuite) empty(t *testing.T) {
	require.Empty(t, s.h.Read(t, s.write(t, nil, nil)))
}

func (s *formatSuite) flush(t *testing.T) {
	flushed := s.write(t, s.h.Values, func(i int, w format.Writer, _ *bytes.Buffer) {
		require.NoError(t, w.Flush())
		if i%2 == 0 {
			require.NoError(t, w.Flush())
		}
	})
	require.Equal(t, s.h.Values, s.h.Read(t, flushed))
	if !s.h.Blocks {
		require.Equal(t, s.write(t, s.h.Values, nil), flushed)
	}
}

// cut holds W5: where there is no footer, a file may be cut where it was flushed.
func (s *formatSuite) cut(t *testing.T) {
	values := s.h.Values[:min(len(s.h.Values), 10)]
	flushed := 0 // bytes
	whole := s.write(t, values, func(i int, w format.Writer, out *bytes.Buffer) {
		require.NoError(t, w.Flush())
		flushed = out.Len()
		if !s.h.Footer {
			require.Equal(t, values[:i+1], s.h.Read(t, bytes.Clone(out.Bytes())))
		}
	})
	require.Equal(t, s.h.Footer, flushed < len(whole), "Close adds a footer, or nothing")
}

func (s *formatSuite) size(t *testing.T) {
	last := int64(0)
	s.write(t, s.h.Values, func(i int, w format.Writer, out *bytes.Buffer) {
		require.GreaterOrEqual(t, w.Size(), last, "it never shrinks")
		if i%3 == 0 {
			require.NoError(t, w.Flush())
			require.EqualValues(t, out.Len(), w.Size(), "it is exact after a flush")
		}
		last = w.Size()
	})
	require.Positive(t, last)
}

func (s *formatSuite) refused(t *testing.T) {
	with := s.write(t, s.h.Values, func(_ int, w format.Writer, _ *bytes.Buffer) {
		before := w.Size()
		for _, v := range s.h.Refused {
			var refusal *format.Refusal
			require.ErrorAs(t, w.Append(&connectors.Record{Value: v}), &refusal, "%q", v)
		}
		require.Equal(t, before, w.Size())
	})
	require.Equal(t, s.write(t, s.h.Values, nil), with)
}

func (s *formatSuite) keepsNothing(t *testing.T) {
	var out bytes.Buffer
	w := s.h.Open(t, &out)
	for _, v := range s.h.Values {
		lent := bytes.Clone(v)
		require.NoError(t, w.Append(&connectors.Record{Value: lent}))
		for i := range lent {
			lent[i] = '#'
		}
	}
	require.NoError(t, w.Close())
	require.Equal(t, s.h.Values, s.h.Read(t, out.Bytes()))
}

var errFull = errors.New("no room")

// fullAfter takes so many bytes.
type fullAfter int

func (f *fullAfter) Write(p []byte) (int, error) {
	if n := int(*f); n < len(p) {
		*f = 0
		return n, errFull
	}
	*f -= fullAfter(len(p))
	return len(p), nil
}

func (s *formatSuite) streamError(t *testing.T) {
	whole := len(s.write(t, s.h.Values, func(_ int, w format.Writer, _ *bytes.Buffer) {
		require.NoError(t, w.Flush())
	}))
	for _, room := range []int{0, 1, whole / 2, whole - 1} {
		full := fullAfter(room)
		w := s.h.Open(t, &full)
		var err error
		for _, v := range s.h.Values {
			if err = w.Append(&connectors.Record{Value: v}); err == nil {
				err = w.Flush()
			}
			if err != nil {
				break
			}
		}
		if err == nil {
			require.ErrorIs(t, w.Close(), errFull, "room for %d", room)
			continue
		}
		require.ErrorIs(t, err, errFull)
		full = fullAfter(10 * whole) // room again is too late
		require.ErrorIs(t, w.Append(&connectors.Record{Value: s.h.Values[0]}), errFull)
		require.ErrorIs(t, w.Flush(), errFull)
		require.ErrorIs(t, w.Close(), errFull)
		require.EqualValues(t, 10*whole, full, "nothing is written after an error")
	}
}

func (s *formatSuite) close(t *testing.T) {
	var out bytes.Buffer
	w := s.h.Open(t, &out)
	require.NoError(t, w.Append(&connectors.Record{Value: s.h.Values[0]}))
	require.NoError(t, w.Close())
	closed := out.Len()
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Append(&connectors.Record{Value: s.h.Values[0]}), format.ErrClosed)
	require.Equal(t, closed, out.Len())
}
