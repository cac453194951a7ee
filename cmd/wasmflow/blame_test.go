package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/host/operator"
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

func TestOneRemedyIsEnough(t *testing.T) {
	denied := func(words string) error {
		return fmt.Errorf("describing s3://lake/x: %w",
			filesystem.Explain(words, errors.New("403"), filesystem.ErrReadOnly))
	}
	for _, tt := range []struct{ words, want string }{
		{"the secret is wrong; correct AWS_SECRET_ACCESS_KEY", ""},
		{"permission denied", "; give the user that runs wasmflow the right to it, or name another path"},
	} {
		t.Run(tt.words, func(t *testing.T) {
			require.Equal(t, "describing s3://lake/x: "+tt.words+tt.want, withRemedy(denied(tt.words)))
		})
	}
}

// TestRemedyOfARecord: where a limit of a plugin ended a record, the limit is what can be changed.
func TestRemedyOfARecord(t *testing.T) {
	for text, want := range map[string]string{
		"no number": "; mend the record, or set on_error to ",
		"out of memory (limits.memory = 1 bytes)": "; raise that limit of the plugin, mend the plugin " +
			"or the record, or set on_error to ",
	} {
		err := &task.RecordError{Stage: "enrich", Fault: connectors.Fault{Text: text}}
		require.Contains(t, withRemedy(err), want)
	}
}

// TestASpentCrashBudgetBlamesThePlugin: the stage that called it last has nothing to do with it.
func TestASpentCrashBudgetBlamesThePlugin(t *testing.T) {
	dir := folder(t, map[string]string{
		"job.toml": swapJob, "upper.wasm": string(guestC(t, "uppercase_c.wasm")),
	})
	p, _, _ := testProcess(t)
	job, err := loadJob(p, filepath.Join(dir, "job.toml"), false)
	require.NoError(t, err)
	spent := &operator.CrashBudgetError{Plugin: "upper", Traps: 3, Within: time.Minute}
	err = blame(job, task.AtStage(job.Transforms[0].Name, spent, "transforming"))
	require.ErrorIs(t, err, spent)
	require.ErrorContains(t, err, "job.toml:5: plugins.upper.crash_budget: ")
	require.ErrorContains(t, err, "; mend the plugin with what is captured, or raise the budget")
}
