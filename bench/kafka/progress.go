package main

import (
	"encoding/binary"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// progress is how far a loop has come in each partition.
type progress struct {
	next, end []int64 // by partition
}

func (p *progress) passed(r *kgo.Record) { p.next[r.Partition] = r.Offset + 1 }

// reached reports whether every record is read that was there at the start. The input holds no
// control records, so the next offset gets to the end.
func (p *progress) reached() bool {
	for i, end := range p.end {
		if p.next[i] < end {
			return false
		}
	}
	return true
}

func (p *progress) starts() map[int32]kgo.Offset {
	out := make(map[int32]kgo.Offset, len(p.next))
	for i := range p.next {
		out[int32(i)] = kgo.NewOffset().AtStart()
	}
	return out
}

// encode is the commit record of the tuned loop.
func (p *progress) encode() []byte {
	var out []byte
	for _, n := range p.next {
		out = binary.BigEndian.AppendUint64(out, uint64(n))
	}
	return out
}

// produceError keeps the first failed send.
type produceError struct {
	mu    sync.Mutex
	first error
}

func (p *produceError) promise(_ *kgo.Record, err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first == nil {
		p.first = err
	}
}

func (p *produceError) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first
}
