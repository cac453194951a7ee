package storelog

import (
	"errors"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

var errNet = errors.New("connection reset")

func TestFirstClaim(t *testing.T) {
	s := newStore(t)
	l := s.open(nil)
	m, found, err := l.Claim(s.ctx)
	require.NoError(t, err)
	require.False(t, found)
	require.Equal(t, checkpoint.Manifest{
		Kind: checkpoint.KindClaim, Epoch: 1, JobID: "jobid", JobName: testJob, Log: Name,
		Owner:         checkpoint.Owner{Number: 1, Nonce: "00010001", Host: "host", PID: 1},
		CreatedMillis: 1_700_000_000_000,
	}, m)
	require.Equal(t, m.Owner, l.Owner())
	require.Equal(t, []string{"epoch-1", "job"}, s.files())
	hint, found, err := l.Hint(s.ctx)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, checkpoint.Hint{JobID: "jobid", JobName: testJob, Log: Name, LastEpoch: 1, Claim: 1}, hint)
}

func TestClaimCarriesTheLastEpoch(t *testing.T) {
	s := newStore(t)
	s.decide(s.claim(nil), 2)
	m, found, err := s.open(nil).Claim(s.ctx)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, checkpoint.Epoch(4), m.Epoch)
	require.Equal(t, checkpoint.Epoch(3), m.Previous)
	require.Equal(t, uint64(2), m.Owner.Number)
	require.Equal(t, []byte("3"), m.Sources[0].Splits[0].Position.Data)
	require.Equal(t, checkpoint.Epoch(3), m.Committables[0].Epoch)
}

func TestRetentionKeepsEpochsMarksAndTheLastRecord(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil)
	s.decide(l, 1)
	require.Equal(t, []string{"applied-2", "epoch-2", "job"}, s.files(), "the claim record is history")
	s.decide(l, 4)
	require.Equal(t, []string{
		"applied-4", "applied-5", "applied-6", "epoch-4", "epoch-5", "epoch-6", "job",
	}, s.files())
	s.claim(nil)
	s.claim(nil)
	require.Equal(t, []string{
		"applied-4", "applied-5", "applied-6", "epoch-4", "epoch-5", "epoch-6", "epoch-8", "job",
	}, s.files(), "claims without an epoch do not pile up")
}

func TestFencedOwnerStopsForGood(t *testing.T) {
	s := newStore(t)
	old := s.claim(nil)
	s.decide(old, 2)
	s.claim(nil)
	before := s.files()

	err := old.Decide(s.ctx, manifest(old))
	require.ErrorIs(t, err, checkpoint.ErrFenced)
	require.ErrorContains(t, err, "claim 2 (00020001) by pid 2 on host")
	require.ErrorIs(t, old.Decide(s.ctx, manifest(old)), checkpoint.ErrFenced)
	require.ErrorIs(t, old.Applied(s.ctx, 3), checkpoint.ErrFenced)
	_, err = old.StoreModule(s.ctx, []byte("wasm"))
	require.ErrorIs(t, err, checkpoint.ErrFenced)
	_, err = old.Begin(s.ctx, 4)
	require.ErrorIs(t, err, checkpoint.ErrFenced)
	_, _, err = old.Claim(s.ctx)
	require.ErrorIs(t, err, checkpoint.ErrFenced)
	require.Equal(t, before, s.files(), "and changes nothing (I6)")
}

// TestSleeperPublishesIntoAFreedName is the interleaving that S2 is about: (1) the old owner is
// about to decide 4, (2) a new one claims 4 and decides until retention has removed record 4,
// (3) the old one wakes and its exclusive publication succeeds.
func TestSleeperPublishesIntoAFreedName(t *testing.T) {
	s := newStore(t)
	old := s.claim(nil)
	s.decide(old, 2)
	m := manifest(old)
	next := s.claim(func(o *Options) { o.Retain = 1 })
	s.decide(next, 3)
	require.NotContains(t, s.files(), "epoch-4")

	require.ErrorIs(t, old.Decide(s.ctx, m), checkpoint.ErrFenced)
	require.Contains(t, s.files(), "epoch-4", "it did get the name")

	_, err := s.view().LoadEpoch(s.ctx, 4)
	require.ErrorIs(t, err, checkpoint.ErrRefused, "but its record is beside the chain")
	last, _, err := s.view().Last(s.ctx)
	require.NoError(t, err)
	require.Equal(t, next.Owner(), last.Owner)
	s.decide(next, 1)
	require.NotContains(t, s.files(), "epoch-4", "and goes with the next clean-up")
}

func TestLostReplyIsSettledByReading(t *testing.T) {
	s := newStore(t)
	second := once(is(fstest.PublishExclusive, "epoch-000000000002"))
	l := s.claim(nil, fstest.LoseReply(second, errNet))
	require.NoError(t, l.Decide(s.ctx, manifest(l)))
	last, _, err := s.view().Last(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(2), last.Epoch)
}

func TestLostReplyOfAClaimIsSettledByReading(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil, fstest.LoseReply(once(is(fstest.PublishExclusive, "epoch-")), errNet))
	require.Equal(t, uint64(1), l.Owner().Number)
	require.Equal(t, []string{"epoch-1", "job"}, s.files())
}

func TestRepliesThatNeverComeLeaveTheOutcomeUnknown(t *testing.T) {
	s := newStore(t)
	calls := 0
	l := s.claim(nil, func(op fstest.Op) fstest.Fault {
		if !is(fstest.PublishExclusive, "epoch-000000000002")(op) {
			return fstest.Fault{}
		}
		calls++
		return fstest.Fault{Err: errNet, Done: calls == 1}
	})
	require.ErrorIs(t, l.Decide(s.ctx, manifest(l)), checkpoint.ErrOutcomeUnknown,
		"the record is there, but nobody said that it is durable")
	m, _, err := l.Claim(s.ctx)
	require.NoError(t, err, "claiming again reads it back")
	require.Equal(t, checkpoint.Epoch(3), m.Epoch)
	require.Equal(t, checkpoint.Epoch(2), m.Committables[0].Epoch, "the epoch stands")
}

func TestUnreadableOutcomeIsUnknown(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil,
		fstest.FailWhen(is(fstest.PublishExclusive, "epoch-000000000002"), errNet),
		fstest.FailWhen(is(fstest.ReadFile, "epoch-000000000002"), errNet))
	err := l.Decide(s.ctx, manifest(l))
	require.ErrorIs(t, err, checkpoint.ErrOutcomeUnknown)
	require.ErrorIs(t, err, errNet)
}

func TestListingThatFailsAfterPublicationIsUnknown(t *testing.T) {
	s := newStore(t)
	fail := false
	l := s.claim(nil, func(op fstest.Op) fstest.Fault {
		if fail && op.Kind == fstest.List {
			return fstest.Fault{Err: errNet}
		}
		return fstest.Fault{}
	})
	fail = true
	require.ErrorIs(t, l.Decide(s.ctx, manifest(l)), checkpoint.ErrOutcomeUnknown)
	fail = false
	m, _, err := l.Claim(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(2), m.Previous)
}

func TestFullDiskDecidesNothingAndDecideMayBeRepeated(t *testing.T) {
	s := newStore(t)
	second := once(is(fstest.PublishExclusive, "epoch-000000000002"))
	l := s.claim(nil, fstest.FailWhen(second, syscall.ENOSPC))
	m := manifest(l)
	err := l.Decide(s.ctx, m)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NotErrorIs(t, err, checkpoint.ErrOutcomeUnknown)
	require.NotErrorIs(t, err, checkpoint.ErrFenced)
	require.NoError(t, l.Decide(s.ctx, m))
}

func TestRecordOfMyClaimWithAnotherNonceIsUnknown(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil)
	twin := manifest(l)
	twin.Owner.Nonce = "ffffffff"
	data, err := checkpoint.EncodeManifest(twin)
	require.NoError(t, err)
	require.NoError(t, s.fs().PublishExclusive(s.ctx, l.Path(2), data))
	require.ErrorIs(t, l.Decide(s.ctx, manifest(l)), checkpoint.ErrOutcomeUnknown)
}

func TestCorruptRecordUnderMyNumberIsCorrupt(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil)
	s.damage(l.Path(2))
	err := l.Decide(s.ctx, manifest(l))
	require.ErrorIs(t, err, checkpoint.ErrCorrupt)
	require.ErrorContains(t, err, l.Path(2))
}

func TestRestartDoesNotClaimOverANewerOwner(t *testing.T) {
	s := newStore(t)
	old := s.claim(nil)
	s.decide(old, 1)
	s.claim(nil)
	_, _, err := old.Claim(s.ctx)
	require.ErrorIs(t, err, checkpoint.ErrFenced)
}

func TestRestartGoesOnAboveItsOwnRecords(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil)
	s.decide(l, 1)
	m, found, err := l.Claim(s.ctx)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, uint64(2), m.Owner.Number)
	require.Equal(t, "00010002", m.Owner.Nonce, "each claim has its own nonce")
	s.decide(l, 1)
}

// TestClaimBeatsAnOwnerThatDecides lets the running owner take the number just before the claim
// does, several times.
func TestClaimBeatsAnOwnerThatDecides(t *testing.T) {
	s := newStore(t)
	running := s.claim(nil)
	races := 0
	l := s.open(nil, func(op fstest.Op) fstest.Fault {
		if op.Kind == fstest.PublishExclusive && races < 3 {
			races++
			s.decide(running, 1)
		}
		return fstest.Fault{}
	})
	m, _, err := l.Claim(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(5), m.Epoch)
	require.Equal(t, checkpoint.Epoch(4), m.Committables[0].Epoch, "the last one is carried")
	require.ErrorIs(t, running.Decide(s.ctx, manifest(running)), checkpoint.ErrFenced)
}

func TestTwoFirstClaimsAgreeOnTheJobID(t *testing.T) {
	s := newStore(t)
	raced := false
	l := s.open(func(o *Options) { o.NewID = func() string { return "mine" } },
		func(op fstest.Op) fstest.Fault {
			if op.Kind == fstest.PublishExclusive && !raced {
				raced = true
				s.claim(func(o *Options) { o.NewID = func() string { return "theirs" } })
			}
			return fstest.Fault{}
		})
	m, found, err := l.Claim(s.ctx)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "theirs", m.JobID)
	require.Equal(t, uint64(2), m.Owner.Number)
}

func TestClaimThatIsOvertakenIsFenced(t *testing.T) {
	s := newStore(t)
	published, overtaken := false, false
	l := s.open(nil, func(op fstest.Op) fstest.Fault {
		published = published || op.Kind == fstest.PublishExclusive
		if op.Kind == fstest.List && published && !overtaken {
			overtaken = true
			s.claim(nil)
		}
		return fstest.Fault{}
	})
	_, _, err := l.Claim(s.ctx)
	require.True(t, overtaken)
	require.ErrorIs(t, err, checkpoint.ErrFenced)
}

func TestDecideRefusesAnotherNumberOrOwner(t *testing.T) {
	s := newStore(t)
	l := s.open(nil)
	require.ErrorContains(t, l.Decide(s.ctx, manifest(l)), "not claimed")
	_, _, err := l.Claim(s.ctx)
	require.NoError(t, err)
	m := manifest(l)
	m.Epoch++
	m.Committables = nil
	require.ErrorContains(t, l.Decide(s.ctx, m), "has epoch 2 to decide")
	m = manifest(l)
	m.Owner.Number++
	require.ErrorContains(t, l.Decide(s.ctx, m), "has epoch 2 to decide")
}

func TestHintIsRenewedNowAndThen(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil)
	s.decide(l, hintLagMax-1)
	hint, _, err := l.Hint(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(1), hint.LastEpoch)
	s.decide(l, 1)
	hint, _, err = l.Hint(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(1+hintLagMax), hint.LastEpoch)
}

func TestCleanUpThatFailsDoesNotStopTheClaim(t *testing.T) {
	s := newStore(t)
	s.decide(s.claim(nil), 5)
	l := s.claim(nil)
	require.NoError(t, l.Decide(s.ctx, manifest(l)))
	sick := s.claim(nil, fstest.FailWhen(is(fstest.Remove, ""), errNet))
	require.NoError(t, sick.Decide(s.ctx, manifest(sick)))
	require.ErrorIs(t, sick.Applied(s.ctx, sick.last), errNet, "but it is told")
}

// TestListingThatMissesTheNewerRecord is the interleaving that checkHighest describes: the newer
// record goes while the listing is under way.
func TestListingThatMissesTheNewerRecord(t *testing.T) {
	s := newStore(t)
	published, raced := false, false
	var next *Log
	disk := fstest.WrapDisk(s.disk, func(op fstest.Op) fstest.Fault {
		switch {
		case op.Kind == fstest.Link && op.To == testDir+"/epoch-000000000004":
			published = true
		case published && !raced && op.Kind == fstest.Stat && op.Path == testDir+"/job":
			// The names are read, record 4 is looked at, the newer one is not.
			raced = true
			s.decide(next, 1)
		}
		return fstest.Fault{}
	})
	old := s.claim(func(o *Options) { o.FileSystem = local.New(local.Options{Disk: disk}) })
	s.decide(old, 2)
	m := manifest(old)
	next = s.claim(func(o *Options) { o.Retain = 1 })
	s.decide(next, 2)
	require.ErrorIs(t, old.Decide(s.ctx, m), checkpoint.ErrFenced)
	require.True(t, raced)
}

func TestCheckOwnerTellsOfANewerOne(t *testing.T) {
	s := newStore(t)
	unclaimed := s.open(nil)
	require.NoError(t, unclaimed.CheckOwner(t.Context()), "nobody owns what is not claimed")
	old := s.claim(nil)
	s.decide(old, 1)
	require.NoError(t, old.CheckOwner(t.Context()))
	s.claim(nil)
	err := old.CheckOwner(t.Context())
	require.ErrorIs(t, err, checkpoint.ErrFenced)
}
