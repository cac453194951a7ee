package host

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/task"
)

func TestCheckpointsTellTheLongestPause(t *testing.T) {
	e := &Engine{}
	e.metrics = newMetrics(e)
	e.checkpoints.bound(5, func(b *boundary) { b.swaps = []string{"marks"} })
	for _, p := range []task.Pause{
		{Clock: time.Millisecond},
		{Clock: 4 * time.Millisecond, Queued: 3 * time.Millisecond},
		{Clock: 2 * time.Millisecond, Queued: 2 * time.Millisecond},
	} {
		e.paused(5, p)
	}
	e.paused(6, task.Pause{Clock: time.Millisecond})
	e.checkpoints.add(PublishedEpoch{Epoch: 5})
	e.checkpoints.add(PublishedEpoch{Epoch: 7}) // 6 came to nothing
	require.Equal(t, []PublishedEpoch{
		{Epoch: 7},
		{Epoch: 5, PauseSeconds: 0.004, PauseQueuedSeconds: 0.003, Swaps: []string{"marks"}},
	}, e.Checkpoints())
	alone := prometheus.NewRegistry()
	alone.MustRegister(e.metrics.pauses)
	families, err := alone.Gather()
	require.NoError(t, err)
	require.Len(t, families[0].GetMetric(), 2, "with and without a switch")
}

func TestCheckpointsForgetTheOldest(t *testing.T) {
	e := &Engine{}
	e.metrics = newMetrics(e)
	for n := range checkpoint.Epoch(checkpointsKept + 3) {
		e.paused(n, task.Pause{Clock: time.Millisecond})
		e.checkpoints.add(PublishedEpoch{Epoch: n})
	}
	require.Len(t, e.Checkpoints(), checkpointsKept)
	require.Len(t, e.checkpoints.mu.boundaries, checkpointsKept)
}
