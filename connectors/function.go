package connectors

import "context"

// Fault is a record that a function could not handle.
type Fault struct {
	Index    int    // index of the record in the input batch
	Code     uint32 // the guest's own code; 0 when it gave none
	Text     string // what went wrong, for people; names no secret
	Function string // function that refused it
	Module   string // sha256 of the module, empty for built-in functions
	Trap     bool   // the guest trapped instead of answering
	// Bypassed tells that the guest was not called, because it trapped too often before. The record
	// goes to the dead letters whatever else is done with records that are refused.
	Bypassed bool
}

// Faults collects the faults of one call. The caller resets and re-uses it.
type Faults struct{ List []Fault }

// Add appends f.
func (f *Faults) Add(x Fault) { f.List = append(f.List, x) }

// Reset empties f and keeps its memory.
func (f *Faults) Reset() { f.List = f.List[:0] }

// Transform makes 0..n records out of each record. Outputs stand in the order of their parents
// and carry the parent's Split and Position, and an Ordinal derived from the parent's.
type Transform interface {
	// Transform appends to out, which is empty. in is not changed (C3); records of out may
	// point at in's bytes, so in must stay valid as long as out is in use. A fault concerns
	// one record and goes to faults; an error means that the whole call failed.
	Transform(ctx context.Context, in, out *Batch, faults *Faults) error
	Close() error
}

// Deserializer makes 0..n records out of the bytes of each record's value. Same rules as Transform.
type Deserializer interface {
	Deserialize(ctx context.Context, in, out *Batch, faults *Faults) error
	Close() error
}

// SplitEnder is the ability of a Deserializer to declare that a split ends before its bytes do.
type SplitEnder interface {
	// Ended returns the splits whose end the last Deserialize declared, by ID; valid until the
	// next. The deserializer itself drops what follows in them.
	Ended() []string
}

// Serializer turns each record into the bytes a sink writes. Same rules as Transform.
type Serializer interface {
	Serialize(ctx context.Context, in, out *Batch, faults *Faults) error
	Close() error
}

// Partitioner chooses a partition below partitions for every record, into out, which has in.Len()
// entries; a record with a fault gets NoPartition.
type Partitioner interface {
	Partition(ctx context.Context, in *Batch, partitions int32, out []int32, faults *Faults) error
	Close() error
}

// BucketAssigner names a bucket for every record. The names are untrusted: the sink checks them.
type BucketAssigner interface {
	Assign(ctx context.Context, in *Batch, out *Buckets, faults *Faults) error
	Close() error
}

// NoBucket is the index of a record that got no bucket because of a fault.
const NoBucket uint32 = 1<<32 - 1

// Buckets is a dictionary-coded column of bucket names: record i is in Names[Index[i]].
type Buckets struct {
	Index []uint32
	Names []string
}
