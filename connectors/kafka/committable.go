package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// committableVersion is the version of every committable of this sink.
const committableVersion = 1

// kindTransaction is the first byte of a committable.
const kindTransaction = 1

// slots is how many transactional ids a task takes in turn. An id is used again three epochs later:
// when a task begins that epoch, the one before it is prepared, so the one two before is committed
// (I3), and an owner that recovers never meets an id whose epoch was followed by another.
const slots = 3

// prepared is a transaction with all its records, which only has to be ended.
type prepared struct {
	id         string // transactional id
	producerID int64
	epoch      int16
	version    int16 // of the transaction protocol that it runs with
}

func (p prepared) encode() []byte {
	data := []byte{kindTransaction}
	data = binary.AppendUvarint(data, uint64(len(p.id)))
	data = append(data, p.id...)
	data = binary.AppendUvarint(data, uint64(p.producerID))
	data = binary.AppendUvarint(data, uint64(p.epoch))
	return binary.AppendUvarint(data, uint64(p.version))
}

func decodePrepared(c checkpoint.Committable) (prepared, error) {
	p, err := decodeTransaction(checkpoint.Position{Version: c.Version, Data: c.Data})
	if err != nil && !errors.Is(err, checkpoint.ErrNewerFormat) {
		err = fmt.Errorf("%w: %x", checkpoint.ErrCorrupt, c.Data)
	}
	if err != nil {
		return prepared{}, fmt.Errorf("reading what task %d of %s prepared for epoch %d: %w",
			c.Task, c.Sink, c.Epoch, err)
	}
	return p, nil
}

func decodeTransaction(at checkpoint.Position) (prepared, error) {
	d, err := newDecoder(at, kindTransaction)
	if err != nil {
		return prepared{}, err
	}
	var p prepared
	p.id = string(d.bytes(d.number(transactionalIDMax)))
	p.producerID = int64(d.number(math.MaxInt64))
	p.epoch = int16(d.number(math.MaxInt16))
	p.version = int16(d.number(math.MaxInt16))
	return p, d.end()
}

// transactionalIDMax is the longest id that the client takes.
const transactionalIDMax = 16382

// slotPrefix begins the transactional ids of a sink outside the log's cluster.
func (t *Transactions) slotPrefix(job, sink string) string {
	return t.Prefix + "." + job + "." + sink + "."
}

// slotID names a slot of a task. The claim is part of it, so that no owner meets the ids of
// another.
func (t *Transactions) slotID(job, sink string, claim uint64, task, slot int) string {
	return fmt.Sprintf("%s%d.%d.%d", t.slotPrefix(job, sink), claim, task, slot)
}

// claimOf returns the claim in an id that begins with prefix.
func claimOf(id, prefix string) (uint64, bool) {
	rest, ok := strings.CutPrefix(id, prefix)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 3 {
		return 0, false
	}
	for _, p := range parts[1:] {
		if _, err := strconv.ParseUint(p, 10, 31); err != nil {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(parts[0], 10, 64)
	return n, err == nil
}
