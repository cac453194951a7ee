package stdin_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/delimited"
	"github.com/wasmflow/wasmflow/connectors/stdin"
)

var limits = connectors.Limits{Records: 4096, Bytes: 1 << 20, LingerMillis: 5}

// attempt opens source and reader the way one attempt of a job does, going on from state.
func attempt(
	t *testing.T, spec connectors.Spec, l connectors.Limits, state []checkpoint.Split,
) (connectors.Source, connectors.SourceReader) {
	t.Helper()
	config := spec.NewSource()
	var p connectors.Problems
	config.Validate(&p)
	require.Empty(t, p.List)
	return attemptWith(t, config, l, state)
}

func attemptWith(
	t *testing.T, config connectors.SourceConfig, l connectors.Limits, state []checkpoint.Split,
) (connectors.Source, connectors.SourceReader) {
	t.Helper()
	s, err := config.Open(t.Context(), connectors.Env{Now: time.Now})
	require.NoError(t, err)
	if state == nil {
		e, err := s.Enumerate(t.Context(), checkpoint.Position{})
		require.NoError(t, err)
		require.True(t, e.Done)
		state = e.Found
	}
	r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Limits: l})
	require.NoError(t, err)
	require.NoError(t, r.AddSplits(t.Context(), state))
	return s, r
}

// drain polls until the end of the input and returns the values.
func drain(t *testing.T, r connectors.SourceReader) []string {
	t.Helper()
	var out []string
	var b connectors.Batch
	for {
		b.Reset()
		if err := r.Poll(t.Context(), &b); err != nil {
			require.ErrorIs(t, err, connectors.ErrEndOfInput)
			require.Zero(t, b.Len())
			return out
		}
		for i := range b.Records {
			out = append(out, string(b.Records[i].Value))
		}
	}
}

func TestReadsLinesUntilTheInputEnds(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", nil},
		{"lines", "a\nb\r\n\nc\n", []string{"a", "b", "", "c"}},
		{"last line without its end", "a\nb", []string{"a", "b"}},
		{"more than a chunk", long + "\n" + long, []string{long, long}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, in := range map[string]io.Reader{
				"at once":             strings.NewReader(c.in),
				"end with the data":   iotest.DataErrReader(strings.NewReader(c.in)),
				"in small portions":   iotest.HalfReader(strings.NewReader(c.in)),
				"with empty portions": &stutter{r: strings.NewReader(c.in)},
			} {
				_, r := attempt(t, stdin.SpecFrom(in), limits, nil)
				require.Equal(t, c.want, drain(t, r), name)
				state, err := r.Snapshot(t.Context(), 1)
				require.NoError(t, err)
				require.Empty(t, state, "a finished split is left out")
			}
		})
	}
}

// stutter returns nothing at every other Read, as a Reader may.
type stutter struct {
	r     io.Reader
	quiet bool
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.quiet = !s.quiet; s.quiet {
		return 0, nil
	}
	return s.r.Read(p)
}

func TestDelimiterAndCharset(t *testing.T) {
	in := strings.NewReader("gr\xfc\xdfe|\xe4|" + strings.Repeat("\xf6", 100_000))
	config := stdin.SpecFrom(in).NewSource().(*stdin.Config)
	config.Delimiter, config.Charset = "|", "ISO-8859-1"
	_, r := attemptWith(t, config, limits, nil)
	require.Equal(t, []string{"gr\u00fc\u00dfe", "\u00e4", strings.Repeat("\u00f6", 100_000)},
		drain(t, r))
}

func TestRecordsCarryTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := attempt(t, stdin.SpecFrom(strings.NewReader("a\nb\n")), limits, nil)
		var b connectors.Batch
		require.NoError(t, r.Poll(t.Context(), &b))
		run := uint64(time.Now().UnixMilli())
		require.Equal(t, 2, b.Len())
		for i, rec := range b.Records {
			require.Equal(t, connectors.Position{Hi: run, Lo: uint64(i)}, rec.Position)
			require.Equal(t, connectors.NoTimestamp, rec.Timestamp)
			require.Nil(t, rec.Key)
		}
		require.Equal(t, []string{"stdin"}, b.Splits)
		require.Empty(t, drain(t, r))
	})
}

func TestPollWaitsAtMostTheLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		_, r := attempt(t, stdin.SpecFrom(in), limits, nil)
		var b connectors.Batch
		begin := time.Now()
		require.NoError(t, r.Poll(t.Context(), &b))
		require.Zero(t, b.Len())
		require.Equal(t, 5*time.Millisecond, time.Since(begin))

		// Half a record is no record.
		go func() {
			time.Sleep(time.Millisecond)
			_, _ = out.Write([]byte("he"))
			time.Sleep(time.Millisecond)
			_, _ = out.Write([]byte("llo\n"))
		}()
		begin = time.Now()
		require.NoError(t, r.Poll(t.Context(), &b))
		require.Equal(t, "hello", string(b.Records[0].Value))
		require.Equal(t, 2*time.Millisecond, time.Since(begin), "no waiting once there is a record")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b.Reset()
		require.ErrorIs(t, r.Poll(ctx, &b), context.Canceled)

		require.NoError(t, out.Close())
		require.Empty(t, drain(t, r))
	})
}

func TestReadAheadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &endless{stop: make(chan struct{})}
		_, r := attempt(t, stdin.SpecFrom(in), limits, nil)
		synctest.Wait()
		// Four chunks are queued, a fifth waits for room.
		require.Equal(t, 5, in.reads)
		var b connectors.Batch
		require.NoError(t, r.Poll(t.Context(), &b))
		require.NotZero(t, b.Len())
		synctest.Wait()
		require.Equal(t, 6, in.reads, "one more for the chunk that was taken")
		close(in.stop)
		for {
			b.Reset()
			if err := r.Poll(t.Context(), &b); err != nil {
				require.ErrorIs(t, err, connectors.ErrEndOfInput)
				return
			}
		}
	})
}

// endless is full of empty lines until it is stopped.
type endless struct {
	stop  chan struct{}
	reads int
}

func (e *endless) Read(p []byte) (int, error) {
	select {
	case <-e.stop:
		return 0, io.EOF
	default:
	}
	e.reads++
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

func TestLimitsBoundABatch(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits connectors.Limits
		want   int
	}{
		{"records", connectors.Limits{Records: 2, Bytes: 100, LingerMillis: 1000}, 2},
		{"bytes", connectors.Limits{Records: 100, Bytes: 9, LingerMillis: 1000}, 3},
		{"one record may exceed it alone", connectors.Limits{Records: 100, Bytes: 1,
			LingerMillis: 1000}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := strings.NewReader(strings.Repeat("aaaa\n", 20))
			_, r := attempt(t, stdin.SpecFrom(in), c.limits, nil)
			var b connectors.Batch
			require.NoError(t, r.Poll(t.Context(), &b))
			require.Equal(t, c.want, b.Len())
			require.Len(t, drain(t, r), 20-c.want)
		})
	}
}

// A job that restarts within its process loses what it polled and did not commit, and no more.
func TestTheNextAttemptGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := stdin.SpecFrom(strings.NewReader("a\nb\nc\nd"))
		s, r := attempt(t, spec, connectors.Limits{Records: 1, Bytes: 1000, LingerMillis: 1000}, nil)
		state, err := r.Snapshot(t.Context(), 1)
		require.NoError(t, err)
		var b connectors.Batch
		require.NoError(t, r.Poll(t.Context(), &b))
		require.Equal(t, "a", string(b.Records[0].Value))
		first := b.Records[0].Position
		require.NoError(t, r.Close())
		require.NoError(t, s.Close())
		require.NoError(t, s.Close(), "Close is idempotent")

		_, r = attempt(t, spec, limits, state)
		b.Reset()
		require.NoError(t, r.Poll(t.Context(), &b))
		require.Equal(t, "b", string(b.Records[0].Value))
		require.Greater(t, b.Records[0].Position.Hi, first.Hi, "a new run, though no time passed")
		rest := []string{}
		for i := range b.Records[1:] {
			rest = append(rest, string(b.Records[1+i].Value))
		}
		require.Equal(t, []string{"c", "d"}, append(rest, drain(t, r)...))
	})
}

func TestOnlyOneSourceReadsTheInput(t *testing.T) {
	spec := stdin.SpecFrom(strings.NewReader(""))
	s, r := attempt(t, spec, limits, nil)
	_, err := spec.NewSource().Open(t.Context(), connectors.Env{Now: time.Now})
	require.ErrorIs(t, err, stdin.ErrInUse)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
	require.Empty(t, drain(t, r))
	require.NoError(t, s.Close())
	again, err := spec.NewSource().Open(t.Context(), connectors.Env{Now: time.Now})
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestReaderWithoutTheSplitIsAtItsEnd(t *testing.T) {
	s, _ := attempt(t, stdin.SpecFrom(strings.NewReader("a\n")), limits, nil)
	r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Task: 1, Limits: limits})
	require.NoError(t, err)
	require.Empty(t, drain(t, r))
}

func TestErrorsEndTheJob(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name string
		in   io.Reader
		max  connectors.Size
		err  error
		text string
	}{
		{"read error", io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(broken)), 100,
			broken, "reading standard input: broken"},
		{"record too long", strings.NewReader("a\nlonger\n"), 3,
			delimited.ErrTooLong, "reading standard input: record 1: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := stdin.SpecFrom(c.in).NewSource().(*stdin.Config)
			config.RecordBytesMax = c.max
			_, r := attemptWith(t, config, limits, nil)
			var b connectors.Batch
			require.NoError(t, r.Poll(t.Context(), &b))
			require.Equal(t, "a", string(b.Records[0].Value))
			b.Reset()
			err := r.Poll(t.Context(), &b)
			require.Zero(t, b.Len())
			require.ErrorIs(t, err, c.err)
			require.ErrorContains(t, err, c.text)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
	}
}

func TestEnumerate(t *testing.T) {
	s, _ := attempt(t, stdin.SpecFrom(strings.NewReader("")), limits, nil)
	e, err := s.Enumerate(t.Context(), checkpoint.Position{Version: 1})
	require.NoError(t, err)
	require.Empty(t, e.Found)
	_, err = s.Enumerate(t.Context(), checkpoint.Position{Version: 2})
	require.ErrorIs(t, err, checkpoint.ErrNewerFormat)
}

func TestRestoreRefuses(t *testing.T) {
	s, _ := attempt(t, stdin.SpecFrom(strings.NewReader("")), limits, nil)
	r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Limits: limits})
	require.NoError(t, err)
	for _, c := range []struct {
		name  string
		split checkpoint.Split
	}{
		{"no version", checkpoint.Split{ID: "stdin", Position: checkpoint.Position{Data: []byte{1, 1}}}},
		{"cut off", checkpoint.Split{ID: "stdin", Position: checkpoint.Position{Version: 1,
			Data: []byte{1}}}},
		{"bytes behind", checkpoint.Split{ID: "stdin", Position: checkpoint.Position{Version: 1,
			Data: []byte{1, 1, 1}}}},
		{"unknown split", checkpoint.Split{ID: "x", Position: checkpoint.Position{Version: 1,
			Data: []byte{1, 1}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := r.AddSplits(t.Context(), []checkpoint.Split{c.split})
			require.ErrorIs(t, err, stdin.ErrPosition)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
	}
}

func TestValidateNamesEveryProblem(t *testing.T) {
	config := stdin.SpecFrom(nil).NewSource().(*stdin.Config)
	config.Delimiter, config.Charset, config.RecordBytesMax = "", "klingon", 0
	var p connectors.Problems
	config.Validate(&p)
	require.Equal(t, []connectors.Problem{
		{Key: "record_bytes_max", Text: "0B is not between 1B and 1GiB"},
		{Key: "delimiter", Text: `required; write what ends a record, such as "\n"`},
		{Key: "charset", Text: `"klingon" is no charset; write an IANA name such as "ISO-8859-1"`},
	}, p.List)
}

func TestSpec(t *testing.T) {
	spec := stdin.Spec()
	require.Equal(t, "stdin", spec.Name)
	require.Nil(t, spec.NewSink)
	require.Equal(t, connectors.AtMostOnce, spec.NewSource().Guarantee())
}

func FuzzPosition(f *testing.F) {
	f.Add(uint16(1), []byte{1, 2})
	f.Add(uint16(2), []byte{})
	s, err := stdin.SpecFrom(strings.NewReader("")).NewSource().Open(
		context.Background(), connectors.Env{Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, version uint16, data []byte) {
		r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Limits: limits})
		require.NoError(t, err)
		in := checkpoint.Split{ID: "stdin", Position: checkpoint.Position{Version: version, Data: data}}
		if err := r.AddSplits(t.Context(), []checkpoint.Split{in}); err != nil {
			require.True(t, errors.Is(err, stdin.ErrPosition) ||
				errors.Is(err, checkpoint.ErrNewerFormat), "%v", err)
			return
		}
		out, err := r.Snapshot(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, out, 1)
	})
}
