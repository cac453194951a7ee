package operator_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/operator"
)

// crashing is a configuration with a budget, and the hands of its clock.
func crashing(traps int, policy operator.CrashPolicy) (operator.Config, *time.Time) {
	now := time.Date(2030, 1, 1, 12, 30, 0, 0, time.UTC)
	cfg := config("script")
	cfg.Now = func() time.Time { return now }
	cfg.Crashes = operator.NewCrashBudget("script", operator.CrashLimits{
		Traps: traps, Within: time.Minute, Policy: policy,
	})
	cfg.Health = &operator.Health{}
	return cfg, &now
}

const spentText = "plugin script has spent its crash budget: 2 traps within 1m0s " +
	"(plugins.script.crash_budget); the last one was in function script: " + exitText

func TestASpentBudgetFailsForGood(t *testing.T) {
	var l logs
	cfg, _ := crashing(2, operator.CrashFail)
	cfg.Logger = l.logger(slog.LevelError)
	tr := transform(t, cfg)
	got := run(t, tr, batch("exit", "echo"))
	require.Equal(t, []string{"1:echo"}, got.records, "the budget allows for one")
	for range 2 { // the second time before the guest is called
		var out connectors.Batch
		var faults connectors.Faults
		err := tr.Transform(context.Background(), batch("echo", "exit", "echo"), &out, &faults)
		var spent *operator.CrashBudgetError
		require.ErrorAs(t, err, &spent)
		require.EqualError(t, spent, spentText)
		require.Equal(t, connectors.Fatal, connectors.Classify(err))
		var blamed *operator.GuestError
		require.ErrorAs(t, err, &blamed)
		require.Equal(t, plugin, blamed.Module)
	}
	require.Equal(t, 1, count(l.String(), "has spent its crash budget"), l.String())
}

func TestWhatASpentBudgetDoesToRecords(t *testing.T) {
	trap := func(i string) string { return i + " trap 0 " + exitText }
	spent := func(i string) string { return i + " 0 " + spentText }
	tests := map[string]struct {
		policy  operator.CrashPolicy
		values  []string
		records []string
		faults  []string
		then    result // of two more records
	}{
		"dead letters from the frame on, as far as it is not finished": {
			operator.CrashDeadLetter, []string{"echo", "exit", "echo", "exit", "echo"},
			[]string{"0:echo"}, []string{trap("1"), spent("2"), spent("3"), spent("4")},
			result{nil, []string{spent("0"), spent("1")}},
		},
		"passed on from the middle of a frame": {
			operator.CrashPass, []string{"echo", "exit", "echo", "exit", "drop"},
			[]string{"0:echo", "2:echo", "3:exit", "4:drop"}, []string{trap("1")},
			result{[]string{"0:drop", "1:exit"}, nil},
		},
		"output said before the trap is taken back": {
			operator.CrashPass, []string{"exit", "echo", "many-exit"},
			[]string{"1:echo", "2:many-exit"}, []string{trap("0")},
			result{[]string{"0:drop", "1:exit"}, nil},
		},
		"a record that is well alone counts as well": {
			operator.CrashPass, []string{"exit-third", "exit-third", "exit-third", "exit", "drop"},
			[]string{"0:exit-third", "1:exit-third", "2:exit-third", "3:exit", "4:drop"}, nil,
			result{[]string{"0:drop", "1:exit"}, nil},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, _ := crashing(2, test.policy)
			tr := transform(t, cfg)
			got := run(t, tr, batch(test.values...))
			require.Equal(t, result{test.records, test.faults}, got)
			require.Equal(t, test.then, run(t, tr, batch("drop", "exit")))

			s := cfg.Crashes.Status(cfg.Now())
			require.True(t, s.Spent)
			require.Equal(t, 2, s.Used)
			require.Equal(t, "script: "+exitText, s.LastTrap)
			require.Equal(t, cfg.Now(), *s.Since)
			require.Equal(t, uint64(len(test.values)+2), s.Bypassed+cfg.Health.Load().Records,
				"a record was given to the guest or was not")
			require.LessOrEqual(t, cfg.Health.Load().Refused, uint64(1),
				"what the guest never saw it did not refuse")

			cfg.Crashes.Reset()
			require.Equal(t, []string{"0:echo"}, run(t, tr, batch("echo", "exit")).records)
			require.False(t, cfg.Crashes.Spent(), "it counts anew")
		})
	}
}

func TestABudgetCountsWhatFallsIntoItsWindow(t *testing.T) {
	cfg, now := crashing(2, operator.CrashDeadLetter)
	tr := transform(t, cfg)
	for range 5 {
		require.Equal(t, []string{"0 trap 0 " + exitText}, run(t, tr, batch("exit")).faults)
		require.Equal(t, 1, cfg.Crashes.Status(cfg.Now()).Used)
		*now = now.Add(time.Minute + 1)
		require.Zero(t, cfg.Crashes.Status(cfg.Now()).Used)
	}
	run(t, tr, batch("exit"))
	*now = now.Add(time.Minute)
	run(t, tr, batch("exit"))
	require.True(t, cfg.Crashes.Spent())
	*now = now.Add(time.Hour)
	require.True(t, cfg.Crashes.Spent(), "time alone mends nothing")
}

func TestNoBudget(t *testing.T) {
	var none *operator.CrashBudget
	require.False(t, none.Spent())
	for _, budget := range []*operator.CrashBudget{
		none, operator.NewCrashBudget("script", operator.CrashLimits{Policy: operator.CrashFail}),
	} {
		cfg := config("script")
		cfg.Crashes = budget
		require.Len(t, run(t, transform(t, cfg), batch("exit", "exit", "exit")).faults, 3)
		require.False(t, budget.Spent())
	}
}

func TestPassedRecordsKeepAllTheyHave(t *testing.T) {
	cfg, _ := crashing(1, operator.CrashPass)
	tr := transform(t, cfg)
	in := batch("exit")
	in.Targets = []string{"there"}
	in.Records[0].Headers = []connectors.Header{{Key: "h", Value: []byte("v")}}
	in.Records[0].Target, in.Records[0].Partition = 1, 3
	var out connectors.Batch
	var faults connectors.Faults
	require.NoError(t, tr.Transform(context.Background(), in, &out, &faults))
	want := in.Records[0]
	want.Ordinal = ordinal("script", 0)
	require.Equal(t, []connectors.Record{want}, out.Records)
	require.Equal(t, in.Splits, out.Splits)
	require.Equal(t, in.Targets, out.Targets)
	require.Empty(t, faults.List)
}

// TestTasksShareABudget has a task meet a budget that another one has spent.
func TestTasksShareABudget(t *testing.T) {
	cfg, _ := crashing(2, operator.CrashPass)
	one, two := transform(t, cfg), transform(t, cfg)
	run(t, one, batch("exit"))
	run(t, two, batch("exit"))
	require.Equal(t, []string{"0:drop"}, run(t, one, batch("drop")).records)
}
