package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

// Admin looks at the transactions of a cluster and ends those that nobody will, for people.
type Admin struct {
	connection *Connection
	env        connectors.Env
	client     *kgo.Client
	admin      *kadm.Client
}

// Transaction is what a cluster knows of a transactional id.
type Transaction struct {
	ID          string        `json:"id"`
	State       string        `json:"state"` // Kafka's word: Empty, Ongoing, PrepareCommit, ...
	Coordinator int32         `json:"coordinator"`
	ProducerID  int64         `json:"producer_id"`
	Epoch       int16         `json:"producer_epoch"`
	Started     time.Time     `json:"started,omitzero"` // of an open one
	Timeout     time.Duration `json:"timeout_ns"`
	Partitions  []string      `json:"partitions,omitempty"` // of an open one: topic-partition
}

// Open reports whether readers wait for the transaction.
func (t Transaction) Open() bool {
	return t.State == stateOngoing || t.State == statePrepareCommit || t.State == statePrepareAbort
}

// Hanging is a transaction that is open in a partition and that no coordinator knows any more, so
// that readers would wait for ever.
type Hanging struct {
	Topic            string    `json:"topic"`
	Partition        int32     `json:"partition"`
	ProducerID       int64     `json:"producer_id"`
	Epoch            int16     `json:"producer_epoch"`
	CoordinatorEpoch int32     `json:"coordinator_epoch"`
	Offset           int64     `json:"offset"` // of its first record
	LastWrite        time.Time `json:"last_write"`
}

// OpenAdmin connects.
func (c *Connection) OpenAdmin(ctx context.Context, env connectors.Env) (*Admin, error) {
	client, err := c.openAsking(ctx, env, bothSides, "admin")
	if err != nil {
		return nil, err
	}
	return &Admin{connection: c, env: env, client: client, admin: kadm.NewClient(client)}, nil
}

// Close closes the connections.
func (a *Admin) Close() { a.client.Close() }

// Transactions returns the transactional ids that begin with prefix, sorted by id. Brokers forget
// an id that was not used for a week.
func (a *Admin) Transactions(ctx context.Context, prefix string) ([]Transaction, error) {
	listed, err := a.admin.ListTransactions(ctx, nil, nil)
	if err != nil {
		return nil, asked(a.connection.Brokers, fmt.Errorf("listing transactions: %w", err))
	}
	var ids []string
	for _, id := range listed.TransactionalIDs() {
		if strings.HasPrefix(id, prefix) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return a.describe(ctx, ids...)
}

// Transaction returns one transactional id, or ErrNoTransaction.
func (a *Admin) Transaction(ctx context.Context, id string) (Transaction, error) {
	described, err := a.describe(ctx, id)
	if err != nil {
		return Transaction{}, err
	}
	if len(described) == 0 {
		return Transaction{}, fmt.Errorf("%q: %w", id, ErrNoTransaction)
	}
	return described[0], nil
}

func (a *Admin) describe(ctx context.Context, ids ...string) ([]Transaction, error) {
	described, err := a.admin.DescribeTransactions(ctx, ids...)
	if err != nil {
		return nil, asked(a.connection.Brokers, fmt.Errorf("describing transactions: %w", err))
	}
	var out []Transaction
	for _, d := range described.Sorted() {
		if errors.Is(d.Err, kerr.TransactionalIDNotFound) {
			continue
		}
		if d.Err != nil {
			return nil, asked(a.connection.Brokers, fmt.Errorf("describing transaction %q: %w",
				d.TxnID, d.Err))
		}
		t := Transaction{
			ID: d.TxnID, State: d.State, Coordinator: d.Coordinator, ProducerID: d.ProducerID,
			Epoch: d.ProducerEpoch, Timeout: time.Duration(d.TimeoutMillis) * time.Millisecond,
		}
		if d.StartTimestamp > 0 && t.Open() {
			t.Started = time.UnixMilli(d.StartTimestamp).UTC()
		}
		for _, topic := range d.Topics.Sorted() {
			for _, p := range topic.Partitions {
				t.Partitions = append(t.Partitions, splitID(topic.Topic, p))
			}
		}
		out = append(out, t)
	}
	return out, nil
}

// Abort ends the open transaction of id by taking the id over. A job that still uses it is fenced:
// it stops, or claims anew. One that is being committed is left alone and is an error.
func (a *Admin) Abort(ctx context.Context, id string) error {
	t, err := a.Transaction(ctx, id)
	if err != nil {
		return err
	}
	switch t.State {
	case stateOngoing:
	case statePrepareCommit, statePrepareAbort:
		return fmt.Errorf("aborting transaction %q: it is in state %s, so its end is decided and the "+
			"brokers are about to write it", id, t.State)
	default:
		return fmt.Errorf("aborting transaction %q: it is in state %s: %w", id, t.State, ErrNotOpen)
	}
	return a.takeOver(ctx, id, t.Timeout)
}

// takeOver ends the transaction of id, if one is open, and fences whoever has the id.
func (a *Admin) takeOver(ctx context.Context, id string, timeout time.Duration) error {
	opts, err := a.connection.options(ctx, a.env, bothSides, "abort")
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(opts,
		kgo.TransactionalID(id), kgo.TransactionTimeout(timeout))...)
	if err != nil {
		return fmt.Errorf("opening a transactional Kafka client: %w", err)
	}
	defer client.Close()
	if _, _, err := client.ProducerID(ctx); err != nil {
		return asked(a.connection.Brokers, fmt.Errorf("taking over transactional id %q: %w", id, err))
	}
	return nil
}

// Hanging returns what hangs in the partitions of topics, of all topics without any.
func (a *Admin) Hanging(ctx context.Context, topics ...string) ([]Hanging, error) {
	set := kadm.TopicsSet{}
	if len(topics) > 0 {
		details, err := a.admin.ListTopics(ctx, topics...)
		if err == nil {
			err = details.Error()
		}
		if err != nil {
			return nil, asked(a.connection.Brokers, fmt.Errorf("looking at topics: %w", err))
		}
		set = details.TopicsSet()
	}
	// The partitions first: a transaction that is open in one afterwards is known by then.
	producers, err := a.admin.DescribeProducers(ctx, set)
	if err != nil {
		return nil, asked(a.connection.Brokers, fmt.Errorf("describing producers: %w", err))
	}
	listed, err := a.admin.ListTransactions(ctx, nil, nil)
	if err != nil {
		return nil, asked(a.connection.Brokers, fmt.Errorf("listing transactions: %w", err))
	}
	known := map[int64]bool{}
	for _, l := range listed {
		known[l.ProducerID] = known[l.ProducerID] || l.State == stateOngoing ||
			l.State == statePrepareCommit || l.State == statePrepareAbort
	}
	var out []Hanging
	producers.EachPartition(func(p kadm.DescribedProducersPartition) {
		for _, d := range p.ActiveProducers {
			if d.CurrentTxnStartOffset < 0 || known[d.ProducerID] {
				continue
			}
			out = append(out, Hanging{
				Topic: p.Topic, Partition: p.Partition, ProducerID: d.ProducerID,
				Epoch: d.ProducerEpoch, CoordinatorEpoch: d.CoordinatorEpoch,
				Offset: d.CurrentTxnStartOffset, LastWrite: time.UnixMilli(d.LastTimestamp).UTC(),
			})
		}
	})
	slices.SortFunc(out, func(a, b Hanging) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition),
			cmp.Compare(a.ProducerID, b.ProducerID))
	})
	return out, nil
}

// AbortHanging writes the marker that h lacks.
func (a *Admin) AbortHanging(ctx context.Context, h Hanging) error {
	set := kadm.TopicsSet{}
	set.Add(h.Topic, h.Partition)
	written, err := a.admin.WriteTxnMarkers(ctx, kadm.TxnMarkers{
		ProducerID: h.ProducerID, ProducerEpoch: h.Epoch, CoordinatorEpoch: h.CoordinatorEpoch,
		Topics: set,
	})
	if err == nil {
		written.EachPartition(func(p kadm.TxnMarkersPartitionResponse) { err = errors.Join(err, p.Err) })
	}
	if err != nil {
		return asked(a.connection.Brokers, fmt.Errorf("aborting what producer %d left in %s: %w",
			h.ProducerID, splitID(h.Topic, h.Partition), err))
	}
	return nil
}
