package operator

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// sampleBytesMax bounds the copies of a sample: enough for a few thousand records of usual
	// size, little beside the memory of one instance.
	sampleBytesMax = 4 << 20
)

// Sample is a copy of a batch that a function was given.
type Sample struct {
	Batch      *connectors.Batch
	Partitions int32 // that a partitioner may choose from
}

// Sampler copies batches that a function is given, while somebody wants some. The tasks that offer
// and the goroutine that wants are different ones; while nobody wants any, an offer costs a load.
type Sampler struct {
	wanted atomic.Bool
	mu     struct {
		sync.Mutex
		left  int // records still to copy
		bytes int
		list  []Sample
		full  chan struct{} // closed when there is enough
	}
}

// Want asks for copies of records records. The channel is closed when they are there, or as many as
// there is room for. Take ends it.
func (s *Sampler) Want(records int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.left, s.mu.bytes, s.mu.list = records, sampleBytesMax, nil
	s.mu.full = make(chan struct{})
	s.wanted.Store(true)
	return s.mu.full
}

// Take returns what was copied since Want. The copies are the caller's.
func (s *Sampler) Take() []Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted.Store(false)
	list := s.mu.list
	s.mu.list = nil
	return list
}

func (s *Sampler) offer(in *connectors.Batch, partitions uint32) {
	if s == nil || !s.wanted.Load() || in.Len() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wanted.Load() {
		return // taken, or full, since
	}
	copied := &connectors.Batch{Splits: cloneAll(in.Splits), Targets: cloneAll(in.Targets)}
	for i := range in.Records {
		if s.mu.left == 0 || s.mu.bytes < 0 {
			break
		}
		s.mu.left--
		s.mu.bytes -= copyRecord(copied, &in.Records[i])
	}
	s.mu.list = append(s.mu.list, Sample{Batch: copied, Partitions: int32(partitions)})
	if s.mu.left == 0 || s.mu.bytes < 0 {
		s.wanted.Store(false)
		close(s.mu.full)
	}
}

// copyRecord appends a copy of r that shares nothing with it and returns how much it takes.
func copyRecord(dst *connectors.Batch, r *connectors.Record) int {
	x := dst.Append()
	*x = *r
	x.Key, x.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	size := len(r.Key) + len(r.Value)
	x.Headers = nil
	for _, h := range r.Headers {
		x.Headers = append(x.Headers, connectors.Header{
			Key: strings.Clone(h.Key), Value: slices.Clone(h.Value),
		})
		size += len(h.Key) + len(h.Value)
	}
	return size
}

func cloneAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.Clone(n)
	}
	return out
}
