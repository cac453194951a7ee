package simulation

import (
	"flag"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	seedFlag = flag.Uint64("seed", 0, "replay this seed with a trace (see also -bug)")
	bugFlag  = flag.String("bug", "", "replay with this bug")
	seeds    = flag.Int("seeds", seedsDefault, "seeds to run without bugs")
)

// shards run beside each other, so that every core has work.
const shards = 4

func TestSeeds(t *testing.T) {
	var totals [shards]Result
	t.Run("all", func(t *testing.T) { // returns when every shard has ended
		for shard := range shards {
			t.Run(fmt.Sprint("shard ", shard), func(t *testing.T) {
				t.Parallel()
				for i := shard + 1; i <= *seeds; i += shards {
					r, err := Run(Options{Seed: uint64(i)})
					require.NoError(t, err, "replay with -run TestReplay -v -seed %d", i)
					totals[shard].add(r)
				}
			})
		}
	})
	var total Result
	for _, r := range totals {
		total.add(r)
	}
	t.Logf("%+v", total)
	if *seeds < seedsDefault || !mustBeCaught {
		return
	}
	// A simulation in which nothing goes wrong proves nothing.
	for what, n := range map[string]int{
		"kills": total.Kills, "power failures": total.PowerFailures, "sleeps": total.Sleeps,
		"failed calls": total.Faults, "fenced owners": total.Fenced, "epochs": total.Epochs,
		"unknown outcomes": total.Unknown, "taken files": total.Taken,
		"late publications": total.Late, "moves": total.Moves, "outages": total.Outages,
		"late requests": total.LateRequests, "staged records": total.Staged,
		"lost topics": total.TopicsLost, "lost epochs": total.Lost,
		"rests in a pause": total.Rests,
	} {
		require.NotZero(t, n, what)
	}
}

// TestEveryBugIsCaught is the judge's own test.
func TestEveryBugIsCaught(t *testing.T) {
	for _, bug := range append(StoreBugs(), TopicBugs()...) {
		t.Run(string(bug), func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= bugSeedsMax; seed++ {
				if _, err := Run(Options{Seed: seed, Bug: bug}); err != nil {
					t.Logf("caught with seed %d: %v", seed, err)
					return
				}
			}
			if mustBeCaught {
				t.Errorf("%d seeds did not catch it", bugSeedsMax)
			}
		})
	}
}

func TestSameSeedSameRun(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		var first, second []string
		a, errA := Run(Options{Seed: seed, Trace: func(l string) { first = append(first, l) }})
		b, errB := Run(Options{Seed: seed, Trace: func(l string) { second = append(second, l) }})
		require.Equal(t, first, second, "seed %d", seed)
		require.Equal(t, a, b)
		require.Equal(t, errA, errB)
	}
}

// TestReplay traces one seed, the first unless -seed names another.
func TestReplay(t *testing.T) {
	_, err := Run(Options{
		Seed: max(*seedFlag, 1), Bug: Bug(*bugFlag), Trace: func(l string) { t.Log(l) },
	})
	require.NoError(t, err)
}

func (r *Result) add(s Result) {
	r.Steps += s.Steps
	r.Processes += s.Processes
	r.Kills += s.Kills
	r.PowerFailures += s.PowerFailures
	r.Sleeps += s.Sleeps
	r.Faults += s.Faults
	r.Epochs += s.Epochs
	r.Fenced += s.Fenced
	r.Unknown += s.Unknown
	r.Taken += s.Taken
	r.Late += s.Late
	r.Moves += s.Moves
	r.Outages += s.Outages
	r.LateRequests += s.LateRequests
	r.Staged += s.Staged
	r.TopicsLost += s.TopicsLost
	r.Lost += s.Lost
	r.Rests += s.Rests
}
