package files

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/compress"
	"github.com/wasmflow/wasmflow/connectors/format/lines"
	"github.com/wasmflow/wasmflow/connectors/format/parquet"
	"github.com/wasmflow/wasmflow/connectors/format/sequencefile"
)

// Formats.
const (
	String       = "string"
	JSON         = "json"
	CSV          = "csv"
	SequenceFile = "sequence-file"
	Avro         = "avro"
	Parquet      = "parquet"
)

// None is the compression of files that are not compressed.
const None = "none"

// row is a row of the table.
type row struct {
	name         string
	lines        string   // the format of package lines, or ""
	keys         []string // that mean something to it
	compressions []string
	schema       bool // it has one
}

// rows returns the table.
func rows() []row {
	text := []string{"charset", "delimiter", "compression"}
	var streams []string
	for _, c := range streamCodecs() {
		streams = append(streams, c.name)
	}
	return []row{
		{String, lines.Text, text, streams, false},
		{JSON, lines.JSON, text, streams, false},
		{CSV, lines.CSV, append(text, "columns", "field_delimiter", "quote", "nulls"), streams, false},
		{SequenceFile, "", []string{"key_class", "value_class", "compression", "compress_by"},
			sequencefile.Compressions(), false},
		{Avro, "", []string{"compression", "unions", "unknown_fields"}, avro.Compressions(), true},
		{Parquet, "", []string{"compression", "unions", "unknown_fields", "schema_type",
			"row_group_size"}, parquet.Compressions(), true},
	}
}

// streamCodec compresses a whole file of lines.
type streamCodec struct {
	name, extension string
	form            compress.Form
}

func streamCodecs() []streamCodec {
	return []streamCodec{
		{None, "", 0}, {"gzip", ".gz", compress.Gzip}, {"zstd", ".zst", compress.Zstd},
	}
}

// Names returns the names of the formats.
func Names() (names []string) {
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

// Keys returns the keys of all formats, in the order of the table.
func Keys() (keys []string) {
	for _, r := range rows() {
		for _, k := range r.keys {
			if !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// Options are a format and what was chosen in it.
type Options struct {
	Format      string
	Lines       lines.Options        // its Format follows from the one above
	Sequence    sequencefile.Options // its Compression follows from the one below
	Avro        avro.FileOptions     // likewise
	Parquet     parquet.Options      // likewise; its Values follow from the ones above
	Compression string
	given       []string // keys that were set
}

// Defaults returns lines of text.
func Defaults() Options {
	return Options{
		Format: String, Lines: lines.Defaults(), Sequence: sequencefile.Defaults(),
		Avro: avro.NewFileOptions(), Parquet: parquet.NewOptions(), Compression: None,
	}
}

// SetSchema gives the schema of formats that have one: its text, or the file that holds it. Their
// keys stand beside the others, not among them, so that the file is found beside the job file.
func (o *Options) SetSchema(text, file string) {
	o.Avro.Schema, o.Avro.SchemaFile = text, file
}

// Set sets a key to what a job file says.
func (o *Options) Set(key string, v any) error {
	o.given = append(o.given, key)
	switch key {
	case "columns":
		return o.setColumns(v)
	case "row_group_size":
		return o.setRowGroup(v)
	}
	fields := map[string]*string{
		"format": &o.Format, "compression": &o.Compression,
		"charset": &o.Lines.Charset, "delimiter": &o.Lines.Delimiter,
		"field_delimiter": &o.Lines.FieldDelimiter, "quote": &o.Lines.Quote, "nulls": &o.Lines.Nulls,
		"key_class": &o.Sequence.KeyClass, "value_class": &o.Sequence.ValueClass,
		"compress_by": &o.Sequence.CompressBy,
		"unions":      &o.Avro.Unions, "unknown_fields": &o.Avro.UnknownFields,
		"schema_type": &o.Parquet.SchemaType,
	}
	s, isText := v.(string)
	into, known := fields[key]
	switch {
	case !known:
		return fmt.Errorf("unknown key; known are format, %s", strings.Join(Keys(), ", "))
	case !isText:
		return fmt.Errorf("want a string, not %T", v)
	}
	*into = s
	return nil
}

func (o *Options) setColumns(v any) error {
	list, ok := v.([]any)
	if !ok {
		return fmt.Errorf("want a list of names, not %T", v)
	}
	o.Lines.Columns = nil
	for _, x := range list {
		s, ok := x.(string)
		if !ok {
			return fmt.Errorf("want a list of names, not of %T", x)
		}
		o.Lines.Columns = append(o.Lines.Columns, s)
	}
	return nil
}

func (o *Options) setRowGroup(v any) (err error) {
	switch v := v.(type) {
	case string:
		o.Parquet.RowGroupSize, err = connectors.ParseSize(v)
	case int64:
		o.Parquet.RowGroupSize = connectors.Size(v)
	default:
		err = fmt.Errorf("want a size such as \"64MiB\", not %T", v)
	}
	return err
}

// row returns the row of the format. An unknown one becomes lines of text, so that Validate finds
// the other problems, too.
func (o *Options) row() (row, bool) {
	all := rows()
	i := slices.IndexFunc(all, func(r row) bool { return r.name == o.Format })
	return all[max(i, 0)], i >= 0
}

// Validate reports every problem; prefix stands before the keys but schema and schema_file.
func (o *Options) Validate(p *connectors.Problems, prefix string) {
	p.OneOf(prefix+"format", o.Format, Names()...)
	r, known := o.row()
	if known {
		slices.Sort(o.given)
		for _, key := range slices.Compact(o.given) {
			if key != "format" && !slices.Contains(r.keys, key) { // T1
				p.Addf(prefix+key, "%s has no such choice; leave it out, or write another format",
					o.Format)
			}
		}
	}
	if known && !r.schema && o.Avro.Schema+o.Avro.SchemaFile != "" { // T1
		p.Addf("schema_file", "%s has no schema; leave schema_file and schema out", o.Format)
	}
	p.OneOf(prefix+"compression", o.Compression, r.compressions...)
	if r.lines != "" {
		o.lines(r).Validate(p, prefix)
		return
	}
	switch o.Format {
	case Avro:
		a := o.Avro
		a.Compression = None // reported above
		a.Validate(p, prefix)
	case Parquet:
		c := o.parquet()
		c.Compression = None // likewise
		c.Validate(p, prefix)
	default:
		s := o.Sequence
		s.Compression = None // likewise
		s.Validate(p, prefix)
	}
}

func (o *Options) parquet() parquet.Options {
	p := o.Parquet
	p.Values, p.Compression = o.Avro, o.Compression
	p.Values.Compression = None // of Avro's own files
	return p
}

func (o *Options) lines(r row) lines.Options {
	l := o.Lines
	l.Format = r.lines
	return l
}

// Extension returns what ends the name of a file (T2), such as ".gz", or "".
func (o *Options) Extension() string {
	if r, _ := o.row(); r.lines != "" {
		return o.stream().extension
	}
	if o.Format == Avro || o.Format == Parquet {
		return "." + o.Format
	}
	return "" // Hadoop gives SequenceFiles none
}

func (o *Options) stream() streamCodec {
	all := streamCodecs()
	i := slices.IndexFunc(all, func(c streamCodec) bool { return c.name == o.Compression })
	return all[max(i, 0)]
}

// Open returns what makes the writers, after reading the schema if there is one. The options are
// valid.
func (o *Options) Open(ctx context.Context, env connectors.Env) (format.Opener, error) {
	r, _ := o.row()
	switch o.Format {
	case Avro:
		a := o.Avro
		a.Compression = o.Compression
		return avro.OpenFiles(ctx, env, a)
	case Parquet:
		return parquet.Open(ctx, env, o.parquet())
	case SequenceFile:
		s := o.Sequence
		s.Compression = o.Compression
		return sequencefile.New(s)
	}
	t := &text{options: o.lines(r), compression: o.Compression}
	if c := o.stream(); c.name != None {
		t.pool = compress.NewPool(c.form)
	}
	return t, nil
}

// text makes writers of lines.
type text struct {
	options     lines.Options
	compression string
	pool        *compress.Pool // nil without compression
}

// Open implements format.Opener.
func (t *text) Open(out io.Writer) (format.Writer, error) {
	open := func(out io.Writer) (format.Writer, error) { return lines.NewWriter(out, t.options) }
	if t.pool == nil {
		return open(out)
	}
	return compress.NewWriter(out, t.pool, open)
}

var _ format.Opener = (*text)(nil)
