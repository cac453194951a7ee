package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// plainCharactersMax is the longest text that is written without quotes, as Flink's writer does:
// quoting a longer one costs less than looking at it.
const plainCharactersMax = 24

var (
	errNotRow       = errors.New("the value is neither a JSON object nor an array")
	errEmptyElement = errors.New("an array of one empty element would be read as an empty array")
)

// rowWriter turns JSON into rows. It is used by one goroutine.
type rowWriter struct {
	columns   []column
	delimiter byte
	element   []byte
	quote     byte // 0 for none
	escape    byte // 0 for none
	null      []byte
	hasNull   bool
	lineEnd   []byte
	plainMin  byte // a text of characters from here on, and not long, needs no quotes
	parser    fastjson.Parser
	scratch   []byte // a text before it is quoted
}

func newRowWriter(d *Dialect, lineEnd string) (*rowWriter, error) {
	columns, err := parseColumns(d.Columns)
	if err != nil {
		return nil, err
	}
	w := &rowWriter{
		columns: columns, delimiter: d.FieldDelimiter[0], element: []byte(d.ArrayElementDelimiter),
		lineEnd: []byte(lineEnd),
	}
	w.plainMin = w.delimiter
	if d.Quote != "" {
		w.quote = d.Quote[0]
		w.plainMin = max(w.plainMin, w.quote)
	}
	if d.Escape != "" {
		w.escape = d.Escape[0]
	}
	if d.NullLiteral != nil {
		w.null, w.hasNull = []byte(*d.NullLiteral), true
	}
	w.plainMin = max(w.plainMin, '\r') + 1
	return w, nil
}

// append appends the row of value to dst.
func (w *rowWriter) append(dst, value []byte) ([]byte, error) {
	if err := jsontext.Check(value); err != nil {
		return dst, err
	}
	v, err := w.parser.ParseBytes(value)
	if err != nil {
		return dst, err
	}
	var out []byte
	switch v.Type() {
	case fastjson.TypeObject:
		out, err = w.object(dst, v)
	case fastjson.TypeArray:
		out, err = w.array(dst, v)
	default:
		err = errNotRow
	}
	if err != nil {
		return dst, err
	}
	return append(out, w.lineEnd...), nil
}

// object appends the members that are columns. A member that is missing is null.
func (w *rowWriter) object(dst []byte, v *fastjson.Value) (_ []byte, err error) {
	if w.columns == nil {
		first := true
		v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			if err != nil {
				return
			}
			if !first {
				dst = append(dst, w.delimiter)
			}
			first = false
			if dst, err = w.untyped(dst, v); err != nil {
				err = fmt.Errorf("member %s: %w", key, err)
			}
		})
		return dst, err
	}
	for i := range w.columns {
		c := &w.columns[i]
		if i > 0 {
			dst = append(dst, w.delimiter)
		}
		if dst, err = w.field(dst, c, v.Get(c.name)); err != nil {
			return nil, fmt.Errorf("field %d (%s): %w", i+1, c.name, err)
		}
	}
	return dst, nil
}

// array appends elements as fields, by place.
func (w *rowWriter) array(dst []byte, v *fastjson.Value) (_ []byte, err error) {
	elements := v.GetArray()
	if w.columns != nil && len(elements) != len(w.columns) {
		return nil, fmt.Errorf("the array has %d elements, not %d", len(elements), len(w.columns))
	}
	for i, e := range elements {
		if i > 0 {
			dst = append(dst, w.delimiter)
		}
		if w.columns == nil {
			dst, err = w.untyped(dst, e)
		} else {
			dst, err = w.field(dst, &w.columns[i], e)
		}
		if err != nil {
			return nil, fmt.Errorf("field %d: %w", i+1, err)
		}
	}
	return dst, nil
}

// untyped appends a field of which nothing is known: what a text or a number says, or the JSON of
// anything else.
func (w *rowWriter) untyped(dst []byte, v *fastjson.Value) ([]byte, error) {
	switch v.Type() {
	case fastjson.TypeNull:
		return append(dst, w.null...), nil
	case fastjson.TypeNumber, fastjson.TypeTrue, fastjson.TypeFalse:
		return v.MarshalTo(dst), nil
	}
	return w.text(dst, appendText(w.scratch[:0], v))
}

// field appends the field of a column.
func (w *rowWriter) field(dst []byte, c *column, v *fastjson.Value) ([]byte, error) {
	if v == nil || v.Type() == fastjson.TypeNull || c.kind == kindNull {
		return append(dst, w.null...), nil
	}
	switch c.kind {
	case kindArray, kindRow:
		text, err := w.nested(w.scratch[:0], c, v)
		if err != nil {
			return nil, err
		}
		return w.text(dst, text)
	case kindByte, kindShort, kindInt, kindLong, kindFloat, kindDouble, kindBoolean:
		return appendValue(dst, c.kind, v)
	}
	text, err := appendValue(w.scratch[:0], c.kind, v)
	if err != nil {
		return nil, err
	}
	return w.text(dst, text)
}

// nested appends the elements of an array or the fields of a row inside a field.
func (w *rowWriter) nested(dst []byte, c *column, v *fastjson.Value) (_ []byte, err error) {
	one := func(i int, k kind, v *fastjson.Value) error {
		if i > 0 {
			dst = append(dst, w.element...)
		}
		if v == nil || v.Type() == fastjson.TypeNull {
			dst = append(dst, w.null...)
			return nil
		}
		from := len(dst)
		if dst, err = appendValue(dst, k, v); err != nil {
			return err
		}
		switch text := dst[from:]; {
		case bytes.Contains(text, w.element):
			return fmt.Errorf("%q holds the delimiter of elements", text)
		case w.hasNull && bytes.Equal(text, w.null):
			return fmt.Errorf("%q would be read as null", text)
		}
		return nil
	}
	if c.kind == kindArray {
		if v.Type() != fastjson.TypeArray {
			return nil, fmt.Errorf("a JSON %s is no array", v.Type())
		}
		for i, e := range v.GetArray() {
			if err := one(i, c.element.kind, e); err != nil {
				return nil, fmt.Errorf("element %d: %w", i+1, err)
			}
		}
		if len(dst) == 0 && len(v.GetArray()) == 1 {
			return nil, errEmptyElement
		}
		return dst, nil
	}
	if v.Type() != fastjson.TypeObject {
		return nil, fmt.Errorf("a JSON %s is no row", v.Type())
	}
	for i := range c.fields {
		if err := one(i, c.fields[i].kind, v.Get(c.fields[i].name)); err != nil {
			return nil, fmt.Errorf("field %d (%s) inside: %w", i+1, c.fields[i].name, err)
		}
	}
	return dst, nil
}

// appendText appends what a JSON string says, or the JSON of another value.
func appendText(dst []byte, v *fastjson.Value) []byte {
	if v.Type() == fastjson.TypeString {
		return append(dst, v.GetStringBytes()...)
	}
	return v.MarshalTo(dst)
}

// appendValue appends the text of a scalar after a look at whether it is of the type.
func appendValue(dst []byte, k kind, v *fastjson.Value) ([]byte, error) {
	from := len(dst)
	dst = appendText(dst, v)
	text := dst[from:]
	ok := true
	switch k {
	case kindString:
	case kindBoolean:
		ok = v.Type() == fastjson.TypeTrue || v.Type() == fastjson.TypeFalse
	case kindByte, kindShort, kindInt, kindLong:
		_, err := strconv.ParseInt(string(text), 10, integerBits(k))
		ok = err == nil && v.Type() == fastjson.TypeNumber
	case kindFloat, kindDouble:
		_, err := strconv.ParseFloat(string(text), floatBits(k))
		ok = err == nil && v.Type() == fastjson.TypeNumber
	case kindDecimal, kindBigInt:
		var probe []byte // behind the text, only to see whether it is a number
		if probe, ok = appendNumber(dst, text, k == kindDecimal); ok {
			dst = probe[:len(dst)]
		}
	case kindDate, kindTime, kindTimestamp:
		ok = v.Type() == fastjson.TypeString && isTime(k, text)
	case kindBytes:
		dst, ok = checkBase64(dst, text)
		ok = ok && v.Type() == fastjson.TypeString
	}
	if !ok {
		return nil, misfit(k, text)
	}
	return dst, nil
}

// text appends a text, in quotes where it needs them. It takes over w.scratch.
func (w *rowWriter) text(dst, text []byte) ([]byte, error) {
	w.scratch = text[:0]
	if w.isPlain(text) {
		return append(dst, text...), nil
	}
	if w.quote == 0 {
		return w.unquoted(dst, text)
	}
	dst = append(dst, w.quote)
	for _, c := range text {
		switch c {
		case w.quote:
			dst = append(dst, w.quote)
		case w.escape:
			if w.escape != 0 {
				dst = append(dst, w.escape)
			}
		}
		dst = append(dst, c)
	}
	return append(dst, w.quote), nil
}

// isPlain reports whether a text is written as it is. Characters up to the delimiters and the
// quote call for quotes, even where a reader would not need them: so does Flink's writer. The text
// of the null literal needs them to be no null.
func (w *rowWriter) isPlain(text []byte) bool {
	if len(text) > plainCharactersMax && utf8.RuneCount(text) > plainCharactersMax ||
		w.hasNull && bytes.Equal(text, w.null) {
		return false
	}
	for _, c := range text {
		if c < w.plainMin || c == w.escape {
			return false
		}
	}
	return true
}

// unquoted appends a text when quotes are off: with escapes, or as it is when nothing in it means
// something else.
func (w *rowWriter) unquoted(dst, text []byte) ([]byte, error) {
	if w.hasNull && bytes.Equal(text, w.null) {
		return nil, fmt.Errorf("%q is the null literal, and without quotes it cannot mean text", text)
	}
	for _, c := range text {
		if c == w.delimiter || c == '\n' || c == '\r' || c == w.escape && w.escape != 0 {
			if w.escape == 0 {
				return nil, fmt.Errorf("%q cannot be written without quotes or an escape", text)
			}
			dst = append(dst, w.escape)
		}
		dst = append(dst, c)
	}
	return dst, nil
}

// Serializer turns JSON objects and arrays into rows. A null value stays null.
type Serializer struct {
	rows *rowWriter
	buf  []byte
}

// NewSerializer returns the serializer of valid options.
func NewSerializer(o *SerializerOptions) (*Serializer, error) {
	rows, err := newRowWriter(&o.Dialect, o.LineDelimiter)
	if err != nil {
		return nil, err
	}
	return &Serializer{rows: rows}, nil
}

// Serialize implements connectors.Serializer.
func (s *Serializer) Serialize(
	_ context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return format.Each(in, out, faults, Name, func(_ int, value []byte) ([]byte, error) {
		var err error
		if s.buf, err = s.rows.append(s.buf[:0], value); err != nil {
			return nil, &format.Refusal{Err: err}
		}
		return out.Copy(s.buf), nil
	})
}

// Close releases nothing.
func (s *Serializer) Close() error { return nil }

var _ connectors.Serializer = (*Serializer)(nil)
