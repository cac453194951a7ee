package main

import (
	"bytes"
	"slices"
	"strconv"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/json"
)

// settings is the plugin's configuration.
type settings struct {
	Columns   []string          `json:"columns" doc:"names of the columns, in their order"`
	Header    bool              `json:"header" doc:"the first row of a message names the columns"`
	Delimiter string            `json:"delimiter" doc:"one ASCII character between fields"`
	Quote     string            `json:"quote" doc:"one ASCII character around fields"`
	Comment   string            `json:"comment" doc:"rows that begin with it are passed over"`
	Types     map[string]string `json:"types" doc:"from columns to string, number or boolean"`
	Null      *string           `json:"null" doc:"fields with this text are null"`
	Key       string            `json:"key" doc:"column that becomes the record's key"`
	BadRows   string            `json:"bad_rows" enum:"fail,skip" doc:"fail the message or go on"`
}

// Types of columns.
const (
	typeString  = "string"
	typeNumber  = "number"
	typeBoolean = "boolean"
)

func (s *settings) Validate() error {
	for field, c := range map[string]string{"delimiter": s.Delimiter, "quote": s.Quote} {
		if len(c) != 1 || c[0] >= 0x80 || c == "\n" || c == "\r" {
			return wasmflow.BadField(field, "is not one ASCII character")
		}
	}
	if s.Delimiter == s.Quote {
		return wasmflow.BadField("quote", "is the delimiter")
	}
	if s.Header && len(s.Columns) > 0 {
		return wasmflow.BadField("columns", "are named by the header already")
	}
	for i, name := range s.Columns {
		if slices.Contains(s.Columns[:i], name) {
			return wasmflow.BadField("columns["+strconv.Itoa(i)+"]", "stands twice")
		}
	}
	for name, kind := range s.Types {
		if !slices.Contains([]string{typeString, typeNumber, typeBoolean}, kind) {
			return wasmflow.BadField("types."+name, "is not one of string, number, boolean")
		}
		if !s.known(name) {
			return wasmflow.BadField("types."+name, "is not a column")
		}
	}
	if s.Key != "" && !s.known(s.Key) {
		return wasmflow.BadField("key", "is not a column")
	}
	return nil
}

// known reports whether there can be a column of that name.
func (s *settings) known(column string) bool {
	return s.Header || slices.Contains(s.Columns, column)
}

func init() {
	f := &function{settings: &settings{Delimiter: ",", Quote: `"`, BadRows: "fail"}}
	wasmflow.Plugin("csv-parse", "1.0.0")
	wasmflow.Config(f.settings)
	wasmflow.OnOpen(f.open)
	wasmflow.Deserializer("csv_parse", f.deserialize, wasmflow.Doc("turns CSV rows into JSON"))
}

func main() {}

// column is what the settings say about one column.
type column struct {
	name string
	kind string
	key  bool
}

type function struct {
	settings *settings
	columns  []column
	header   []byte // the header that columns were made of
	rows     reader
	parser   json.Parser // of numbers
}

func (f *function) open() error {
	f.columns, f.header = nil, nil
	for _, name := range f.settings.Columns {
		f.columns = append(f.columns, f.column(name))
	}
	f.rows.delimiter, f.rows.quote = f.settings.Delimiter[0], f.settings.Quote[0]
	f.rows.comment = []byte(f.settings.Comment)
	return nil
}

func (f *function) column(name string) column {
	return column{name: name, kind: f.settings.Types[name], key: name == f.settings.Key}
}

// deserialize emits the rows of a message. When the host wants the output it goes on later at the
// same row, whose place in the message is the cursor.
func (f *function) deserialize(ctx *wasmflow.Context, r wasmflow.Record,
	out *wasmflow.Emitter) error {
	text := r.Value()
	f.rows.reset(text)
	if f.settings.Header && !f.readHeader() {
		return f.rows.err
	}
	f.rows.seek(ctx.Cursor())
	for f.rows.next() {
		if err := f.emit(out); err != nil {
			if f.settings.BadRows == "skip" {
				ctx.Count("csv_parse_bad_rows", 1)
				continue
			}
			return err
		}
		if out.Full() && f.rows.at < len(text) {
			out.Continue(uint64(f.rows.at))
			return nil
		}
	}
	// A row that cannot be read leaves no way to find the next one, so it is never skipped.
	return f.rows.err
}

// readHeader takes the column names from the first row. Messages of one source mostly share it.
func (f *function) readHeader() bool {
	if !f.rows.next() {
		return false
	}
	row := f.rows.text[f.rows.start:f.rows.at]
	if f.header != nil && bytes.Equal(f.header, row) {
		return true
	}
	f.header = bytes.Clone(row)
	f.columns = f.columns[:0]
	for _, name := range f.rows.fields {
		f.columns = append(f.columns, f.column(string(name)))
	}
	return true
}

func (f *function) emit(out *wasmflow.Emitter) error {
	fields := f.rows.fields
	named := len(f.columns) > 0
	if named && len(fields) != len(f.columns) {
		return f.rows.fail(strconv.Itoa(len(fields)) + " fields for " +
			strconv.Itoa(len(f.columns)) + " columns")
	}
	w := json.NewWriter(out.Buffer(2*(f.rows.at-f.rows.start) + 16*len(fields)))
	var key []byte
	if named {
		w.BeginObject()
	} else {
		w.BeginArray()
	}
	for i, field := range fields {
		var c column
		if named {
			c = f.columns[i]
			w.Key(c.name)
		}
		if c.key {
			key = field
		}
		if err := f.write(&w, c, field); err != nil {
			return err
		}
	}
	if !named {
		w.EndArray()
		out.Value(w.Bytes())
		return nil
	}
	w.EndObject()
	if e := out.Value(w.Bytes()); f.settings.Key != "" {
		e.Key(key)
	}
	return nil
}

func (f *function) write(w *json.Writer, c column, field []byte) error {
	if f.settings.Null != nil && string(field) == *f.settings.Null {
		w.Null()
		return nil
	}
	switch c.kind {
	case typeNumber:
		if len(field) == 0 {
			w.Null()
			return nil
		}
		v, err := f.parser.Parse(field)
		if err != nil || v.Kind() != json.Number {
			return f.rows.fail("column " + c.name + ": " + strconv.Quote(string(field)) +
				" is not a number")
		}
		w.Raw(v.Raw())
	case typeBoolean:
		switch string(field) {
		case "true", "1":
			w.Bool(true)
		case "false", "0":
			w.Bool(false)
		case "":
			w.Null()
		default:
			return f.rows.fail("column " + c.name + ": " + strconv.Quote(string(field)) +
				" is not true or false")
		}
	default:
		w.StringBytes(field)
	}
	return nil
}
