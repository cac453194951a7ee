package bucketing

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
)

// bug is a mistake that a driver of the sink could make, for proving that the crash tests see it.
type bug string

const (
	noBug           bug = ""
	commitsTooEarly bug = "commits before the epoch is decided"
	neverRecovers   bug = "does not recover"
	reusesNames     bug = "takes the same claim again"
	forgetsHeld     bug = "forgets what is held back"
	dropsTooEarly   bug = "removes what was joined before the epoch is decided"
)

// run takes the input from *at on in epochs of five records, as an engine with a replaying source
// does: position and committables are decided together, or not at all. It ends with the first
// error, as if the process had died there.
func (j *job) run(tasks int, input []string, at *int, has bug) error {
	if has == neverRecovers {
		delete(j.Decided, j.Epoch)
	}
	if has == forgetsHeld {
		delete(j.Held, j.Epoch)
	}
	if has == reusesNames {
		j.Claim = 0
	}
	if err := j.Start(tasks); err != nil {
		return err
	}
	defer j.settle()
	for *at < len(input) {
		until := min(*at+5, len(input))
		for i := *at; i < until; i++ {
			b := &connectors.Batch{}
			b.Append().Value = []byte(input[i])
			if err := j.Writers[i%tasks].Write(j.Ctx, b); err != nil {
				return err
			}
		}
		if err := j.decideEpoch(until, at, has); err != nil {
			return err
		}
		if err := j.Committer.Commit(j.Ctx, j.Decided[j.Epoch]); err != nil {
			return err
		}
		j.Applied = j.Epoch
	}
	return nil
}

func (j *job) decideEpoch(until int, at *int, has bug) error {
	var crash error
	e := j.Epoch + 1
	var prepared []checkpoint.Committable
	for _, w := range j.Writers {
		cs, err := w.Prepare(j.Ctx, e)
		if err != nil {
			return err
		}
		prepared = append(prepared, cs...)
		if has == commitsTooEarly {
			crash = j.Committer.Commit(j.Ctx, cs)
		}
	}
	if crash != nil {
		return crash
	}
	if err := j.Settle(e, until == len(crashInput()), prepared); err != nil {
		return err
	}
	if has == dropsTooEarly {
		if err := dropNow(j, e); err != nil {
			return err
		}
	}
	j.Epoch, *at = e, until
	delete(j.Decided, e-2) // two epochs are retained
	delete(j.Held, e-2)
	return nil
}

// dropNow removes what the parts of an epoch were joined from, and may die before it is decided.
func dropNow(j *job, e checkpoint.Epoch) error {
	c := j.Committer.(*committer)
	items, err := c.items(j.Ctx, j.Decided[e])
	if err == nil {
		err = c.dropInputs(j.Ctx, items)
	}
	if err == nil {
		_, err = c.sink.fs.Stat(j.Ctx, c.sink.root)
	}
	return err
}

func crashInput() []string {
	var input []string
	for i := range 18 {
		input = append(input, fmt.Sprintf("b%d@%02d", i%3, i))
	}
	return input
}

// crashRows returns crashInput in the form of c.
func crashRows(c *Config) []string {
	input := crashInput()
	for i, value := range input {
		if c.Schema != "" {
			input[i] = fmt.Sprintf(`{"key":%d,"value":"%s"}`, i, value)
		}
	}
	return input
}

// crashOnce lets a first process die at a call of its disk, cuts the power, lets a second one with
// another number of tasks go on, and returns what a reader misses or sees twice.
func crashOnce(
	t *testing.T, call int, seed uint64, keep int, has bug, change ...func(*Config),
) (done bool, problem error) {
	t.Helper()
	change = slices.Concat(
		[]func(*Config){size(20), func(c *Config) { c.OpenPartsMax = 2 }}, change)
	j := newJob(t, change...)
	input := crashRows(j.config)
	j.Hooks = []fstest.Hook{fstest.CrashAt(call)}
	at := 0
	err := j.run(2, input, &at, has)
	if err != nil {
		require.ErrorIs(t, err, fstest.ErrCrashed)
	}
	j.Disk = j.Disk.CrashClone(seed, keep)
	before := j.files()
	j.Hooks = nil
	if err := j.run(3, input, &at, has); err != nil {
		return err == nil, err
	}
	after := j.files()
	for name, was := range before {
		if is, ok := after[name]; !ok || is != was {
			return false, fmt.Errorf("%s was visible and changed", name)
		}
	}
	if got := j.values(); !slices.Equal(got, slices.Sorted(slices.Values(input))) {
		return false, fmt.Errorf("a reader sees %q", got)
	}
	// What the first process left is gone, and the second one left nothing.
	if left := strays(j); len(left) > 0 {
		return false, fmt.Errorf("strays are left: %q", left)
	}
	return err == nil, nil
}

// TestCrashAtEveryCall: for every call that the sink makes to its disk, the process dies there and
// the power fails, and still every record is read exactly once.
func TestCrashAtEveryCall(t *testing.T) {
	calls := 0
	for call := 1; ; call++ {
		finished := false
		for seed, keep := range []int{0, 50, 100} {
			done, err := crashOnce(t, call, uint64(seed), keep, noBug)
			require.NoError(t, err, "crash at call %d, %d %% kept", call, keep)
			finished = done
		}
		if finished {
			break
		}
		calls++
	}
	require.Greater(t, calls, 100)
}

// TestCrashTestsFindBugs: a checker that never failed proves nothing.
func TestCrashTestsFindBugs(t *testing.T) {
	for b, change := range map[bug]func(*Config){
		commitsTooEarly: func(*Config) {}, neverRecovers: func(*Config) {},
		reusesNames: func(*Config) {}, forgetsHeld: compact(time.Hour), dropsTooEarly: compact(time.Hour),
	} {
		t.Run(string(b), func(t *testing.T) {
			for call := 1; ; call++ {
				done, err := crashOnce(t, call, 1, 100, b, change)
				if err != nil {
					t.Logf("crash at call %d: %v", call, err)
					return
				}
				require.False(t, done, "no crash showed the bug")
			}
		})
	}
}

// TestCrashAgainAndAgain: processes die at random calls, recoveries included, with another number
// of tasks every time, until one of them gets to the end. Somebody may change the job file between
// them.
func TestCrashAgainAndAgain(t *testing.T) {
	for name, change := range map[string]func(*rand.Rand, *Config){
		"apart":  func(*rand.Rand, *Config) {},
		"joined": func(_ *rand.Rand, c *Config) { compact(0)(c) },
		"held":   func(_ *rand.Rand, c *Config) { compact(time.Hour)(c) },
		"changed": func(rng *rand.Rand, c *Config) {
			c.Compact.On, c.Compact.Tasks = rng.IntN(3) > 0, rng.IntN(2) > 0
			c.Compact.Age = connectors.Duration(time.Duration(rng.IntN(2)) * time.Hour)
			c.PartSuffix = []string{"", ".txt"}[rng.IntN(2)]
			c.Writer.Lines.Quote = []string{"needed", "never"}[rng.IntN(2)] // another form of the same
		},
		"joined Parquet": func(_ *rand.Rand, c *Config) { compactParquet(0)(c) },
		"held Parquet":   func(_ *rand.Rand, c *Config) { compactParquet(time.Hour)(c) },
	} {
		t.Run(name, func(t *testing.T) { crashAgainAndAgain(t, change) })
	}
}

func crashAgainAndAgain(t *testing.T, change func(*rand.Rand, *Config)) {
	crashes := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 7))
		j := newJob(t, size(20))
		change(rand.New(rand.NewPCG(seed, 7)), j.config)
		input, at := crashRows(j.config), 0
		for life := uint64(0); ; life++ {
			change(rng, j.config)
			j.Hooks = []fstest.Hook{fstest.CrashAt(1 + rng.IntN(150))}
			err := j.run(1+rng.IntN(3), input, &at, noBug)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, fstest.ErrCrashed, "seed %d", seed)
			crashes++
			j.Disk = j.Disk.CrashClone(seed<<32|life, 50)
			j.look()
		}
		j.Hooks = nil
		j.start(1)
		require.Equal(t, slices.Sorted(slices.Values(input)), j.values(), "seed %d", seed)
		require.Empty(t, strays(j), "seed %d", seed)
	}
	require.Greater(t, crashes, 100)
}

// TestTranscript holds the order of system calls of an epoch and of a recovery.
func TestTranscript(t *testing.T) {
	r := &fstest.Recorder{}
	j := newJob(t)
	j.Hooks = []fstest.Hook{r.Hook}
	r.Note("claim 1")
	j.start(1)
	r.Note("write")
	j.write(0, "a@1", "a@2")
	r.Note("prepare epoch 1")
	j.snapshot()
	r.Note("commit epoch 1")
	j.notify(1)
	r.Note("write")
	j.write(0, "a@3")
	r.Note("prepare epoch 2")
	j.snapshot()
	r.Note("write, then die")
	j.write(0, "a@4")
	r.Note("claim 2: recover epoch 2, remove strays")
	j.start(1)
	const file = "testdata/transcript.txt"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(r.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), r.String())
}
