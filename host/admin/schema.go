package admin

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// object is a JSON object. Encoded, its keys are in order.
type object = map[string]any

// Valued is implemented by types of text that have few values.
type Valued interface {
	// Values returns all of them; it looks at nothing of its receiver.
	Values() []string
}

// schemas makes JSON schemas of Go types, by the names that encoding/json uses. Structures stand
// once, by name, in the components of the document.
type schemas struct {
	structs map[string]reflect.Type
	built   object
}

func newSchemas() *schemas {
	return &schemas{structs: map[string]reflect.Type{}, built: object{}}
}

// of returns the schema of t. A type that JSON or this server has no use for is a bug.
func (s *schemas) of(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return object{} // any JSON
	}
	if t.Implements(reflect.TypeFor[Valued]()) {
		return object{"type": "string", "enum": reflect.Zero(t).Interface().(Valued).Values()}
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Struct:
		return s.reference(t)
	}
	panic("admin: no schema for " + t.String())
}

// reference returns what leads to the schema of a structure.
func (s *schemas) reference(t reflect.Type) object {
	known, ok := s.structs[t.Name()]
	switch {
	case ok && known != t:
		panic(fmt.Sprintf("admin: two structures are called %s: %s and %s", t.Name(), known, t))
	case !ok:
		s.structs[t.Name()] = t // before its fields, which may lead back to it
		built := object{"type": "object"}
		s.fields(t, built)
		s.built[t.Name()] = built
	}
	return object{"$ref": "#/components/schemas/" + t.Name()}
}

// fields adds the fields of t to the schema in, those of embedded structures among them.
func (s *schemas) fields(t reflect.Type, in object) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, tagged := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.fields(f.Type, in)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			panic(fmt.Sprintf("admin: field %s of %s has no name in JSON", f.Name, t))
		}
		schema := s.of(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			schema["description"] = doc
		}
		properties, _ := in["properties"].(object)
		if properties == nil {
			properties = object{}
			in["properties"] = properties
		}
		properties[name] = schema
		if !tagged || !strings.Contains(options, "omitempty") {
			required, _ := in["required"].([]string)
			in["required"] = append(required, name)
		}
	}
}
