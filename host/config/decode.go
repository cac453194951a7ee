package config

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wasmflow/wasmflow/connectors"
)

// decoder fills structs from nodes by their tags. Values the file does not set keep the default
// that already stands in the struct.
type decoder struct {
	*collector
	expand expander
	// checkURL returns what is wrong with the URL of a file; nil where nothing can be told.
	checkURL func(url string) error
}

// checkFile refuses a URL that no file system understands.
func (d *decoder) checkFile(line int, key, path string) {
	if d.checkURL == nil || !scheme.MatchString(path) {
		return
	}
	if err := d.checkURL(path); err != nil {
		d.addf(line, key, "%v", err)
	}
}

// target is a struct to fill together with the names of its keys.
type target struct {
	value  reflect.Value
	fields []field
}

// targetOf returns the target for the struct that into points to.
func targetOf(into any) target {
	v := reflect.ValueOf(into).Elem()
	return target{v, fieldsOf(v.Type())}
}

// table decodes the table n, which stands at key, into the structs that intos point to. Every
// key belongs to the first of them that has it.
func (d *decoder) table(n *node, key string, intos ...any) {
	targets := make([]target, len(intos))
	for i, into := range intos {
		targets[i] = targetOf(into)
	}
	d.tableInto(n, key, targets)
}

func (d *decoder) tableInto(n *node, key string, targets []target) {
	if n.table == nil {
		d.addf(n.line, key, "want a table, not %s", n.kind())
		return
	}
	var known []string
	for _, t := range targets {
		for _, f := range t.fields {
			known = append(known, f.key)
		}
	}
next:
	for _, k := range n.keys() {
		child, path := n.table[k], join(key, k)
		for _, t := range targets {
			for _, f := range t.fields {
				if f.key == k {
					d.value(child, path, t.value.FieldByIndex(f.index), f.path)
					continue next
				}
			}
		}
		d.addf(child.line, path, "%s", unknownKey(k, known))
	}
}

// value decodes n into dst. isPath says that strings are paths.
func (d *decoder) value(n *node, key string, dst reflect.Value, isPath bool) {
	t := dst.Type()
	switch t {
	case secretType:
		d.secretValue(n, key, dst)
		return
	case nodeType: // decoded by whoever knows what belongs there
		dst.Set(reflect.ValueOf(n))
		return
	}
	if readsItself(t) {
		v, ok := d.plain(n, key)
		if !ok {
			return
		}
		if err := dst.Addr().Interface().(tomlUnmarshaler).UnmarshalTOML(v); err != nil {
			d.addf(n.line, key, "%v", err)
		}
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		p := reflect.New(t.Elem())
		if !dst.IsNil() {
			p.Elem().Set(dst.Elem())
		}
		d.value(n, key, p.Elem(), isPath)
		dst.Set(p)
	case reflect.Struct:
		d.tableInto(n, key, []target{{dst, fieldsOf(t)}})
	case reflect.Map:
		d.mapValue(n, key, dst, isPath)
	case reflect.Slice:
		d.sliceValue(n, key, dst, isPath)
	case reflect.Interface:
		if v, ok := d.plain(n, key); ok && v != nil {
			dst.Set(reflect.ValueOf(v))
		}
	default:
		d.scalar(n, key, dst, isPath)
	}
}

func (d *decoder) mapValue(n *node, key string, dst reflect.Value, isPath bool) {
	if n.table == nil {
		d.addf(n.line, key, "want a table, not %s", n.kind())
		return
	}
	m := reflect.MakeMapWithSize(dst.Type(), len(n.table))
	for _, k := range n.keys() {
		v := reflect.New(dst.Type().Elem()).Elem()
		d.value(n.table[k], join(key, k), v, isPath)
		m.SetMapIndex(reflect.ValueOf(k).Convert(dst.Type().Key()), v)
	}
	dst.Set(m)
}

func (d *decoder) sliceValue(n *node, key string, dst reflect.Value, isPath bool) {
	if n.list == nil {
		d.addf(n.line, key, "want a list, not %s; put it into [ ]", n.kind())
		return
	}
	s := reflect.MakeSlice(dst.Type(), len(n.list), len(n.list))
	for i, item := range n.list {
		d.value(item, fmt.Sprintf("%s[%d]", key, i), s.Index(i), isPath)
	}
	dst.Set(s)
}

// scalar decodes strings, booleans and numbers. A string that is made of variables alone may
// stand for a number or a boolean: parallelism = "${TASKS}".
func (d *decoder) scalar(n *node, key string, dst reflect.Value, isPath bool) {
	v := n.scalar
	if s, ok := v.(string); ok {
		text, ok := d.text(n, key)
		if !ok {
			return
		}
		v = text
		if dst.Kind() != reflect.String && strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}") {
			v = parseAs(dst.Kind(), text)
		}
	}
	switch {
	case dst.Kind() == reflect.String:
		s, ok := v.(string)
		if !ok {
			d.addf(n.line, key, "want a string, not %s%s", n.kind(), secretHint(n))
			return
		}
		if isPath {
			s = d.expand.path(s)
			d.checkFile(n.line, key, s)
		}
		dst.SetString(s)
	case dst.Kind() == reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			d.addf(n.line, key, "want true or false, not %s", n.kind())
			return
		}
		dst.SetBool(b)
	case dst.CanInt():
		x, ok := v.(int64)
		if !ok || dst.OverflowInt(x) {
			d.addf(n.line, key, "want an integer, not %s", outOfRange(n, ok))
			return
		}
		dst.SetInt(x)
	case dst.CanUint():
		x, ok := v.(int64)
		if !ok || x < 0 || dst.OverflowUint(uint64(x)) {
			d.addf(n.line, key, "want an integer from 0, not %s", outOfRange(n, ok))
			return
		}
		dst.SetUint(uint64(x))
	case dst.CanFloat():
		d.float(n, key, v, dst)
	default:
		// CheckRegistry finds such a field before any file does.
		d.addf(n.line, key, "cannot be set: no rule for type %s", dst.Type())
	}
}

func (d *decoder) float(n *node, key string, v any, dst reflect.Value) {
	var x float64
	switch v := v.(type) {
	case float64:
		x = v
	case int64:
		x = float64(v)
	default:
		d.addf(n.line, key, "want a number, not %s", n.kind())
		return
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		d.addf(n.line, key, "want a finite number")
		return
	}
	dst.SetFloat(x)
}

func outOfRange(n *node, isInteger bool) string {
	if isInteger {
		return "one out of range"
	}
	return n.kind()
}

// secretHint explains why { env = "NAME" } is refused where no secret is wanted.
func secretHint(n *node) string {
	if len(n.table) == 1 && n.table["env"] != nil {
		return "; write \"${NAME}\" here, { env = } is for secrets"
	}
	return ""
}

// parseAs reads the value of variables as the kind of scalar that is wanted, or returns it as the
// string it is.
func parseAs(kind reflect.Kind, text string) any {
	switch kind {
	case reflect.Bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case reflect.Float32, reflect.Float64:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	default:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
	}
	return text
}

// secretValue decodes a string, { env = "NAME" } or { file = "path" }. No text names the value.
func (d *decoder) secretValue(n *node, key string, dst reflect.Value) {
	const forms = `a string, { env = "NAME" } or { file = "path" }`
	var secret connectors.Secret
	switch {
	case n.table != nil:
		keys := n.keys()
		if len(keys) != 1 || keys[0] != "env" && keys[0] != "file" {
			d.addf(n.line, key, "want %s", forms)
			return
		}
		source, path := n.table[keys[0]], join(key, keys[0])
		if _, ok := source.scalar.(string); !ok {
			d.addf(source.line, path, "want a string, not %s", source.kind())
			return
		}
		text, ok := d.text(source, path)
		if !ok {
			return
		}
		var err error
		if secret, err = d.expand.secret(keys[0], text); err != nil {
			d.addf(source.line, path, "%v", err)
			return
		}
	default:
		if _, ok := n.scalar.(string); !ok {
			d.addf(n.line, key, "want %s, not %s", forms, n.kind())
			return
		}
		text, ok := d.text(n, key)
		if !ok {
			return
		}
		d.mask.add(text, "***")
		secret = connectors.NewSecret(text)
	}
	dst.Set(reflect.ValueOf(secret))
}

// text returns the string n with its variables replaced.
func (d *decoder) text(n *node, key string) (string, bool) {
	s, err := d.expand.text(n.scalar.(string))
	if err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			d.addf(n.line, key, "%s", line)
		}
		return "", false
	}
	return s, true
}

// plain returns n as the values that UnmarshalTOML is promised, or false when a variable in it is
// missing.
func (d *decoder) plain(n *node, key string) (v any, ok bool) {
	switch {
	case n.table != nil:
		m := make(map[string]any, len(n.table))
		ok = true
		for _, k := range n.keys() {
			x, fine := d.plain(n.table[k], join(key, k))
			m[k], ok = x, ok && fine
		}
		return m, ok
	case n.list != nil:
		l := make([]any, len(n.list))
		ok = true
		for i, item := range n.list {
			x, fine := d.plain(item, fmt.Sprintf("%s[%d]", key, i))
			l[i], ok = x, ok && fine
		}
		return l, ok
	}
	if _, isText := n.scalar.(string); isText {
		return d.text(n, key)
	}
	return n.scalar, true
}

// join appends a key to a dotted path. A key that is not bare is quoted, as in TOML.
func join(path, key string) string {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool {
		return r >= utf8.RuneSelf || !isBareKeyByte(byte(r))
	}) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// absolute resolves path against the absolute folder dir.
func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
