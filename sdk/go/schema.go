package wasmflow

import (
	"encoding"
	"reflect"
	"time"

	"github.com/wasmflow/wasmflow/sdk/go/json"
)

// schemaOf returns the JSON Schema of a configuration with these defaults. It panics on a type that
// no configuration can have.
func schemaOf(defaults reflect.Value) []byte {
	w := json.NewWriter(nil)
	writeSchema(&w, defaults.Type(), defaults, field{})
	return w.Bytes()
}

// writeSchema writes the schema of type t. defaults is the value that holds where the configuration
// is silent, invalid where there is none.
func writeSchema(w *json.Writer, t reflect.Type, defaults reflect.Value, f field) {
	if t.Kind() == reflect.Pointer {
		t, defaults = t.Elem(), reflect.Value{}
	}
	w.BeginObject()
	w.Key("type")
	switch {
	case t == typeDuration, reflect.PointerTo(t).Implements(typeText):
		w.String("string")
		writeDefault(w, defaults)
	default:
		writeKind(w, t, defaults)
	}
	if f.doc != "" {
		w.Key("description")
		w.String(f.doc)
	}
	if len(f.enum) > 0 {
		if t.Kind() != reflect.String {
			panic("wasmflow: Config: enum is for strings, not " + t.String())
		}
		w.Key("enum")
		w.BeginArray()
		for _, s := range f.enum {
			w.String(s)
		}
		w.EndArray()
	}
	w.EndObject()
}

func writeKind(w *json.Writer, t reflect.Type, defaults reflect.Value) {
	switch t.Kind() {
	case reflect.Bool:
		w.String("boolean")
		writeDefault(w, defaults)
	case reflect.String:
		w.String("string")
		writeDefault(w, defaults)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.String("integer")
		writeDefault(w, defaults)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.String("integer")
		w.Key("minimum")
		w.Int(0)
		writeDefault(w, defaults)
	case reflect.Float32, reflect.Float64:
		w.String("number")
		writeDefault(w, defaults)
	case reflect.Struct:
		w.String("object")
		writeProperties(w, t, defaults)
	case reflect.Slice:
		w.String("array")
		w.Key("items")
		writeSchema(w, t.Elem(), reflect.Value{}, field{})
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			panic("wasmflow: Config: the keys of " + t.String() + " are not strings")
		}
		w.String("object")
		w.Key("additionalProperties")
		writeSchema(w, t.Elem(), reflect.Value{}, field{})
	default:
		panic("wasmflow: Config: no configuration can be a " + t.String())
	}
}

func writeProperties(w *json.Writer, t reflect.Type, defaults reflect.Value) {
	fields := fieldsOf(t)
	w.Key("additionalProperties")
	w.Bool(false)
	w.Key("properties")
	w.BeginObject()
	required := false
	for _, f := range fields {
		w.Key(f.key)
		var d reflect.Value
		if defaults.IsValid() && !f.required {
			d = defaults.Field(f.index)
		}
		writeSchema(w, t.Field(f.index).Type, d, f)
		required = required || f.required
	}
	w.EndObject()
	if !required {
		return
	}
	w.Key("required")
	w.BeginArray()
	for _, f := range fields {
		if f.required {
			w.String(f.key)
		}
	}
	w.EndArray()
}

// writeDefault writes the default of a scalar, if there is one.
func writeDefault(w *json.Writer, v reflect.Value) {
	if !v.IsValid() {
		return
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		w.Key("default")
		w.String(x.String())
		return
	case encoding.TextMarshaler:
		if text, err := x.MarshalText(); err == nil {
			w.Key("default")
			w.StringBytes(text)
		}
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		w.Key("default")
		w.Bool(v.Bool())
	case reflect.String:
		w.Key("default")
		w.String(v.String())
	case reflect.Float32, reflect.Float64:
		w.Key("default")
		w.Float(v.Float())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.Key("default")
		w.Int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.Key("default")
		w.Uint(v.Uint())
	}
}
