package parquet

import (
	"io"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
)

const (
	// groupsHeld is how many row groups of full size all open files of an opener may hold together.
	// Tasks that write one file each have full row groups, and files of many buckets share.
	groupsHeld = 4
	// groupBytesMin is the smallest row group that is ended for want of memory. Smaller ones would
	// only move memory: what is told of each at the end of the file is kept until then.
	groupBytesMin = 1 << 20
)

// memory is what the open files of an opener hold in row groups that have not ended (P2). It is
// safe for concurrent use.
type memory struct {
	groupMax    int64
	open, bytes atomic.Int64
}

// full reports whether a file that holds so much has to end its row group.
func (m *memory) full(held int64) bool {
	if held >= m.groupMax {
		return true
	}
	// Whoever goes on while all is taken holds less than its share, or ends its row group. So no
	// more than one share for each file comes on top of what files that nobody writes to hold.
	share := m.groupMax * groupsHeld / max(m.open.Load(), 1)
	return m.bytes.Load() >= m.groupMax*groupsHeld && held >= max(share, groupBytesMin)
}

// share is what one file holds. It outlives a file that is given up without being closed, whose
// memory counts until it is collected.
type share struct {
	memory *memory
	bytes  int64
	gone   atomic.Bool
}

func (m *memory) enter() *share {
	m.open.Add(1)
	return &share{memory: m}
}

// set notes what the file holds by now.
func (s *share) set(bytes int64) {
	s.memory.bytes.Add(bytes - s.bytes)
	s.bytes = bytes
}

// leave takes the file out of the account, once.
func (s *share) leave() {
	if s.gone.CompareAndSwap(false, true) {
		s.set(0)
		s.memory.open.Add(-1)
	}
}

// pages hands out the memory of pages that are compressed and wait for the end of their row group,
// and counts what is written there.
type pages struct {
	parquet.BufferPool
	bytes int64
}

// GetBuffer implements parquet.BufferPool.
func (p *pages) GetBuffer() io.ReadWriteSeeker { return &page{p.BufferPool.GetBuffer(), p} }

// PutBuffer implements parquet.BufferPool.
func (p *pages) PutBuffer(b io.ReadWriteSeeker) {
	if b, ok := b.(*page); ok {
		p.BufferPool.PutBuffer(b.ReadWriteSeeker)
	}
}

// page is the memory of the pages of a column.
type page struct {
	io.ReadWriteSeeker
	of *pages
}

// Write implements io.Writer.
func (p *page) Write(b []byte) (int, error) {
	n, err := p.ReadWriteSeeker.Write(b)
	p.of.bytes += int64(n)
	return n, err
}
