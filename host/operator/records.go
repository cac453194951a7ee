package operator

import (
	"context"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
)

// records takes the answers of functions that make records out of records.
type records struct {
	seed uint64 // of the step, for ordinals
	out  *connectors.Batch

	// Of the record whose output was taken last; it may have more to say.
	parent    int
	start     int // of its output in out
	said      int
	saidBytes int64
	unused    int             // bytes of the running answer's memory when it began
	headerAt  int             // headers made before it
	mark      connectors.Mark // where its bytes begin, once marked
	marked    bool

	// ended are the splits whose end a deserializer has seen, and justEnded those of the last
	// batch.
	ended     map[string]struct{}
	justEnded []string

	headers  headerSlab
	targets  []uint32          // Record.Target by string of the running output; 0 = not looked up
	targetOf map[string]uint32 // Record.Target by name, once the batch has one from the guest
}

func newRecords(step string) records {
	return records{seed: abi.FunctionSeed(step), parent: -1}
}

// run fills out with what the guest makes of in.
func (t *records) run(
	ctx context.Context, r *runner, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	t.headers.begin(out)
	t.out, t.parent = out, -1
	t.justEnded = t.justEnded[:0]
	// Splits and targets keep their numbers.
	out.Splits = append(out.Splits[:0], in.Splits...)
	out.Targets = append(out.Targets[:0], in.Targets...)
	clear(t.targetOf)
	err := r.run(ctx, in, t, faults)
	t.out = nil
	return err
}

func (t *records) unfinished() (records int, bytes int64) { return t.said, t.saidBytes }

func (t *records) made() (records int, bytes int64) {
	return len(t.out.Records), int64(t.out.ArenaBytes()) + int64(t.headers.made)*headerBytes
}

func (t *records) rewind(record int) {
	if t.parent == record {
		t.out.Records = t.out.Records[:t.start]
		t.out.Rewind(t.mark)
		t.headers.drop(t.headers.made - t.headerAt)
	}
	t.parent = -1
}

// pass hands a record on as if the guest had left it as it is.
func (t *records) pass(in *connectors.Batch, record int) {
	p := &in.Records[record]
	x := t.out.Append()
	*x = *p
	x.Ordinal, x.Output = abi.Ordinal(p.Ordinal, t.seed, 0), 0
}

// begin starts on the output of another parent; unused is what is left of the answer's memory.
func (t *records) begin(parent, unused int) {
	t.parent, t.start, t.said, t.saidBytes = parent, len(t.out.Records), 0, 0
	t.unused, t.headerAt, t.marked = unused, t.headers.made, false
}

func (t *records) take(r *runner, base int) {
	o := &r.out
	// One piece for the whole answer: what it says of its size was checked, and is what will be
	// copied at most (O4).
	room := t.out.Alloc(int(o.Bytes()))
	t.targets = resetTo(t.targets, o.Strings())
	var e abi.Entry
	for i := range o.Len() {
		o.Read(i, &e)
		parent := base + int(e.Parent)
		if t.ended != nil && t.afterEnd(r.in, parent) {
			continue
		}
		if parent != t.parent {
			t.begin(parent, len(room))
		}
		if e.Status != abi.StatusOK {
			t.takeStatus(r, base, i, &e)
			continue
		}
		p := &r.in.Records[parent]
		x := t.out.Append()
		x.Position, x.Split, x.Target, x.Partition = p.Position, p.Split, p.Target, p.Partition
		x.Ordinal, x.Output = abi.Ordinal(p.Ordinal, t.seed, uint64(t.said)), e.Output
		before := len(room)
		switch {
		case e.Flags.Has(abi.OutSameKey):
			x.Key = p.Key
		case !e.Flags.Has(abi.OutNullKey):
			x.Key, room = place(room, e.Key)
		}
		switch {
		case e.Flags.Has(abi.OutSameValue):
			x.Value = p.Value
		case !e.Flags.Has(abi.OutNullValue):
			x.Value, room = place(room, e.Value)
		}
		if e.Flags.Has(abi.OutSameTimestamp) {
			x.Timestamp = p.Timestamp
		} else {
			x.Timestamp = o.Timestamp(i)
		}
		if e.Flags.Has(abi.OutSameHeaders) {
			x.Headers = p.Headers
		} else {
			x.Headers, room = t.headers.take(o, i, room)
			t.saidBytes += int64(len(x.Headers)) * headerBytes
		}
		t.said++
		t.saidBytes += int64(before - len(room))
		t.route(o, i, x)
	}
	if !t.marked {
		t.mark, t.marked = t.out.Mark(t.unused), true
	}
}

// route sets the target and the partition, where the guest names one; else those of the parent
// stay.
func (t *records) route(o *abi.Output, i int, x *connectors.Record) {
	if s, ok := o.TargetIndex(i); ok {
		if t.targets[s] == 0 {
			t.targets[s] = t.target(o.String(s))
		}
		x.Target = t.targets[s]
	}
	if p := o.Partition(i); p != abi.NoPartition {
		x.Partition = p
	}
}

// target is Batch.TargetIndex for a guest, which may name as many targets as there are records: it
// looks the name up instead of searching for it.
func (t *records) target(name []byte) uint32 {
	if t.targetOf == nil {
		t.targetOf = make(map[string]uint32)
	}
	if len(t.targetOf) == 0 {
		for i, s := range t.out.Targets {
			t.targetOf[s] = uint32(i) + 1
		}
	}
	if i, ok := t.targetOf[string(name)]; ok {
		return i
	}
	s := string(name)
	t.out.Targets = append(t.out.Targets, s)
	i := uint32(len(t.out.Targets))
	t.targetOf[s] = i
	return i
}

// takeStatus takes an entry that is no record.
func (t *records) takeStatus(r *runner, base, i int, e *abi.Entry) {
	switch e.Status {
	case abi.StatusError:
		// It may have said something in earlier calls (O2).
		t.out.Records = t.out.Records[:t.start]
		code, text := r.out.Error(i)
		r.fault(base, e.Parent, code, text)
	case abi.StatusEndOfStream:
		t.end(r.in, t.parent)
	}
}

// end notes that the split of a record has ended with it.
func (t *records) end(in *connectors.Batch, record int) {
	split := in.Records[record].Split
	if int(split) >= len(in.Splits) {
		return
	}
	if t.ended == nil {
		t.ended = make(map[string]struct{})
	}
	t.ended[in.Splits[split]] = struct{}{}
	t.justEnded = append(t.justEnded, in.Splits[split])
}

func (t *records) afterEnd(in *connectors.Batch, record int) bool {
	split := in.Records[record].Split
	if int(split) >= len(in.Splits) {
		return false
	}
	_, ended := t.ended[in.Splits[split]]
	return ended
}

// place copies b to the beginning of room and returns the copy and the rest. An empty b stays
// what it is: empty, not null.
func place(room, b []byte) (copied, rest []byte) {
	n := copy(room, b)
	return room[:n:n], room[n:]
}

// resetTo returns n zeros, in the memory of s where it suffices.
func resetTo(s []uint32, n int) []uint32 {
	if cap(s) < n {
		return make([]uint32, n)
	}
	s = s[:n]
	clear(s)
	return s
}
