package main

import (
	"strings"
	"time"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/json"
)

// settings is the plugin's configuration.
type settings struct {
	Path    string `json:"path" required:"true" doc:"template, like country={country}/day={@day}"`
	Missing string `json:"missing" doc:"stands for fields that are missing or empty; empty: error"`
}

// codeMissing is the code of the failure of a record without a field.
const codeMissing = 1

func init() {
	f := &function{settings: &settings{Missing: "_none"}}
	wasmflow.Plugin("bucket-by-field", "1.0.0")
	wasmflow.Config(f.settings)
	wasmflow.OnOpen(f.open)
	wasmflow.Bucketer("bucket_by_field", f.bucket,
		wasmflow.Doc("names buckets by JSON fields and the record's time"))
}

func main() {}

// part is a part of the template: text, a time layout or the path of a field.
type part struct {
	text   string
	layout string
	path   []string
	err    error // what a record without the field fails with
}

type function struct {
	settings *settings
	parts    []part
	fields   bool // some part is a field
	parser   json.Parser

	// The time written last: records of a batch mostly share their hour.
	layout string
	hour   int64
	stamp  []byte
}

// layouts are the time layouts by their names in a template.
var layouts = map[string]string{
	"@year": "2006", "@month": "2006-01", "@day": "2006-01-02", "@hour": "2006-01-02-15",
}

func (f *function) open() error {
	f.parts, f.fields = nil, false
	rest := f.settings.Path
	for rest != "" {
		before, after, found := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return wasmflow.BadField("path", "has a '}' without its '{'")
		}
		if before != "" {
			f.parts = append(f.parts, part{text: before})
		}
		if !found {
			break
		}
		name, behind, found := strings.Cut(after, "}")
		if !found {
			return wasmflow.BadField("path", "has a '{' without its '}'")
		}
		p, err := newPart(name)
		if err != nil {
			return err
		}
		f.fields = f.fields || p.path != nil
		f.parts = append(f.parts, p)
		rest = behind
	}
	if len(f.parts) == 0 {
		return wasmflow.BadField("path", "is empty")
	}
	return nil
}

func newPart(name string) (part, error) {
	if layout, ok := layouts[name]; ok {
		return part{layout: layout}, nil
	}
	path := strings.Split(name, ".")
	for _, key := range path {
		if key == "" || key[0] == '@' {
			return part{}, wasmflow.BadField("path",
				"{"+name+"} is neither a field nor one of {@year}, {@month}, {@day}, {@hour}")
		}
	}
	return part{path: path, err: wasmflow.Fail(codeMissing, "field "+name+" is missing")}, nil
}

func (f *function) bucket(ctx *wasmflow.Context, r wasmflow.Record,
	dst []byte) ([]byte, error) {
	var record json.Value
	if f.fields {
		var err error
		if record, err = f.parser.Parse(r.Value()); err != nil {
			return nil, err
		}
	}
	for i := range f.parts {
		p := &f.parts[i]
		switch {
		case p.layout != "":
			dst = f.appendTime(dst, ctx, r, p.layout)
		case p.path != nil:
			value := text(record.Get(p.path...))
			switch {
			case len(value) > 0:
				dst = appendSafe(dst, value)
			case f.settings.Missing != "":
				dst = append(dst, f.settings.Missing...)
			default:
				return nil, p.err
			}
		default:
			dst = append(dst, p.text...)
		}
	}
	return dst, nil
}

// text returns a field's value: strings without quotes, numbers and booleans as they stand.
func text(v json.Value) []byte {
	switch v.Kind() {
	case json.String:
		return v.Bytes()
	case json.Number, json.Bool:
		return v.Raw()
	}
	return nil
}

const millisecondsPerHour = 3600 * 1000

func (f *function) appendTime(dst []byte, ctx *wasmflow.Context, r wasmflow.Record,
	layout string) []byte {
	at, ok := r.Timestamp()
	if !ok {
		at = ctx.Now().UnixMilli()
	}
	hour := at / millisecondsPerHour
	if at < 0 && at%millisecondsPerHour != 0 {
		hour--
	}
	if f.layout != layout || f.hour != hour || len(f.stamp) == 0 {
		f.layout, f.hour = layout, hour
		f.stamp = time.UnixMilli(at).UTC().AppendFormat(f.stamp[:0], layout)
	}
	return append(dst, f.stamp...)
}

// appendSafe appends a value as one element of a path.
func appendSafe(dst, value []byte) []byte {
	const digits = "0123456789ABCDEF"
	dots := string(value) == "." || string(value) == ".."
	for _, c := range value {
		safe := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '_' || c == '.' && !dots || c == '='
		if safe {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', digits[c>>4], digits[c&15])
	}
	return dst
}
