package lines

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/valyala/fastjson"
)

// errColumns is returned for a value that does not fit the columns.
var errColumns = errors.New("the value does not fit")

// table makes rows of CSV.
type table struct {
	options   Options
	delimiter []byte
	parser    fastjson.Parser
	nested    []byte // JSON of a field that is an array or an object
}

func newTable(o Options) *table {
	return &table{options: o, delimiter: []byte(o.FieldDelimiter)}
}

// row appends the fields of a JSON array, or of a JSON object where columns are named.
func (t *table) row(dst, value []byte) ([]byte, error) {
	v, err := t.parser.ParseBytes(value)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	if len(t.options.Columns) > 0 {
		return t.object(dst, v)
	}
	fields, err := v.Array()
	if err != nil {
		return dst, fmt.Errorf("%w: a row is a JSON array, or a JSON object with the key columns; "+
			"this is %s", errColumns, v.Type())
	}
	out := dst
	for i, f := range fields {
		if i > 0 {
			out = append(out, t.delimiter...)
		}
		if out, err = t.field(out, f); err != nil {
			return dst, fmt.Errorf("field %d: %w", i, err)
		}
	}
	return out, nil
}

func (t *table) object(dst []byte, v *fastjson.Value) ([]byte, error) {
	if v.Type() != fastjson.TypeObject {
		return dst, fmt.Errorf("%w: columns are fields of a JSON object; this is %s",
			errColumns, v.Type())
	}
	out := dst
	for i, name := range t.options.Columns {
		if i > 0 {
			out = append(out, t.delimiter...)
		}
		var err error
		if out, err = t.field(out, v.Get(name)); err != nil {
			return dst, fmt.Errorf("field %q: %w", name, err)
		}
	}
	return out, nil
}

// errNullField is the fault of a row with a null in it, where nulls are not to become empty.
var errNullField = fmt.Errorf("it is null; write nulls = %q for an empty field", NullsEmpty)

// field appends one field. v is nil where an object lacks it.
func (t *table) field(dst []byte, v *fastjson.Value) ([]byte, error) {
	if v == nil || v.Type() == fastjson.TypeNull {
		if t.options.Nulls == NullsEmpty {
			return dst, nil
		}
		return dst, errNullField
	}
	if v.Type() == fastjson.TypeString {
		return t.quoted(dst, v.GetStringBytes(), t.options.Quote == QuoteStrings), nil
	}
	t.nested = v.MarshalTo(t.nested[:0])
	return t.quoted(dst, t.nested, false), nil
}

// quoted appends text, in quotes where they are asked for or needed. An empty text is quoted where
// nulls are empty, so that the two can be told apart.
func (t *table) quoted(dst, text []byte, always bool) []byte {
	needed := bytes.ContainsAny(text, "\"\r\n") || bytes.Contains(text, t.delimiter) ||
		t.options.Delimiter != "" && bytes.Contains(text, []byte(t.options.Delimiter)) ||
		len(text) == 0 && t.options.Nulls == NullsEmpty
	if t.options.Quote == QuoteNever || !always && !needed {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			break
		}
		dst = append(dst, text[:i+1]...)
		dst = append(dst, '"')
		text = text[i+1:]
	}
	dst = append(dst, text...)
	return append(dst, '"')
}
