package csv

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/wasmflow/wasmflow/connectors"
)

// Name of the functions in job files.
const Name = "csv"

// columnsMax bounds the columns of a row.
const columnsMax = 10_000

// Dialect is how rows are written.
type Dialect struct {
	Columns               []string `toml:"columns" doc:"columns in order, each \"name type\"; types are string (the default), boolean, byte, short, int, long, float, double, decimal, bigint, date, time, timestamp, bytes (Base64), null, array<type> and row<name type, ...>. Without columns a row is a JSON array of strings"`
	FieldDelimiter        string   `toml:"field_delimiter" doc:"what stands between fields: one ASCII character" flink:"setFieldDelimiter"`
	ArrayElementDelimiter string   `toml:"array_element_delimiter" doc:"what stands between the elements of an array or a row inside a field" flink:"setArrayElementDelimiter"`
	Quote                 string   `toml:"quote" doc:"what encloses a text: one ASCII character, or empty for no quoting" flink:"setQuoteCharacter, disableQuoteCharacter"`
	Escape                string   `toml:"escape" doc:"what makes the next character an ordinary one: one ASCII character, or empty for none" flink:"setEscapeCharacter"`
	NullLiteral           *string  `toml:"null_literal" doc:"the text that means null outside of quotes; without it there is none" flink:"setNullLiteral"`
}

func newDialect() Dialect {
	return Dialect{FieldDelimiter: ",", ArrayElementDelimiter: ";", Quote: `"`}
}

func (d *Dialect) validate(p *connectors.Problems) {
	if !isCharacter(d.FieldDelimiter) {
		p.Addf("field_delimiter", "%q is not one ASCII character", d.FieldDelimiter)
	}
	if d.ArrayElementDelimiter == "" {
		p.Addf("array_element_delimiter", "empty; write what stands between elements, such as \";\"")
	}
	if d.Quote != "" && !isCharacter(d.Quote) {
		p.Addf("quote", "%q is not one ASCII character", d.Quote)
	}
	if d.Escape != "" && !isCharacter(d.Escape) {
		p.Addf("escape", "%q is not one ASCII character", d.Escape)
	}
	marks := d.FieldDelimiter + d.Quote + d.Escape
	for i := range len(marks) {
		if strings.IndexByte(marks, marks[i]) < i {
			p.Addf("field_delimiter", "delimiter, quote and escape must be different characters")
			break
		}
	}
	if _, err := parseColumns(d.Columns); err != nil {
		p.Addf("columns", "%v", err)
	}
}

// isCharacter reports whether s is one character that can stand between fields.
func isCharacter(s string) bool {
	return len(s) == 1 && s[0] < utf8.RuneSelf && s[0] != '\n' && s[0] != '\r' && s[0] != 0
}

// DeserializerOptions configure the deserializer.
type DeserializerOptions struct {
	Dialect
	Comments          bool `toml:"comments" doc:"drop rows that begin with #" flink:"setAllowComments"`
	IgnoreParseErrors bool `toml:"ignore_parse_errors" doc:"a field that does not fit its type becomes null, missing fields too, and a row with surplus fields is dropped; otherwise such a record is a fault" flink:"setIgnoreParseErrors"`
}

// NewDeserializerOptions returns the defaults.
func NewDeserializerOptions() *DeserializerOptions {
	return &DeserializerOptions{Dialect: newDialect()}
}

// Validate reports every problem.
func (o *DeserializerOptions) Validate(p *connectors.Problems) { o.validate(p) }

// SerializerOptions configure the serializer.
type SerializerOptions struct {
	Dialect
	LineDelimiter string `toml:"line_delimiter" doc:"what ends a row: \\n, \\r, \\r\\n or nothing; nothing is the default, because sinks put their own delimiters after values" flink:"setLineDelimiter"`
}

// NewSerializerOptions returns the defaults.
func NewSerializerOptions() *SerializerOptions { return &SerializerOptions{Dialect: newDialect()} }

// Validate reports every problem.
func (o *SerializerOptions) Validate(p *connectors.Problems) {
	o.validate(p)
	if !isLineEnd(o.LineDelimiter) {
		p.Addf("line_delimiter", "%q is none of \"\\n\", \"\\r\", \"\\r\\n\" and \"\"", o.LineDelimiter)
	}
}

func isLineEnd(s string) bool { return s == "" || s == "\n" || s == "\r" || s == "\r\n" }

// kind is the type of a column.
type kind int

const (
	kindString kind = iota
	kindBoolean
	kindByte
	kindShort
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindDecimal
	kindBigInt
	kindDate
	kindTime
	kindTimestamp
	kindBytes
	kindNull
	kindArray
	kindRow
)

// kindNames are the names in job files. Arrays and rows have a form of their own.
var kindNames = [...]string{
	kindString: "string", kindBoolean: "boolean", kindByte: "byte", kindShort: "short",
	kindInt: "int", kindLong: "long", kindFloat: "float", kindDouble: "double",
	kindDecimal: "decimal", kindBigInt: "bigint", kindDate: "date", kindTime: "time",
	kindTimestamp: "timestamp", kindBytes: "bytes", kindNull: "null", kindArray: "array",
	kindRow: "row",
}

// String returns the name of k.
func (k kind) String() string { return kindNames[k] }

// column is a column, a field of a row inside a field, or the element of an array.
type column struct {
	name    string
	label   []byte // the name as a JSON string and a colon
	kind    kind
	element *column  // of an array
	fields  []column // of a row
}

// parseColumns reads "name type" texts.
func parseColumns(texts []string) ([]column, error) {
	if len(texts) > columnsMax {
		return nil, fmt.Errorf("%d columns are more than %d", len(texts), columnsMax)
	}
	return parseFields(texts, true)
}

func parseFields(texts []string, nest bool) ([]column, error) {
	var out []column
	names := map[string]bool{}
	for _, text := range texts {
		name, typeText, _ := strings.Cut(strings.TrimSpace(text), " ")
		if name == "" {
			return nil, fmt.Errorf("a column without a name; write \"name type\"")
		}
		if names[name] {
			return nil, fmt.Errorf("column %s stands twice", name)
		}
		names[name] = true
		c, err := parseType(strings.TrimSpace(typeText), nest)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
		c.named(name)
		out = append(out, c)
	}
	return out, nil
}

func parseType(text string, nest bool) (column, error) {
	if text == "" {
		return column{kind: kindString}, nil
	}
	outer, inner, nested := strings.Cut(text, "<")
	if nested {
		inner, nested = strings.CutSuffix(inner, ">")
		if !nested {
			return column{}, fmt.Errorf("type %q does not end with >", text)
		}
		return parseNested(outer, inner, nest)
	}
	for k, name := range kindNames {
		if name == text && kind(k) != kindArray && kind(k) != kindRow {
			return column{kind: kind(k)}, nil
		}
	}
	return column{}, fmt.Errorf("there is no type %q; there are %s", text,
		strings.Join(kindNames[:kindArray], ", ")+", array<type> and row<name type, ...>")
}

func parseNested(outer, inner string, nest bool) (column, error) {
	if !nest {
		return column{}, fmt.Errorf("%s<%s> stands inside another; one level is all a field holds",
			outer, inner)
	}
	switch outer {
	case "array":
		element, err := parseType(strings.TrimSpace(inner), false)
		return column{kind: kindArray, element: &element}, err
	case "row":
		fields, err := parseFields(strings.Split(inner, ","), false)
		return column{kind: kindRow, fields: fields}, err
	}
	return column{}, fmt.Errorf("there is no type %s<>; there are array<type> and row<name type, ...>",
		outer)
}
