package host

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// patience bounds waits for what is to come; a test that passes needs a small part of it.
const patience = time.Minute

const endlessJob = `
name = "endless"
[job]
parallelism = 3
batch = { records = 7 }
[checkpoint]
interval = "INTERVAL"
[restart]
strategy = "fixed-delay"
attempts = 20
delay = "1ms"
[sources.lines]
connector = "generator"
rate = 20000
template = "{seq}"
[sinks.out]
connector = "memory"
from = ["lines"]
`

// runBench begins to run a job and returns its engine and what waits for its end.
func runBench(t *testing.T, b *bench) (*Engine, func() Result) {
	t.Helper()
	e := b.engine(t)
	done := make(chan Result, 1)
	failed := make(chan error, 1)
	go func() { // ends with the job
		res, err := e.Run(context.WithoutCancel(t.Context()))
		failed <- err
		done <- res
	}()
	return e, func() Result {
		require.NoError(t, <-failed)
		require.NoError(t, e.Close(t.Context()))
		return <-done
	}
}

func endless(interval string) *bench {
	return newBench(strings.ReplaceAll(endlessJob, "INTERVAL", interval))
}

// read returns how many records the source has read.
func read(e *Engine) uint64 { return e.Status().Stages["lines"].In }

func awaitRead(t *testing.T, e *Engine, more uint64) {
	t.Helper()
	require.Eventually(t, func() bool { return read(e) > more }, patience, time.Millisecond)
}

func awaitPause(t *testing.T, e *Engine) {
	t.Helper()
	require.Eventually(t, func() bool { return e.Status().Pause == Paused }, patience,
		time.Millisecond)
}

// requireSinkHas checks that every record that was read is published, once.
func requireSinkHas(t *testing.T, b *bench, n uint64) {
	t.Helper()
	lines := b.sink.lines()
	require.Len(t, lines, int(n))
	for line, times := range lines {
		require.Equal(t, 1, times, "record %s", line)
	}
}

func TestPausePublishesWhatWasReadAndThenNothingHappens(t *testing.T) {
	b := endless("10ms")
	e, wait := runBench(t, b)
	awaitRead(t, e, 0)
	for range 3 {
		e.Pause()
		require.NotEqual(t, NotPaused, e.Status().Pause)
		awaitPause(t, e)
		n, epoch := read(e), e.Status().Epoch
		requireSinkHas(t, b, n)
		require.Contains(t, []Cause{CausePause, CauseRequest}, e.Checkpoints()[0].Cause)

		asked, err := e.Checkpoint(t.Context())
		require.NoError(t, err)
		require.Greater(t, asked, epoch)
		awaitPause(t, e)
		require.Equal(t, asked, e.Status().Epoch, "no epoch but the one that was asked for")
		require.Equal(t, n, read(e), "nothing is read in a pause")
		require.Zero(t, e.Checkpoints()[0].RecordsRead)

		e.Resume()
		require.Equal(t, NotPaused, e.Status().Pause)
		awaitRead(t, e, n)
	}
	e.Pause()
	e.Stop()
	require.Equal(t, checkpoint.Stopped, wait().Outcome, "a job in a pause can be stopped")
	requireSinkHas(t, b, read(e))
	require.Equal(t, CauseEnd, e.Checkpoints()[0].Cause)
}

func TestPauseOutlivesARestart(t *testing.T) {
	b := endless("10ms")
	var fail atomic.Bool
	b.log.decide = func(checkpoint.Manifest) error {
		if fail.CompareAndSwap(true, false) {
			return errors.New("the store hiccups")
		}
		return nil
	}
	e, wait := runBench(t, b)
	awaitRead(t, e, 0)
	fail.Store(true)
	e.Pause()
	require.Eventually(t, func() bool {
		s := e.Status()
		return s.Restarts == 1 && s.Pause == Paused
	}, patience, time.Millisecond)
	n := read(e)
	requireSinkHas(t, b, n)
	e.Resume()
	awaitRead(t, e, n)
	e.Stop()
	wait()
	requireSinkHas(t, b, read(e))
}

func TestPauseBeforeTheStart(t *testing.T) {
	b := newBench(countingJob)
	e := b.engine(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.Checkpoint(ctx)
	require.ErrorIs(t, err, ErrNotRunning)

	e.Pause()
	done := make(chan error, 1)
	go func() { // ends with the job
		_, err := e.Run(context.WithoutCancel(t.Context()))
		done <- err
	}()
	awaitPause(t, e)
	require.Zero(t, read(e))
	e.Resume()
	require.NoError(t, <-done)
	requireEveryLineOnce(t, b.sink, 20000)
}

// TestPauseAndResumeInARow: however they fall between batches and epochs, nothing is lost, and the
// queues of the tasks bear it.
func TestPauseAndResumeInARow(t *testing.T) {
	b := newBench(countingJob)
	e, wait := runBench(t, b)
	for i := range 200 {
		e.Pause()
		if i%50 == 0 {
			awaitPauseOrEnd(t, e)
		}
		e.Resume()
	}
	require.Equal(t, checkpoint.Finished, wait().Outcome)
	requireEveryLineOnce(t, b.sink, 20000)
}

// awaitPauseOrEnd is awaitPause for a job that may have read everything by now.
func awaitPauseOrEnd(t *testing.T, e *Engine) {
	t.Helper()
	require.Eventually(t, func() bool {
		s := e.Status()
		return s.Pause == Paused || s.State == checkpoint.Finished.String()
	}, patience, time.Millisecond)
}

func TestCheckpointNow(t *testing.T) {
	b := endless("1h")
	e, wait := runBench(t, b)
	awaitRead(t, e, 0)
	var want checkpoint.Epoch
	for range 3 {
		n := read(e)
		epoch, err := e.Checkpoint(t.Context())
		require.NoError(t, err)
		require.Greater(t, epoch, want)
		want = epoch
		require.Eventually(t, func() bool { return e.Status().Epoch >= epoch }, patience,
			time.Millisecond)
		require.GreaterOrEqual(t, len(b.sink.lines()), int(n), "all that was read before the request")
	}
	list := e.Checkpoints()
	require.Len(t, list, 3)
	require.Equal(t, want, list[0].Epoch, "the last one first")
	total := uint64(0)
	for _, c := range list {
		require.Equal(t, CauseRequest, c.Cause)
		require.Equal(t, c.RecordsRead, c.RecordsWritten)
		require.False(t, c.Decided.IsZero())
		total += c.RecordsRead
	}
	require.Len(t, b.sink.lines(), int(total))
	e.Stop()
	wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.Checkpoint(ctx)
	require.ErrorIs(t, err, ErrNotRunning)
}

func TestCheckpointsAreBounded(t *testing.T) {
	e := &Engine{}
	for i := range 3 * checkpointsKept {
		e.checkpoints.add(PublishedEpoch{Epoch: checkpoint.Epoch(i)})
	}
	list := e.Checkpoints()
	require.Len(t, list, checkpointsKept)
	require.EqualValues(t, 3*checkpointsKept-1, list[0].Epoch)
	require.EqualValues(t, 2*checkpointsKept, list[checkpointsKept-1].Epoch)
}
