package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// endTimeout bounds one Commit or Abort of a transaction; the engine calls Commit again.
	endTimeout = 30 * time.Second
	// endTxnBefore is the newest version of the request that ends transactions of version 1.
	endTxnBefore = 4
)

// Kafka's words for a transaction whose commit is seen everywhere, and for an id without one.
const (
	stateCompleteCommit = "CompleteCommit"
	stateEmpty          = "Empty"
)

// committer ends prepared transactions. A sink in the log's cluster never has any.
type committer struct {
	sink  *Sink
	admin *Admin
	old   *kgo.Client // for transactions of version 1; nil until there is one
}

// OpenCommitter opens the committer of the sink.
func (s *Sink) OpenCommitter(
	ctx context.Context, _ connectors.CommitterContext,
) (checkpoint.Committer, error) {
	admin, err := s.config.OpenAdmin(ctx, s.env)
	if err != nil {
		return nil, err
	}
	return &committer{sink: s, admin: admin}, nil
}

// Commit ends the transactions of cs with a commit.
func (c *committer) Commit(ctx context.Context, cs []checkpoint.Committable) error {
	return c.commit(ctx, cs, checkpoint.Retained{})
}

func (c *committer) commit(
	ctx context.Context, cs []checkpoint.Committable, keep checkpoint.Retained,
) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	for _, x := range cs {
		if x.Sink != c.sink.env.Name {
			continue
		}
		p, err := decodePrepared(x)
		if err != nil {
			return err
		}
		err = c.end(ctx, p, true)
		if errors.Is(err, checkpoint.ErrLost) &&
			(x.Epoch <= keep.Applied || slices.Contains(keep.Accepted, p.id)) {
			err = nil
		}
		if err != nil {
			return asked(c.sink.config.Brokers, fmt.Errorf("committing transaction %s of epoch %d: %w",
				p.id, x.Epoch, err))
		}
	}
	return nil
}

// Abort ends the transactions of cs without effect.
func (c *committer) Abort(ctx context.Context, cs []checkpoint.Committable) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	for _, x := range cs {
		if x.Sink != c.sink.env.Name {
			continue
		}
		p, err := decodePrepared(x)
		if err != nil {
			return err
		}
		if err := c.end(ctx, p, false); err != nil && !errors.Is(err, checkpoint.ErrLost) {
			return asked(c.sink.config.Brokers, fmt.Errorf("aborting transaction %s of epoch %d: %w",
				p.id, x.Epoch, err))
		}
	}
	return nil
}

// end ends one transaction. It looks at the state before each try, since the answers to ending one
// twice do not tell what became of it.
func (c *committer) end(ctx context.Context, p prepared, commit bool) error {
	var unsure error // of the last try
	for {
		t, err := c.admin.Transaction(ctx, p.id)
		switch {
		case err != nil && !errors.Is(err, ErrNoTransaction):
			if connectors.Classify(err) == connectors.Fatal {
				return err
			}
			unsure = err // a broker that is away for a moment
		case t.State == stateOngoing && t.ProducerID == p.producerID && t.Epoch == p.epoch:
			unsure = c.endTxn(ctx, p, commit)
		case t.State == stateCompleteCommit && commit:
			return nil
		case t.State == stateEmpty && commit:
			// Brokers that keep no state of ended transactions know of the last one how it ended.
			err := c.endTxn(ctx, p, commit)
			if known := new(kerr.Error); err == nil || errors.As(err, &known) && !known.Retriable {
				return c.lost(err)
			}
			unsure = err
		case t.State == statePrepareCommit && commit:
			// Decided; its markers are being written.
		default:
			return c.lost(fmt.Errorf("it is in state %q", t.State))
		}
		if err := pause(ctx, endingPoll); err != nil {
			return errors.Join(err, unsure)
		}
	}
}

// lost says that the brokers have aborted a transaction. A nil err stays nil.
func (c *committer) lost(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w; brokers abort what is not committed within transaction_timeout (%v)",
		checkpoint.ErrLost, err, c.sink.config.Timeout)
}

// endTxn asks once. Whatever is answered, the state tells what it came to.
func (c *committer) endTxn(ctx context.Context, p prepared, commit bool) error {
	client, err := c.clientFor(ctx, p)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = p.id, p.producerID, p.epoch
	req.Commit = commit
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// clientFor returns a client whose request to end a transaction is of the transaction's version:
// the newest one that both sides know is another transaction protocol.
func (c *committer) clientFor(ctx context.Context, p prepared) (*kgo.Client, error) {
	if p.version >= transactionVersionSafe {
		return c.admin.client, nil
	}
	if c.old != nil {
		return c.old, nil
	}
	opts, err := c.sink.config.options(ctx, c.sink.env, sinkSide, "commit")
	if err != nil {
		return nil, err
	}
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.EndTxn), endTxnBefore)
	c.old, err = kgo.NewClient(append(opts, kgo.MaxVersions(versions))...)
	return c.old, err
}

// Recover commits what was decided and ends what earlier owners left and nobody names.
func (c *committer) Recover(
	ctx context.Context, committed []checkpoint.Committable, keep checkpoint.Retained,
) error {
	if err := c.commit(ctx, committed, keep); err != nil {
		return err
	}
	if !c.sink.config.Transactional() {
		return nil
	}
	named := map[string]bool{}
	for _, x := range keep.Named {
		if x.Sink != c.sink.env.Name {
			continue
		}
		p, err := decodePrepared(x)
		if err != nil {
			return err
		}
		named[p.id] = true
	}
	prefix := c.sink.config.slotPrefix(c.sink.env.Job, c.sink.env.Name)
	listed, err := c.admin.Transactions(ctx, prefix)
	if err != nil {
		// They hold readers back until their time is over, and lose nothing.
		c.sink.env.Logger.Warn("looking for transactions that earlier runs left", "error", err)
		return nil
	}
	for _, id := range leftovers(listed, prefix, keep.Claim, named) {
		if err := c.admin.takeOver(ctx, id, c.sink.config.Timeout.D()); err != nil {
			return err
		}
	}
	return nil
}

// leftovers returns the ids to take over, so that nothing of lower claims stays open or is opened
// later: what is open, and every id of the last claim that wrote, whose owner may be about to write
// yet. That claim did the same to those before it.
func leftovers(
	listed []Transaction, prefix string, own uint64, named map[string]bool,
) (ids []string) {
	last := uint64(0)
	for _, t := range listed {
		if claim, ours := claimOf(t.ID, prefix); ours && claim < own {
			last = max(last, claim)
		}
	}
	for _, t := range listed {
		claim, ours := claimOf(t.ID, prefix)
		if !ours || claim >= own || named[t.ID] {
			continue
		}
		if claim == last || t.State == stateOngoing {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// Close closes the connections.
func (c *committer) Close() error {
	c.admin.Close()
	if c.old != nil {
		c.old.Close()
	}
	return nil
}

var (
	_ connectors.CommitterOpener = (*Sink)(nil)
	_ checkpoint.Committer       = (*committer)(nil)
)
