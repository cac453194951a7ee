package connectors

import "math"

// NoTimestamp is the Timestamp of a record that has none.
const NoTimestamp int64 = math.MinInt64

// NoPartition is the Partition of a record for which no partition was chosen.
const NoPartition int32 = -1

// arenaBlockBytes is the size of the first block of an arena: a frame of a guest call fits twice.
const arenaBlockBytes = 512 << 10

// arenaKeepBytesMax bounds what an arena keeps over a Reset, so that one huge record does not
// hold its memory for the rest of the job.
const arenaKeepBytesMax = 8 << 20

// Header is one header of a record. A nil Value is null.
type Header struct {
	Key   string
	Value []byte
}

// Position is the 128-bit place of a record in its split, ordered by (Hi, Lo). Its meaning is the
// source's: a byte offset, a Kafka offset, a sequence number.
type Position struct{ Hi, Lo uint64 }

// Record is one record. Its bytes belong to the batch or to the source (C2).
type Record struct {
	Key, Value []byte   // nil is null (C5)
	Headers    []Header // nil for none
	Timestamp  int64    // milliseconds since the Unix epoch, or NoTimestamp
	Position   Position // where the source read it
	Ordinal    uint64   // 0 at the source, then derived from the parent (see abi/SPEC.md)
	Split      uint32   // index into Batch.Splits
	Target     uint32   // 1 + index into Batch.Targets; 0 is none
	Partition  int32    // chosen by a partitioner, or NoPartition
	Output     uint16   // named output of the function that made it; 0 is the main one
}

// Batch is the unit of movement everywhere: a source's poll, a guest call, a sink's write. It is
// re-used: Reset keeps its memory. The zero value is ready to use.
type Batch struct {
	Records []Record
	Splits  []string // IDs of the splits that Record.Split points at
	Targets []string // names that Record.Target points at
	// Carriers holds, when its length equals that of Records, what a source gives to a sink of the
	// same system so that it need not rebuild it (a fetched client record, say). Where several sinks
	// are given the same one, the first takes it and has to be able to tell that from the carrier.
	// nil is none, and no two records of a batch have the same one. Functions hand none on: a carrier
	// keeps all alive that was fetched with it, and a filter may leave one of ten thousand.
	Carriers []any

	blocks [][]byte
	block  int // index of the block being filled
	used   int // bytes of it in use
	bytes  int // handed out since the last Reset
}

// Reset empties b and keeps its memory. Everything that pointed into b is invalid now (C2).
func (b *Batch) Reset() {
	clear(b.Carriers)
	b.Records = b.Records[:0]
	b.Splits = b.Splits[:0]
	b.Targets = b.Targets[:0]
	b.Carriers = b.Carriers[:0]
	if b.bytes > arenaKeepBytesMax {
		b.blocks = nil
	}
	b.block, b.used, b.bytes = 0, 0, 0
}

// Len returns the number of records.
func (b *Batch) Len() int { return len(b.Records) }

// Append adds a record with no timestamp and no partition and returns it for filling in. The
// pointer is valid until the next Append.
func (b *Batch) Append() *Record {
	n := len(b.Records)
	if n == cap(b.Records) {
		b.Records = append(b.Records, Record{})
	} else {
		b.Records = b.Records[:n+1]
	}
	r := &b.Records[n]
	*r = Record{Timestamp: NoTimestamp, Partition: NoPartition}
	return r
}

// Alloc returns n bytes of b's arena, valid until Reset. They hold whatever was there before.
func (b *Batch) Alloc(n int) []byte {
	for b.block < len(b.blocks) {
		if blk := b.blocks[b.block]; b.used+n <= len(blk) {
			p := blk[b.used : b.used+n : b.used+n]
			b.used += n
			b.bytes += n
			return p
		}
		b.block++
		b.used = 0
	}
	b.blocks = append(b.blocks, make([]byte, max(n, arenaBlockBytes)))
	b.used = n
	b.bytes += n
	return b.blocks[b.block][:n:n]
}

// Copy returns a copy of p in b's arena. A nil p stays nil (C5).
func (b *Batch) Copy(p []byte) []byte {
	if p == nil {
		return nil
	}
	q := b.Alloc(len(p))
	copy(q, p)
	return q
}

// Mark is a place in a batch's arena.
type Mark struct{ block, used, bytes int }

// Mark returns the place behind everything handed out so far, except for the last bytes of the
// latest Alloc, of which so many are unused.
func (b *Batch) Mark(unused int) Mark { return Mark{b.block, b.used - unused, b.bytes - unused} }

// Rewind takes back what was handed out since the mark, which is of this batch and younger than its
// last Reset. Nothing may point there any more.
func (b *Batch) Rewind(m Mark) { b.block, b.used, b.bytes = m.block, m.used, m.bytes }

// ArenaBytes returns how many bytes of the arena are handed out since Reset.
func (b *Batch) ArenaBytes() int { return b.bytes }

// SplitIndex returns the index of name in b.Splits, adding it when it is new. A batch names few
// splits, so the search runs from the newest.
func (b *Batch) SplitIndex(name string) uint32 { return intern(&b.Splits, name) }

// TargetIndex returns the value for Record.Target that means name.
func (b *Batch) TargetIndex(name string) uint32 { return intern(&b.Targets, name) + 1 }

// TargetOf returns the target of r, or "".
func (b *Batch) TargetOf(r *Record) string {
	if r.Target == 0 {
		return ""
	}
	return b.Targets[r.Target-1]
}

func intern(names *[]string, name string) uint32 {
	for i := len(*names) - 1; i >= 0; i-- {
		if (*names)[i] == name {
			return uint32(i)
		}
	}
	*names = append(*names, name)
	return uint32(len(*names) - 1)
}

// Limits bound one batch.
type Limits struct {
	Records int // at most so many records
	Bytes   int // stop after this many bytes of keys and values; one record may exceed it alone
	// LingerMillis is how long Poll may wait for a first record.
	LingerMillis int
}
