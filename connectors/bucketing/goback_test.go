package bucketing

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
)

// past is what a test remembers of the decided epochs that a job may go back to.
type past struct {
	ats   map[checkpoint.Epoch]int
	most  int   // that was ever decided
	times []int // that a record may be seen
}

// goBack has the next claim carry an older epoch. What was decided since comes again.
func (p *past) goBack(l *ledger, to checkpoint.Epoch) {
	for i := p.ats[to]; i < p.most; i++ {
		p.times[i]++
	}
	l.epoch++ // the number of the claim's record
	l.decided[l.epoch], l.held[l.epoch], l.at = l.decided[to], l.held[to], p.ats[to]
}

// note notes what was decided.
func (p *past) note(l *ledger) {
	p.ats[l.epoch], p.most = l.at, max(p.most, l.at)
	for e := range p.ats {
		if _, kept := l.decided[e]; !kept {
			delete(p.ats, e)
		}
	}
}

// TestGoingBackAgainAndAgain: processes die at random calls, and their successors begin at epochs
// that are retained. What was decided until such an epoch is read once all the same, held or not,
// and what came after it once more for every time.
func TestGoingBackAgainAndAgain(t *testing.T) {
	backs := 0
	for seed := range uint64(300 / callsApart) {
		rng := rand.New(rand.NewPCG(seed, 11))
		l := newLedger()
		if seed%2 == 1 { // one bucket, whose held parts are joined and held again
			l.input = nil
			for i := range 6 * joinTier {
				l.input = append(l.input, fmt.Sprintf("b@%03d", i))
			}
		}
		p := &past{ats: map[checkpoint.Epoch]int{}, times: slices.Repeat([]int{1}, len(l.input))}
		j := newJob(t, size(20), compact([]time.Duration{0, time.Hour}[seed%2]))
		for life := range uint64(8) {
			j.Hooks = []fstest.Hook{fstest.CrashAt(20 + rng.IntN(250))}
			if epochs := slices.Sorted(maps.Keys(p.ats)); len(epochs) > 0 && rng.IntN(2) == 0 {
				p.goBack(l, epochs[rng.IntN(len(epochs))])
				backs++
			}
			for err := error(nil); err == nil && l.at < len(l.input); {
				before := l.epoch
				err = l.live(j, 1+rng.IntN(3), 1)
				if l.epoch > before {
					p.note(l)
				}
				require.True(t, err == nil || errors.Is(err, fstest.ErrCrashed), "seed %d: %v", seed, err)
			}
			j.Disk = j.Disk.CrashClone(seed<<32|life, 50)
		}
		j.Hooks = nil
		require.NoError(t, l.live(j, 1, len(l.input)))
		if len(l.held[l.epoch]) > 0 {
			j.finish()
		}
		seen := map[string]int{}
		for _, v := range j.values() {
			seen[v]++
		}
		for i, v := range l.input {
			require.GreaterOrEqual(t, seen[v], 1, "seed %d: %s is lost", seed, v)
			require.LessOrEqual(t, seen[v], p.times[i], "seed %d: %s is doubled", seed, v)
		}
	}
	require.Greater(t, backs, 100/callsApart)
}
