package txlog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
)

// faults answers calls of one kind with f while on.
type faults struct {
	kind broker.Call
	f    broker.Fault
	on   bool
}

func (f *faults) call(c broker.Call) broker.Fault {
	if f.on && c == f.kind {
		return f.f
	}
	return broker.Fault{}
}

// decision is what happens to a call of Decide.
type decision struct {
	name    string
	fault   faults
	change  func(w *world) // before Decide
	is      error
	decided bool // the next claim finds the epoch
}

func decisions() []decision {
	away := broker.ErrAway
	return []decision{
		{
			name:  "record was not delivered",
			fault: faults{kind: broker.CallProduce, f: broker.Fault{Err: away}},
			is:    checkpoint.ErrEpochLost,
		},
		{
			name:  "record was delivered and nobody said so",
			fault: faults{kind: broker.CallProduce, f: broker.Fault{Err: away, Done: true}},
			is:    checkpoint.ErrEpochLost,
		},
		{
			name:  "end did not arrive",
			fault: faults{kind: broker.CallEnd, f: broker.Fault{Err: away}},
			is:    checkpoint.ErrOutcomeUnknown,
		},
		{
			name:  "end arrived and its answer was lost",
			fault: faults{kind: broker.CallEnd, f: broker.Fault{Err: away, Done: true}},
			is:    checkpoint.ErrOutcomeUnknown, decided: true,
		},
		{
			name:  "end arrives late, after the next claim",
			fault: faults{kind: broker.CallEnd, f: broker.Fault{Err: away, Late: true}},
			is:    checkpoint.ErrOutcomeUnknown,
		},
		{
			name:   "transaction was open for too long",
			change: func(w *world) { w.clock += 2 * time.Minute },
			is:     checkpoint.ErrOutcomeUnknown,
		},
	}
}

func TestDecideSaysWhatBecameOfTheEpoch(t *testing.T) {
	for _, tt := range decisions() {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			fault := tt.fault
			p := w.open(func(o *options) { o.call = fault.call })
			before := w.run(p, 2)
			m := manifest(p, before)
			tx, err := p.Begin(w.ctx, m.Epoch)
			require.NoError(t, err)
			tx.(*broker.Tx).Produce("out", []byte("record"))
			if tt.change != nil {
				tt.change(w)
			}
			fault.on = true
			err = p.Decide(w.ctx, m)
			require.ErrorIs(t, err, tt.is)
			require.NotErrorIs(t, err, checkpoint.ErrFenced)
			fault.on = false

			require.ErrorIs(t, p.Decide(w.ctx, m), checkpoint.ErrEpochLost, "not under this claim (T5)")
			_, err = p.Begin(w.ctx, m.Epoch)
			require.ErrorIs(t, err, checkpoint.ErrEpochLost)

			got, _, err := p.Claim(w.ctx)
			require.NoError(t, err)
			for w.cluster.Late() > 0 {
				w.cluster.Step(func(int) int { return 0 }, true)
			}
			want, output := before, 0
			if tt.decided {
				want, output = m, 1
			}
			require.Equal(t, want.Sources, got.Sources)
			require.Len(t, w.cluster.Committed("out"), output, "output and record stand or fall together")
			w.decide(p, got, 1)
		})
	}
}

// TestFencedWhileProducing has another owner claim before the record is appended.
func TestFencedWhileProducing(t *testing.T) {
	w := newWorld(t)
	p := w.open(nil)
	before := w.run(p, 1)
	m := manifest(p, before)
	tx, err := p.Begin(w.ctx, m.Epoch)
	require.NoError(t, err)
	tx.(*broker.Tx).Produce("out", []byte("record"))
	w.claim(nil)
	require.ErrorIs(t, p.Decide(w.ctx, m), checkpoint.ErrFenced)
	require.Empty(t, w.cluster.Committed("out"))
	require.ErrorIs(t, p.CheckOwner(w.ctx), checkpoint.ErrFenced)
}

func TestDecideChecksItsArguments(t *testing.T) {
	w := newWorld(t)
	p := w.open(nil)
	require.ErrorContains(t, p.Decide(w.ctx, checkpoint.Manifest{Epoch: 1}), "not claimed")
	_, err := p.Begin(w.ctx, 1)
	require.ErrorContains(t, err, "not claimed")
	before := w.run(p, 1)
	m := manifest(p, before)
	require.ErrorContains(t, p.Decide(w.ctx, m), "has begun 0")
	_, err = p.Begin(w.ctx, m.Epoch+1)
	require.ErrorContains(t, err, "has epoch 3 to begin")
	_, err = p.Begin(w.ctx, m.Epoch)
	require.NoError(t, err)
	module := m
	module.Modules = []checkpoint.Module{{Plugin: "p", SHA256: "00"}}
	require.ErrorContains(t, p.Decide(w.ctx, module), "not in the store")
	invalid := m
	invalid.JobID = ""
	require.ErrorContains(t, p.Decide(w.ctx, invalid), "no id")
	require.NoError(t, p.Decide(w.ctx, m), "none of these spoiled the transaction")
}

// TestAbandonFreesReaders ends the transaction of an attempt that failed before it decided.
func TestAbandonFreesReaders(t *testing.T) {
	w := newWorld(t)
	p := w.open(nil)
	before := w.run(p, 1)
	tx, err := p.Begin(w.ctx, before.Epoch+1)
	require.NoError(t, err)
	tx.(*broker.Tx).Produce("out", []byte("record"))
	require.True(t, w.cluster.Open(testID))
	require.NoError(t, p.Abandon(w.ctx))
	require.False(t, w.cluster.Open(testID))
	require.NoError(t, p.Abandon(w.ctx), "again does nothing")
	require.ErrorIs(t, p.Decide(w.ctx, manifest(p, before)), checkpoint.ErrEpochLost)
	m, _, err := p.Claim(w.ctx)
	require.NoError(t, err)
	require.Equal(t, before.Sources, m.Sources)
	require.Empty(t, w.cluster.Committed("out"))
}

// TestCloseEndsTheTransaction leaves no reader waiting for a timeout.
func TestCloseEndsTheTransaction(t *testing.T) {
	w := newWorld(t)
	p := w.open(nil)
	before := w.run(p, 1)
	tx, err := p.Begin(w.ctx, before.Epoch+1)
	require.NoError(t, err)
	tx.(*broker.Tx).Produce("out", []byte("record"))
	require.NoError(t, p.Close())
	require.False(t, w.cluster.Open(testID))
}

func TestModulesFollowTheRecordsThatNameThem(t *testing.T) {
	w := newWorld(t)
	p := w.open(func(o *options) { o.Retain = 2 })
	m, _, err := p.Claim(w.ctx)
	require.NoError(t, err)
	step := func(code string) {
		sha, err := p.StoreModule(w.ctx, []byte(code))
		require.NoError(t, err)
		next := manifest(p, m)
		next.Modules = []checkpoint.Module{{Plugin: "p", SHA256: sha}}
		_, err = p.Begin(w.ctx, next.Epoch)
		require.NoError(t, err)
		require.NoError(t, p.Decide(w.ctx, next))
		require.NoError(t, p.Applied(w.ctx, next.Epoch))
		m = next
	}
	step("old")
	old := m.Modules[0].SHA256
	m, _, err = p.Claim(w.ctx)
	require.NoError(t, err)
	step("new")
	view := w.view()
	_, err = view.ReadModule(w.ctx, old)
	require.NoError(t, err, "an epoch that is retained names it")
	step("new")
	_, err = view.ReadModule(w.ctx, old)
	require.Error(t, err, "no retained epoch names it")
	_, err = view.ReadModule(w.ctx, m.Modules[0].SHA256)
	require.NoError(t, err)
}

// view reads the job's folder.
func (w *world) view() *storelog.View {
	w.t.Helper()
	v, err := storelog.NewView(w.fs(), testRoot, testJob)
	require.NoError(w.t, err)
	return v
}

// TestMarks: an epoch gets a mark when something was committed beside its transaction.
func TestMarks(t *testing.T) {
	w := newWorld(t)
	p := w.open(func(o *options) { o.Retain = 1 })
	m := w.run(p, 2)
	store, err := storelog.NewJobStore(w.fs(), testRoot, testJob, nil)
	require.NoError(t, err)
	marked, err := store.HighestApplied(w.ctx)
	require.NoError(t, err)
	require.Equal(t, m.Epoch, marked)

	empty := manifest(p, m)
	empty.Committables = nil
	_, err = p.Begin(w.ctx, empty.Epoch)
	require.NoError(t, err)
	require.NoError(t, p.Decide(w.ctx, empty))
	require.NoError(t, p.Applied(w.ctx, empty.Epoch))
	marked, err = store.HighestApplied(w.ctx)
	require.NoError(t, err)
	require.Equal(t, m.Epoch, marked, "nothing was committed beside the transaction")
	keep, err := p.Retained(w.ctx)
	require.NoError(t, err)
	require.Equal(t, m.Epoch, keep.Applied, "the epoch after it was decided (I3)")
}

// TestSleeperReadsNoMarks has an owner sleep in Retained until a newer one has removed marks.
func TestSleeperReadsNoMarks(t *testing.T) {
	w := newWorld(t)
	asleep := false
	sleeper := w.open(func(o *options) {
		o.call = func(c broker.Call) broker.Fault {
			if c == broker.CallFetch && asleep {
				asleep = false
				w.run(w.open(func(o *options) { o.Retain = 1 }), 3)
			}
			return broker.Fault{}
		}
	})
	w.run(sleeper, 2)
	asleep = true
	_, err := sleeper.Retained(w.ctx)
	require.ErrorIs(t, err, checkpoint.ErrFenced)
}

func TestViewReadsWithoutClaiming(t *testing.T) {
	w := newWorld(t)
	p := w.open(nil)
	m := w.run(p, 3)
	view := txlog.NewView(broker.NewClient(broker.ClientOptions{
		Broker: w.cluster, Commits: testCommits,
	}), testName, testJob)
	last, found, err := view.Last(w.ctx)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, m.Sources, last.Sources)
	records, err := view.Records(w.ctx, 2)
	require.NoError(t, err)
	require.Len(t, records, 2)
	records, err = view.Records(w.ctx, 9)
	require.NoError(t, err)
	require.Len(t, records, 4, "the claim record is one of them")
	require.NoError(t, try(w, p, m), "the owner goes on")
}
