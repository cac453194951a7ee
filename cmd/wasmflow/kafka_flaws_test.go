package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFlawK1_KilledJobHoldsNobodyBack kills a job before its first checkpoint, again and again,
// with another number of tasks each time. With Flink the transactions of tasks that are no more
// stay open, and hold readers back until they time out. Here the next start, with any number of
// tasks, ends what is open, and readers see its records.
func TestFlawK1_KilledJobHoldsNobodyBack(t *testing.T) {
	s := newShop(t)
	s.sell(500)
	for _, tasks := range []int{3, 1} {
		never := fmt.Sprintf(ordersJob, tasks, "", s.address)
		never = strings.Replace(never, `interval = "30ms"`, `interval = "20s"`, 1)
		before := s.written("enriched")
		cmd := child(t, s.dir, newWatcher(), newWatcher(), "run", s.write(never))
		require.NoError(t, cmd.Start())
		for s.written("enriched") < before+100 {
		}
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
	}
	require.NotContains(t, do(t, "txn", "list", s.job(1, "")).stdout, "no transactional id")
	s.finish(s.job(1, ""))
}
