package checkpoint

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// seal is the record that closed a log when the job moved to log next.
func seal(n Epoch, next string) Manifest {
	return Manifest{Kind: KindSeal, Epoch: n, JobID: "id", Log: next}
}

func claimRecord(n Epoch) Manifest { return Manifest{Kind: KindClaim, Epoch: n, JobID: "id"} }

func TestPrevious(t *testing.T) {
	hint := func(log string) Hint { return Hint{JobID: "id", Log: log} }
	tests := []struct {
		name  string
		last  Manifest
		found bool
		hint  Hint
		want  string
	}{
		{"new job", Manifest{}, false, hint("store"), ""},
		{"same log", claimRecord(4), true, hint("store"), ""},
		{"no hint", claimRecord(4), true, Hint{}, ""},
		{"first move to it", Manifest{}, false, hint("kafka:out"), "kafka:out"},
		{"back to a log that was left", seal(4, "kafka:out"), true, hint("kafka:out"), "kafka:out"},
		{"hint from the past", seal(4, "kafka:out"), true, hint("store"), "kafka:out"},
		{"no hint in a log that was left", seal(4, "kafka:out"), true, Hint{}, "kafka:out"},
		{"imported, and the hint was not written", claimRecord(9), true, hint("kafka:out"),
			"kafka:out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, Previous("store", tt.last, tt.found, tt.hint))
		})
	}
}

func TestSealed(t *testing.T) {
	tests := []struct {
		name  string
		last  Manifest
		found bool
		after Epoch
		done  bool
		want  string // of the error
	}{
		{"running", claimRecord(7), true, 0, false, ""},
		{"never ran", Manifest{}, false, 0, false, ""},
		{"has run since the job came", claimRecord(7), true, 6, false, ""},
		{"closed for it", seal(7, "store"), true, 0, true, ""},
		{"closed for it since the job came", seal(7, "store"), true, 6, true, ""},
		{"closed for another", seal(7, "kafka:x"), true, 0, true, "set checkpoint.log to that first"},
		{"the job has not arrived", seal(7, "store"), true, 9, true, `set checkpoint.log to "topic"`},
		{"the job never was there", Manifest{}, false, 9, true, "has not run there yet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, done, err := Sealed(tt.last, tt.found, "topic", "store", tt.after)
			require.Equal(t, tt.done, done)
			if tt.want != "" {
				require.ErrorIs(t, err, ErrRefused)
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			if done {
				require.Equal(t, tt.last, m)
			}
		})
	}
}

func TestImported(t *testing.T) {
	other := claimRecord(9)
	other.JobID = "other"
	tests := []struct {
		name  string
		last  Manifest
		found bool
		want  Epoch // 0 is refused
		is    error
	}{
		{"empty log", Manifest{}, false, 7, nil},
		{"log that the job left before", seal(3, "topic"), true, 7, nil},
		{"imported already", claimRecord(8), true, 8, nil},
		{"moved on meanwhile", seal(12, "topic"), true, 0, ErrRefused},
		{"records that nobody closed", claimRecord(5), true, 0, ErrRefused},
		{"another job", other, true, 0, ErrOtherJob},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Imported(tt.last, tt.found, seal(7, "store"))
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, m.Epoch)
		})
	}
}

// sealer is a log that answers Seal.
type sealer struct {
	after  Epoch
	closed int
	err    error
}

func (s *sealer) Seal(_ context.Context, newLog string, after Epoch) (Manifest, error) {
	s.after = after
	return seal(7, newLog), nil
}

func (s *sealer) Close() error { s.closed++; return s.err }

func TestSealPrevious(t *testing.T) {
	log := &sealer{}
	open := func(_ context.Context, name string) (Sealer, error) {
		require.Equal(t, "kafka:out", name)
		return log, nil
	}
	m, err := SealPrevious(t.Context(), open, "kafka:out", "store", seal(5, "kafka:out"))
	require.NoError(t, err)
	require.Equal(t, seal(7, "store"), m)
	require.Equal(t, Epoch(5), log.after)
	require.Equal(t, 1, log.closed)

	_, err = SealPrevious(t.Context(), open, "kafka:out", "store", claimRecord(9))
	require.NoError(t, err)
	require.Zero(t, log.after, "the log was not closed: the job comes by the hint")

	log.err = errors.New("closing")
	_, err = SealPrevious(t.Context(), open, "kafka:out", "store", Manifest{})
	require.ErrorIs(t, err, log.err)

	_, err = SealPrevious(t.Context(), nil, "kafka:out", "store", Manifest{})
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, `its log is "kafka:out"; set checkpoint.log to that`)
}
