package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/generator"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/operator"
)

// crashJob has a plugin that traps on every tenth record, unless the bench says otherwise.
const crashJob = `
name = "crashing"
job = { parallelism = 2, batch = { records = 64 } }
checkpoint.interval = "10ms"
restart = { strategy = "fixed-delay", attempts = 3, delay = "1ms" }
[plugins.marks]
path = "PATH"
config = CONFIG
swap = { sample = 0, probation = PROBATION }
crash_budget = { traps = 3, within = "1h", policy = "POLICY" }
[sources.lines]
connector = "generator"
rate = 20000
template = "{seq}"
COUNT
[transforms.mark]
from = ["lines"]
plugin = "marks"
function = "mark"
on_error = "skip"
[sinks.out]
connector = "memory"
from = ["mark"]
[dead_letter]
connector = "letters"
`

// letterSink is a memory sink that wants dead letters as records.
type letterSink struct{ *memorySink }

func (*letterSink) KeepsHeaders() bool { return true }

// crashBench runs crashJob.
type crashBench struct {
	out, letters *memorySink
	log          *moduleLog
	config       string // of the plugin
	probation    int
}

func newCrashBench(t *testing.T) *crashBench {
	t.Helper()
	testGuest.once.Do(func() { testGuest.err = buildTestGuest() })
	require.NoError(t, testGuest.err)
	letters := newMemorySink()
	letters.name = config.DeadLetterName
	return &crashBench{
		config: `{ suffix = "-done", trap = "7" }`,
		out:    newMemorySink(), letters: letters,
		log: &moduleLog{
			memoryLog: &memoryLog{owner: checkpoint.Owner{Nonce: "n"}}, modules: map[string][]byte{},
		},
	}
}

// engine returns the engine of another process.
func (b *crashBench) engine(t *testing.T, policy, count string) *Engine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "marks.wasm")
	require.NoError(t, os.WriteFile(path, testGuest.bytes, 0o600))
	text := strings.NewReplacer("PATH", path, "CONFIG", b.config,
		"PROBATION", strconv.Itoa(b.probation), "POLICY", policy, "COUNT", count).Replace(crashJob)
	job, err := config.Parse("job.toml", []byte(text), config.Registry{
		Connectors: []connectors.Spec{
			generator.Spec(),
			{Name: "memory", NewSink: func() connectors.SinkConfig { return b.out }},
			{Name: "letters", NewSink: func() connectors.SinkConfig { return &letterSink{b.letters} }},
		},
		Schemes: []string{"file"},
	}, config.Options{Dir: filepath.Dir(path)})
	require.NoError(t, err)
	e, err := New(t.Context(), Config{
		Job: job, Log: b.log, Decider: job.Decider, Guests: testGuest.runtime,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Kept: b.log.last().Modules, ReadModule: b.log.read,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close(context.Background())) })
	return e
}

// TestASpentCrashBudgetLeavesARecordOneFate has the attempt in which the budget is spent fail, so
// that records come again that were processed before: in that attempt no epoch was decided.
func TestASpentCrashBudgetLeavesARecordOneFate(t *testing.T) {
	const count = 2000
	for _, policy := range []string{"dead-letter", "pass"} {
		t.Run(policy, func(t *testing.T) {
			b := newCrashBench(t)
			var failed atomic.Bool
			fail := func(value string) error {
				if value == strconv.Itoa(count-1) && !failed.Swap(true) {
					return errors.New("the sink is away")
				}
				return nil
			}
			b.out.write, b.letters.write = fail, fail
			e := b.engine(t, policy, "count = "+strconv.Itoa(count))
			res, err := e.Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, checkpoint.Finished, res.Outcome)
			require.True(t, failed.Load())
			require.Equal(t, 1, e.Status().Restarts)

			out, letters := b.out.lines(), b.letters.lines()
			done := 0
			for i := range count {
				n := strconv.Itoa(i)
				done += out[n+"-done"]
				skipped := 0 // the traps within the budget
				if strings.HasSuffix(n, "7") && out[n] == 0 && letters[n] == 0 {
					skipped = 1
				}
				require.Equal(t, 1, out[n+"-done"]+out[n]+letters[n]+skipped, "fates of record %s", n)
			}
			require.Equal(t, uint64(count), res.Counts["mark"].In)
			require.Equal(t, uint64(len(letters)), res.Counts["mark"].Dead)
			switch policy {
			case "pass":
				require.Empty(t, letters)
			default:
				require.Len(t, out, done, "nothing passed unchanged")
			}
			s := e.Plugins()[0].CrashBudget
			require.True(t, s.Spent, "another attempt mends no plugin")
			require.Equal(t, operator.CrashPolicy(policy), s.Policy)
			require.NotZero(t, s.Bypassed)
		})
	}
}

func TestASpentCrashBudgetEndsTheJobForGood(t *testing.T) {
	b := newCrashBench(t)
	e := b.engine(t, "fail", "")
	res, err := e.Run(t.Context())
	require.Equal(t, checkpoint.Fatal, res.Outcome)
	var spent *operator.CrashBudgetError
	require.ErrorAs(t, err, &spent)
	require.Equal(t, "marks", spent.Plugin)
	require.Equal(t, "mark", spent.Function)
	require.Equal(t, "plugin marks has spent its crash budget: 3 traps within 1h0m0s "+
		"(plugins.marks.crash_budget); the last one was in function mark: trapped: exit with code 3",
		spent.Error())
	require.Zero(t, e.Status().Restarts, "the same records would end it again")
	require.True(t, e.Plugins()[0].CrashBudget.Spent)
}

// TestANewVersionThatSpendsItsCrashBudgetComesToNothing: the policy is to end the job, but what
// spent the budget is on trial.
func TestANewVersionThatSpendsItsCrashBudgetComesToNothing(t *testing.T) {
	b := newCrashBench(t)
	b.config = `{ suffix = "-done" }`
	b.probation = 100_000 // its first epochs may have no record that it traps on
	e := b.engine(t, "fail", "")
	done := make(chan error, 1)
	go func() { // ends with the job
		_, err := e.Run(context.WithoutCancel(t.Context()))
		done <- err
	}()
	var id uint64
	require.Eventually(t, func() bool {
		var err error
		id, err = e.Swap(SwapRequest{
			Plugin: "marks", Config: json.RawMessage(`{"suffix":"-bad","trap":"7"}`),
			Trigger: TriggerCommand,
		})
		return err == nil
	}, time.Minute, time.Millisecond)
	require.Eventually(t, func() bool {
		swaps := e.Plugins()[0].Swaps
		return swaps[len(swaps)-1].ID == id && swaps[len(swaps)-1].State == SwapReturned
	}, time.Minute, time.Millisecond)
	require.False(t, e.Plugins()[0].CrashBudget.Spent, "it is that of the old version again")
	e.Stop()
	require.NoError(t, <-done)
	numbers := map[string]bool{}
	for line, times := range b.out.lines() {
		number, _, _ := strings.Cut(line, "-")
		require.True(t, times == 1 && !numbers[number], "%s, %d times", line, times)
		numbers[number] = true
	}
}

func TestASwapGivesAPluginACrashBudgetAnew(t *testing.T) {
	b := newCrashBench(t)
	e := b.engine(t, "pass", "")
	done := make(chan error, 1)
	go func() { // ends with the job
		_, err := e.Run(context.WithoutCancel(t.Context()))
		done <- err
	}()
	eventually := func(what func() bool) {
		t.Helper()
		require.Eventually(t, what, time.Minute, time.Millisecond)
	}
	budget := func() operator.CrashStatus { return e.Plugins()[0].CrashBudget }
	eventually(func() bool { return budget().Spent && budget().Bypassed > 0 })
	require.Equal(t, 1.0, series(t, e, "wasmflow_plugin_crash_budget_spent"))
	require.NotZero(t, series(t, e, "wasmflow_plugin_records_bypassed_total"))
	require.Equal(t, 3.0, series(t, e, "wasmflow_plugin_crash_budget_used"))

	id, err := e.Swap(SwapRequest{
		Plugin: "marks", Config: json.RawMessage(`{"suffix":"-again"}`), Trigger: TriggerCommand,
	})
	require.NoError(t, err)
	eventually(func() bool {
		swaps := e.Plugins()[0].Swaps
		return swaps[len(swaps)-1].ID == id && swaps[len(swaps)-1].State == SwapDone
	})
	require.False(t, budget().Spent)
	eventually(func() bool {
		for line := range b.out.lines() {
			if strings.HasSuffix(line, "-again") {
				return true
			}
		}
		return false
	})
	require.Zero(t, series(t, e, "wasmflow_plugin_crash_budget_spent"))
	e.Stop()
	require.NoError(t, <-done)
}

// series returns the value of a series of the plugin.
func series(t *testing.T, e *Engine, name string) float64 {
	t.Helper()
	families, err := e.Gatherer().Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			require.Len(t, f.GetMetric(), 1)
			require.Equal(t, "marks", f.GetMetric()[0].GetLabel()[0].GetValue())
			return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	require.Fail(t, fmt.Sprintf("no series %s", name))
	return 0
}
