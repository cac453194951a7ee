package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/task"
)

// TestFencedRunBlamesNobody: what failed because of the newer owner is not told, and no line of the
// job file has to do with it.
func TestFencedRunBlamesNobody(t *testing.T) {
	fenced := fmt.Errorf("deciding epoch 8: %w: claim 3", checkpoint.ErrFenced)
	err := blame(nil, errors.Join(fenced, task.AtStage("out", errors.New("no such file"), "writing")))
	require.Equal(t, fenced, err)
	require.Equal(t, exitFenced, exitCode(err))
}

func TestWhatTasksFailOfIsSaidOnce(t *testing.T) {
	same := errors.New("reading orders: deleted")
	require.Equal(t, "reading orders: deleted\nwriting out: full",
		withRemedy(errors.Join(same, errors.New("writing out: full"), same)))
}
