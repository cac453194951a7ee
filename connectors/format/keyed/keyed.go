package keyed

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/wasmflow/wasmflow/connectors"
)

// call is Deserialize or Serialize of a function.
type call func(ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults) error

// Deserializer implements connectors.Deserializer with one function for keys and one for values.
type Deserializer struct {
	key, value connectors.Deserializer
	swapped    connectors.Batch // what the function of keys reads
	mid        connectors.Batch // its output, which lives as long as the last out
	more       connectors.Faults
	kept       []int // index in the input of every record of mid
}

// NewDeserializer returns a deserializer that owns both functions. value may be nil: values are
// handed on as they are.
func NewDeserializer(key, value connectors.Deserializer) *Deserializer {
	return &Deserializer{key: key, value: value}
}

// Deserialize implements connectors.Deserializer.
func (d *Deserializer) Deserialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	mid := &d.mid
	if d.value == nil {
		mid = out
	}
	mid.Reset()
	if err := onKeys(ctx, d.key.Deserialize, &d.swapped, in, mid, faults); err != nil {
		return err
	}
	if d.value == nil {
		return nil
	}
	d.more.Reset()
	if err := d.value.Deserialize(ctx, mid, out, &d.more); err != nil {
		return err
	}
	if len(d.more.List) == 0 {
		return nil
	}
	// K3: mid lacks the records whose keys were refused, so its indexes are not those of in.
	d.kept = d.kept[:0]
	for i := range in.Records {
		if !slices.ContainsFunc(faults.List, func(f connectors.Fault) bool { return f.Index == i }) {
			d.kept = append(d.kept, i)
		}
	}
	for _, f := range d.more.List {
		f.Index = d.kept[f.Index]
		faults.Add(f)
	}
	sort(faults)
	return nil
}

// Ended implements connectors.SplitEnder for a function of values that can end splits.
func (d *Deserializer) Ended() []string {
	if e, ok := d.value.(connectors.SplitEnder); ok {
		return e.Ended()
	}
	return nil
}

// Close closes both functions.
func (d *Deserializer) Close() error {
	err := d.key.Close()
	if d.value != nil {
		err = errors.Join(err, d.value.Close())
	}
	return err
}

// Serializer implements connectors.Serializer with one function for keys and one for values.
type Serializer struct {
	key, value connectors.Serializer
	swapped    connectors.Batch
	mid        connectors.Batch // the output of the function of values
	more       connectors.Faults
}

// NewSerializer returns a serializer that owns both functions. value may be nil: values are written
// as they are.
func NewSerializer(key, value connectors.Serializer) *Serializer {
	return &Serializer{key: key, value: value}
}

// Serialize implements connectors.Serializer.
func (s *Serializer) Serialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	if s.value == nil {
		return onKeys(ctx, s.key.Serialize, &s.swapped, in, out, faults)
	}
	s.mid.Reset()
	if err := s.value.Serialize(ctx, in, &s.mid, faults); err != nil {
		return err
	}
	s.more.Reset()
	if err := onKeys(ctx, s.key.Serialize, &s.swapped, &s.mid, out, &s.more); err != nil {
		return err
	}
	for _, f := range s.more.List {
		f.Index = parent(in, &s.mid, &s.mid.Records[f.Index])
		// A function of values may have made several records of one: its parent is refused once.
		if !slices.ContainsFunc(faults.List, func(x connectors.Fault) bool {
			return x.Index == f.Index
		}) {
			faults.Add(f)
		}
	}
	if len(s.more.List) > 0 {
		sort(faults)
	}
	return nil
}

// Close closes both functions.
func (s *Serializer) Close() error {
	err := s.key.Close()
	if s.value != nil {
		err = errors.Join(err, s.value.Close())
	}
	return err
}

// onKeys calls f with key and value of every record in each other's place (K2), and puts them back.
func onKeys(
	ctx context.Context, f call, swapped, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	swapped.Reset()
	swapped.Splits = append(swapped.Splits, in.Splits...)
	swapped.Targets = append(swapped.Targets, in.Targets...)
	swapped.Records = append(swapped.Records, in.Records...)
	exchange(swapped)
	known := len(faults.List)
	if err := f(ctx, swapped, out, faults); err != nil {
		return err
	}
	exchange(out)
	for i := known; i < len(faults.List); i++ {
		faults.List[i].Text = "in the key: " + faults.List[i].Text
	}
	return nil
}

func exchange(b *connectors.Batch) {
	for i := range b.Records {
		r := &b.Records[i]
		r.Key, r.Value = r.Value, r.Key
	}
}

// parent returns the index of the record of in that r of batch made was made of: the one of its own
// name, or, as a guest gives new ordinals, the first of its place in the source.
func parent(in, made *connectors.Batch, r *connectors.Record) int {
	first := -1
	for i := range in.Records {
		p := &in.Records[i]
		if p.Position != r.Position || splitOf(in, p) != splitOf(made, r) {
			continue
		}
		if p.Ordinal == r.Ordinal {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return max(first, 0)
}

func splitOf(b *connectors.Batch, r *connectors.Record) string {
	if int(r.Split) < len(b.Splits) {
		return b.Splits[r.Split]
	}
	return ""
}

func sort(faults *connectors.Faults) {
	slices.SortStableFunc(faults.List, func(a, b connectors.Fault) int {
		return cmp.Compare(a.Index, b.Index)
	})
}

var (
	_ connectors.Deserializer = (*Deserializer)(nil)
	_ connectors.SplitEnder   = (*Deserializer)(nil)
	_ connectors.Serializer   = (*Serializer)(nil)
)
