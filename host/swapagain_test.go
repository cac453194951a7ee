package host

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
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

// TestAVersionThatCannotBeOpenedComesBackByARestart has an attempt with a function that the old
// version lacks, so that no instance of it can be opened there.
func TestAVersionThatCannotBeOpenedComesBackByARestart(t *testing.T) {
	b := newSwapBench(t, 0)
	require.NoError(t, b.open())
	defer func() { require.NoError(t, b.engine.Close(context.Background())) }()
	board, x := b.engine.swaps, b.engine.plugins.named("marks")
	a := &attempt{tasks: []*taskRun{{sites: []site{{
		step: "mark", ref: connectors.FunctionRef{Plugin: "marks", Function: "none"},
		role: abi.RoleTransform,
	}}}}}
	bad := &trial{
		id: board.history.begin("marks", TriggerCommand, Version{}), plugin: x,
		old: x.current(), attempt: a,
	}
	next, err := b.engine.plugins.loadVersion(t.Context(), x.Plugin, source{
		path: b.path, config: suffix("-v2"),
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, next.Close(context.Background())) }()
	bad.next = next
	board.started(a)
	require.True(t, board.propose(bad))
	require.Same(t, bad, board.take(a, 7))
	board.decided(8)
	bad.state, bad.reason, bad.wrong = trialCondemned, "trapped", 9

	done := make(chan error, 1)
	go func() { // ends when the version is back, or when the test cannot go on
		done <- (&swapper{b.engine, board}).bringBack(t.Context(), bad, board.view(bad))
	}()
	require.Eventually(t, func() bool { err = board.verdict(9); return err != nil }, time.Minute,
		time.Millisecond)
	var rollback *RollbackError
	require.ErrorAs(t, err, &rollback)
	require.ErrorContains(t, err, `"none"`, "it says why it takes a restart")
	require.NoError(t, board.verdict(9), "it is told once")
	require.True(t, board.blames(err, 9))
	board.over(err)
	require.True(t, board.retry(), "no restart strategy is asked")
	board.claimed(9, nil)
	require.Same(t, bad.old, x.current())
	board.started(&attempt{})
	require.NoError(t, <-done)
	require.Nil(t, x.previous(), "nobody goes back to it")
	s := board.history.of("marks")[0]
	require.Equal(t, SwapReturned, s.State)
	require.Equal(t, checkpoint.Epoch(9), s.Wrong)
	require.Equal(t, checkpoint.Epoch(10), s.Back)
}

func TestARefusedVersionLeavesNoSamplerAtWork(t *testing.T) {
	b := newSwapBench(t, 0)
	b.more = `
[transforms.again]
from = ["lines"]
plugin = "marks"
function = "mark"
on_error = "skip"
[sinks.more]
connector = "memory"
from = ["again"]`
	b.start()
	liar := wasmtest.Guest{
		Description: `{"name":"liar","version":"1","functions":[{"name":"mark","role":"transform"}]}`,
		Process:     wasmtest.I32Const(-4), // its output would begin there
	}
	s := b.swap(SwapRequest{Path: b.write("liar.wasm", liar.Module())})
	require.Equal(t, SwapRefused, s.State)
	require.Contains(t, s.Reason, "trying it on records of ")
	b.flow()
	x := b.engine.plugins.named("marks")
	require.Len(t, x.uses, 2)
	for _, u := range x.uses {
		require.Empty(t, x.sampler(u.step, u.ref.Function).Take(), "of %s", u.step)
	}
	b.stop()
}

// TestStopBeforeTasksStart: the counts of a run that is stopped while it recovers are those of all
// that earlier runs decided, which it may have published.
func TestStopBeforeTasksStart(t *testing.T) {
	b := newSwapBench(t, 0)
	b.start()
	b.flow()
	b.stop()
	before := b.engine.Status().Stages
	require.NotZero(t, before["lines"].Out)
	require.NoError(t, b.open())
	b.engine.Stop()
	result, err := b.engine.Run(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.engine.Close(t.Context()))
	require.Equal(t, before, result.Counts)
	b.requireNothingLostOrDoubled()
}
