package broker

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Errors of requests.
var (
	// ErrFenced is the answer to a producer whose epoch is over.
	ErrFenced = errors.New("producer epoch is fenced")
	// ErrConcurrent asks to come back: the transaction before is still being ended.
	ErrConcurrent = errors.New("concurrent transactions")
	// ErrState is the answer to a request that makes no sense in the state of the transaction.
	ErrState = errors.New("invalid transaction state")
)

// Options say how a broker behaves.
type Options struct {
	// Now is the time since any moment; nil stands still.
	Now func() time.Duration
	// TransactionTimeout ends a transaction that is open for longer; 0 is never.
	TransactionTimeout time.Duration
	// Version1 does not raise the epoch with every transaction, as brokers before transaction
	// version 2.
	Version1 bool
	// Delays leaves markers to Step. Without it they are written at once.
	Delays bool
}

// Broker is a cluster of one broker. Its methods may be called from several goroutines.
type Broker struct {
	mu   sync.Mutex
	opts Options
	ids  map[string]*coordinator
	logs map[string]*partition
	late []func() string
	pids int64
	txns int64
}

// coordinator is the state of one transactional id.
type coordinator struct {
	pid, epoch int64
	state      state
	txn        int64 // the running or the last one
	started    time.Duration
	partitions []string // of the running transaction, in order of their first records
	committing bool     // the result of the transaction that is ended
	ended      int64    // epoch in which the last transaction was ended by its producer
	seen       map[sequence]struct{}
}

// sequence is the place of a record in what a producer sends under one epoch.
type sequence struct{ epoch, n int64 }

// state of a transactional id.
type state int

const (
	empty   state = iota // no transaction, or the last one is complete
	ongoing              // records were produced
	ending               // decided, markers are still to be written
)

// partition is one log.
type partition struct {
	records  []record
	resolved map[int64]bool // transactions whose marker stands here; true is committed
}

type record struct {
	txn   int64
	value []byte
}

// New returns an empty broker.
func New(o Options) *Broker {
	if o.Now == nil {
		o.Now = func() time.Duration { return 0 }
	}
	return &Broker{opts: o, ids: map[string]*coordinator{}, logs: map[string]*partition{}}
}

func (b *Broker) log(name string) *partition {
	if b.logs[name] == nil {
		b.logs[name] = &partition{resolved: map[int64]bool{}}
	}
	return b.logs[name]
}

// initProducer makes an epoch for id, ending the transaction of the one before.
func (b *Broker) initProducer(id string) (pid, epoch int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	c := b.ids[id]
	if c == nil {
		b.pids++
		c = &coordinator{pid: b.pids, seen: map[sequence]struct{}{}}
		b.ids[id] = c
	}
	switch c.state {
	case ongoing:
		c.epoch++ // fences the producer at once; the caller gets a higher one
		b.end(c, false)
		if b.opts.Delays {
			return 0, 0, ErrConcurrent
		}
	case ending:
		return 0, 0, ErrConcurrent
	}
	c.epoch++
	c.ended = 0
	return c.pid, c.epoch, nil
}

// produce appends to a partition within the transaction of the epoch. A sequence number that was
// seen in the epoch is the retry of a request that worked.
func (b *Broker) produce(id string, pid, epoch, seq int64, partition string, value []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	c := b.ids[id]
	switch {
	case c == nil || c.pid != pid || c.epoch != epoch:
		return ErrFenced
	case c.state == ending:
		return ErrConcurrent
	}
	if _, ok := c.seen[sequence{epoch, seq}]; ok {
		return nil
	}
	if c.state == empty {
		b.txns++
		c.state, c.txn, c.started, c.partitions = ongoing, b.txns, b.opts.Now(), nil
	}
	c.seen[sequence{epoch, seq}] = struct{}{}
	if !slices.Contains(c.partitions, partition) {
		c.partitions = append(c.partitions, partition)
	}
	log := b.log(partition)
	log.records = append(log.records, record{txn: c.txn, value: bytes.Clone(value)})
	return nil
}

// endTransaction ends the transaction of the epoch and returns the epoch of the next one.
func (b *Broker) endTransaction(id string, pid, epoch int64, commit bool) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	c := b.ids[id]
	switch {
	case c == nil || c.pid != pid:
		return 0, ErrFenced
	case c.ended != 0 && c.ended == epoch && c.epoch == b.next(epoch) && c.state != ongoing:
		if c.committing != commit {
			return 0, ErrState
		}
		return c.epoch, nil // the retry of a request whose answer was lost
	case c.epoch != epoch:
		return 0, ErrFenced
	case c.state != ongoing:
		return 0, ErrState
	}
	c.ended = epoch
	c.epoch = b.next(epoch)
	b.end(c, commit)
	return c.epoch, nil
}

// next returns the epoch of the transaction after one of epoch. When it is a higher one no late
// request of the one before can touch it.
func (b *Broker) next(epoch int64) int64 {
	if b.opts.Version1 {
		return epoch
	}
	return epoch + 1
}

// end decides the running transaction.
func (b *Broker) end(c *coordinator, commit bool) {
	c.state, c.committing = ending, commit
	for !b.opts.Delays && c.state == ending {
		b.writeMarker(c)
	}
}

// writeMarker lets one more partition know the result.
func (b *Broker) writeMarker(c *coordinator) {
	b.log(c.partitions[0]).resolved[c.txn] = c.committing
	c.partitions = c.partitions[1:]
	if len(c.partitions) == 0 {
		c.state = empty
	}
}

// expire aborts transactions that are open for too long, and fences their producers.
func (b *Broker) expire() {
	if b.opts.TransactionTimeout == 0 {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(b.ids)) {
		c := b.ids[id]
		if c.state == ongoing && b.opts.Now()-c.started > b.opts.TransactionTimeout {
			c.epoch++
			c.ended = 0
			b.end(c, false)
		}
	}
}

// Step does one thing that was still to come: a marker, or with late a request whose sender was
// told that it failed. choose returns a number below its argument. It returns what was done, "" for
// nothing.
func (b *Broker) Step(choose func(int) int, late bool) string {
	b.mu.Lock()
	b.expire()
	if late && len(b.late) > 0 {
		i := choose(len(b.late))
		arrive := b.late[i]
		b.late = slices.Delete(b.late, i, i+1)
		b.mu.Unlock()
		return arrive()
	}
	defer b.mu.Unlock()
	var ends []string
	for _, id := range slices.Sorted(maps.Keys(b.ids)) {
		if b.ids[id].state == ending {
			ends = append(ends, id)
		}
	}
	if len(ends) == 0 {
		return ""
	}
	id := ends[choose(len(ends))]
	c := b.ids[id]
	partition := c.partitions[0]
	b.writeMarker(c)
	return fmt.Sprintf("marker of %s in %s, committed %v", id, partition, c.committing)
}

// Late tells how many requests are still on their way.
func (b *Broker) Late() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.late)
}

// Open tells whether a transaction of id is open or not ended in every partition.
func (b *Broker) Open(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	return b.ids[id] != nil && b.ids[id].state != empty
}

// isolation is what a reader wants to see.
type isolation int

const (
	committed   isolation = iota // up to the first record whose transaction is not settled there
	decided                      // also of transactions whose markers are still to come
	uncommitted                  // everything that was ever written
)

// Committed returns what a reader sees of a partition: the committed records in order, up to the
// first record of a transaction whose result does not stand in the partition yet.
func (b *Broker) Committed(name string) [][]byte { return b.read(name, committed) }

// Decided returns the records of every transaction whose end was decided, as an observer knows it
// who sees the coordinator.
func (b *Broker) Decided(name string) [][]byte { return b.read(name, decided) }

func (b *Broker) read(name string, level isolation) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	coming := map[int64]bool{}
	if level == decided {
		for _, c := range b.ids {
			if c.state == ending {
				coming[c.txn] = c.committing
			}
		}
	}
	log := b.log(name)
	var out [][]byte
	for _, r := range log.records {
		result, resolved := log.resolved[r.txn]
		switch {
		case !resolved && level == committed:
			return out
		case !resolved && level == decided:
			result = coming[r.txn]
		case level == uncommitted:
			result = true
		}
		if result {
			out = append(out, bytes.Clone(r.value))
		}
	}
	return out
}

// Partition is the content of a partition that was taken away.
type Partition struct{ log *partition }

// Take empties a partition, as when a topic is deleted and made again, and returns what it held.
func (b *Broker) Take(name string) Partition {
	b.mu.Lock()
	defer b.mu.Unlock()
	log := b.log(name)
	delete(b.logs, name)
	return Partition{log}
}

// Restore brings back what Take took.
func (b *Broker) Restore(name string, p Partition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.logs[name] = p.log
}

// delay keeps a request for later.
func (b *Broker) delay(request func() string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.late = append(b.late, request)
}
