package position_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/position"
)

var errInvalid = errors.New("not a position of a pipe")

func pipe() position.Single {
	return position.Single{
		Format: position.Format{Version: 2, Count: 2, Invalid: errInvalid},
		Source: "the pipe", ID: "pipe",
	}
}

func at(version uint16, data ...byte) checkpoint.Position {
	return checkpoint.Position{Version: version, Data: data}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name string
		in   checkpoint.Position
		want []uint64
		err  error
	}{
		{"two numbers", at(2, 0, 1), []uint64{0, 1}, nil},
		{"large numbers", pipe().Encode(math.MaxUint64, 1<<40), []uint64{math.MaxUint64, 1 << 40}, nil},
		{"one number", at(2, 1), nil, errInvalid},
		{"bytes behind", at(2, 1, 2, 3), nil, errInvalid},
		{"cut short", at(2, 1, 0x80), nil, errInvalid},
		{"nothing", at(2), nil, errInvalid},
		{"older version", at(1, 0, 1), nil, errInvalid},
		{"newer version", at(3, 0, 1), nil, checkpoint.ErrNewerFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := pipe().Decode(c.in)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestSingleFindsItsSplitOnce(t *testing.T) {
	e, err := pipe().Enumerate(checkpoint.Position{})
	require.NoError(t, err)
	require.Equal(t, []checkpoint.Split{{ID: "pipe", Position: at(2, 0, 0)}}, e.Found)
	require.True(t, e.Done)
	again, err := pipe().Enumerate(e.State)
	require.NoError(t, err)
	require.Equal(t, connectors.Enumeration{State: e.State, Done: true}, again)
	_, err = pipe().Enumerate(at(3))
	require.ErrorIs(t, err, checkpoint.ErrNewerFormat)
	require.ErrorContains(t, err, "restoring the pipe: version 3, known is 2")
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

func TestSingleRefusesAnotherSplit(t *testing.T) {
	_, err := pipe().Restore(checkpoint.Split{ID: "socket", Position: at(2, 0, 0)})
	require.ErrorIs(t, err, errInvalid)
	require.ErrorContains(t, err, `restoring split "socket" of the pipe`)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

// lines is a stream of values that ends with an error, or waits for more.
func lines(err error, values ...string) func() ([]byte, bool, error) {
	return func() ([]byte, bool, error) {
		if len(values) == 0 {
			return nil, false, err
		}
		v := values[0]
		values = values[1:]
		return []byte(v), true, nil
	}
}

func TestRunsHaveNumbersOfTheirOwn(t *testing.T) {
	r := position.NewRun(pipe())
	require.False(t, r.Active())
	require.Empty(t, r.Snapshot())
	for _, c := range []struct {
		name string
		last uint64
		now  int64
		want uint64
	}{
		{"first", 0, 1_000, 1_000},
		{"later", 1_000, 2_000, 2_000},
		{"in the same millisecond", 2_000, 2_000, 2_001},
		{"clock set back", 2_001, 500, 2_002},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, r.AddSplits([]checkpoint.Split{pipe().Split(c.last, 7)},
				time.UnixMilli(c.now)))
			var b connectors.Batch
			require.NoError(t, r.Fill(&b, connectors.Limits{Records: 9, Bytes: 9}, lines(nil, "a", "b")))
			require.Equal(t, connectors.Position{Hi: c.want, Lo: 1}, b.Records[1].Position)
			require.Equal(t, []checkpoint.Split{pipe().Split(c.want, 2)}, r.Snapshot())
		})
	}
	r.End()
	require.Empty(t, r.Snapshot())
}

func TestFill(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name   string
		limits connectors.Limits
		err    error
		values []string
		want   int
		fails  bool
	}{
		{"all at hand", connectors.Limits{Records: 9, Bytes: 99}, nil, []string{"a", "b"}, 2, false},
		{"records", connectors.Limits{Records: 1, Bytes: 99}, nil, []string{"a", "b"}, 1, false},
		{"bytes", connectors.Limits{Records: 9, Bytes: 3}, nil, []string{"ab", "cd", "ef"}, 2, false},
		{"a first record always", connectors.Limits{}, nil, []string{"a", "b"}, 1, false},
		{"error behind a record", connectors.Limits{Records: 9, Bytes: 99}, broken, []string{"a"}, 1,
			false},
		{"error alone", connectors.Limits{Records: 9, Bytes: 99}, broken, nil, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := position.NewRun(pipe())
			require.NoError(t, r.AddSplits([]checkpoint.Split{pipe().Split(0, 0)}, time.UnixMilli(5)))
			var b connectors.Batch
			err := r.Fill(&b, c.limits, lines(c.err, c.values...))
			require.Equal(t, c.fails, err != nil, "%v", err)
			require.Equal(t, c.want, b.Len())
			require.Equal(t, uint64(c.want), r.Count())
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(2), []byte{1, 2})
	f.Add(uint16(3), []byte{})
	f.Fuzz(func(t *testing.T, version uint16, data []byte) {
		numbers, err := pipe().Decode(checkpoint.Position{Version: version, Data: data})
		if err != nil {
			require.True(t, errors.Is(err, errInvalid) || errors.Is(err, checkpoint.ErrNewerFormat))
			return
		}
		again, err := pipe().Decode(pipe().Encode(numbers...))
		require.NoError(t, err)
		require.Equal(t, numbers, again)
	})
}
