package txlog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// hint replaces the file that remembers the job.
func (w *world) hint(h checkpoint.Hint) {
	w.t.Helper()
	store, err := storelog.NewJobStore(w.fs(), testRoot, testJob, nil)
	require.NoError(w.t, err)
	require.NoError(w.t, store.Remember(w.ctx, h))
}

func (w *world) fs() *local.FileSystem { return local.New(local.Options{Disk: w.disk}) }

// append commits a record as a stranger would, without fencing the owner.
func (w *world) append(record []byte) {
	w.t.Helper()
	stranger := broker.NewClient(broker.ClientOptions{
		Broker: w.cluster, ID: "stranger", Commits: testCommits,
	})
	require.NoError(w.t, stranger.Fence(w.ctx))
	_, err := stranger.Begin(w.ctx, 1)
	require.NoError(w.t, err)
	require.NoError(w.t, stranger.Append(w.ctx, record))
	require.NoError(w.t, stranger.Commit(w.ctx))
}

func elsewhere(o *options) { o.root = "/laptop" }

// refusal is a claim that must not fence anybody.
type refusal struct {
	name   string
	change func(w *world)
	option func(*options)
	is     error
	want   string
}

// wrongJobs are claims of a log that belongs to another job.
func wrongJobs() []refusal {
	return []refusal{
		{
			name:   "copy of the job file on another machine",
			option: elsewhere,
			is:     checkpoint.ErrRefused, want: "take it over with `run --adopt` or [job] id = \"jobid1\"",
		},
		{
			name: "store of another job id",
			change: func(w *world) {
				w.hint(checkpoint.Hint{JobID: "other", JobName: testJob, Log: testName, LastEpoch: 1})
			},
			is: checkpoint.ErrOtherJob, want: "is of job id jobid1, the store knows this job as other",
		},
		{
			name: "adopting into the folder of another job",
			change: func(w *world) {
				w.hint(checkpoint.Hint{JobID: "other", JobName: testJob, Log: testName, LastEpoch: 1})
			},
			option: func(o *options) { o.Adopt = true },
			is:     checkpoint.ErrOtherJob, want: "move the store's folder away",
		},
		{
			name: "adopting into a folder with marks of nobody",
			change: func(w *world) {
				require.NoError(w.t, w.fs().Remove(w.ctx, testDir+"/job"))
			},
			option: func(o *options) { o.Adopt = true },
			is:     checkpoint.ErrRefused, want: "restore that file, or move the folder away",
		},
		{
			name: "folder of another job's name",
			change: func(w *world) {
				w.hint(checkpoint.Hint{JobID: "jobid1", JobName: "invoices", Log: testName})
			},
			is: checkpoint.ErrOtherJob, want: `of job "invoices"`,
		},
		{
			name:   "pinned to another id",
			option: func(o *options) { o.JobID = "pinned" },
			is:     checkpoint.ErrOtherJob,
			want:   "in the store are of job id jobid1, the job file pins pinned",
		},
		{
			name:   "pinned to another id without a store",
			option: func(o *options) { elsewhere(o); o.JobID = "pinned" },
			is:     checkpoint.ErrOtherJob,
			want:   "in log kafka:out are of job id jobid1, the job file pins pinned",
		},
		{
			name:   "topic of another job",
			option: func(o *options) { o.job = "invoices" },
			is:     checkpoint.ErrOtherJob, want: `it is of job "orders"; give each job a commits topic`,
		},
	}
}

// wrongLogs are claims of a log that is not what it was.
func wrongLogs() []refusal {
	return []refusal{
		{
			name:   "log is empty",
			change: func(w *world) { w.cluster.Take(testCommits) },
			is:     checkpoint.ErrRefused, want: "is empty, but it had record 3; bring the topic back",
		},
		{
			name: "log is shorter than the store remembers",
			change: func(w *world) {
				w.hint(checkpoint.Hint{JobID: "jobid1", JobName: testJob, Log: testName, LastEpoch: 9})
			},
			is: checkpoint.ErrRefused, want: "ends at record 3, but record 9 was there before",
		},
		{
			name:   "something else writes to the topic",
			change: func(w *world) { w.append([]byte("hello")) },
			is:     checkpoint.ErrCorrupt, want: "something else writes to the commits topic",
		},
		{
			name: "record of a newer version",
			change: func(w *world) {
				w.append(checkpoint.EncodeRecord("manifest", 99, []byte("{}")))
			},
			is: checkpoint.ErrNewerFormat, want: "manifest version 99",
		},
		{
			name: "hint is damaged",
			change: func(w *world) {
				require.NoError(w.t, w.fs().WriteFile(w.ctx, testDir+"/job", []byte("damaged")))
			},
			is: checkpoint.ErrCorrupt, want: "the file is a hint",
		},
	}
}

func TestClaimRefusesBeforeItFences(t *testing.T) {
	for _, tt := range append(wrongJobs(), wrongLogs()...) {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			owner := w.open(nil)
			before := w.run(owner, 2)
			if tt.change != nil {
				tt.change(w)
			}
			sent := map[broker.Call]int{}
			_, _, err := w.open(func(o *options) {
				o.call = func(c broker.Call) broker.Fault { sent[c]++; return broker.Fault{} }
				if tt.option != nil {
					tt.option(o)
				}
			}).Claim(w.ctx)
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.want)
			require.Zero(t, sent[broker.CallInit], "nobody was fenced")
			require.NoError(t, try(w, owner, before), "the owner goes on")
		})
	}
}

func TestAdoptTakesOverAJobWithoutAStore(t *testing.T) {
	adopt := func(o *options) { elsewhere(o); o.Adopt = true }
	pinned := func(o *options) { elsewhere(o); o.JobID = "jobid1" }
	for name, option := range map[string]func(*options){"--adopt": adopt, "[job] id": pinned} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			old := w.open(nil)
			before := w.run(old, 2)
			m, found, err := w.open(option).Claim(w.ctx)
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, "jobid1", m.JobID)
			require.Equal(t, before.Sources, m.Sources)
			require.ErrorIs(t, try(w, old, before), checkpoint.ErrFenced)
			_, _, err = w.open(elsewhere).Claim(w.ctx)
			require.NoError(t, err, "the new store knows the job now")
		})
	}
}

func TestFirstStartThatDiesIsNoOtherJob(t *testing.T) {
	for _, place := range []broker.Call{broker.CallInit, broker.CallProduce, broker.CallEnd} {
		t.Run(string(place), func(t *testing.T) {
			w := newWorld(t)
			_, _, err := w.open(func(o *options) {
				o.call = func(c broker.Call) broker.Fault {
					if c == place {
						return broker.Fault{Err: broker.ErrAway, Done: true}
					}
					return broker.Fault{}
				}
			}).Claim(w.ctx)
			require.Error(t, err)
			m, _, err := w.open(nil).Claim(w.ctx)
			require.NoError(t, err)
			require.Equal(t, "jobid1", m.JobID, "the id of the first start")
		})
	}
}

// TestAppliedIsNoWordAboutWhatWasUndone: an epoch that was decided, but not published, before a job
// went back is not applied because higher ones are.
func TestAppliedIsNoWordAboutWhatWasUndone(t *testing.T) {
	w := newWorld(t)
	p := w.open(nil)
	m := manifest(p, w.run(p, 1)) // 2, and then 3, whose owner dies
	_, err := p.Begin(w.ctx, m.Epoch)
	require.NoError(t, err)
	require.NoError(t, p.Decide(w.ctx, m))
	for _, step := range []struct{ restore, applied checkpoint.Epoch }{{2, 2}, {3, 2}, {5, 5}} {
		p := w.open(func(o *options) { o.Restore = step.restore })
		m, _, err := p.Claim(w.ctx)
		require.NoError(t, err)
		keep, err := p.Retained(w.ctx)
		require.NoError(t, err)
		require.Equal(t, step.applied, keep.Applied, "claim on %d", step.restore)
		if step.restore == 2 {
			m = w.decide(p, m, 1) // 5
			require.Equal(t, checkpoint.Epoch(5), m.Epoch)
		}
	}
}

func TestFreshAndRestore(t *testing.T) {
	tests := []struct {
		name   string
		option func(*options)
		change func(*world)
		splits string // position of the split that the claim carries; "" for none
		epoch  checkpoint.Epoch
		want   string // of the error; "" for none
	}{
		{name: "as it was", splits: "4", epoch: 5},
		{name: "fresh", option: func(o *options) { o.Fresh = true }, epoch: 5},
		{name: "epoch that is still there", option: func(o *options) { o.Restore = 2 },
			splits: "2", epoch: 5},
		{name: "epoch that is no epoch", option: func(o *options) { o.Restore = 1 },
			want: "still has the epochs [4 3 2]"},
		{name: "epoch that never was", option: func(o *options) { o.Restore = 9 },
			want: "still has the epochs [4]"},
		{name: "fresh on a lost topic uses no number again",
			option: func(o *options) { o.Fresh = true },
			change: func(w *world) { w.cluster.Take(testCommits) }, epoch: 5},
		{name: "epoch of a lost topic", option: func(o *options) { o.Restore = 3 },
			change: func(w *world) { w.cluster.Take(testCommits) },
			want:   "still has the epochs []"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.run(w.open(nil), 3)
			if tt.change != nil {
				tt.change(w)
			}
			p := w.open(tt.option)
			m, _, err := p.Claim(w.ctx)
			if tt.want != "" {
				require.ErrorIs(t, err, checkpoint.ErrRefused)
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.epoch, m.Epoch)
			require.Equal(t, "jobid1", m.JobID)
			if tt.splits == "" {
				require.Empty(t, m.Sources)
			} else {
				require.Equal(t, tt.splits, string(m.Sources[0].Splits[0].Position.Data))
			}
			after := w.decide(p, m, 1)
			m, _, err = p.Claim(w.ctx)
			require.NoError(t, err)
			require.Equal(t, after.Sources, m.Sources, "a restart goes on from what the run decided")
		})
	}
	_, err := txlog.New(txlog.Options{Fresh: true, Restore: 3, Job: testJob})
	require.ErrorIs(t, err, checkpoint.ErrRefused)
}

// TestClaimReadsAfterItsFence has the owner decide between the look and the fence.
func TestClaimReadsAfterItsFence(t *testing.T) {
	w := newWorld(t)
	owner := w.open(nil)
	before := w.run(owner, 1)
	decided := false
	m, _, err := w.open(func(o *options) {
		o.call = func(c broker.Call) broker.Fault {
			if c == broker.CallInit && !decided {
				decided = true
				before = w.decide(owner, before, 1)
			}
			return broker.Fault{}
		}
	}).Claim(w.ctx)
	require.NoError(t, err)
	require.True(t, decided)
	require.Equal(t, before.Sources, m.Sources)
}

// TestClaimWaitsForARecordThatDoesNotShowYet has a claim look while the newest record is decided
// and told to the store, but not marked in the topic.
func TestClaimWaitsForARecordThatDoesNotShowYet(t *testing.T) {
	w := newWorld(t)
	w.cluster = broker.New(broker.Options{Delays: true})
	owner := w.open(func(o *options) {
		o.call = func(c broker.Call) broker.Fault {
			if c == broker.CallInit || c == broker.CallProduce {
				w.settle()
			}
			return broker.Fault{}
		}
	})
	before := w.run(owner, 1)
	require.Empty(t, w.cluster.Committed(testCommits)[1:], "record 2 does not show")
	w.hint(checkpoint.Hint{
		JobID: "jobid1", JobName: testJob, Log: testName, LastEpoch: before.Epoch, Claim: 1,
	})
	w.onSleep = w.settle
	m, _, err := w.open(nil).Claim(w.ctx)
	require.NoError(t, err)
	require.Equal(t, before.Sources, m.Sources)
	require.Nil(t, w.onSleep, "it waited")
}

// settle lets the broker write the markers that are to come.
func (w *world) settle() {
	for w.cluster.Step(func(int) int { return 0 }, false) != "" {
	}
}

func TestLockIsACourtesy(t *testing.T) {
	w := newWorld(t)
	busy := &lock{err: checkpoint.ErrBusy}
	open := func(takeover bool) *txlog.Log {
		return w.open(func(o *options) { o.Takeover, o.lock = takeover, busy }).Log
	}
	_, _, err := open(false).Claim(w.ctx)
	require.ErrorIs(t, err, checkpoint.ErrBusy)
	owner := open(true)
	_, _, err = owner.Claim(w.ctx)
	require.NoError(t, err)
	require.NoError(t, owner.Close())
	require.Equal(t, 1, busy.unlocked)
}

// lock is held by somebody else.
type lock struct {
	err      error
	unlocked int
}

func (l *lock) Lock(_ context.Context, takeover bool) error {
	if takeover {
		return nil
	}
	return l.err
}

func (l *lock) Unlock() error { l.unlocked++; return nil }

// TestFencerThatDiesLetsTheOwnerClaimAgain has another process fence and die before its claim.
func TestFencerThatDiesLetsTheOwnerClaimAgain(t *testing.T) {
	w := newWorld(t)
	owner := w.open(nil)
	before := w.run(owner, 1)
	_, _, err := w.open(func(o *options) {
		o.call = func(c broker.Call) broker.Fault {
			if c == broker.CallProduce {
				return broker.Fault{Err: broker.ErrAway}
			}
			return broker.Fault{}
		}
	}).Claim(w.ctx)
	require.Error(t, err)
	began := w.clock
	err = try(w, owner, before)
	require.ErrorIs(t, err, checkpoint.ErrOutcomeUnknown)
	require.NotErrorIs(t, err, checkpoint.ErrFenced)
	require.GreaterOrEqual(t, w.clock-began, 2*time.Second, "it looked for a claim that long")
	m, _, err := owner.Claim(w.ctx)
	require.NoError(t, err)
	require.Equal(t, before.Sources, m.Sources)
}

// TestFencedOwnerSeesTheClaimThatFollows has the other process claim while the owner waits.
func TestFencedOwnerSeesTheClaimThatFollows(t *testing.T) {
	w := newWorld(t)
	owner := w.open(nil)
	before := w.run(owner, 1)
	other := broker.NewClient(broker.ClientOptions{Broker: w.cluster, ID: testID})
	require.NoError(t, other.Fence(w.ctx))
	w.onSleep = func() { w.claim(nil) }
	require.ErrorIs(t, try(w, owner, before), checkpoint.ErrFenced)
	_, _, err := owner.Claim(w.ctx)
	require.ErrorIs(t, err, checkpoint.ErrFenced, "for good")
}

// TestSleeperBeforeItsFence has a process that held the job sleep before it fences again: it cuts
// off the newer owner, sees that it is newer, and leaves the job to it.
func TestSleeperBeforeItsFence(t *testing.T) {
	w := newWorld(t)
	var newer *process
	var last checkpoint.Manifest
	asleep := false
	sleeper := w.open(func(o *options) {
		o.call = func(c broker.Call) broker.Fault {
			if c == broker.CallInit && asleep {
				asleep = false
				newer = w.open(nil)
				last = w.run(newer, 2)
			}
			return broker.Fault{}
		}
	})
	w.run(sleeper, 1)
	asleep = true
	_, _, err := sleeper.Claim(w.ctx)
	require.ErrorIs(t, err, checkpoint.ErrFenced)
	err = try(w, newer, last)
	require.ErrorIs(t, err, checkpoint.ErrOutcomeUnknown, "it was cut off by nobody who claimed")
	m, _, err := newer.Claim(w.ctx)
	require.NoError(t, err)
	require.Equal(t, last.Sources, m.Sources)
}

// TestClaimBeginsAgainWhenItIsCutOff has a process fence a claim and die.
func TestClaimBeginsAgainWhenItIsCutOff(t *testing.T) {
	w := newWorld(t)
	cut := 0
	p := w.open(func(o *options) {
		o.call = func(c broker.Call) broker.Fault {
			if c == broker.CallEnd && cut < 2 {
				cut++
				other := broker.NewClient(broker.ClientOptions{Broker: w.cluster, ID: testID})
				require.NoError(t, other.Fence(w.ctx))
			}
			return broker.Fault{}
		}
	})
	m, found, err := p.Claim(w.ctx)
	require.NoError(t, err)
	require.False(t, found)
	require.Equal(t, uint64(1), m.Owner.Number, "no other claim stands")
	require.Equal(t, 2, cut)

	cut = -1000 // and again and again
	_, _, err = p.Claim(w.ctx)
	require.ErrorIs(t, err, checkpoint.ErrOutcomeUnknown)
	require.ErrorContains(t, err, "3 times")
}

func TestClaimSurvivesACrashAtEveryCall(t *testing.T) {
	for calls := 1; ; calls++ {
		w := newWorld(t)
		before := w.run(w.open(nil), 2)
		left := calls
		crash := errors.New("crash")
		dying := w.open(func(o *options) {
			o.call = func(broker.Call) broker.Fault {
				if left--; left < 0 {
					return broker.Fault{Err: crash}
				}
				return broker.Fault{}
			}
			o.hooks = []fstest.Hook{func(fstest.Op) fstest.Fault {
				if left--; left < 0 {
					return fstest.Fault{Err: fstest.ErrCrashed}
				}
				return fstest.Fault{}
			}}
		})
		m, _, died := dying.Claim(w.ctx)
		if died == nil {
			// Cleaning up after the claim may fail; the next epoch shows that the process is dead.
			died = try(w, dying, m)
		}
		m, found, err := w.open(nil).Claim(w.ctx)
		require.NoError(t, err, "after a crash at call %d (%v)", calls, died)
		require.True(t, found)
		if died == nil {
			require.Greater(t, calls, 10)
			require.NotEqual(t, before.Sources, m.Sources)
			return
		}
		require.Equal(t, before.Sources, m.Sources, "after a crash at call %d (%v)", calls, died)
	}
}
