package txlog_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
)

func TestJobMovesBetweenLogs(t *testing.T) {
	w := newWorld(t)
	claims, epoch := uint64(0), checkpoint.Epoch(0)
	var before checkpoint.Manifest
	var zombies []checkpoint.CommitLog
	var last []checkpoint.Manifest
	for i := range 6 {
		p := w.open(nil)
		l, name := checkpoint.CommitLog(p.Log), testName
		if i%2 == 0 {
			l, name = p.store, storelog.Name
		}
		m, found, err := l.Claim(w.ctx)
		require.NoError(t, err, "move %d", i)
		require.Equal(t, i > 0, found)
		require.Equal(t, name, m.Log)
		require.Greater(t, m.Owner.Number, claims)
		require.Greater(t, m.Epoch, epoch)
		if i > 0 {
			require.Equal(t, before.JobID, m.JobID)
			require.Equal(t, before.Sources, m.Sources)
			require.Equal(t, before.Committables, m.Committables)
		}
		for j, z := range zombies {
			require.Error(t, try(w, z, last[j]), "owner %d decides after move %d", j, i)
		}
		before = w.decide(l, m, 3)
		claims, epoch = before.Owner.Number, before.Epoch
		zombies, last = append(zombies, l), append(last, before)
	}
}

// try begins and decides one more epoch after m.
func try(w *world, l checkpoint.CommitLog, m checkpoint.Manifest) error {
	m = manifest(l, m)
	if _, err := l.Begin(w.ctx, m.Epoch); err != nil {
		return err
	}
	return l.Decide(w.ctx, m)
}

// TestMoveSurvivesACrashAtEveryCall dies at the first call to broker or disk, then at the second,
// and so on, and starts again: either log in use must hold the whole job.
func TestMoveSurvivesACrashAtEveryCall(t *testing.T) {
	for _, direction := range []string{"store to topic", "topic to store"} {
		t.Run(direction, func(t *testing.T) {
			for calls := 1; ; calls++ {
				w := newWorld(t)
				first, from, to := w.open(nil), logOf(storelog.Name), logOf(testName)
				if direction == "topic to store" {
					from, to = to, from
				}
				old := from(first)
				before := w.run(old, 2)

				left := calls
				dying := w.open(func(o *options) {
					o.call = func(broker.Call) broker.Fault {
						if left--; left < 0 {
							return broker.Fault{Err: broker.ErrAway}
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
				_, _, died := to(dying).Claim(w.ctx)

				m, found, err := to(w.open(nil)).Claim(w.ctx)
				require.NoError(t, err, "after a crash at call %d (%v)", calls, died)
				require.True(t, found)
				require.Equal(t, before.Sources, m.Sources, "after a crash at call %d", calls)
				require.Equal(t, before.Committables, m.Committables)
				require.ErrorIs(t, try(w, old, before), checkpoint.ErrFenced)
				if died == nil {
					require.Greater(t, calls, 10, "the crash never came")
					return
				}
			}
		})
	}
}

func logOf(name string) func(*process) checkpoint.CommitLog {
	return func(p *process) checkpoint.CommitLog {
		if name == storelog.Name {
			return p.store
		}
		return p.Log
	}
}

func TestSealedLogRefusesAnOwnerThatStillUsesIt(t *testing.T) {
	for _, name := range []string{storelog.Name, testName} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			other := map[string]string{storelog.Name: testName, testName: storelog.Name}[name]
			owner := w.open(nil)
			before := w.run(logOf(name)(owner), 1)
			seal, err := logOf(name)(w.open(nil)).(log).Seal(w.ctx, other, 0)
			require.NoError(t, err)
			require.Equal(t, checkpoint.KindSeal, seal.Kind)
			require.Equal(t, before.Sources, seal.Sources)

			_, _, err = logOf(name)(owner).Claim(w.ctx)
			require.ErrorIs(t, err, checkpoint.ErrFenced, "it held the job")
			_, _, err = logOf(name)(w.open(nil)).Claim(w.ctx)
			require.ErrorIs(t, err, checkpoint.ErrRefused)
			require.ErrorContains(t, err, fmt.Sprintf("set checkpoint.log to %q", other))

			again, err := logOf(name)(w.open(nil)).(log).Seal(w.ctx, other, 0)
			require.NoError(t, err)
			require.Equal(t, seal, again, "the same seal")
			_, err = logOf(name)(w.open(nil)).(log).Seal(w.ctx, "kafka:third", 0)
			require.ErrorIs(t, err, checkpoint.ErrRefused)
			require.ErrorContains(t, err, "set checkpoint.log to that first")
		})
	}
}

// TestStaleMoverIsRefused has a process sleep between the seal and its import while the job moves
// on and back.
func TestStaleMoverIsRefused(t *testing.T) {
	w := newWorld(t)
	w.run(w.open(nil).store, 1)
	slept := false
	stale := w.open(func(o *options) {
		o.call = func(c broker.Call) broker.Fault {
			if c == broker.CallInit && !slept {
				slept = true
				w.run(w.open(nil).Log, 2)   // another process brings the job to the topic
				w.run(w.open(nil).store, 2) // and a third brings it back
			}
			return broker.Fault{}
		}
	})
	_, _, err := stale.Claim(w.ctx)
	require.ErrorIs(t, err, checkpoint.ErrRefused)
	require.ErrorContains(t, err, "do not follow each other")
	require.True(t, slept)
}

func TestMoveNeedsTheOtherLog(t *testing.T) {
	w := newWorld(t)
	w.run(w.open(func(o *options) { o.Name = "kafka:gone" }).Log, 1)
	_, _, err := w.open(nil).store.Claim(w.ctx)
	require.ErrorIs(t, err, checkpoint.ErrRefused)
	require.ErrorContains(t, err, `no sink for log "kafka:gone"`)
}

// TestLostHintIsNoFreshStart removes the file that remembers the job.
func TestLostHintIsNoFreshStart(t *testing.T) {
	w := newWorld(t)
	p := w.open(nil)
	before := w.run(p.store, 2)
	require.NoError(t, p.fs.Remove(w.ctx, testDir+"/job"))
	m, found, err := w.open(nil).Claim(w.ctx)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, before.Sources, m.Sources, "imported from the store's own records")

	require.NoError(t, p.fs.Remove(w.ctx, testDir+"/job"))
	m, _, err = w.open(nil).store.Claim(w.ctx)
	require.NoError(t, err)
	require.Equal(t, before.Sources, m.Sources, "the seal in the store tells where the job is")
}

// TestFreshLeavesALostLogBehind moves a job away from a topic that is gone.
func TestFreshLeavesALostLogBehind(t *testing.T) {
	w := newWorld(t)
	before := w.run(w.open(nil), 3)
	w.cluster.Take(testCommits)
	_, _, err := w.open(nil).store.Claim(w.ctx)
	require.ErrorIs(t, err, checkpoint.ErrRefused)
	require.ErrorContains(t, err, "or say that the job begins anew with --fresh")

	m, found, err := w.open(func(o *options) { o.Fresh = true }).store.Claim(w.ctx)
	require.NoError(t, err)
	require.True(t, found)
	require.Empty(t, m.Sources)
	require.Equal(t, before.JobID, m.JobID)
	require.Greater(t, m.Epoch, before.Epoch, "no number is used again (I4)")
}

// TestAdoptingAClosedLogLeavesNoTrace has a machine with an empty store adopt a log that the job
// left for the store of another machine.
func TestAdoptingAClosedLogLeavesNoTrace(t *testing.T) {
	w := newWorld(t)
	w.run(w.open(nil), 1)
	w.run(w.open(nil).store, 1)
	p := w.open(func(o *options) { o.root, o.Adopt = "/laptop", true })
	_, _, err := p.Claim(w.ctx)
	require.ErrorIs(t, err, checkpoint.ErrRefused)
	require.ErrorContains(t, err, "has not run there yet")
	_, err = p.fs.Stat(w.ctx, "/laptop/"+testJob+"/job")
	require.ErrorIs(t, err, filesystem.ErrNotFound)
}
