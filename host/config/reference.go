package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
)

// CheckRegistry reports what is wrong with the configuration structs of reg: fields that cannot
// be decoded or are not documented, and keys that mean something else already. Such a fault is in
// the program, so a test calls it, not Parse.
func CheckRegistry(reg Registry) error {
	var errs []error
	common := func(v any) map[string]bool {
		keys := map[string]bool{}
		for _, f := range targetOf(v).fields {
			keys[f.key] = true
		}
		return keys
	}
	sourceKeys, sinkKeys := common(new(Source)), common(new(Sink))
	for _, spec := range reg.Connectors {
		if spec.NewSource != nil {
			errs = append(errs, checkStruct("source "+spec.Name, spec.NewSource(), sourceKeys)...)
		}
		if spec.NewSink != nil {
			errs = append(errs, checkStruct("sink "+spec.Name, spec.NewSink(), sinkKeys)...)
		}
		if spec.Doc == "" {
			errs = append(errs, fmt.Errorf("%s: no Doc", spec.Name))
		}
	}
	for _, b := range slices.Concat(reg.Deserializers, reg.Serializers) {
		if b.NewOptions != nil {
			errs = append(errs, checkStruct("function "+b.Name, b.NewOptions(),
				map[string]bool{"format": true})...)
		}
	}
	return errors.Join(errs...)
}

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

func checkStruct(name string, config any, taken map[string]bool) []error {
	t := reflect.TypeOf(config)
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return []error{fmt.Errorf("%s: configuration is %v, want a pointer to a struct", name, t)}
	}
	return checkFields(name, t.Elem(), taken)
}

func checkFields(name string, t reflect.Type, taken map[string]bool) []error {
	var errs []error
	seen := map[string]bool{}
	for _, f := range fieldsOf(t) {
		at := name + ": " + f.key
		if !snakeCase.MatchString(f.key) {
			errs = append(errs, fmt.Errorf("%s: not snake_case", at))
		}
		if taken[f.key] || seen[f.key] {
			errs = append(errs, fmt.Errorf("%s: the key is taken", at))
		}
		seen[f.key] = true
		inner, isTable := tableOf(f.typ)
		switch {
		case isTable:
			errs = append(errs, checkFields(at, inner, nil)...)
		case f.doc == "":
			errs = append(errs, fmt.Errorf("%s: no doc tag", at))
		case f.form == "" && form(f.typ) == "":
			errs = append(errs, fmt.Errorf("%s: type %v needs a form tag, or cannot be decoded", at,
				f.typ))
		}
	}
	return errs
}

// tableOf returns the struct whose keys stand below a key of type t: t itself, or what it points
// to or lists.
func tableOf(t reflect.Type) (inner reflect.Type, ok bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if readsItself(t) {
			return nil, false
		}
		t = t.Elem()
	}
	return t, t.Kind() == reflect.Struct && !readsItself(t)
}

// form says how a value of type t is written, or "" when only a form tag can tell.
func form(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[connectors.Duration]():
		return "duration"
	case reflect.TypeFor[connectors.Size]():
		return "size"
	case secretType:
		return "secret"
	case reflect.TypeFor[connectors.FunctionRef]():
		return "function"
	}
	if readsItself(t) {
		return ""
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Pointer:
		return form(t.Elem())
	case reflect.Slice:
		return prefixed("list of ", form(t.Elem()))
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return prefixed("table of ", form(t.Elem()))
		}
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return "any value"
		}
	default:
		if v := reflect.Zero(t); v.CanInt() || v.CanUint() {
			return "integer"
		}
	}
	return ""
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// Reference returns the reference page of the job file as Markdown, made from the structs that
// job files are decoded into.
func Reference(reg Registry) string {
	p := &page{}
	p.b.WriteString(referenceHead)
	f := newFile()
	p.section("Top of the file", "", f, "")
	p.section("`[job]`", "", &f.Settings, "job")
	p.section("`[checkpoint]`", "", &f.Checkpoint, "checkpoint")
	p.section("`[restart]`", "What follows when an attempt to run the job fails. "+
		"A key that the chosen strategy does not read is refused.", &f.Restart, "restart")
	plugin, source, transform, sink := newPlugin(""), newSource(""), newTransform(""), newSink("")
	p.section("`[plugins.NAME]`", "A Wasm module and how it is opened.", &plugin, "plugins.x")
	p.section("`[sources.NAME]`", "Where records come from. Beside the keys of its connector, "+
		"every source has these.", &source, "sources.x")
	for _, spec := range sortedSpecs(reg.Connectors) {
		if spec.NewSource != nil {
			p.subsection(spec, "sources", spec.NewSource())
		}
	}
	p.section("`[transforms.NAME]`", "A function of a plugin that makes 0 to n records of each.",
		&transform, "transforms.x")
	p.section("`[sinks.NAME]`", "Where records go. Beside the keys of its connector, every sink "+
		"has these.", &sink, "sinks.x")
	for _, spec := range sortedSpecs(reg.Connectors) {
		if spec.NewSink != nil {
			p.subsection(spec, "sinks", spec.NewSink())
		}
	}
	p.b.WriteString("## `[dead_letter]`\n\nThe sink of records that a function refused under " +
		"`on_error = \"dead-letter\"`. It has the keys of a sink but `from` and `on_error`.\n\n")
	p.section("`[admin]`", "The HTTP server for metrics, health, status and for steering the job; see "+
		"admin-api.md.", &f.Admin, "admin")
	p.section("`[capture]`", "What a plugin was given when it trapped, passed a limit or answered "+
		"wrongly is kept in a file, which `wasmflow replay` runs again. Files have mode 0600.",
		&f.Capture, "capture")
	p.section("`[dev]`", "", &f.Dev, "dev")
	p.builtins(reg)
	if reg.FileSystems != "" {
		p.b.WriteString("## File systems\n\n" + reg.FileSystems + "\n")
	}
	p.flink()
	return strings.TrimRight(p.b.String(), "\n") + "\n"
}

const referenceHead = `# Job file reference

Printed by ` + "`wasmflow docs`" + `; do not edit.

A job file is TOML. A key that nothing reads is an error.

| form | how it is written |
|---|---|
| duration | a string such as ` + "`\"1s\"` or `\"250ms\"`" + ` |
| size | a string such as ` + "`\"64MiB\"` or `\"1GB\"`" + `, or a number of bytes |
| secret | a string, ` + "`{ env = \"NAME\" }` or `{ file = \"path\" }`" + `; it is never shown again |
| function | the name of a built-in function, ` + "`{ format = \"NAME\", ... }`" + ` with its options, or ` + "`{ plugin = \"NAME\", function = \"NAME\" }`" + ` |
| path | a path relative to the folder of the job file, an absolute path, or a URL |

In every string ` + "`${NAME}`" + ` is replaced by the environment variable and ` + "`$$` by `$`" + `.
A string that is nothing else, such as ` + "`\"${TASKS}\"`" + `, may stand for a number or a boolean.

`

func sortedSpecs(specs []connectors.Spec) []connectors.Spec {
	specs = slices.Clone(specs)
	slices.SortFunc(specs, func(a, b connectors.Spec) int { return strings.Compare(a.Name, b.Name) })
	return specs
}

// page collects the reference.
type page struct {
	b         strings.Builder
	connector string // whose keys are being written; "" for keys of no connector
	setters   []setter
}

// setter is a row of the table of Flink's settings.
type setter struct{ flink, key, connector string }

func (p *page) section(title, text string, config any, path string) {
	fmt.Fprintf(&p.b, "## %s\n\n", title)
	if text != "" {
		fmt.Fprintf(&p.b, "%s\n\n", text)
	}
	p.table(config, path)
}

func (p *page) subsection(spec connectors.Spec, section string, config any) {
	fmt.Fprintf(&p.b, "### `[%s.NAME]` with `connector = %q`\n\n%s\n\n", section, spec.Name, spec.Doc)
	p.connector = spec.Name
	p.table(config, section+".x")
	p.connector = ""
}

func (p *page) table(config any, path string) {
	v := reflect.ValueOf(config).Elem()
	if len(fieldsOf(v.Type())) == 0 {
		p.b.WriteString("It has no keys of its own.\n\n")
		return
	}
	p.b.WriteString("| key | form | default | meaning |\n|---|---|---|---|\n")
	p.rows(v, "", path)
	p.b.WriteString("\n")
}

// rows writes a row for every key of struct v; those of inner tables follow with their path.
func (p *page) rows(v reflect.Value, prefix, path string) {
	for _, f := range fieldsOf(v.Type()) {
		x := v.FieldByIndex(f.index)
		if f.typ == nodeType || f.typ == reflect.MapOf(reflect.TypeFor[string](), nodeType) {
			continue // a table with a section of its own
		}
		if inner, ok := tableOf(f.typ); ok {
			if path == "" {
				continue // so is this
			}
			key, how := prefix+f.key, "table"
			if f.typ.Kind() == reflect.Slice {
				key, how = key+"[]", "list of tables"
			}
			if f.doc != "" {
				p.row(prefix+f.key, how, "none", f.doc)
			}
			if x.Kind() != reflect.Struct {
				x = reflect.Zero(inner)
			}
			p.rows(x, key+".", path)
			continue
		}
		how := f.form
		switch {
		case how != "":
		case f.path:
			how = strings.Replace(form(f.typ), "string", "path", 1)
		default:
			how = form(f.typ)
		}
		p.row(prefix+f.key, how, defaultText(x), f.doc)
		for name := range strings.SplitSeq(f.flink, ", ") {
			if name != "" {
				p.setters = append(p.setters, setter{name, path + "." + prefix + f.key, p.connector})
			}
		}
	}
}

func (p *page) row(key, how, preset, doc string) {
	fmt.Fprintf(&p.b, "| `%s` | %s | %s | %s |\n", key, cell(how), preset, cell(doc))
}

// cell escapes a text for a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// defaultText formats the value a key has when the file does not set it.
func defaultText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return code(strconv.FormatBool(v.Bool()))
	case reflect.Slice, reflect.Map:
		if v.Len() == 0 {
			return "none"
		}
	default:
		if v.IsZero() && !v.CanInt() && !v.CanUint() && !v.CanFloat() {
			return "none"
		}
	}
	switch x := v.Interface().(type) {
	case connectors.Duration, connectors.Size:
		return code(fmt.Sprintf("%q", x))
	case connectors.FunctionRef:
		return code(fmt.Sprintf("%q", x.String()))
	case fmt.Stringer:
		return code(x.String())
	}
	if v.Kind() == reflect.String || v.Kind() == reflect.Slice {
		return code(strings.ReplaceAll(fmt.Sprintf("%q", v), `" "`, `", "`))
	}
	return code(fmt.Sprint(v))
}

func code(s string) string { return "`" + cell(s) + "`" }

func (p *page) builtins(reg Registry) {
	p.b.WriteString("## Built-in functions\n\n| role | name | meaning |\n|---|---|---|\n")
	for _, role := range []struct {
		name string
		list []Builtin
	}{
		{"deserializer", reg.Deserializers}, {"serializer", reg.Serializers},
		{"partitioner", reg.Partitioners}, {"timestamp", reg.Timestamps},
	} {
		for _, f := range role.list {
			fmt.Fprintf(&p.b, "| %s | `%s` | %s |\n", role.name, f.Name, cell(f.Doc))
		}
	}
	p.b.WriteString("\n")
	p.options("deserializer", "sources.x", reg.Deserializers)
	p.options("serializer", "sinks.x", reg.Serializers)
}

// options writes a table for every function of a role that has options.
func (p *page) options(role, section string, list []Builtin) {
	for _, f := range list {
		if f.NewOptions == nil {
			continue
		}
		fmt.Fprintf(&p.b, "### `%s = { format = %q, ... }`\n\n", role, f.Name)
		p.connector = f.Name
		p.table(f.NewOptions(), section+"."+role)
		p.connector = ""
	}
}

func (p *page) flink() {
	p.b.WriteString("## Coming from Flink\n\n| Flink | key | connector |\n|---|---|---|\n")
	slices.SortStableFunc(p.setters, func(a, b setter) int {
		return strings.Compare(a.flink, b.flink)
	})
	for _, s := range slices.Compact(p.setters) {
		fmt.Fprintf(&p.b, "| `%s` | `%s` | %s |\n", cell(s.flink), s.key, s.connector)
	}
}
