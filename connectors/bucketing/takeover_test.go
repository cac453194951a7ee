package bucketing

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
)

// errFenced ends an owner that learns that another one has claimed.
var errFenced = errors.New("another owner has claimed")

// ledgerRetains is how many epochs a ledger retains.
const ledgerRetains = 3

// ledger is the commit log of owners that live at the same time.
type ledger struct {
	input   []string
	mu      sync.Mutex
	claim   uint64
	epoch   checkpoint.Epoch
	applied []checkpoint.Epoch // marks
	at      int                // in the input
	decided map[checkpoint.Epoch][]checkpoint.Committable
	held    map[checkpoint.Epoch][]checkpoint.Committable
}

func newLedger() *ledger {
	return &ledger{
		input:   crashInput(),
		decided: map[checkpoint.Epoch][]checkpoint.Committable{},
		held:    map[checkpoint.Epoch][]checkpoint.Committable{},
	}
}

// claims has an owner claim on top of the last decided epoch and returns where its input begins.
func (l *ledger) claims(j *job) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	j.Claim = l.claim // Start counts on
	l.claim++
	j.Epoch, j.Applied = l.epoch, 0
	if len(l.applied) > 0 {
		j.Applied = checkpoint.AppliedFor(l.decided[l.epoch], slices.Max(l.applied),
			func(e checkpoint.Epoch) bool { return slices.Contains(l.applied, e) })
	}
	j.Decided, j.Held = maps.Clone(l.decided), maps.Clone(l.held)
	return l.at
}

// decides is the exclusive publication of an epoch's record.
func (l *ledger) decides(j *job, e checkpoint.Epoch, at int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.claim != j.Claim {
		return errFenced
	}
	l.epoch, l.at, l.decided[e], l.held[e] = e, at, j.Decided[e], j.Held[e]
	over := func(old checkpoint.Epoch, _ []checkpoint.Committable) bool {
		return old+ledgerRetains <= e
	}
	maps.DeleteFunc(l.decided, over)
	maps.DeleteFunc(l.held, over)
	return nil
}

// applies marks the epoch of what was committed.
func (l *ledger) applies(committed []checkpoint.Committable) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(committed) > 0 {
		l.applied = append(l.applied, committed[0].Epoch)
	}
}

func (l *ledger) fences(j *job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.claim != j.Claim
}

// live runs an owner for so many epochs, or to the end of the input. It is errFenced for one that
// meets any error after another has claimed.
func (l *ledger) live(j *job, tasks, epochs int) error {
	err := l.liveOn(j, tasks, epochs)
	if err != nil && l.fences(j) {
		return errors.Join(errFenced, err)
	}
	return err
}

func (l *ledger) liveOn(j *job, tasks, epochs int) error {
	input := l.input
	at := l.claims(j)
	if err := j.Start(tasks); err != nil {
		return err
	}
	l.applies(j.Decided[j.Epoch])
	defer func() {
		for _, w := range j.Writers {
			_ = w.Close() // as a job does that ends, whatever the reason
		}
	}()
	for ; at < len(input) && epochs > 0; epochs-- {
		until := min(at+5, len(input))
		for i := at; i < until; i++ {
			b := &connectors.Batch{}
			b.Append().Value = []byte(input[i])
			if err := j.Writers[i%tasks].Write(j.Ctx, b); err != nil {
				return err
			}
		}
		e := j.Epoch + 1
		var prepared []checkpoint.Committable
		for _, w := range j.Writers {
			cs, err := w.Prepare(j.Ctx, e)
			if err != nil {
				return errors.Join(err, j.Committer.Abort(j.Ctx, prepared))
			}
			prepared = append(prepared, cs...)
		}
		if err := j.Settle(e, until == len(input), prepared); err != nil {
			return errors.Join(err, j.Committer.Abort(j.Ctx, prepared))
		}
		if err := l.decides(j, e, until); err != nil {
			return err
		}
		j.Epoch, at = e, until
		err := j.Committer.Commit(j.Ctx, j.Decided[e])
		if err != nil {
			err = j.Committer.Commit(j.Ctx, j.Decided[e])
		}
		if err != nil {
			return err
		}
		l.applies(j.Decided[e])
	}
	return nil
}

// takeover has another owner live within a call of the first one, which does not know and goes on
// afterwards, and a third one finish. It returns false when the first one had no such call.
func takeover(
	t *testing.T, call int64, epochs int, first, second func(*Config),
) (there bool, err error) {
	t.Helper()
	l, disk := newLedger(), fstest.NewDisk()
	owner := func(change func(*Config)) *job {
		j := newJob(t, size(20), change)
		j.Disk = disk
		return j
	}
	var calls atomic.Int64
	var other error
	seen := map[string]string{}
	j := owner(first)
	j.Hooks = []fstest.Hook{func(fstest.Op) fstest.Fault {
		if calls.Add(1) == call {
			next := owner(second)
			other = l.live(next, 3, epochs)
			maps.Copy(seen, next.files())
		}
		return fstest.Fault{}
	}}
	err = l.live(j, 2, len(crashInput()))
	j.settle()
	if there = calls.Load() >= call; there && errors.Is(err, errFenced) {
		err = nil
	}
	if err = errors.Join(err, other); err != nil {
		return there, err
	}
	maps.Copy(seen, j.files())
	return there, l.ends(owner(second), seen)
}

// ends has a last owner finish and returns what a reader misses, sees twice or saw change.
func (l *ledger) ends(j *job, seen map[string]string) error {
	if err := l.live(j, 1, len(l.input)); err != nil {
		return fmt.Errorf("the last owner: %w", err)
	}
	if len(l.held[l.epoch]) > 0 {
		j.finish() // the input had ended before: another last epoch publishes what is held
	}
	after := j.files()
	for name, was := range seen {
		if is, ok := after[name]; !ok || is != was {
			return fmt.Errorf("%s was visible and changed", name)
		}
	}
	want := slices.Sorted(slices.Values(l.input))
	if got := j.values(); !slices.Equal(got, want) {
		return fmt.Errorf("a reader sees %q", got)
	}
	if left := strays(j); len(left) > 0 {
		return fmt.Errorf("strays are left: %q", left)
	}
	return nil
}

// TestTakeoverAtEveryCall: for every call that the sink makes to its disk, another owner takes the
// job over while that call lasts, lives for no epoch, for one or to the end, and the first one
// wakes up, and still every record is read exactly once. Where the owners have different job files
// it is one call of some.
func TestTakeoverAtEveryCall(t *testing.T) {
	off := func(*Config) {}
	apart := func(c *Config) { compact(time.Hour)(c); c.Compact.Tasks = false }
	for name, c := range map[string]struct {
		first, second func(*Config)
		every         int64
	}{
		"joined":                    {compact(0), compact(0), callsApart},
		"held":                      {compact(time.Hour), compact(time.Hour), callsApart},
		"never joined":              {off, off, 5 * callsApart},
		"held, then not":            {compact(time.Hour), off, 5 * callsApart},
		"held, then joined at once": {compact(time.Hour), compact(0), 5 * callsApart},
		"not, then held":            {off, compact(time.Hour), 5 * callsApart},
		"by task":                   {compact(time.Hour), apart, 5 * callsApart},
	} {
		t.Run(name, func(t *testing.T) {
			for epochs, every := range map[int]int64{
				0: 5 * callsApart, 1: c.every, len(crashInput()): c.every,
			} {
				call := int64(1)
				for ; ; call += every {
					there, err := takeover(t, call, epochs, c.first, c.second)
					require.NoError(t, err, "taken over for %d epochs at call %d", epochs, call)
					if !there {
						break
					}
				}
				require.Greater(t, call, int64(100))
			}
		})
	}
}

// TestFaultAtEveryCall: every call that the sink makes to its disk fails, or is carried out and its
// answer lost, or finds the disk full from then on. The owner gives up what it has not decided,
// commits again what it has, and still every record is read exactly once.
func TestFaultAtEveryCall(t *testing.T) {
	for name, fault := range map[string]func(call int) fstest.Hook{
		"fails": func(call int) fstest.Hook {
			return fstest.FailWhen(func(op fstest.Op) bool { return op.N == call }, errTest)
		},
		"answer is lost": func(call int) fstest.Hook {
			return fstest.LoseReply(func(op fstest.Op) bool { return op.N == call }, errTest)
		},
		"disk is full": func(call int) fstest.Hook {
			return fstest.FailWhen(func(op fstest.Op) bool {
				return op.N >= call && (op.Kind == fstest.Write || op.Kind == fstest.Create)
			}, syscall.ENOSPC)
		},
	} {
		for way, c := range map[string]func(*Config){
			"joined": compact(0), "held": compact(time.Hour),
		} {
			t.Run(name+", "+way, func(t *testing.T) {
				failures := 0
				for call := 1; ; call += callsApart {
					l := newLedger()
					j := newJob(t, size(20), c)
					var calls atomic.Int64
					j.Hooks = []fstest.Hook{fault(call), func(fstest.Op) fstest.Fault {
						calls.Add(1)
						return fstest.Fault{}
					}}
					err := l.live(j, 2, len(crashInput()))
					j.settle()
					if err != nil {
						failures++
					}
					last := newJob(t, size(20), c)
					last.Disk = j.Disk
					require.NoError(t, l.ends(last, j.files()), "call %d: %v", call, err)
					if int64(call) > calls.Load() {
						break
					}
				}
				require.Greater(t, failures, 50/callsApart)
			})
		}
	}
}
