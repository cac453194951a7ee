package config

import (
	"reflect"

	"github.com/wasmflow/wasmflow/connectors"
)

// field is a key of a configuration struct.
type field struct {
	key   string
	index []int // for reflect.Value.FieldByIndex
	typ   reflect.Type
	doc   string
	form  string
	flink string
	path  bool // values are paths, made absolute against the folder of the job file
}

// fieldsOf returns the keys of struct type t in order; those of embedded structs stand among
// them. A field without a toml tag is no key.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("toml")
		if f.Anonymous && key == "" && f.Type.Kind() == reflect.Struct {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		if key == "" || key == "-" || !f.IsExported() {
			continue
		}
		fields = append(fields, field{
			key: key, index: []int{i}, typ: f.Type,
			doc: f.Tag.Get("doc"), form: f.Tag.Get("form"), flink: f.Tag.Get("flink"),
			path: f.Tag.Get("path") == "file",
		})
	}
	return fields
}

// tomlUnmarshaler is a type that reads its own values.
type tomlUnmarshaler interface{ UnmarshalTOML(v any) error }

var (
	unmarshalerType = reflect.TypeFor[tomlUnmarshaler]()
	secretType      = reflect.TypeFor[connectors.Secret]()
	nodeType        = reflect.TypeFor[*node]()
)

// readsItself reports whether values of type t are decoded by the type.
func readsItself(t reflect.Type) bool { return reflect.PointerTo(t).Implements(unmarshalerType) }
