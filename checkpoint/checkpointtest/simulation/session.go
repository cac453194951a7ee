package simulation

import (
	"context"
	"errors"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
)

// errKilled is what a call of a process returns that was killed in it.
var errKilled = errors.New("process was killed")

// session is the session of a process, with the mistakes that a session or a log could make.
type session struct {
	*broker.Client
	p      *process
	seen   [][]byte // of the last look, for BugReadBeforeFence
	stale  bool     // the next look is to be answered from seen
	record []byte   // appended to the open transaction
}

// Fence implements txlog.Session.
func (s *session) Fence(ctx context.Context) error {
	err := s.Client.Fence(ctx)
	if err == nil && !s.p.dead {
		s.p.w.fenced(s.p)
		s.stale = s.p.w.Bug == BugReadBeforeFence
	}
	return err
}

// ReadBack implements txlog.Session.
func (s *session) ReadBack(ctx context.Context, each func([]byte) bool) error {
	if s.stale {
		s.stale = false
		for _, record := range s.seen {
			if !each(record) {
				break
			}
		}
		return nil
	}
	s.seen = nil
	more := true
	return s.Client.ReadBack(ctx, func(record []byte) bool {
		s.seen = append(s.seen, record)
		more = more && each(record)
		return more || s.p.w.Bug == BugReadBeforeFence
	})
}

// Append implements txlog.Session.
func (s *session) Append(ctx context.Context, record []byte) error {
	s.record = record
	switch s.p.w.Bug {
	case BugSkipClaimRecord:
		if m, err := checkpoint.DecodeManifest(record); err == nil && m.Kind == checkpoint.KindClaim {
			s.record = nil
			return nil
		}
	case BugRecordApart:
		m, err := checkpoint.DecodeManifest(record)
		if err != nil || m.Kind != checkpoint.KindEpoch {
			break
		}
		if s.Client.Empty() {
			break
		}
		if err := s.Client.Commit(ctx); err != nil {
			return err
		}
		if _, err := s.Client.Begin(ctx, m.Epoch); err != nil {
			return err
		}
	}
	return s.Client.Append(ctx, record)
}

// Commit implements txlog.Session.
func (s *session) Commit(ctx context.Context) error {
	if s.record == nil {
		return s.Client.Abort(ctx) // BugSkipClaimRecord: the claim is believed to stand
	}
	err := s.Client.Commit(ctx)
	fenced := errors.Is(err, checkpoint.ErrFenced)
	s.p.toldFenced = fenced
	switch {
	case err == nil || s.p.dead:
	case fenced && s.p.w.Bug == BugFencedIsDone:
		return nil
	case !fenced && !errors.Is(err, txlog.ErrNotCommitted) && s.p.w.Bug == BugRetryEndLater:
		if _, err := s.Client.Begin(ctx, 0); err != nil {
			return err
		}
		if err := s.Client.Append(ctx, s.record); err != nil {
			return err
		}
		return s.Client.Commit(ctx)
	}
	return err
}

// buggyJobStore is the folder of the job, which forgets the job with BugEmptyIsFresh.
type buggyJobStore struct {
	*storelog.JobStore
	bug Bug
}

// Hint implements txlog.Store.
func (s buggyJobStore) Hint(ctx context.Context) (checkpoint.Hint, bool, error) {
	h, found, err := s.JobStore.Hint(ctx)
	if s.bug == BugEmptyIsFresh {
		h.LastEpoch = 0
	}
	return h, found, err
}

// HighestApplied implements txlog.Store.
func (s buggyJobStore) HighestApplied(ctx context.Context) (checkpoint.Epoch, error) {
	if s.bug == BugEmptyIsFresh {
		return 0, nil
	}
	return s.JobStore.HighestApplied(ctx)
}

// unsealed is a log that hands out its last manifest without closing, for BugImportWithoutSeal.
type unsealed struct {
	jobLog
	p    *process
	name string
}

// Seal implements checkpoint.Sealer.
func (u unsealed) Seal(
	ctx context.Context, newLog string, _ checkpoint.Epoch,
) (m checkpoint.Manifest, err error) {
	if u.name == storelog.Name {
		view, err := storelog.NewView(u.p.fs, storeRoot, jobName)
		if err != nil {
			return m, err
		}
		m, _, err = view.Last(ctx)
		if err != nil {
			return m, err
		}
	} else {
		client := broker.NewClient(broker.ClientOptions{
			Broker: u.p.w.cluster, ID: transactional, Commits: commits, Call: u.p.onRequest,
		})
		m, _, err = txlog.NewView(client, u.name, jobName).Last(ctx)
		if err != nil {
			return m, err
		}
	}
	if m.Kind != checkpoint.KindSeal && m.Epoch > 0 {
		m.Previous, m.Kind, m.Log = m.Epoch, checkpoint.KindSeal, newLog
		m.Epoch++
	}
	return m, nil
}
