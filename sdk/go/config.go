package wasmflow

import (
	"encoding"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/sdk/go/json"
)

// Config registers the struct that holds the plugin's configuration. What it holds at registration
// are the defaults. Before the first record it is filled from the job file, strictly: an unknown
// key, a wrong type or a number that does not fit refuses the configuration and names the field.
//
// A field's key is that of its json tag, else its name in snake case; the tag "-" leaves it out.
// The tag required:"true" makes it obligatory, enum:"a,b" restricts a string, doc:"..." describes
// it. Fields are booleans, numbers, strings, time.Duration ("1m30s"), types with UnmarshalText,
// structs, and slices, string maps and pointers of these.
//
// If *T has a method Validate() error, it is called last; BadField names a field there.
func Config[T any](config *T) {
	if config == nil || reflect.TypeFor[T]().Kind() != reflect.Struct {
		panic("wasmflow: Config wants a pointer to a struct")
	}
	if plugin.config != nil {
		panic("wasmflow: Config is called twice")
	}
	defaults := *config
	b := &binding{schema: schemaOf(reflect.ValueOf(&defaults).Elem())}
	b.decode = func(v json.Value) error {
		fresh := defaults
		if err := decode(v, reflect.ValueOf(&fresh).Elem(), ""); err != nil {
			return err
		}
		if checked, ok := any(&fresh).(interface{ Validate() error }); ok {
			if err := checked.Validate(); err != nil {
				return err
			}
		}
		*config = fresh
		return nil
	}
	plugin.config = b
}

// binding ties the configuration to the program's struct. It is all that the rest of the package
// knows of that, so that a plugin without a configuration does not carry package reflect.
type binding struct {
	schema []byte // JSON Schema
	decode func(v json.Value) error
}

// open takes the configuration and returns nil, or the refusal as JSON. A panic in the plugin's
// code is a refusal, too.
func (g *guest) open(config []byte) []byte {
	g.refusal = nil
	if err := g.configure(config); err != nil {
		refused := &FieldError{}
		if !errors.As(err, &refused) {
			refused = &FieldError{Message: err.Error()}
		}
		w := json.NewWriter(nil)
		w.BeginObject()
		w.Key("field")
		w.String(refused.Field)
		w.Key("message")
		w.String(refused.Message)
		w.EndObject()
		g.refusal = w.Bytes()
	}
	return g.refusal
}

func (g *guest) configure(config []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New(panicText(p))
		}
	}()
	if len(config) == 0 {
		config = []byte("{}")
	}
	var p json.Parser
	v, err := p.Parse(config)
	if err != nil {
		return err
	}
	switch {
	case g.config != nil:
		err = g.config.decode(v)
	case v.Len() > 0 || v.Kind() != json.Object && v.Kind() != json.Null:
		err = &FieldError{Message: "the plugin takes no configuration"}
	}
	for _, f := range g.onOpen {
		if err == nil {
			err = f()
		}
	}
	return err
}

var (
	typeDuration = reflect.TypeFor[time.Duration]()
	typeText     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// decode sets to from v; path names the field for messages.
func decode(v json.Value, to reflect.Value, path string) error {
	t := to.Type()
	switch {
	case t == typeDuration:
		return decodeDuration(v, to, path)
	case reflect.PointerTo(t).Implements(typeText):
		return decodeText(v, to, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return decodeStruct(v, to, path)
	case reflect.Pointer:
		return decodePointer(v, to, path)
	case reflect.Slice:
		return decodeSlice(v, to, path)
	case reflect.Map:
		return decodeMap(v, to, path)
	default:
		return decodeScalar(v, to, path)
	}
}

func wrongType(v json.Value, path, want string) error {
	return &FieldError{path, "is " + v.Kind().String() + ", not " + want}
}

func decodeScalar(v json.Value, to reflect.Value, path string) error {
	switch kind := to.Kind(); kind {
	case reflect.Bool:
		b, ok := v.Bool()
		if !ok {
			return wrongType(v, path, "a boolean")
		}
		to.SetBool(b)
	case reflect.String:
		if v.Kind() != json.String {
			return wrongType(v, path, "a string")
		}
		to.SetString(v.Text())
	case reflect.Float32, reflect.Float64:
		f, ok := v.Float()
		if !ok || to.OverflowFloat(f) {
			return wrongNumber(v, path, "a number")
		}
		to.SetFloat(f)
	default:
		return decodeInteger(v, to, path)
	}
	return nil
}

func decodeInteger(v json.Value, to reflect.Value, path string) error {
	i, ok := v.Int()
	switch to.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if !ok || to.OverflowInt(i) {
			return wrongNumber(v, path, "a whole number")
		}
		to.SetInt(i)
	default:
		if !ok || i < 0 || to.OverflowUint(uint64(i)) {
			return wrongNumber(v, path, "a whole number from 0")
		}
		to.SetUint(uint64(i))
	}
	return nil
}

func wrongNumber(v json.Value, path, want string) error {
	if v.Kind() != json.Number {
		return wrongType(v, path, want)
	}
	return &FieldError{path, string(v.Raw()) + " is not " + want + " that fits"}
}

func decodeDuration(v json.Value, to reflect.Value, path string) error {
	if v.Kind() != json.String {
		return wrongType(v, path, `a duration like "1m30s"`)
	}
	d, err := time.ParseDuration(v.Text())
	if err != nil {
		return &FieldError{path, strconv.Quote(v.Text()) + ` is not a duration like "1m30s"`}
	}
	to.SetInt(int64(d))
	return nil
}

func decodeText(v json.Value, to reflect.Value, path string) error {
	if v.Kind() != json.String {
		return wrongType(v, path, "a string")
	}
	text := to.Addr().Interface().(encoding.TextUnmarshaler)
	if err := text.UnmarshalText([]byte(v.Text())); err != nil {
		return &FieldError{path, err.Error()}
	}
	return nil
}

func decodePointer(v json.Value, to reflect.Value, path string) error {
	if v.Kind() == json.Null {
		to.SetZero()
		return nil
	}
	fresh := reflect.New(to.Type().Elem()) // never through the pointer: it may be the default's
	to.Set(fresh)
	return decode(v, fresh.Elem(), path)
}

func decodeSlice(v json.Value, to reflect.Value, path string) error {
	if v.Kind() != json.Array {
		return wrongType(v, path, "an array")
	}
	n := v.Len()
	fresh := reflect.MakeSlice(to.Type(), n, n)
	i := 0
	for it := v.Elements(); it.Next(); i++ {
		at := path + "[" + strconv.Itoa(i) + "]"
		if err := decode(it.Value(), fresh.Index(i), at); err != nil {
			return err
		}
	}
	to.Set(fresh)
	return nil
}

func decodeMap(v json.Value, to reflect.Value, path string) error {
	if v.Kind() != json.Object {
		return wrongType(v, path, "an object")
	}
	t := to.Type()
	fresh := reflect.MakeMapWithSize(t, v.Len())
	for it := v.Elements(); it.Next(); {
		key, value := string(it.Key()), reflect.New(t.Elem()).Elem()
		if err := decode(it.Value(), value, join(path, key)); err != nil {
			return err
		}
		fresh.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), value)
	}
	to.Set(fresh)
	return nil
}

func decodeStruct(v json.Value, to reflect.Value, path string) error {
	if v.Kind() != json.Object {
		return wrongType(v, path, "an object")
	}
	fields := fieldsOf(to.Type())
	seen := make([]bool, len(fields))
	for it := v.Elements(); it.Next(); {
		key := string(it.Key())
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if i < 0 {
			return &FieldError{join(path, key), "unknown; the keys here are " + keys(fields)}
		}
		if seen[i] {
			return &FieldError{join(path, key), "stands twice"}
		}
		seen[i] = true
		f := fields[i]
		if err := decode(it.Value(), to.Field(f.index), join(path, key)); err != nil {
			return err
		}
		if len(f.enum) > 0 && !slices.Contains(f.enum, to.Field(f.index).String()) {
			return &FieldError{join(path, key), strconv.Quote(to.Field(f.index).String()) +
				" is not one of " + strings.Join(f.enum, ", ")}
		}
	}
	for i, f := range fields {
		if f.required && !seen[i] {
			return &FieldError{join(path, f.key), "required"}
		}
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func keys(fields []field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.key
	}
	return strings.Join(names, ", ")
}

// field is a field of a configuration struct.
type field struct {
	index    int
	key      string
	doc      string
	enum     []string
	required bool
}

func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		key, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if !sf.IsExported() || key == "-" {
			continue
		}
		if key == "" {
			key = snake(sf.Name)
		}
		f := field{
			index: i, key: key, doc: sf.Tag.Get("doc"), required: sf.Tag.Get("required") == "true",
		}
		if enum := sf.Tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, ",")
		}
		fields = append(fields, f)
	}
	return fields
}

// snake turns MaxRate into max_rate and URLPath into url_path.
func snake(name string) string {
	upper := func(i int) bool { return i < len(name) && name[i] >= 'A' && name[i] <= 'Z' }
	var b []byte
	for i := range len(name) {
		if upper(i) && i > 0 && (!upper(i-1) || i+1 < len(name) && !upper(i+1)) {
			b = append(b, '_')
		}
		b = append(b, name[i])
	}
	return strings.ToLower(string(b))
}
