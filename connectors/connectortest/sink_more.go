package connectortest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

func (s *sinkSuite) visibility() {
	s.start(s.h.TasksMin + 1)
	s.write(epochValues)
	if s.h.Visible == AtCommit {
		s.reads(nil, "written")
	}
	first := s.prepare(s.tasks()...)
	if s.h.Visible == AtCommit {
		s.reads(nil, "prepared")
	}
	s.decide(first)
	decided := slices.Clone(s.written)
	s.write(epochValues)
	second := s.prepare(s.tasks()...)
	s.commit(s.epoch)
	if s.h.Visible == AtCommit {
		s.reads(decided, "first epoch committed, second prepared")
	}
	s.decide(second)
	s.commit(s.epoch)
	s.close()
	s.reads(s.written, "both committed")
}

func (s *sinkSuite) labels() {
	tasks := s.h.TasksMin + 1
	s.start(tasks)
	s.epochOf(epochValues)
	s.write(epochValues)
	for task := range tasks {
		for _, c := range s.prepare(task) {
			require.Equal(s.t, sinkName, c.Sink)
			require.Equal(s.t, task, c.Task)
			require.Equal(s.t, s.epoch+1, c.Epoch)
			require.Equal(s.t, s.claim, c.Claim)
			require.NotZero(s.t, c.Version)
		}
	}
}

func (s *sinkSuite) commitTwice() {
	s.start(s.h.TasksMin + 1)
	s.write(epochValues)
	s.decide(s.prepare(s.tasks()...))
	for range 3 {
		s.commit(s.epoch)
		s.reads(s.written, "committed")
	}
	s.start(s.h.TasksMin)
	s.commit(s.epoch)
	s.close()
	s.reads(s.written, "committed by another process")
}

func (s *sinkSuite) abort() {
	s.start(s.h.TasksMin + 1)
	s.epochOf(epochValues)
	s.write(epochValues)
	lost := s.prepare(s.tasks()...)
	for _, w := range s.writers {
		require.NoError(s.t, w.Close())
	}
	for range 2 {
		require.NoError(s.t, s.committer.Abort(s.ctx, clone(lost)))
	}
	s.close()
	s.restart(s.h.TasksMin)
	require.NoError(s.t, s.committer.Abort(s.ctx, clone(lost)), "unknown is success")
	s.reads(s.written, "the second epoch was aborted")
	s.epochOf(epochValues)
	s.close()
	s.reads(s.written, "its records were written again")
}

func (s *sinkSuite) recover() {
	tasks := s.h.TasksMin + 1
	s.start(tasks)
	s.epochOf(epochValues)
	s.write(epochValues)
	s.decide(s.prepare(s.tasks()...))
	s.write(1)
	s.open(tasks + 1)
	for range 3 {
		require.NoError(s.t, s.committer.Recover(s.ctx, clone(s.decided[s.epoch]), s.keep()))
		s.reads(s.written, "recovered")
	}
	s.next = len(s.written)
	s.openWriters(tasks + 1)
	s.epochOf(epochValues)
	s.close()
	s.reads(s.written, "after going on")
}

// retained: a person may go back to an older epoch and forth again.
func (s *sinkSuite) retained() {
	if s.h.Visible == AtWrite {
		return // going back withdraws what the newer epoch wrote
	}
	s.start(s.h.TasksMin + 1)
	s.write(epochValues)
	s.decide(s.prepare(s.tasks()...))
	first := slices.Clone(s.written)
	s.write(epochValues)
	s.decide(s.prepare(s.tasks()...))

	s.open(s.h.TasksMin)
	require.NoError(s.t, s.committer.Recover(s.ctx, clone(s.decided[1]), s.keep()))
	s.reads(first, "back at the first epoch")
	s.restart(s.h.TasksMin)
	s.close()
	s.reads(s.written, "forth at the second epoch")
}

func (s *sinkSuite) strays() {
	s.start(s.h.TasksMin + 2)
	s.epochOf(epochValues)
	s.write(epochValues)
	s.prepare(0)
	s.write(epochValues)
	s.restart(s.h.TasksMin)
	s.epochOf(epochValues)
	s.epochOf(epochValues)
	s.close()
	s.restart(s.h.TasksMin)
	s.close()
	s.noStrays("after two claims")
	s.reads(s.written, "after two claims")
}

func (s *sinkSuite) formats() {
	s.start(s.h.TasksMin)
	s.write(epochValues)
	good := s.prepare(s.tasks()...)
	require.NotEmpty(s.t, good)
	newer, damaged := clone(good), clone(good)
	newer[0].Version = 1<<16 - 1
	damaged[0].Data = damaged[0].Data[:len(damaged[0].Data)/2]
	for _, tt := range []struct {
		cs   []checkpoint.Committable
		want error
	}{{newer, checkpoint.ErrNewerFormat}, {damaged, checkpoint.ErrCorrupt}} {
		require.ErrorIs(s.t, s.committer.Commit(s.ctx, tt.cs), tt.want)
		require.ErrorIs(s.t, s.committer.Abort(s.ctx, tt.cs), tt.want)
		require.ErrorIs(s.t, s.committer.Recover(s.ctx, tt.cs, s.keep()), tt.want)
	}
	s.decide(good)
	s.commit(s.epoch)
	s.reads(s.written, "the good ones are as good as before")
}

func (s *sinkSuite) foreign() {
	s.start(s.h.TasksMin)
	s.epochOf(epochValues)
	other := []checkpoint.Committable{{
		Sink: "another", Epoch: s.epoch, Claim: 1, Version: 77, Data: []byte("not for you"),
	}}
	require.NoError(s.t, s.committer.Commit(s.ctx, other))
	require.NoError(s.t, s.committer.Abort(s.ctx, other))
	s.reads(s.written, "after foreign committables")
}

// sinkStep is a place at which a process may die.
type sinkStep int

const (
	dieOpened        sinkStep = iota
	dieWritten                // records are written
	dieFlushed                // and flushed
	diePreparedSome           // one task is prepared
	diePrepared               // all are
	dieDecided                // the log has it
	dieCommittedSome          // one committable is committed
	dieCommitted              // all are, and nobody noted it
	dieApplied                // and the mark is set
	dieNext                   // the next epoch has begun
	sinkSteps
)

// dieAt drives an epoch up to a step and leaves it there.
func (s *sinkSuite) dieAt(step sinkStep) {
	s.t.Helper()
	if step == dieOpened {
		return
	}
	s.write(epochValues)
	if step == dieWritten {
		return
	}
	if step == dieFlushed {
		for _, w := range s.writers {
			require.NoError(s.t, w.Flush(s.ctx))
		}
		return
	}
	cs := s.prepare(0)
	if step == diePreparedSome {
		return
	}
	cs = append(cs, s.prepare(s.tasks()[1:]...)...)
	if step == diePrepared {
		return
	}
	s.decide(cs)
	if step == dieDecided {
		return
	}
	if step == dieCommittedSome {
		require.NoError(s.t, s.committer.Commit(s.ctx, clone(cs[:min(1, len(cs))])))
		return
	}
	before := s.applied
	s.commit(s.epoch)
	if step == dieCommitted {
		s.applied = before
	}
	if step == dieNext {
		s.write(1)
	}
}

// everyStep: wherever a process dies and with however many tasks the next one runs, everything is
// read once.
func (s *sinkSuite) everyStep() {
	for step := range sinkSteps {
		for _, tasks := range [][2]int{{1, 1}, {3, 1}, {1, 3}, {2, 2}} {
			s.start(s.h.TasksMin - 1 + tasks[0])
			s.epochOf(epochValues)
			s.dieAt(step)
			when := fmt.Sprintf("died at step %d, tasks %v", step, tasks)
			s.restart(s.h.TasksMin - 1 + tasks[1])
			s.reads(s.written, when)
			s.epochOf(epochValues)
			s.reads(s.written, when+", gone on")
			s.close()
		}
	}
}

func (s *sinkSuite) randomSteps() {
	rng := rand.New(rand.NewPCG(5, 3))
	s.start(s.h.TasksMin + rng.IntN(3))
	for life := range sinkLives {
		for range rng.IntN(3) {
			s.epochOf(rng.IntN(epochValues))
		}
		s.dieAt(sinkStep(rng.IntN(int(sinkSteps))))
		s.restart(s.h.TasksMin + rng.IntN(3))
		s.reads(s.written, fmt.Sprintf("after %d lives", life+1))
	}
	s.epochOf(epochValues)
	s.close()
	s.reads(s.written, "at the end")
}
