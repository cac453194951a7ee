package lines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/charset"
	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// Errors of a record.
var (
	// ErrNull is returned for a record whose value is null: no line of text can say that.
	ErrNull = errors.New("the value is null, which a line of text cannot hold")
	// ErrNotJSON is returned for a value that is not what the format needs.
	ErrNotJSON = errors.New("the value is no JSON")
)

// Encoder appends records. One goroutine uses it.
type Encoder struct {
	row       func(dst, value []byte) ([]byte, error)
	converter *encoding.Encoder // nil for UTF-8
	delimiter []byte            // in the charset
	text      []byte            // a row before it is converted
}

// New returns an encoder. The options are valid.
func New(o Options) (*Encoder, error) {
	converter, err := o.converter()
	if err != nil {
		return nil, err
	}
	e := &Encoder{converter: converter, delimiter: []byte(o.Delimiter)}
	if converter != nil {
		if e.delimiter, err = converter.Bytes(e.delimiter); err != nil {
			return nil, err
		}
	}
	switch o.Format {
	case JSON:
		e.row = jsonRow
	case CSV:
		e.row = newTable(o).row
	case Text:
		e.row = textRow
	default:
		return nil, fmt.Errorf("format %q is unknown", o.Format)
	}
	return e, nil
}

// Append appends r and the delimiter to dst. An error concerns r alone; dst is returned without
// anything of it (N1).
func (e *Encoder) Append(dst []byte, r *connectors.Record) ([]byte, error) {
	if r.Value == nil {
		return dst, ErrNull
	}
	if e.converter == nil {
		out, err := e.row(dst, r.Value)
		if err != nil {
			return dst, err
		}
		return append(out, e.delimiter...), nil
	}
	text, err := e.row(e.text[:0], r.Value)
	if err != nil {
		return dst, err
	}
	e.text = text
	out, _, err := transform.Append(e.converter, dst, text)
	if err != nil {
		return dst, fmt.Errorf("converting the value: %w", err)
	}
	return append(out, e.delimiter...), nil
}

// converter returns what converts to the charset, or nil for UTF-8.
func (o Options) converter() (*encoding.Encoder, error) {
	enc, err := charset.Lookup(o.Charset)
	if err != nil || enc == nil {
		return nil, err
	}
	converter := enc.NewEncoder()
	if _, err := converter.String(o.Delimiter); err != nil {
		return nil, fmt.Errorf("%q has no form in charset %s: %w", o.Delimiter, o.Charset, err)
	}
	one, oneErr := converter.String("a")
	two, twoErr := converter.String("aa")
	if oneErr != nil || twoErr != nil || len(two) != 2*len(one) {
		return nil, fmt.Errorf("%q puts a mark before every text; write \"UTF-16BE\" or \"UTF-16LE\" "+
			"where you mean \"UTF-16\"", o.Charset)
	}
	return converter, nil
}

func textRow(dst, value []byte) ([]byte, error) { return append(dst, value...), nil }

// jsonRow passes JSON on. Line breaks in it are white space, since a string holds none (N2). How
// deep it may be nested is bounded: checking must not use up the stack.
func jsonRow(dst, value []byte) ([]byte, error) {
	if err := jsontext.Check(value); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return append(dst, value...), nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	return append(dst, compact.Bytes()...), nil
}
