package host

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// errAway is what an awayLog says while it is away.
var errAway = errors.New("the log is away")

// awayLog is a log that cannot be claimed a second time.
type awayLog struct {
	*moduleLog
	claims  atomic.Int64
	away    func(claim int64) // called for every claim that is refused; may be nil
	abandon func()            // called at the end of every attempt; may be nil
}

func (l *awayLog) Claim(ctx context.Context) (checkpoint.Manifest, bool, error) {
	n := l.claims.Add(1)
	if n == 1 {
		return l.moduleLog.Claim(ctx)
	}
	if l.away != nil {
		l.away(n)
	}
	return checkpoint.Manifest{}, false, errAway
}

func (l *awayLog) Abandon(context.Context) error {
	if l.abandon != nil {
		l.abandon()
	}
	return nil
}

// runWithABadVersion runs the job on l until it ends, and swaps to a version whose every trap ends
// the attempt.
func (b *swapBench) runWithABadVersion(ctx context.Context, l *awayLog) error {
	b.t.Helper()
	b.swaps, b.onError = "sample = 0, probation = 1000", "fail"
	l.moduleLog = b.log
	require.NoError(b.t, b.open())
	b.engine.cfg.Log = l
	// The order waits until the job runs.
	_, err := b.engine.Swap(SwapRequest{
		Plugin: "marks", Config: json.RawMessage(`{"suffix":"-v2","trap":"7"}`),
	})
	require.NoError(b.t, err)
	_, err = b.engine.Run(ctx)
	require.NoError(b.t, b.engine.Close(context.WithoutCancel(ctx)))
	return err
}

func TestABadVersionWhileTheLogIsAwayIsAskedOfTheStrategy(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := newSwapBench(t, 0)
	l := &awayLog{away: func(claim int64) {
		if claim > 10 {
			cancel() // it would go on for ever
		}
	}}
	err := b.runWithABadVersion(ctx, l)
	require.ErrorIs(t, err, errAway)
	require.Equal(t, int64(2), l.claims.Load(), "one for the old version, which no strategy is asked")
	require.Equal(t, 1, b.engine.Status().Restarts)
}

func TestABadVersionOfAJobThatIsToStopEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := newSwapBench(t, 0)
	l := &awayLog{away: func(int64) { cancel() }}
	l.abandon = func() { b.engine.Stop() }
	err := b.runWithABadVersion(ctx, l)
	require.ErrorContains(t, err, "trap")
	require.Equal(t, int64(1), l.claims.Load(), "nobody wants another attempt")
	require.Zero(t, b.engine.Status().Restarts)
}
