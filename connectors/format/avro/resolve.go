package avro

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// read says how a value on the wire becomes JSON of the reader's type. Reads make a graph where
// types are recursive.
type read struct {
	from, as *node
	items    *read       // of an array or a map
	branches []branch    // of a union on the wire
	symbols  [][]byte    // JSON of every symbol on the wire; nil for one that the reader lacks
	fields   []readField // of a record, in the order of the wire
	spare    []byte      // JSON members for fields that are not on the wire
	tag      []byte      // what a tagged union puts before the value that inner reads
	inner    *read
}

type branch struct {
	read    *read
	refused error // why the reader cannot take it
}

// readField is a field on the wire. Without a read it is skipped.
type readField struct {
	name   string
	member []byte // its name and a colon
	read   *read
	from   *node
}

// resolver makes reads.
type resolver struct {
	tagged bool
	made   map[[2]*node]*read
	trail  [][2]*node // keys of made, in order
}

// resolve returns how values of the writer's schema become JSON of the reader's, which is the
// writer's own when reader is nil.
func resolve(writer, reader *schema, tagged bool) (*read, error) {
	if reader == nil {
		reader = writer
	}
	r := &resolver{tagged: tagged, made: map[[2]*node]*read{}}
	out, err := r.resolve(writer.root, reader.root)
	if err != nil {
		return nil, fmt.Errorf("resolving the writer's schema to the reader's: %w", err)
	}
	return out, nil
}

// attempt is resolve that leaves nothing behind when it is refused.
func (r *resolver) attempt(w, as *node) (*read, error) {
	known := len(r.trail)
	out, err := r.resolve(w, as)
	if err != nil {
		for _, key := range r.trail[known:] {
			delete(r.made, key)
		}
		r.trail = r.trail[:known]
	}
	return out, err
}

func (r *resolver) resolve(w, as *node) (*read, error) {
	key := [2]*node{w, as}
	if out := r.made[key]; out != nil {
		return out, nil
	}
	out := &read{from: w, as: as}
	r.made[key] = out
	r.trail = append(r.trail, key)
	switch {
	case w.kind == kindUnion:
		return out, r.fromUnion(out, w, as)
	case as.kind == kindUnion:
		return out, r.toUnion(out, w, as)
	case w.kind != as.kind:
		if !promotes(w.kind, as.kind) {
			return nil, fmt.Errorf("%s cannot become %s", w.name, as.name)
		}
		return out, nil
	case !sameMeaning(w, as):
		return nil, fmt.Errorf("the logical type of the writer's %s is another", w.name)
	}
	switch w.kind {
	case kindArray, kindMap:
		var err error
		out.items, err = r.resolve(w.items, as.items)
		return out, err
	case kindFixed:
		if w.size != as.size || !sameName(w, as) {
			return nil, fmt.Errorf("%s of %d bytes cannot become %s of %d", w.name, w.size, as.name,
				as.size)
		}
	case kindEnum:
		return out, r.enum(out, w, as)
	case kindRecord:
		return out, r.record(out, w, as)
	}
	return out, nil
}

// promotes tells the types that a reader takes for others.
func promotes(w, as kind) bool {
	switch w {
	case kindInt:
		return as == kindLong || as == kindFloat || as == kindDouble
	case kindLong:
		return as == kindFloat || as == kindDouble
	case kindFloat:
		return as == kindDouble
	case kindString:
		return as == kindBytes
	case kindBytes:
		return as == kindString
	}
	return false
}

// sameMeaning reports whether a value of the writer, read as the reader's, stands for the same. A
// logical type on one side only is the reader's business.
func sameMeaning(w, as *node) bool {
	return w.logical == plain || as.logical == plain ||
		w.logical == as.logical && w.scale == as.scale && (w.digits == as.digits || w.logical == decimal)
}

// sameName reports whether the reader's named type means the writer's.
func sameName(w, as *node) bool {
	return unqualified(w.name) == unqualified(as.name) || slices.Contains(as.aliases, w.name)
}

func unqualified(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// fromUnion takes each branch of the writer as far as the reader can. One that it cannot take is
// refused when a value has it.
func (r *resolver) fromUnion(out *read, w, as *node) error {
	var last error
	taken := false
	for _, b := range w.union {
		x, err := r.attempt(b, as)
		if err != nil {
			last = err
		}
		taken = taken || err == nil
		out.branches = append(out.branches, branch{x, err})
	}
	if !taken {
		return last
	}
	return nil
}

// toUnion takes the first branch of the reader that fits: of the same name before others.
func (r *resolver) toUnion(out *read, w, as *node) error {
	for _, exact := range []bool{true, false} {
		for _, b := range as.union {
			if exact && (b.kind != w.kind || b.name != w.name) {
				continue
			}
			x, err := r.attempt(w, b)
			if err != nil {
				continue
			}
			out.inner = x
			if r.tagged && b.kind != kindNull {
				out.tag = append(jsontext.AppendString([]byte{'{'}, []byte(b.name)), ':')
			}
			return nil
		}
	}
	return fmt.Errorf("%s fits no branch of the reader's union", w.name)
}

func (r *resolver) enum(out *read, w, as *node) error {
	if !sameName(w, as) {
		return fmt.Errorf("enum %s cannot become %s", w.name, as.name)
	}
	for _, s := range w.symbols {
		_, known := as.index[s]
		switch {
		case known:
		case as.hasSpare:
			s = as.spare
		default:
			out.symbols = append(out.symbols, nil)
			continue
		}
		out.symbols = append(out.symbols, jsontext.AppendString(nil, []byte(s)))
	}
	return nil
}

func (r *resolver) record(out *read, w, as *node) error {
	if !sameName(w, as) {
		return fmt.Errorf("record %s cannot become %s", w.name, as.name)
	}
	met := map[string]bool{}
	for i := range w.fields {
		f := readField{name: w.fields[i].name, from: w.fields[i].typ}
		if to := readerField(as, f.name); to != nil && !met[to.name] {
			met[to.name] = true
			x, err := r.resolve(f.from, to.typ)
			if err != nil {
				return within(to.name, err)
			}
			f.read, f.member = x, append(jsontext.AppendString(nil, []byte(to.name)), ':')
		}
		out.fields = append(out.fields, f)
	}
	for i := range as.fields {
		f := &as.fields[i]
		if met[f.name] {
			continue
		}
		if !f.hasSpare {
			return fmt.Errorf("field %s is not in the writer's schema and has no default", f.name)
		}
		if err := r.spare(out, f); err != nil {
			return within(f.name, err)
		}
	}
	return nil
}

// spare adds the member of a field that is not on the wire.
func (r *resolver) spare(out *read, f *field) error {
	x, err := r.resolve(f.typ, f.typ)
	if err != nil {
		return err
	}
	d := decoder{in: f.binary}
	if err := d.value(x); err != nil {
		return err
	}
	if len(out.spare) > 0 {
		out.spare = append(out.spare, ',')
	}
	out.spare = append(jsontext.AppendString(out.spare, []byte(f.name)), ':')
	out.spare = append(out.spare, d.out...)
	return nil
}

// readerField returns the field of the reader that is meant by a name of the writer, or nil.
func readerField(as *node, name string) *field {
	for i := range as.fields {
		if as.fields[i].name == name {
			return &as.fields[i]
		}
	}
	for i := range as.fields {
		if slices.Contains(as.fields[i].aliases, name) {
			return &as.fields[i]
		}
	}
	return nil
}
