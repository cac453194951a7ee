package kafka

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// TestAReaderThatMayNotWaitReads stands for jobs with several sources: their readers never wait.
func TestAReaderThatMayNotWaitReads(t *testing.T) {
	c := newCluster(t)
	c.topic("in", 1)
	c.fill("in", 0, 0, 3)
	j := start(t, c.source("in"), 1, checkpoint.Position{})
	r, err := j.source.OpenReader(t.Context(), connectors.ReaderContext{
		Limits: connectors.Limits{Records: 1, Bytes: 1 << 20},
	})
	require.NoError(t, err)
	j.readers[0], r = r, j.readers[0]
	require.NoError(t, r.Close())
	j.discover()
	require.Eventually(t, func() bool {
		_, err := j.poll(0)
		require.NoError(t, err)
		return len(j.got["in-0"]) == 3
	}, patience, time.Millisecond)
}
