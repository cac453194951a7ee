package csv

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// comment begins a row that is dropped when comments are on.
const comment = '#'

// Layouts of dates and times.
const (
	layoutDate      = "2006-01-02"
	layoutTime      = "15:04:05"
	layoutTimestamp = "2006-01-02 15:04:05"
)

// errSurplus is an error that ignore_parse_errors turns into a dropped row, not into a null.
var errSurplus = errors.New("the row has more fields than there are columns")

// Deserializer turns rows into JSON: an object with columns, otherwise an array of strings. A
// value of several rows becomes several records; a null stays null.
type Deserializer struct {
	options   DeserializerOptions
	columns   []column
	rows      rowReader
	seed      uint64
	null      []byte // the null literal
	hasNull   bool
	delimiter []byte // of elements
	elements  [][]byte
	json      []byte
}

// NewDeserializer returns the deserializer of valid options.
func NewDeserializer(o *DeserializerOptions) (*Deserializer, error) {
	columns, err := parseColumns(o.Columns)
	if err != nil {
		return nil, err
	}
	d := &Deserializer{
		options: *o, columns: columns, rows: newRowReader(&o.Dialect), seed: abi.FunctionSeed(Name),
		delimiter: []byte(o.ArrayElementDelimiter),
	}
	if o.NullLiteral != nil {
		d.null, d.hasNull = []byte(*o.NullLiteral), true
	}
	return d, nil
}

// named gives c its name.
func (c *column) named(name string) {
	c.name = name
	c.label = append(jsontext.AppendString(nil, []byte(name)), ':')
}

// Deserialize implements connectors.Deserializer.
func (d *Deserializer) Deserialize(
	_ context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	out.Splits = append(out.Splits, in.Splits...)
	out.Targets = append(out.Targets, in.Targets...)
	for i := range in.Records {
		r := &in.Records[i]
		if r.Value == nil {
			*out.Append() = *r
			continue
		}
		made := out.Len()
		if err := d.record(r, out); err != nil {
			out.Records = out.Records[:made] // all of a record or nothing
			faults.Add(connectors.Fault{Index: i, Function: Name, Text: err.Error()})
		}
	}
	return nil
}

// record appends the rows of one record. The first keeps the name of its parent, so that one row
// a record, which is the rule, changes no names.
func (d *Deserializer) record(r *connectors.Record, out *connectors.Batch) error {
	rest := r.Value
	for index := uint64(0); ; index++ {
		if d.options.Comments && len(rest) > 0 && rest[0] == comment {
			rest = afterLine(rest)
		} else {
			after, keep, err := d.row(rest)
			if err != nil {
				return err
			}
			rest = after
			if keep {
				made := out.Append()
				*made = *r
				made.Value = out.Copy(d.json)
				if index > 0 {
					made.Ordinal = abi.Ordinal(r.Ordinal, d.seed, index)
				}
			}
		}
		if len(rest) == 0 {
			return nil
		}
	}
}

func afterLine(in []byte) []byte {
	i := bytes.IndexAny(in, "\r\n")
	switch {
	case i < 0:
		return nil
	case in[i] == '\r' && i+1 < len(in) && in[i+1] == '\n':
		return in[i+2:]
	}
	return in[i+1:]
}

// row puts the first row of in into d.json. keep is false for a row that is dropped.
func (d *Deserializer) row(in []byte) (rest []byte, keep bool, err error) {
	if rest, err = d.rows.next(in); err != nil {
		return nil, false, err
	}
	fields := d.rows.fields
	if d.columns == nil {
		d.json = d.appendUntyped(d.json[:0], fields)
		return rest, true, nil
	}
	if len(fields) > len(d.columns) {
		if d.options.IgnoreParseErrors {
			return rest, false, nil
		}
		return nil, false, fmt.Errorf("%w: %d, not %d", errSurplus, len(fields), len(d.columns))
	}
	if len(fields) < len(d.columns) && !d.options.IgnoreParseErrors {
		return nil, false, fmt.Errorf("the row has %d fields, not %d", len(fields), len(d.columns))
	}
	b := append(d.json[:0], '{')
	for i := range d.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, d.columns[i].label...)
		if i >= len(fields) {
			b = append(b, "null"...)
			continue
		}
		if b, err = d.field(b, &d.columns[i], fields[i]); err != nil {
			return nil, false, fmt.Errorf("field %d (%s): %w", i+1, d.columns[i].name, err)
		}
	}
	d.json = append(b, '}')
	return rest, true, nil
}

func (d *Deserializer) appendUntyped(b []byte, fields []field) []byte {
	b = append(b, '[')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		if d.isNull(f) {
			b = append(b, "null"...)
		} else {
			b = jsontext.AppendString(b, f.text)
		}
	}
	return append(b, ']')
}

func (d *Deserializer) isNull(f field) bool {
	return d.hasNull && !f.quoted && bytes.Equal(f.text, d.null)
}

// field appends the JSON of a field, or null for one that does not fit when that is wanted.
func (d *Deserializer) field(b []byte, c *column, f field) ([]byte, error) {
	if d.isNull(f) {
		return append(b, "null"...), nil
	}
	var out []byte
	var err error
	switch c.kind {
	case kindArray:
		out, err = d.array(b, c, f.text)
	case kindRow:
		out, err = d.nestedRow(b, c, f.text)
	default:
		out, err = appendScalar(b, c.kind, f.text)
	}
	if err == nil {
		return out, nil
	}
	if d.options.IgnoreParseErrors {
		return append(b, "null"...), nil
	}
	return nil, err
}

func (d *Deserializer) array(b []byte, c *column, text []byte) ([]byte, error) {
	d.elements = d.elements[:0]
	if len(text) > 0 {
		d.elements = elements(d.elements, text, d.delimiter)
	}
	b = append(b, '[')
	var err error
	for i, e := range d.elements {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = d.field(b, c.element, field{text: e}); err != nil {
			return nil, fmt.Errorf("element %d: %w", i+1, err)
		}
	}
	return append(b, ']'), nil
}

func (d *Deserializer) nestedRow(b []byte, c *column, text []byte) ([]byte, error) {
	d.elements = elements(d.elements[:0], text, d.delimiter)
	if len(d.elements) != len(c.fields) {
		return nil, fmt.Errorf("the row inside has %d fields, not %d", len(d.elements), len(c.fields))
	}
	b = append(b, '{')
	var err error
	for i, e := range d.elements {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, c.fields[i].label...)
		if b, err = d.field(b, &c.fields[i], field{text: e}); err != nil {
			return nil, fmt.Errorf("field %d (%s) inside: %w", i+1, c.fields[i].name, err)
		}
	}
	return append(b, '}'), nil
}

// Close releases nothing.
func (d *Deserializer) Close() error { return nil }

// misfit is the error of a text that is no value of its type.
func misfit(k kind, text []byte) error {
	const shown = 40 // characters of a text that an error repeats
	if len(text) > shown {
		return fmt.Errorf("%.*q... is no %v", shown, text, k)
	}
	return fmt.Errorf("%q is no %v", text, k)
}

// appendScalar appends the JSON of a text of a scalar type.
func appendScalar(b []byte, k kind, text []byte) ([]byte, error) {
	switch k {
	case kindString:
		return jsontext.AppendString(b, text), nil
	case kindNull:
		return append(b, "null"...), nil
	case kindBytes:
		b, ok := checkBase64(b, text)
		if !ok {
			return nil, misfit(k, text)
		}
		return jsontext.AppendString(b, text), nil
	}
	word := bytes.TrimSpace(text)
	switch k {
	case kindBoolean:
		return appendBoolean(b, text, word)
	case kindDate, kindTime, kindTimestamp:
		if !isTime(k, word) {
			return nil, misfit(k, text)
		}
		return jsontext.AppendString(b, word), nil
	case kindFloat, kindDouble:
		f, err := strconv.ParseFloat(string(word), floatBits(k))
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) { // JSON has no such number
			return nil, misfit(k, text)
		}
		return strconv.AppendFloat(b, f, 'g', -1, floatBits(k)), nil
	case kindDecimal, kindBigInt:
		out, ok := appendNumber(b, word, k == kindDecimal)
		if !ok {
			return nil, misfit(k, text)
		}
		return out, nil
	}
	n, err := strconv.ParseInt(string(word), 10, integerBits(k))
	if err != nil {
		return nil, misfit(k, text)
	}
	return strconv.AppendInt(b, n, 10), nil
}

func appendBoolean(b, text, word []byte) ([]byte, error) {
	switch {
	case bytes.EqualFold(word, []byte("true")):
		return append(b, "true"...), nil
	case bytes.EqualFold(word, []byte("false")):
		return append(b, "false"...), nil
	}
	return nil, misfit(kindBoolean, text)
}

func integerBits(k kind) int {
	switch k {
	case kindByte:
		return 8
	case kindShort:
		return 16
	case kindInt:
		return 32
	default:
		return 64
	}
}

func floatBits(k kind) int {
	if k == kindFloat {
		return 32
	}
	return 64
}

// checkBase64 decodes text into the free end of b, only to see whether it can be. It returns b,
// perhaps with more room.
func checkBase64(b, text []byte) ([]byte, bool) {
	b = slices.Grow(b, base64.StdEncoding.DecodedLen(len(text)))
	_, err := base64.StdEncoding.Decode(b[len(b):cap(b)], text)
	return b, err == nil
}

// isTime reports whether word is a date, a time or a timestamp.
func isTime(k kind, word []byte) bool {
	layout := layoutDate
	switch k {
	case kindTime:
		layout = layoutTime
	case kindTimestamp:
		layout = layoutTimestamp
	}
	_, err := time.Parse(layout, string(word))
	return err == nil
}

// appendNumber appends a number of any size in JSON's form, which has no plus sign and no leading
// zeros and needs a digit on both sides of the point.
func appendNumber(b, word []byte, fraction bool) ([]byte, bool) {
	if len(word) > 0 && (word[0] == '-' || word[0] == '+') {
		if word[0] == '-' {
			b = append(b, '-')
		}
		word = word[1:]
	}
	whole := digits(word)
	rest := word[whole:]
	zeros := 0
	for zeros+1 < whole && word[zeros] == '0' {
		zeros++
	}
	b = append(b, word[zeros:whole]...)
	if !fraction {
		return b, whole > 0 && len(rest) == 0
	}
	if whole == 0 {
		b = append(b, '0')
	}
	behind := 0
	if len(rest) > 0 && rest[0] == '.' {
		if behind = digits(rest[1:]); behind > 0 {
			b = append(b, rest[:1+behind]...)
		}
		rest = rest[1+behind:]
	}
	if whole+behind == 0 {
		return nil, false
	}
	if len(rest) == 0 {
		return b, true
	}
	exponent := rest[1:]
	if len(exponent) > 0 && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	if n := digits(exponent); (rest[0] != 'e' && rest[0] != 'E') || n == 0 || n < len(exponent) {
		return nil, false
	}
	return append(b, rest...), true
}

// digits returns how many bytes at the beginning of b are digits.
func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

var _ connectors.Deserializer = (*Deserializer)(nil)
