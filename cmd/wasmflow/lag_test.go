package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/console"
)

func TestLagOfSeveralSources(t *testing.T) {
	shot := console.Snapshot{Lag: -1}
	shot = withLag(shot, host.SourceStatus{Splits: 3})
	require.Equal(t, int64(-1), shot.Lag, "a source that cannot tell adds nothing")
	shot = withLag(shot, host.SourceStatus{Lag: 5, LagUnit: "bytes"})
	shot = withLag(shot, host.SourceStatus{Lag: 7, LagUnit: "records"})
	shot = withLag(shot, host.SourceStatus{Lag: 2, LagUnit: "bytes"})
	require.Equal(t, int64(7), shot.Lag)
	require.Equal(t, "bytes", shot.LagUnit)
}
