package host

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// marksLog is a log whose marks move on from one reading to the next.
type marksLog struct {
	JobLog
	applied []checkpoint.Epoch
	err     error
}

func (l *marksLog) Retained(context.Context) (checkpoint.Retained, error) {
	keep := checkpoint.Retained{Applied: l.applied[0]}
	l.applied = l.applied[1:]
	return keep, l.err
}

// takenCommitter misses output that was published and taken away.
type takenCommitter struct {
	checkpoint.Committer
	err error
}

func (c takenCommitter) Recover(
	_ context.Context, committed []checkpoint.Committable, keep checkpoint.Retained,
) error {
	for _, committable := range committed {
		if committable.Epoch > keep.Applied {
			return c.err
		}
	}
	return nil
}

func TestRecoverLooksTwiceForWhatIsMissing(t *testing.T) {
	broken, gone := errors.New("broken"), errors.New("store is gone")
	tests := []struct {
		name    string
		missing error
		applied []checkpoint.Epoch // by the readings after the first
		readErr error
		want    error
	}{
		{"published meanwhile by the older owner", checkpoint.ErrLost, []checkpoint.Epoch{8}, nil, nil},
		{"lost", checkpoint.ErrLost, []checkpoint.Epoch{7}, nil, checkpoint.ErrLost},
		{"marks cannot be read", checkpoint.ErrLost, []checkpoint.Epoch{0}, gone, gone},
		{"another error", broken, nil, nil, broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &attempt{log: &marksLog{applied: tt.applied, err: tt.readErr}}
			run := &sinkRun{name: "out", committer: takenCommitter{err: tt.missing}}
			m := checkpoint.Manifest{Committables: []checkpoint.Committable{{Sink: "out", Epoch: 8}}}
			_, err := a.recoverSink(t.Context(), run, m, checkpoint.Retained{Applied: 7})
			require.ErrorIs(t, err, tt.want)
		})
	}
}

// settlingCommitter can hold output back.
type settlingCommitter struct{ checkpoint.Committer }

func (settlingCommitter) Settles() bool { return false }

func (settlingCommitter) Settle(
	context.Context, checkpoint.Epoch, bool, []checkpoint.Committable,
) (publish, hold []checkpoint.Committable, err error) {
	return nil, nil, nil
}

// TestOutputOfSinksThatAreGoneIsNotForgotten: a start without them is refused, unless nothing is
// lost with them.
func TestOutputOfSinksThatAreGoneIsNotForgotten(t *testing.T) {
	of := func(sink string, e checkpoint.Epoch, optional bool) []checkpoint.Committable {
		return []checkpoint.Committable{{Sink: sink, Epoch: e, Optional: optional}}
	}
	tests := []struct {
		name    string
		decided []checkpoint.Committable
		held    []checkpoint.Committable
		refused bool
	}{
		{"decided", of("gone", 8, false), nil, true},
		{"published", of("gone", 7, false), nil, false},
		{"decided without records", of("gone", 8, true), nil, false},
		{"held", nil, of("gone", 3, false), true},
		{"held for a sink that holds nothing", nil, of("plain", 3, false), true},
		{"held for a sink that is there", nil, of("files", 3, false), false},
		{"held without records", nil, of("gone", 3, true), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &attempt{sinks: []*sinkRun{
				{name: "files", committer: settlingCommitter{}},
				{name: "plain", committer: takenCommitter{}},
			}}
			m := checkpoint.Manifest{Committables: tt.decided, Held: tt.held}
			err := a.refuseOrphans(m, checkpoint.Retained{Applied: 7})
			if !tt.refused {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, checkpoint.ErrRefused)
		})
	}
}
