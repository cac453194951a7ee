package task

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

func TestGateKeepsTasksFromReading(t *testing.T) {
	r := newRig(map[string][]string{"f": {"a", "b", "c"}}, Policy{Action: ActionFail})
	gate := &Gate{}
	gate.Shut()
	gate.Shut()
	r.task.cfg.Gate = gate
	done := make(chan error, 1)
	go func() { done <- r.task.Run(t.Context()) }() // ends by CommandStop
	r.commands <- Command{Kind: CommandAddSplits, Splits: []checkpoint.Split{{ID: "f"}}}
	require.Equal(t, ReportAdded, (<-r.reports).Kind)
	for e := checkpoint.Epoch(1); e <= 3; e++ {
		r.commands <- Command{Kind: CommandPrepare, Epoch: e}
		rep := <-r.reports
		require.Equal(t, ReportPrepared, rep.Kind, "the task reads nothing, so it cannot come to an end")
		require.Zero(t, rep.Prepared.Splits["lines"][0].Position.Version)
	}
	require.Zero(t, r.counters.In.Load())

	gate.Open()
	gate.Open()
	require.Equal(t, ReportEnded, (<-r.reports).Kind)
	require.EqualValues(t, 3, r.counters.In.Load())
	require.Equal(t, []string{"A", "B", "C"}, r.main.lines)
	gate.Shut()
	r.commands <- Command{Kind: CommandStop}
	require.NoError(t, <-done, "a task obeys commands while the gate is shut")
}

func TestNoGateIsOpen(t *testing.T) {
	var none *Gate
	require.Nil(t, none.opening())
}
