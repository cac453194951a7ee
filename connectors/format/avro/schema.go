package avro

import (
	"fmt"
	"strings"

	"github.com/twmb/avro"

	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// kind is a type of Avro.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindFixed
	kindEnum
	kindArray
	kindMap
	kindUnion
	kindRecord
)

var kinds = map[string]kind{
	"null": kindNull, "boolean": kindBoolean, "int": kindInt, "long": kindLong,
	"float": kindFloat, "double": kindDouble, "bytes": kindBytes, "string": kindString,
	"fixed": kindFixed, "enum": kindEnum, "array": kindArray, "map": kindMap, "union": kindUnion,
	"record": kindRecord, "error": kindRecord,
}

// node is a type of a schema, with its names resolved: recursive types make a graph.
type node struct {
	kind     kind
	logical  logical
	name     string // what a union calls it: the full name, or that of the type
	scale    int    // of a decimal
	digits   int    // most digits of a decimal; those of a second's fraction in a time
	size     int    // of a fixed
	symbols  []string
	index    map[string]int // of symbols
	spare    string         // default symbol of an enum
	hasSpare bool
	aliases  []string // full names
	items    *node    // of an array or a map
	union    []*node
	fields   []field
}

type field struct {
	name     string
	aliases  []string
	typ      *node
	spare    any // default value, as the library reads it
	hasSpare bool
	binary   []byte // the default value in binary form
}

// schema is a parsed schema.
type schema struct{ root *node }

// parse reads the text of a schema that may refer to the types of needs.
func parse(text string, needs []registry.Dependency) (*schema, error) {
	var cache avro.SchemaCache
	for _, n := range needs {
		if _, err := cache.Parse(n.Text); err != nil {
			return nil, fmt.Errorf("reading the referenced schema %s: %w", n.Name, err)
		}
	}
	parsed, err := cache.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	b := builder{named: map[string]*node{}}
	root, err := b.build(parsed.Root().ExpandReferences(), "")
	if err == nil {
		err = b.spares()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	return &schema{root: root}, nil
}

// recordName returns the full name of the schema's record, or "" when it is none.
func (s *schema) recordName() string {
	if s.root.kind == kindRecord {
		return s.root.name
	}
	return ""
}

// builder makes the nodes of a schema.
type builder struct {
	named   map[string]*node
	records []*node
}

// spares fills in the defaults, which need all types.
func (b *builder) spares() (err error) {
	for _, n := range b.records {
		for i := range n.fields {
			f := &n.fields[i]
			if !f.hasSpare {
				continue
			}
			if f.binary, err = appendSpare(nil, f.typ, f.spare); err != nil {
				return within(n.name+"."+f.name, err)
			}
		}
	}
	return nil
}

// build makes the node of n, which stands within a type of the namespace.
func (b *builder) build(n *avro.SchemaNode, namespace string) (*node, error) {
	k, ok := kinds[n.Type]
	if !ok {
		for _, name := range []string{full(n.Type, namespace), n.Type} {
			if known := b.named[name]; known != nil {
				return known, nil
			}
		}
		return nil, fmt.Errorf("type %s is not known", n.Type)
	}
	out := &node{
		kind: k, name: n.Type, size: n.Size, symbols: n.Symbols,
		spare: n.EnumDefault, hasSpare: n.HasEnumDefault,
		digits: n.Precision, scale: n.Scale,
	}
	if out.logical = logicalOf(k, n); out.logical != decimal {
		out.digits = max(fractionDigits(n.LogicalType, "timestamp-"),
			fractionDigits(n.LogicalType, "local-timestamp-"), fractionDigits(n.LogicalType, "time-"))
	}
	if k == kindRecord || k == kindEnum || k == kindFixed {
		out.name = full(n.Name, n.Namespace)
		namespace = ""
		if i := strings.LastIndexByte(out.name, '.'); i >= 0 {
			namespace = out.name[:i]
		}
		for _, a := range n.Aliases {
			out.aliases = append(out.aliases, full(a, namespace))
		}
		b.named[out.name] = out // before the fields, which may name it
	}
	return out, b.inner(out, n, namespace)
}

// inner builds what stands within n.
func (b *builder) inner(out *node, n *avro.SchemaNode, namespace string) (err error) {
	switch out.kind {
	case kindEnum:
		out.index = make(map[string]int, len(n.Symbols))
		for i, s := range n.Symbols {
			out.index[s] = i
		}
	case kindArray:
		out.items, err = b.build(n.Items, namespace)
	case kindMap:
		out.items, err = b.build(n.Values, namespace)
	case kindUnion:
		for i := range n.Branches {
			branch, err := b.build(&n.Branches[i], namespace)
			if err != nil {
				return err
			}
			out.union = append(out.union, branch)
		}
	case kindRecord:
		b.records = append(b.records, out)
		for i := range n.Fields {
			f := &n.Fields[i]
			typ, err := b.build(&f.Type, namespace)
			if err != nil {
				return err
			}
			out.fields = append(out.fields, field{
				name: f.Name, aliases: f.Aliases, typ: typ, spare: f.Default, hasSpare: f.HasDefault,
			})
		}
	}
	return err
}

// full returns the full name of a named type.
func full(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

// nullable reports whether null is a value of n.
func (n *node) nullable() bool {
	if n.kind == kindNull {
		return true
	}
	for _, b := range n.union {
		if b.kind == kindNull {
			return true
		}
	}
	return false
}
