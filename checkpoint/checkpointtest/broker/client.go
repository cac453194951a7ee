package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
)

// Call is a request that a client is about to send.
type Call string

// The requests.
const (
	CallInit    Call = "init producer"
	CallProduce Call = "produce"
	CallEnd     Call = "end transaction"
	CallFetch   Call = "fetch"
)

// Fault is what happens to a request. The zero Fault is nothing: it arrives and is answered.
type Fault struct {
	Err  error // what the client is told
	Done bool  // it arrives now all the same, and its answer is lost
	Late bool  // it arrives later
}

// ErrAway is what a client is told about a broker that does not answer.
var ErrAway = errors.New("broker does not answer")

// ClientOptions say how a client behaves.
type ClientOptions struct {
	Broker  *Broker
	ID      string // transactional id
	Commits string // partition of the commit records
	// Call is asked before every request; nil lets all of them through. In a simulation it is
	// where other processes get their turn.
	Call func(c Call) Fault
	// Retries is how often a request without an answer is sent again.
	Retries int

	// Mistakes that a client of this kind could make.
	IgnoreFailedRecords bool // end a transaction although a record was not acknowledged
	ReuseAfterUnknown   bool // go on with the same epoch after an end without an answer
	ReadUncommitted     bool // read records of transactions that did not commit
}

// Client is a transactional producer with a reader of the commit records. It is a txlog.Session.
// It is used by one goroutine at a time.
type Client struct {
	o          ClientOptions
	pid, epoch int64
	seq        int64
	fenced     bool  // the epoch is over, or in doubt
	open       bool  // Begin was called
	records    bool  // of the open transaction were sent
	failed     error // of a record of the open transaction
	tx         *Tx
	closed     bool
}

// Tx is an open transaction.
type Tx struct {
	c     *Client
	epoch checkpoint.Epoch
}

// NewClient returns a client that has fenced nobody.
func NewClient(o ClientOptions) *Client { return &Client{o: o, fenced: true} }

// Epoch implements checkpoint.Tx.
func (t *Tx) Epoch() checkpoint.Epoch { return t.epoch }

// Open tells that the transaction takes records.
func (t *Tx) Open() bool { return t.c.open && t.c.tx == t }

// Produce puts a record into the transaction. Its failure shows in Commit, as with a promise.
func (t *Tx) Produce(partition string, value []byte) { t.c.produce(partition, value) }

// send sends a request until it is answered or its retries are used up.
func (c *Client) send(kind Call, request func() error) error {
	var err error
	for range c.o.Retries + 1 {
		var f Fault
		if c.o.Call != nil {
			f = c.o.Call(kind)
		}
		switch {
		case f.Err == nil:
			err = request()
		case f.Late:
			c.o.Broker.delay(func() string { return fmt.Sprintf("late %s: %v", kind, request()) })
			err = f.Err
		case f.Done:
			_ = request() // nobody hears the answer
			err = f.Err
		default:
			err = f.Err
		}
		if f.Err == nil && !errors.Is(err, ErrConcurrent) {
			return err
		}
	}
	return err
}

// concurrentMax bounds how often a client comes back while a transaction is being ended. Each time
// it lets others have their turn, and an end needs a few turns.
const concurrentMax = 10_000

// Fence implements txlog.Session.
func (c *Client) Fence(context.Context) error {
	c.open, c.failed, c.records, c.fenced = false, nil, false, true
	for range concurrentMax {
		var pid, epoch int64
		err := c.send(CallInit, func() (err error) {
			pid, epoch, err = c.o.Broker.initProducer(c.o.ID)
			return err
		})
		if errors.Is(err, ErrConcurrent) {
			continue
		}
		if err != nil {
			return fmt.Errorf("initialising producer %s: %w", c.o.ID, err)
		}
		c.pid, c.epoch, c.fenced = pid, epoch, false
		return nil
	}
	return fmt.Errorf("initialising producer %s: %w", c.o.ID, ErrConcurrent)
}

// ReadBack implements txlog.Session.
func (c *Client) ReadBack(_ context.Context, each func(record []byte) bool) error {
	var records [][]byte
	err := c.send(CallFetch, func() error {
		level := committed
		if c.o.ReadUncommitted {
			level = uncommitted
		}
		records = c.o.Broker.read(c.o.Commits, level)
		return nil
	})
	if err != nil {
		return fmt.Errorf("fetching %s: %w", c.o.Commits, err)
	}
	for _, r := range slices.Backward(records) {
		if !each(r) {
			return nil
		}
	}
	return nil
}

// Begin implements txlog.Session.
func (c *Client) Begin(_ context.Context, e checkpoint.Epoch) (checkpoint.Tx, error) {
	switch {
	case c.closed:
		return nil, errors.New("client is closed")
	case c.fenced:
		return nil, fmt.Errorf("beginning a transaction: %w", checkpoint.ErrFenced)
	case c.open:
		return nil, fmt.Errorf("beginning a transaction: %w", ErrState)
	}
	c.tx = &Tx{c: c, epoch: e}
	c.open, c.failed, c.records = true, nil, false
	return c.tx, nil
}

// Empty tells that nothing was sent in the open transaction yet.
func (c *Client) Empty() bool { return !c.records }

// Append implements txlog.Session.
func (c *Client) Append(_ context.Context, record []byte) error {
	if !c.open {
		return fmt.Errorf("appending a record: %w", ErrState)
	}
	c.produce(c.o.Commits, record)
	return nil
}

func (c *Client) produce(partition string, value []byte) {
	if c.failed != nil {
		return // the client knows by now that the transaction has to be aborted
	}
	c.seq++
	pid, epoch, seq := c.pid, c.epoch, c.seq
	err := c.await(CallProduce, func() error {
		return c.o.Broker.produce(c.o.ID, pid, epoch, seq, partition, value)
	})
	c.records = true
	if err != nil && !c.o.IgnoreFailedRecords {
		c.failed = err
	}
}

// await sends a request that a transaction which is being ended may put off.
func (c *Client) await(kind Call, request func() error) error {
	for range concurrentMax {
		if err := c.send(kind, request); !errors.Is(err, ErrConcurrent) {
			return err
		}
	}
	return ErrConcurrent
}

// Commit implements txlog.Session.
func (c *Client) Commit(ctx context.Context) error {
	if !c.open {
		return fmt.Errorf("committing: %w", ErrState)
	}
	if failed := c.failed; failed != nil {
		err := c.Abort(ctx)
		c.fenced = c.fenced || err != nil
		if errors.Is(failed, ErrFenced) {
			return fmt.Errorf("committing: %w: %w", checkpoint.ErrFenced, failed)
		}
		return fmt.Errorf("committing: %w: %w", txlog.ErrNotCommitted, failed)
	}
	c.open = false
	err := c.end(true)
	switch {
	case errors.Is(err, ErrFenced):
		c.fenced = true
		return fmt.Errorf("committing: %w: %w", checkpoint.ErrFenced, err)
	case err != nil:
		// In doubt: another request under this epoch could touch the wrong transaction.
		c.fenced = !c.o.ReuseAfterUnknown
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// end ends the open transaction; an answer brings the epoch of the next one.
func (c *Client) end(commit bool) error {
	pid, epoch := c.pid, c.epoch
	next := epoch
	err := c.send(CallEnd, func() (err error) {
		answered, err := c.o.Broker.endTransaction(c.o.ID, pid, epoch, commit)
		if err == nil {
			next = answered
		}
		return err
	})
	if err == nil {
		c.epoch = next
	}
	return err
}

// Abort implements txlog.Session.
func (c *Client) Abort(context.Context) error {
	if !c.open {
		return nil
	}
	c.open = false
	if !c.records {
		return nil
	}
	err := c.end(false)
	if err != nil {
		c.fenced = true
		return fmt.Errorf("aborting: %w", err)
	}
	return nil
}

// Close implements txlog.Session.
func (c *Client) Close() error {
	if c.closed {
		return nil
	}
	err := c.Abort(context.Background())
	c.closed = true
	return err
}

var _ txlog.Session = (*Client)(nil)
