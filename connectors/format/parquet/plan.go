package parquet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/wasmflow/wasmflow/connectors/format/avro"
)

const (
	// columnsMax bounds the columns of a file: each has memory of its own, and records that hold
	// records of the same type twice multiply.
	columnsMax = 10_000
	// levelsMax bounds how deeply types are nested: a level has a byte, an array takes three.
	levelsMax = 80
)

// read is how the binary form of a value is read.
type read uint8

const (
	readBoolean read = iota
	readInt32
	readInt64
	readFloat
	readDouble
	readBytes
	readFixed
	readEnum
	readDecimal // of bytes or of a fixed, see shape.size
	readList
	readMap
	readRecord
)

// shape is a type as it is taken apart. Its columns stand side by side.
type shape struct {
	read        read
	optional    bool
	null        int64 // which branch of the union null is; -1 without a union
	single      bool  // a union of one branch, whose number is on the wire
	def, rep    int   // levels of a value that is there; rep of its second item in a list or a map
	first, last int   // columns, last excluded
	size        int   // bytes of a fixed; of a decimal on the wire, 0 with a length before it
	decimal     parquet.Kind
	width       int      // bytes of a decimal in the file, when it is no number
	symbols     [][]byte // of an enum
	fields      []*shape // of a record; the items of a list; the keys and values of a map
}

// plan is a schema of both sides.
type plan struct {
	values  *avro.Schema
	schema  *parquet.Schema
	root    *shape
	columns int
	// unordered are the paths of columns whose bounds are not to be computed (P3).
	unordered [][]string
}

// newPlan finds out how values of a schema become columns.
func newPlan(s *avro.Schema) (*plan, error) {
	t := s.Type()
	if t.Kind != "record" {
		return nil, fmt.Errorf("the schema is of the type %s; rows of Parquet are records", t.Kind)
	}
	b := builder{inside: map[*avro.Type]bool{}}
	node, root, err := b.build(t, place{})
	if err != nil {
		return nil, err
	}
	return &plan{
		values: s, schema: parquet.NewSchema(t.Name, node), root: root, columns: b.columns,
		unordered: b.unordered,
	}, nil
}

// place is where a type stands.
type place struct {
	names    []string // of fields, for messages
	path     []string // of the column
	def, rep int
}

// below returns the place of what has the names in the file and, for messages, stands at name.
func (p place) below(name string, path ...string) place {
	p.names = append(p.names[:len(p.names):len(p.names)], name)
	p.path = append(p.path[:len(p.path):len(p.path)], path...)
	return p
}

func (p place) refuse(text string, args ...any) error {
	err := fmt.Errorf(text, args...)
	if len(p.names) == 0 {
		return err
	}
	return fmt.Errorf("field %s: %w", strings.Join(p.names, "."), err)
}

// builder makes the nodes of a file and the shapes beside them.
type builder struct {
	columns   int
	inside    map[*avro.Type]bool // records that are being built
	unordered [][]string
}

var errUnion = errors.New("this union has no form in Parquet; null and one other type have")

// build makes a node and its shape.
func (b *builder) build(t *avro.Type, at place) (parquet.Node, *shape, error) {
	if len(at.names) > levelsMax {
		return nil, nil, at.refuse("it is nested in more than %d types", levelsMax)
	}
	null, single := int64(-1), false
	if t.Kind == "union" {
		var others []*avro.Type
		for i, branch := range t.Union {
			if branch.Kind == "null" {
				null = int64(i)
				continue
			}
			others = append(others, branch)
		}
		if len(others) != 1 {
			return nil, nil, at.refuse("%w", errUnion)
		}
		t, single = others[0], null < 0
	}
	if null >= 0 {
		at.def++
	}
	first := b.columns
	node, s, err := b.present(t, at)
	if err != nil {
		return nil, nil, err
	}
	s.null, s.optional, s.single = null, null >= 0, single
	s.def, s.first, s.last = at.def, first, b.columns
	if s.optional {
		node = parquet.Optional(node)
	}
	return node, s, nil
}

// present makes the node of a value that is not null.
func (b *builder) present(t *avro.Type, at place) (parquet.Node, *shape, error) {
	switch t.Kind {
	case "record":
		return b.record(t, at)
	case "array":
		at.def++
		at.rep++
		item, s, err := b.build(t.Items, at.below("[]", "list", "element"))
		if err != nil {
			return nil, nil, err
		}
		return parquet.List(item), &shape{read: readList, rep: at.rep, fields: []*shape{s}}, nil
	case "map":
		return b.pairs(t, at)
	case "null", "union":
		return nil, nil, at.refuse("Parquet has no type of null alone; leave the field out")
	}
	if t.Kind == "fixed" && t.Size == 0 {
		return nil, nil, at.refuse("%s has no bytes; leave the field out", t.Name)
	}
	if t.Logical == "decimal" && t.Precision > decimalDigitsMax {
		return nil, nil, at.refuse("a decimal of %d digits; %d are the most", t.Precision,
			decimalDigitsMax)
	}
	if b.columns++; b.columns > columnsMax {
		return nil, nil, at.refuse("the schema has more than %d columns", columnsMax)
	}
	l := leafOf(t)
	if l.unordered {
		b.unordered = append(b.unordered, at.path)
	}
	return l.node, &l.shape, nil
}

func (b *builder) record(t *avro.Type, at place) (parquet.Node, *shape, error) {
	if b.inside[t] {
		return nil, nil, at.refuse("record %s holds itself; Parquet has no recursive types", t.Name)
	}
	if len(t.Fields) == 0 {
		return nil, nil, at.refuse("record %s has no fields; Parquet has no empty groups", t.Name)
	}
	b.inside[t] = true
	defer delete(b.inside, t)
	out := group{Group: parquet.Group{}}
	s := &shape{read: readRecord}
	for _, f := range t.Fields {
		node, inner, err := b.build(f.Type, at.below(f.Name, f.Name))
		if err != nil {
			return nil, nil, err
		}
		out.Group[f.Name] = node
		out.fields = append(out.fields, parquet.Group{f.Name: node}.Fields()...)
		s.fields = append(s.fields, inner)
	}
	return out, s, nil
}

func (b *builder) pairs(t *avro.Type, at place) (parquet.Node, *shape, error) {
	at.def++
	at.rep++
	key, keys, err := b.build(&avro.Type{Kind: "string"}, at.below("{}", "key_value", "key"))
	if err != nil {
		return nil, nil, err
	}
	value, values, err := b.build(t.Items, at.below("{}", "key_value", "value"))
	if err != nil {
		return nil, nil, err
	}
	return parquet.Map(key, value), &shape{
		read: readMap, rep: at.rep, fields: []*shape{keys, values},
	}, nil
}

// group is a record. The library's own would have its fields in the order of their names.
type group struct {
	parquet.Group
	fields []parquet.Field
}

// Fields implements parquet.Node.
func (g group) Fields() []parquet.Field { return g.fields }
