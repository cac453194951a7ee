package checkpointtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// LogHarness is one place where a job's commit log lives, empty at first.
type LogHarness struct {
	// Open returns the log of a new process of the job. The logs of one harness share the place.
	Open func(t *testing.T) checkpoint.CommitLog
}

// RunLog checks that a commit log keeps its contract. It asks for a fresh harness per case.
func RunLog(t *testing.T, newHarness func(t *testing.T) LogHarness) {
	cases := []struct {
		name string
		run  func(*logSuite)
	}{
		{"first claim of a job", (*logSuite).firstClaim},
		{"claim carries what was decided", (*logSuite).carries},
		{"claims and epochs draw from one rising sequence", (*logSuite).rising},
		{"claims alone carry the same epoch on", (*logSuite).claimsOnly},
		{"older owner is fenced for good", (*logSuite).fencedForGood},
		{"owner that slept for many epochs is fenced", (*logSuite).longSleep},
		{"restart within a process claims again", (*logSuite).restart},
		{"restart does not claim over a newer owner", (*logSuite).noDuel},
		{"wrong number or owner decides nothing", (*logSuite).wrongNumber},
		{"racing claims leave one owner", (*logSuite).racingClaims},
		{"claim beats an owner that decides", (*logSuite).claimAgainstDecide},
		{"retained names committables and what is applied", (*logSuite).retained},
		{"ten thousand splits", (*logSuite).manySplits},
		{"close twice", (*logSuite).closeTwice},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.run(&logSuite{t: t, ctx: t.Context(), h: newHarness(t)})
		})
	}
}

type logSuite struct {
	t   *testing.T
	ctx context.Context
	h   LogHarness
}

// owner is a log that has claimed, with the manifest of its last record.
type owner struct {
	checkpoint.CommitLog
	last checkpoint.Manifest
}

func (s *logSuite) open() checkpoint.CommitLog {
	l := s.h.Open(s.t)
	s.t.Cleanup(func() { _ = l.Close() })
	return l
}

// claim opens a log and claims; found is what the claim must say.
func (s *logSuite) claim(found bool) *owner {
	s.t.Helper()
	o := &owner{CommitLog: s.open()}
	s.reclaim(o, found)
	return o
}

func (s *logSuite) reclaim(o *owner, found bool) {
	s.t.Helper()
	m, got, err := o.Claim(s.ctx)
	require.NoError(s.t, err)
	require.Equal(s.t, found, got)
	require.Equal(s.t, checkpoint.KindClaim, m.Kind)
	require.Equal(s.t, o.Owner(), m.Owner)
	o.last = m
}

// next returns the manifest that o would decide now, different for every epoch.
func (o *owner) next() checkpoint.Manifest {
	e := o.last.Epoch + 1
	return checkpoint.Manifest{
		Kind: checkpoint.KindEpoch, Epoch: e, JobID: o.last.JobID, JobName: o.last.JobName,
		Owner: o.Owner(), Parallelism: 3, Generation: 2, Log: o.last.Log,
		Sources: []checkpoint.SourceState{{
			Name: "in", Enumerator: checkpoint.Position{Version: 1, Data: []byte{0, byte(e)}},
			Splits: []checkpoint.Split{{ID: "a", Position: checkpoint.Position{Version: 2,
				Data: []byte(fmt.Sprint(e))}}},
		}},
		Committables: []checkpoint.Committable{{Sink: "out", Task: 2, Epoch: e,
			Claim: o.Owner().Number, Version: 1, Data: []byte(fmt.Sprintf("part of %d", e))}},
		Held:  []checkpoint.Committable{{Sink: "out", Task: 1, Version: 1, Data: []byte("held")}},
		State: []checkpoint.StateHandle{{Task: 2, Version: 1, Data: []byte("state")}},
	}
}

// try begins and decides an epoch.
func (s *logSuite) try(o *owner, m checkpoint.Manifest) error {
	if _, err := o.Begin(s.ctx, m.Epoch); err != nil {
		return err
	}
	err := o.Decide(s.ctx, m)
	if err == nil {
		o.last = m
	}
	return err
}

func (s *logSuite) decide(o *owner, n int) {
	s.t.Helper()
	for range n {
		m := o.next()
		require.NoError(s.t, s.try(o, m))
		require.NoError(s.t, o.Applied(s.ctx, m.Epoch))
	}
}

func (s *logSuite) firstClaim() {
	o := s.claim(false)
	require.NotZero(s.t, o.last.Epoch)
	require.NotEmpty(s.t, o.last.JobID)
	require.NotEmpty(s.t, o.last.JobName)
	require.NotZero(s.t, o.Owner().Number)
	require.Len(s.t, o.Owner().Nonce, 8)
	require.Empty(s.t, o.last.Sources)
	require.Empty(s.t, o.last.Committables)
}

func (s *logSuite) carries() {
	first := s.claim(false)
	s.decide(first, 3)
	want := first.last
	got := s.claim(true).last
	require.Equal(s.t, want.JobID, got.JobID)
	require.Equal(s.t, want.JobName, got.JobName)
	require.Equal(s.t, want.Parallelism, got.Parallelism)
	require.Equal(s.t, want.Generation, got.Generation)
	require.Equal(s.t, want.Sources, got.Sources)
	require.Equal(s.t, want.Committables, got.Committables)
	require.Equal(s.t, want.Held, got.Held)
	require.Equal(s.t, want.State, got.State)
}

func (s *logSuite) rising() {
	number, claim := checkpoint.Epoch(0), uint64(0)
	for i := range 4 {
		o := s.claim(i > 0)
		require.Greater(s.t, o.last.Epoch, number)
		require.Greater(s.t, o.Owner().Number, claim)
		s.decide(o, 2)
		number, claim = o.last.Epoch, o.Owner().Number
	}
}

func (s *logSuite) claimsOnly() {
	first := s.claim(false)
	s.decide(first, 1)
	for range 5 {
		require.Equal(s.t, first.last.Committables, s.claim(true).last.Committables)
	}
}

func (s *logSuite) fencedForGood() {
	old := s.claim(false)
	s.decide(old, 1)
	newer := s.claim(true)
	require.ErrorIs(s.t, s.try(old, old.next()), checkpoint.ErrFenced)
	require.ErrorIs(s.t, s.try(old, old.next()), checkpoint.ErrFenced)
	_, _, err := old.Claim(s.ctx)
	require.ErrorIs(s.t, err, checkpoint.ErrFenced)
	s.decide(newer, 2)
	require.Equal(s.t, newer.last.Committables, s.claim(true).last.Committables)
}

func (s *logSuite) longSleep() {
	old := s.claim(false)
	s.decide(old, 1)
	newer := s.claim(true)
	s.decide(newer, 20)
	require.ErrorIs(s.t, s.try(old, old.next()), checkpoint.ErrFenced)
	require.Equal(s.t, newer.last.Committables, s.claim(true).last.Committables)
}

func (s *logSuite) restart() {
	o := s.claim(false)
	s.decide(o, 2)
	decided := o.last
	before := o.Owner()
	s.reclaim(o, true)
	require.Equal(s.t, decided.Committables, o.last.Committables)
	require.Greater(s.t, o.Owner().Number, before.Number)
	require.NotEqual(s.t, before.Nonce, o.Owner().Nonce)
	s.decide(o, 1)
}

func (s *logSuite) noDuel() {
	old := s.claim(false)
	s.decide(old, 1)
	newer := s.claim(true)
	_, _, err := old.Claim(s.ctx)
	require.ErrorIs(s.t, err, checkpoint.ErrFenced)
	s.decide(newer, 1)
}

func (s *logSuite) wrongNumber() {
	o := s.claim(false)
	s.decide(o, 1)
	skip := o.next()
	skip.Epoch += 5
	require.Error(s.t, o.Decide(s.ctx, skip))
	foreign := o.next()
	foreign.Owner.Number++
	require.Error(s.t, o.Decide(s.ctx, foreign))
	s.decide(o, 1)
	require.Equal(s.t, o.last.Committables, s.claim(true).last.Committables)
}

func (s *logSuite) racingClaims() {
	const racers = 6
	logs := make([]*owner, racers)
	for i := range logs {
		logs[i] = &owner{CommitLog: s.open()}
	}
	errs := make([]error, racers)
	var all sync.WaitGroup
	for i, o := range logs {
		all.Add(1)
		go func() { // ends with its claim
			defer all.Done()
			o.last, _, errs[i] = o.Claim(s.ctx)
		}()
	}
	all.Wait()
	winners := 0
	for i, o := range logs {
		if errs[i] != nil {
			require.ErrorIs(s.t, errs[i], checkpoint.ErrFenced)
			continue
		}
		err := s.try(o, o.next())
		if err == nil {
			winners++
			continue
		}
		require.ErrorIs(s.t, err, checkpoint.ErrFenced)
	}
	require.Equal(s.t, 1, winners)
}

// claimAgainstDecide claims while another owner decides as fast as it can. The claim must carry
// the last epoch that was decided, or the one whose Decide met the claim on its way back.
func (s *logSuite) claimAgainstDecide() {
	old := s.claim(false)
	s.decide(old, 1)
	started, stopped := make(chan struct{}), make(chan error)
	go func() { // ends when it is fenced
		close(started)
		for {
			if err := s.try(old, old.next()); err != nil {
				stopped <- err
				return
			}
		}
	}()
	<-started
	newer := s.claim(true)
	if err := <-stopped; !errors.Is(err, checkpoint.ErrFenced) {
		s.t.Fatalf("Decide() of the older owner = %v, want ErrFenced", err)
	}
	carried := newer.last.Committables
	if carried[0].Epoch != old.last.Epoch+1 {
		require.Equal(s.t, old.last.Committables, carried)
	}
	s.decide(newer, 1)
}

func (s *logSuite) retained() {
	o := s.claim(false)
	s.decide(o, 2)
	applied := o.last.Epoch
	require.NoError(s.t, s.try(o, o.next()))
	decided := o.last
	next := s.claim(true)
	keep, err := next.Retained(s.ctx)
	require.NoError(s.t, err)
	require.Equal(s.t, next.Owner().Number, keep.Claim)
	require.Equal(s.t, applied, keep.Applied)
	require.Contains(s.t, keep.Named, decided.Committables[0])
	require.Contains(s.t, keep.Named, decided.Held[0])
	require.NoError(s.t, next.Applied(s.ctx, decided.Epoch))
	keep, err = s.claim(true).Retained(s.ctx)
	require.NoError(s.t, err)
	require.Equal(s.t, decided.Epoch, keep.Applied)
}

func (s *logSuite) manySplits() {
	o := s.claim(false)
	m := o.next()
	for i := range 10_000 {
		m.Sources[0].Splits = append(m.Sources[0].Splits, checkpoint.Split{
			ID:       fmt.Sprintf("/data/2024/05/06/part-%05d.log#0", i),
			Position: checkpoint.Position{Version: 1, Data: []byte(fmt.Sprintf("%d", i))},
		})
	}
	require.NoError(s.t, s.try(o, m))
	require.Equal(s.t, m.Sources, s.claim(true).last.Sources)
}

func (s *logSuite) closeTwice() {
	l := s.open()
	require.NoError(s.t, l.Close())
	require.NoError(s.t, l.Close())
}
