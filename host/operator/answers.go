package operator

import (
	"fmt"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
)

// partitions takes the answers of a partitioner.
type partitions struct {
	count int32
	out   []int32
}

func (t *partitions) rewind(int)               {}
func (t *partitions) unfinished() (int, int64) { return 0, 0 }
func (t *partitions) made() (int, int64)       { return 0, 0 }

func (t *partitions) take(r *runner, base int) {
	o := &r.out
	var e abi.Entry
	for i := range o.Len() {
		o.Read(i, &e)
		record := base + int(e.Parent)
		t.out[record] = connectors.NoPartition
		if e.Status == abi.StatusError {
			code, text := o.Error(i)
			r.fault(base, e.Parent, code, text)
			continue
		}
		p := o.Partition(i)
		if p >= t.count {
			r.fault(base, e.Parent, 0,
				fmt.Appendf(nil, "partition %d of %d partitions", p, t.count))
			continue
		}
		t.out[record] = p
	}
}

// buckets takes the answers of a bucketer.
type buckets struct {
	out   *connectors.Buckets
	index map[string]uint32 // of out.Names
	names interner
	seen  []uint32 // 1 + index of out.Names by string of the running output; 0 = not looked up
}

func (t *buckets) begin(out *connectors.Buckets, records int) {
	t.out = out
	out.Index, out.Names = out.Index[:0], out.Names[:0]
	for range records {
		out.Index = append(out.Index, connectors.NoBucket)
	}
	if t.index == nil {
		t.index = make(map[string]uint32)
	}
	clear(t.index)
}

func (t *buckets) rewind(int)               {}
func (t *buckets) unfinished() (int, int64) { return 0, 0 }
func (t *buckets) made() (int, int64)       { return 0, 0 }

func (t *buckets) take(r *runner, base int) {
	o := &r.out
	t.seen = resetTo(t.seen, o.Strings())
	var e abi.Entry
	for i := range o.Len() {
		o.Read(i, &e)
		if e.Status == abi.StatusError {
			code, text := o.Error(i)
			r.fault(base, e.Parent, code, text)
			continue
		}
		s, ok := o.BucketIndex(i)
		if !ok {
			continue // Decode lets no bucketer do so
		}
		name := o.String(s)
		if len(name) > bucketBytesMax {
			r.fault(base, e.Parent, 0, fmt.Appendf(nil, "bucket name of %d bytes, the limit is %d",
				len(name), bucketBytesMax))
			continue
		}
		if t.seen[s] == 0 {
			t.seen[s] = t.named(name) + 1
		}
		t.out.Index[base+int(e.Parent)] = t.seen[s] - 1
	}
}

// named returns the index of a bucket's name, adding it when it is new.
func (t *buckets) named(name []byte) uint32 {
	if i, ok := t.index[string(name)]; ok {
		return i
	}
	s := t.names.get(name)
	i := uint32(len(t.out.Names))
	t.out.Names = append(t.out.Names, s)
	t.index[s] = i
	return i
}
