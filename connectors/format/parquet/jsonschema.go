package parquet

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/valyala/fastjson"
)

// typesMax bounds the types that references of a JSON Schema multiply to.
const typesMax = 2 * columnsMax

// The forms of Avro's types in JSON.
type (
	avroRecord struct {
		Type   string      `json:"type"`
		Name   string      `json:"name"`
		Fields []avroField `json:"fields"`
	}
	avroField struct {
		Name string `json:"name"`
		Type any    `json:"type"`
	}
	avroNamed struct {
		Type    string   `json:"type"`
		Name    string   `json:"name"`
		Symbols []string `json:"symbols,omitempty"`
		Size    int      `json:"size,omitempty"`
		Logical string   `json:"logicalType,omitempty"`
	}
	avroItems struct {
		Type   string `json:"type"`
		Items  any    `json:"items,omitempty"`
		Values any    `json:"values,omitempty"`
	}
	avroLogical struct {
		Type    string `json:"type"`
		Logical string `json:"logicalType"`
	}
)

// avroName is what Avro calls fields, records and symbols.
const avroName = `^[A-Za-z_][A-Za-z0-9_]*$`

// shaping returns the keywords that give values more than one form, of which columns have but one.
func shaping() []string {
	return []string{
		"allOf", "not", "if", "patternProperties", "prefixItems", "dependentSchemas", "dependencies",
		"$dynamicRef", "$recursiveRef",
	}
}

// fromJSONSchema returns the Avro schema of the values that a JSON Schema describes. What only
// narrows values down, such as a minimum, is left out.
func fromJSONSchema(text string) (string, error) {
	root, err := fastjson.Parse(text)
	if err != nil {
		return "", fmt.Errorf("reading the JSON Schema: %w", err)
	}
	c := converter{root: root, name: regexp.MustCompile(avroName), named: map[string]bool{}}
	t, null, err := c.convert(root, "#", []string{"Row"})
	if err == nil && null {
		err = c.refuse("#", "rows are objects and never null")
	}
	if err != nil {
		return "", fmt.Errorf("reading the JSON Schema: %w", err)
	}
	out, err := json.Marshal(t)
	return string(out), err
}

// converter turns a JSON Schema into an Avro schema.
type converter struct {
	root  *fastjson.Value
	name  *regexp.Regexp
	types int
	refs  []string // that are being followed
	named map[string]bool
}

// unique returns the name of a type within others.
func (c *converter) unique(names []string) string {
	name := strings.Join(names, "_")
	for c.named[name] { // a field a_b, and b within a
		name += "_"
	}
	c.named[name] = true
	return name
}

// refuse names a place as JSON Schema does.
func (c *converter) refuse(at, text string, args ...any) error {
	return fmt.Errorf("at %s: %w", at, fmt.Errorf(text, args...))
}

// convert returns the type of v, and whether null is a value of it, too. names are those of the
// records and fields around it.
func (c *converter) convert(v *fastjson.Value, at string, names []string) (any, bool, error) {
	if c.types++; c.types > typesMax {
		return nil, false, c.refuse(at, "the schema has more than %d types", typesMax)
	}
	if v.Type() != fastjson.TypeObject {
		return nil, false, c.refuse(at, "want an object that names a type, not %s", v.Type())
	}
	for _, k := range shaping() {
		if v.Exists(k) {
			return nil, false, c.refuse(at, "%s has no form in Parquet", k)
		}
	}
	if v.Exists("$ref") {
		return c.follow(string(v.GetStringBytes("$ref")), at, names)
	}
	for _, k := range []string{"anyOf", "oneOf"} {
		if v.Exists(k) {
			return c.either(v.GetArray(k), at+"/"+k, names)
		}
	}
	kind, null, err := c.kind(v, at)
	if err != nil {
		return nil, false, err
	}
	t, err := c.typed(kind, v, at, names)
	return t, null, err
}

// follow converts what a reference within the schema points at.
func (c *converter) follow(ref, at string, names []string) (any, bool, error) {
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, false, c.refuse(at, "$ref %q; only those that begin with #/ are followed", ref)
	}
	if slices.Contains(c.refs, ref) {
		return nil, false, c.refuse(at, "%s holds itself; Parquet has no recursive types", ref)
	}
	var keys []string
	for _, k := range strings.Split(path, "/") {
		keys = append(keys, strings.NewReplacer("~1", "/", "~0", "~").Replace(k))
	}
	v := c.root.Get(keys...)
	if v == nil {
		return nil, false, c.refuse(at, "$ref %q points at nothing", ref)
	}
	c.refs = append(c.refs, ref)
	defer func() { c.refs = c.refs[:len(c.refs)-1] }()
	return c.convert(v, ref, names)
}

// either converts a choice, of null and one other.
func (c *converter) either(list []*fastjson.Value, at string, names []string) (any, bool, error) {
	other := -1
	for i, v := range list {
		if string(v.GetStringBytes("type")) == "null" {
			continue
		}
		if other >= 0 {
			return nil, false, c.refuse(at, "%w", errUnion)
		}
		other = i
	}
	if other < 0 {
		return nil, false, c.refuse(at, "%w", errUnion)
	}
	t, null, err := c.convert(list[other], fmt.Sprintf("%s/%d", at, other), names)
	return t, null || len(list) > 1, err
}

// kind returns the type that v names.
func (c *converter) kind(v *fastjson.Value, at string) (kind string, null bool, err error) {
	t := v.Get("type")
	var kinds []string
	switch {
	case t == nil:
		kinds = impliedKinds(v)
	case t.Type() == fastjson.TypeArray:
		for _, x := range t.GetArray() {
			kinds = append(kinds, string(x.GetStringBytes()))
		}
	default:
		kinds = []string{string(t.GetStringBytes())}
	}
	for _, k := range kinds {
		switch {
		case k == "null":
			null = true
		case kind != "" && kind != k:
			return "", false, c.refuse(at, "%w", errUnion)
		default:
			kind = k
		}
	}
	if kind == "" {
		return "", false, c.refuse(at, "type: required; name one that is not null alone")
	}
	return kind, null, nil
}

// impliedKinds returns the types of a schema that names none.
func impliedKinds(v *fastjson.Value) (kinds []string) {
	for _, x := range append(v.GetArray("enum"), v.Get("const")) {
		switch {
		case x == nil:
		case x.Type() == fastjson.TypeString:
			kinds = append(kinds, "string")
		case x.Type() == fastjson.TypeNull:
			kinds = append(kinds, "null")
		}
	}
	if v.Exists("properties") {
		kinds = append(kinds, "object")
	}
	return kinds
}

// typed converts a schema of one type.
func (c *converter) typed(kind string, v *fastjson.Value, at string, names []string) (any, error) {
	switch kind {
	case "boolean":
		return "boolean", nil
	case "integer":
		if string(v.GetStringBytes("format")) == "int32" {
			return "int", nil
		}
		return "long", nil
	case "number":
		return "double", nil
	case "string":
		return c.text(v, names), nil
	case "array":
		items := v.Get("items")
		if items == nil {
			return nil, c.refuse(at, "items: required; say what the array holds")
		}
		t, err := c.nullable(items, false, at+"/items", append(names[:len(names):len(names)], "item"))
		return avroItems{Type: "array", Items: t}, err
	case "object":
		return c.object(v, at, names)
	}
	return nil, c.refuse(at, "type %q is not known", kind)
}

// text converts a string by its format.
func (c *converter) text(v *fastjson.Value, names []string) any {
	switch string(v.GetStringBytes("format")) {
	case "date":
		return avroLogical{"int", "date"}
	case "date-time":
		return avroLogical{"long", "timestamp-micros"}
	case "uuid":
		return avroNamed{Type: "fixed", Name: c.unique(names), Size: 16, Logical: "uuid"}
	}
	if string(v.GetStringBytes("contentEncoding")) == "base64" {
		return "bytes"
	}
	var symbols []string
	for _, x := range v.GetArray("enum") {
		if x.Type() == fastjson.TypeNull {
			continue
		}
		s := string(x.GetStringBytes())
		if !c.name.MatchString(s) || slices.Contains(symbols, s) {
			return "string" // Avro's enums hold names only
		}
		symbols = append(symbols, s)
	}
	if len(symbols) > 0 {
		return avroNamed{Type: "enum", Name: c.unique(names), Symbols: symbols}
	}
	return "string"
}

// nullable converts a schema to a type that holds null where v does, or where it is optional.
func (c *converter) nullable(
	v *fastjson.Value, optional bool, at string, names []string,
) (any, error) {
	t, null, err := c.convert(v, at, names)
	if err == nil && (null || optional) {
		return []any{"null", t}, nil
	}
	return t, err
}

// object converts an object to a record, or without properties to a map.
func (c *converter) object(v *fastjson.Value, at string, names []string) (any, error) {
	properties := v.GetObject("properties")
	if properties == nil || properties.Len() == 0 {
		values := v.Get("additionalProperties")
		if values == nil || values.Type() != fastjson.TypeObject {
			return nil, c.refuse(at, "properties: required; an object without them has no columns")
		}
		t, err := c.nullable(values, false, at+"/additionalProperties",
			append(names[:len(names):len(names)], "value"))
		return avroItems{Type: "map", Values: t}, err
	}
	required := map[string]bool{}
	for _, x := range v.GetArray("required") {
		required[string(x.GetStringBytes())] = true
	}
	out := avroRecord{Type: "record", Name: c.unique(names)}
	var err error
	properties.Visit(func(key []byte, inner *fastjson.Value) {
		name := string(key)
		if err == nil && !c.name.MatchString(name) {
			err = c.refuse(at+"/properties/"+name, "%q is no name of a field; it may hold letters "+
				"without accents, digits and _, and begins with no digit", name)
		}
		if err != nil {
			return
		}
		f := avroField{Name: name}
		f.Type, err = c.nullable(inner, !required[name], at+"/properties/"+name,
			append(names[:len(names):len(names)], name))
		out.Fields = append(out.Fields, f)
	})
	return out, err
}
