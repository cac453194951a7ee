package bucketing

import (
	"fmt"
	"io"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/lines"
)

// formats are the names of job files and what they mean.
var formats = [...]struct{ name, lines string }{
	{"string", lines.Text}, {"json", lines.JSON}, {"csv", lines.CSV},
}

// Writer is the value of the key writer.
type Writer struct {
	Format  string        // one of formats
	Options lines.Options // its Format follows from the one above
}

func defaultWriter() Writer { return Writer{Format: formats[0].name, Options: lines.Defaults()} }

// String formats w as a job file would.
func (w Writer) String() string { return fmt.Sprintf("%q", w.Format) }

// UnmarshalTOML decodes "string", "json", "csv" or a table with the key format and options.
func (w *Writer) UnmarshalTOML(v any) error {
	*w = defaultWriter()
	switch v := v.(type) {
	case string:
		w.Format = v
		return nil
	case map[string]any:
		for key, v := range v {
			if err := w.set(key, v); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	}
	return fmt.Errorf("want a name or a table, not %T", v)
}

func (w *Writer) set(key string, v any) error {
	if key == "columns" {
		return w.setColumns(v)
	}
	fields := map[string]*string{
		"format":  &w.Format,
		"charset": &w.Options.Charset, "delimiter": &w.Options.Delimiter,
		"field_delimiter": &w.Options.FieldDelimiter, "quote": &w.Options.Quote,
		"nulls": &w.Options.Nulls,
	}
	s, isText := v.(string)
	into, known := fields[key]
	switch {
	case !known:
		return fmt.Errorf("unknown key; known are format, charset, delimiter, columns, " +
			"field_delimiter, quote, nulls")
	case !isText:
		return fmt.Errorf("want a string, not %T", v)
	}
	*into = s
	return nil
}

func (w *Writer) setColumns(v any) error {
	list, ok := v.([]any)
	if !ok {
		return fmt.Errorf("want a list of names, not %T", v)
	}
	w.Options.Columns = nil
	for _, x := range list {
		s, ok := x.(string)
		if !ok {
			return fmt.Errorf("want a list of names, not of %T", x)
		}
		w.Options.Columns = append(w.Options.Columns, s)
	}
	return nil
}

// lines returns the options with the format they belong to. An unknown one becomes text, so that
// validate finds the other problems, too.
func (w Writer) lines() lines.Options {
	o := w.Options
	o.Format = lines.Text
	for _, f := range formats {
		if f.name == w.Format {
			o.Format = f.lines
		}
	}
	return o
}

// open begins the rows of a part.
func (w Writer) open(out io.Writer) (format.Writer, error) {
	return lines.NewWriter(out, w.lines())
}

func (w Writer) validate(p *connectors.Problems) {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	p.OneOf("writer.format", w.Format, names...)
	w.lines().Validate(p, "writer.")
}
