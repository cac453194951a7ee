package discard_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/discard"
)

func TestCountsTheRecordsOfAllTasks(t *testing.T) {
	spec := discard.Spec()
	require.Equal(t, "discard", spec.Name)
	require.Nil(t, spec.NewSource)
	config := spec.NewSink()
	var p connectors.Problems
	config.Validate(&p)
	require.Empty(t, p.List)
	require.Equal(t, connectors.ExactlyOnce, config.Guarantee())

	opened, err := config.Open(t.Context(), connectors.Env{})
	require.NoError(t, err)
	sink := opened.(*discard.Sink)
	var tasks sync.WaitGroup
	for task := range 4 {
		w, err := sink.OpenWriter(t.Context(), connectors.WriterContext{Task: task})
		require.NoError(t, err)
		tasks.Go(func() {
			var b connectors.Batch
			for range 3 {
				b.Append()
			}
			for range 100 {
				if err := w.Write(t.Context(), &b); err != nil {
					t.Error(err)
				}
			}
			if err := w.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	tasks.Wait()
	require.Equal(t, int64(1200), sink.Records())
	require.NoError(t, sink.Close())
}
