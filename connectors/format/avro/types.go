package avro

import (
	"github.com/valyala/fastjson"
)

// Schema is a parsed schema, for formats that keep values of Avro's types in a form of their own.
type Schema struct{ parsed *schema }

// ParseSchema reads the text of a schema that refers to no other.
func ParseSchema(text string) (*Schema, error) {
	parsed, err := parseAlone(text)
	if err != nil {
		return nil, err
	}
	return &Schema{parsed}, nil
}

// Type is a type of a schema with its names resolved: recursive types make a graph.
type Type struct {
	Kind      string // as the specification names it, such as "record"
	Logical   string // likewise, such as "date"; "" for one that means nothing to its type
	Name      string // full, of a record, an enum or a fixed
	Precision int    // of a decimal
	Scale     int    // likewise
	Size      int    // bytes of a fixed
	Symbols   []string
	Items     *Type // of an array or a map
	Union     []*Type
	Fields    []Field
}

// Field is a field of a record.
type Field struct {
	Name string
	Type *Type
}

// Type returns the type of the values.
func (s *Schema) Type() *Type { return typeOf(s.parsed.root, map[*node]*Type{}) }

func typeOf(n *node, made map[*node]*Type) *Type {
	if t := made[n]; t != nil {
		return t
	}
	t := &Type{Logical: n.logicalName(), Name: n.name, Size: n.size, Symbols: n.symbols}
	made[n] = t // before what stands within, which may name it
	for name, k := range kinds {
		if k == n.kind && name != "error" { // another word for record
			t.Kind = name
		}
	}
	if n.logical == decimal {
		t.Precision, t.Scale = n.digits, n.scale
	}
	if n.items != nil {
		t.Items = typeOf(n.items, made)
	}
	for _, b := range n.union {
		t.Union = append(t.Union, typeOf(b, made))
	}
	for i := range n.fields {
		t.Fields = append(t.Fields, Field{n.fields[i].name, typeOf(n.fields[i].typ, made)})
	}
	return t
}

// logicalName returns the specification's name of what n stands for.
func (n *node) logicalName() string {
	unit := map[int]string{3: "millis", 6: "micros", nanoDigits: "nanos"}[n.digits]
	switch n.logical {
	case date:
		return "date"
	case timeMillis, timeMicros:
		return "time-" + unit
	case timestamp:
		return "timestamp-" + unit
	case localTimestamp:
		return "local-timestamp-" + unit
	case decimal:
		return "decimal"
	case uuidFixed:
		return "uuid"
	case duration:
		return "duration"
	}
	return ""
}

// Encoder turns JSON into Avro's binary form. It is used by one goroutine.
type Encoder struct {
	schema *Schema
	parser fastjson.Parser
	e      encoder
}

// NewEncoder returns an encoder of valid options, of which it takes Unions and UnknownFields.
func NewEncoder(s *Schema, o FileOptions) *Encoder {
	return &Encoder{schema: s, e: encoder{
		tagged: o.Unions == unionsTagged, drop: o.UnknownFields == unknownDrop,
	}}
}

// Append appends the binary form of one value to dst. The error concerns the value.
func (e *Encoder) Append(dst, json []byte) ([]byte, error) {
	e.e.out = dst
	err := e.e.json(&e.parser, e.schema.parsed, json)
	out := e.e.out
	e.e.out = nil // it is the caller's
	if err != nil {
		return dst, err
	}
	return out, nil
}
