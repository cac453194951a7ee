package kafka

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// formatVersion is the version of every position of this source.
const formatVersion = 1

// The kinds of positions, the first byte of each.
const (
	kindPartition = 1
	kindSeen      = 2
)

const (
	// topicBytesMax is the longest name a broker takes.
	topicBytesMax = 249
	// endless is the stop of a partition that is read for ever.
	endless int64 = -1
	// noEpoch is the leader epoch of a position no record was read at.
	noEpoch int32 = -1
)

// partitionPosition is the place in one partition.
type partitionPosition struct {
	topicID kadm.TopicID // zero when the broker knows no ids
	next    int64        // offset of the next record to read, control records included (Q1)
	stop    int64        // first offset not to read, or endless
	epoch   int32        // leader epoch of the record before next, or noEpoch
}

func (p partitionPosition) encode() checkpoint.Position {
	data := append(make([]byte, 0, 32), kindPartition)
	data = append(data, p.topicID[:]...)
	data = binary.AppendUvarint(data, uint64(p.next))
	data = binary.AppendUvarint(data, uint64(p.stop+1))
	data = binary.AppendUvarint(data, uint64(p.epoch+1))
	return checkpoint.Position{Version: formatVersion, Data: data}
}

func decodePartition(p checkpoint.Position) (partitionPosition, error) {
	d, err := newDecoder(p, kindPartition)
	if err != nil {
		return partitionPosition{}, err
	}
	out := partitionPosition{topicID: d.id()}
	out.next = int64(d.number(math.MaxInt64))
	out.stop = int64(d.number(math.MaxInt64)) - 1
	out.epoch = int32(int64(d.number(math.MaxInt32)) - 1)
	return out, d.end()
}

// seen is what the enumerator knows: every partition it ever found (Q3).
type seen struct {
	topics map[string]*seenTopic
}

// seenTopic is one topic of it.
type seenTopic struct {
	id kadm.TopicID
	// partitions found so far; true marks one that had no leader at the first start. It is not
	// given out yet, and will begin where the start mode says.
	partitions map[int32]bool
}

func newSeen() *seen { return &seen{topics: map[string]*seenTopic{}} }

// waiting reports whether some partition waits for a leader.
func (s *seen) waiting() bool {
	for _, t := range s.topics {
		for _, w := range t.partitions {
			if w {
				return true
			}
		}
	}
	return false
}

func (s *seen) encode() checkpoint.Position {
	data := []byte{kindSeen}
	data = binary.AppendUvarint(data, uint64(len(s.topics)))
	for _, name := range slices.Sorted(maps.Keys(s.topics)) {
		t := s.topics[name]
		data = binary.AppendUvarint(data, uint64(len(name)))
		data = append(data, name...)
		data = append(data, t.id[:]...)
		data = binary.AppendUvarint(data, uint64(len(t.partitions)))
		for _, p := range slices.Sorted(maps.Keys(t.partitions)) {
			n := uint64(p) << 1
			if t.partitions[p] {
				n |= 1
			}
			data = binary.AppendUvarint(data, n)
		}
	}
	return checkpoint.Position{Version: formatVersion, Data: data}
}

// decodeSeen reads a state of the enumerator; the zero one knows nothing.
func decodeSeen(p checkpoint.Position) (*seen, error) {
	s := newSeen()
	if p.IsZero() {
		return s, nil
	}
	d, err := newDecoder(p, kindSeen)
	if err != nil {
		return nil, err
	}
	for n := d.number(math.MaxInt32); n > 0 && d.err == nil; n-- {
		name := d.text()
		t := &seenTopic{id: d.id(), partitions: map[int32]bool{}}
		for m := d.number(math.MaxInt32); m > 0 && d.err == nil; m-- {
			x := d.number(math.MaxUint32)
			t.partitions[int32(x>>1)] = x&1 == 1
		}
		s.topics[name] = t
	}
	return s, d.end()
}

// decoder reads a position. Its first error sticks.
type decoder struct {
	data []byte
	rest []byte
	err  error
}

func newDecoder(p checkpoint.Position, kind byte) (*decoder, error) {
	switch {
	case p.Version > formatVersion:
		return nil, fmt.Errorf("version %d, known is %d: %w",
			p.Version, formatVersion, checkpoint.ErrNewerFormat)
	case p.Version < formatVersion || len(p.Data) == 0 || p.Data[0] != kind:
		return nil, fmt.Errorf("version %d, %x: %w", p.Version, p.Data, ErrPosition)
	}
	return &decoder{data: p.Data, rest: p.Data[1:]}, nil
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = fmt.Errorf("%x: %w", d.data, ErrPosition)
	}
}

func (d *decoder) number(largest uint64) uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > largest {
		d.fail()
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) id() (id kadm.TopicID) {
	copy(id[:], d.bytes(uint64(len(id))))
	return id
}

func (d *decoder) text() string { return string(d.bytes(d.number(topicBytesMax))) }

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}

// end returns the error of the whole; bytes left over are one.
func (d *decoder) end() error {
	if len(d.rest) > 0 {
		d.fail()
	}
	return d.err
}
