package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// abortTimeout bounds how long a transaction that failed is tried to be ended in an orderly
	// way. The next Fence, or the broker after transaction_timeout, ends it otherwise.
	abortTimeout = 5 * time.Second
	// seenTimeout is many times what the client needs to show partitions that it has written to.
	seenTimeout = 500 * time.Millisecond
	// recordsUnbounded turns the client's own bound off: a writer bounds what it hands over, and
	// can be interrupted while it waits, without giving up records that were taken.
	recordsUnbounded = math.MaxInt32
)

// SessionOptions say for whom a session is opened.
type SessionOptions struct {
	// Group is the commit group: the number in the transactional id.
	Group int
	// Interval is the time between two epochs; 0 is only one, at the end.
	Interval time.Duration
	// ReadOnly opens a session that can be read back only. It creates nothing and fences nobody.
	ReadOnly bool
}

// Session is the transactional producer of a commit group and the topic that holds its commit
// records. The sinks of the log write through it, whatever their number.
//
// A Session is driven by one goroutine at a time, beside the writers that joined its Tx.
type Session struct {
	config *SinkConfig
	env    connectors.Env
	opts   SessionOptions
	id     string // transactional id
	topic  commitsTopic
	plain  *kgo.Client // without transactions, for looking
	admin  *kadm.Client

	mu struct {
		sync.Mutex
		tx *Tx // of the newest Fence; nil before
	}
}

// OpenSession connects, checks what the brokers allow and looks for the commits topic. The first
// Fence creates it when it is missing: a start that is refused leaves nothing behind, so that a
// topic that was lost can be brought back. env is that of the sink.
func (c *SinkConfig) OpenSession(
	ctx context.Context, env connectors.Env, o SessionOptions,
) (*Session, error) {
	s, err := c.openSession(ctx, env, o)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		s.plain.Close()
		return nil, asked(c.Brokers, err)
	}
	return s, nil
}

// CheckLog looks at what the brokers allow, and at the commits topic if it is there, changing
// nothing. It returns what is worth a warning.
func (c *SinkConfig) CheckLog(
	ctx context.Context, env connectors.Env, o SessionOptions,
) (warnings []string, err error) {
	s, err := c.openSession(ctx, env, o)
	if err != nil {
		return nil, err
	}
	defer s.plain.Close()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := s.findTopic(ctx); err != nil {
		return nil, asked(c.Brokers, err)
	}
	warnings, err = s.checkBrokers(ctx)
	return warnings, asked(c.Brokers, err)
}

func (c *SinkConfig) openSession(
	ctx context.Context, env connectors.Env, o SessionOptions,
) (*Session, error) {
	if err := c.CheckInterval(o.Interval); err != nil {
		return nil, connectors.Permanent(err)
	}
	topic := c.Transactions.commitsTopic(env.Job)
	if !isTopicName(topic) {
		return nil, connectors.Permanent(connectors.AtKey("commits.topic", fmt.Errorf(
			"%q, made of transactional_id_prefix and the job's name, is no name of a topic; set "+
				"commits.topic", topic)))
	}
	client, err := c.openAsking(ctx, env, sinkSide, "log")
	if err != nil {
		return nil, err
	}
	s := &Session{
		config: c, env: env, opts: o, id: c.Transactions.transactionalID(env.Job, o.Group),
		plain: client, admin: kadm.NewClient(client),
	}
	s.topic = commitsTopic{
		name: topic, partition: int32(o.Group) % c.Commits.Partitions,
		key: []byte("group-" + strconv.Itoa(o.Group)),
	}
	return s, nil
}

// prepare checks the brokers and looks for the commits topic.
func (s *Session) prepare(ctx context.Context) error {
	if !s.opts.ReadOnly {
		warnings, err := s.checkBrokers(ctx)
		if err != nil {
			return err
		}
		for _, w := range warnings {
			s.env.Logger.Warn(w)
		}
	}
	return s.findTopic(ctx)
}

// ID returns the transactional id.
func (s *Session) ID() string { return s.id }

// Topic returns the name of the commits topic.
func (s *Session) Topic() string { return s.topic.name }

// current returns the transaction of the newest Fence, or nil.
func (s *Session) current() *Tx {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.tx
}

// Fence makes this session the only one that writes under its transactional id. Every Fence begins
// with a new client: no state of one that failed, was fenced or is in doubt goes on (X2). The
// commits topic is there before anybody is fenced.
func (s *Session) Fence(ctx context.Context) error {
	if s.opts.ReadOnly {
		return errors.New("fencing: the session is open for reading only")
	}
	if !s.topic.there { // one that was there and is gone is never made anew: its records are lost
		if err := s.needTopic(ctx); err != nil {
			return asked(s.config.Brokers, err)
		}
	}
	if old := s.current(); old != nil {
		old.close(errSuperseded)
	}
	counts := newClientCounts()
	tx := newTx(s, counts)
	client, err := s.newProducer(ctx, counts, tx)
	if err != nil {
		return err
	}
	// The broker answers when the transaction of whoever held the id before is ended, its markers
	// included, so everything that was committed can be read from now on.
	if _, _, err := client.ProducerID(ctx); err != nil {
		client.Close()
		return s.config.explainInit(s.id, err)
	}
	tx.client = client
	s.mu.Lock()
	s.mu.tx = tx
	s.mu.Unlock()
	return nil
}

func (s *Session) newProducer(
	ctx context.Context, counts *clientCounts, hook kgo.Hook,
) (*kgo.Client, error) {
	c := s.config
	opts, err := c.options(ctx, s.env, sinkSide, "tx-"+strconv.Itoa(s.opts.Group))
	if err != nil {
		return nil, err
	}
	opts = append(c.producerOptions(counts), opts...)
	opts = append(opts,
		kgo.TransactionalID(s.id),
		kgo.TransactionTimeout(c.Timeout.D()),
		kgo.ProducerBatchMaxBytesFn(s.batchBytes),
		kgo.MaxBufferedRecords(recordsUnbounded),
		kgo.WithHooks(hook))
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("opening a transactional Kafka client: %w", err)
	}
	return client, nil
}

// batchBytes returns the largest batch for topic: commit records may be larger than output.
func (s *Session) batchBytes(topic string) int32 {
	if topic == s.topic.name {
		return int32(max(s.config.Commits.RecordBytes, s.config.BatchBytes))
	}
	return int32(s.config.BatchBytes)
}

// explainInit says what a transactional id that was not given out means.
func (c *SinkConfig) explainInit(id string, err error) error {
	// Fencing: one took it over in the same moment.
	return asked(c.Brokers, fmt.Errorf("taking over transactional id %s: %w", id, markFencing(err)))
}

// Begin opens the transaction of epoch e and hands it what was staged for it. The Tx is the same
// for all epochs since the last Fence.
func (s *Session) Begin(_ context.Context, e checkpoint.Epoch) (checkpoint.Tx, error) {
	tx := s.current()
	if tx == nil {
		return nil, fmt.Errorf("beginning the transaction of epoch %d: nothing was fenced yet", e)
	}
	if err := tx.begin(e); err != nil {
		return nil, markFencing(fmt.Errorf("beginning the transaction of epoch %d: %w", e, err))
	}
	return tx, nil
}

// Append puts a commit record into the open transaction.
func (s *Session) Append(_ context.Context, record []byte) error {
	if limit := int(s.config.Commits.RecordBytes) - recordOverheadBytes; len(record) > limit {
		return connectors.Permanent(fmt.Errorf("the commit record has %d bytes and "+
			"commits.record_bytes_max is %v; raise it, and max.message.bytes of topic %s",
			len(record), s.config.Commits.RecordBytes, s.topic.name))
	}
	tx := s.current()
	if tx == nil {
		return errNoTransaction
	}
	return tx.append(&kgo.Record{
		Topic: s.topic.name, Partition: s.topic.partition, Key: s.topic.key, Value: record,
		Timestamp: s.env.Now(),
	})
}

// Commit waits for every record and commits.
func (s *Session) Commit(ctx context.Context) error {
	tx := s.current()
	if tx == nil {
		return errNoTransaction
	}
	return tx.commit(ctx)
}

// Abort ends the open transaction without effect. What was staged for the next one is dropped too:
// it followed from what the transaction held.
func (s *Session) Abort(ctx context.Context) error {
	tx := s.current()
	if tx == nil {
		return nil
	}
	return tx.abort(ctx, errAborted)
}

// Close aborts a transaction that is open and not in doubt, and closes the clients.
func (s *Session) Close() error {
	defer s.plain.Close()
	tx := s.current()
	if tx == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
	defer cancel()
	err := tx.abort(ctx, errClosed)
	tx.close(errClosed)
	return err
}

var (
	_ txlog.Session = (*Session)(nil)
	_ txlog.Placed  = (*Session)(nil)
)
