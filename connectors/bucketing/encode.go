package bucketing

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/transform"

	"github.com/wasmflow/wasmflow/connectors"
)

// formatString writes the value of each record and a delimiter.
const formatString = "string"

const charsetUTF8 = "UTF-8"

// delimiterBytesMax bounds the delimiter: longer ones are mistakes.
const delimiterBytesMax = 64

// Writer is the value of the key writer.
type Writer struct {
	Format    string
	Charset   string // IANA name; values are UTF-8 and are converted to it
	Delimiter string
}

func defaultWriter() Writer {
	return Writer{Format: formatString, Charset: charsetUTF8, Delimiter: "\n"}
}

// String formats w as a job file would.
func (w Writer) String() string {
	if w == defaultWriter() {
		return fmt.Sprintf("%q", w.Format)
	}
	return fmt.Sprintf("{ format = %q, charset = %q, delimiter = %q }",
		w.Format, w.Charset, w.Delimiter)
}

// UnmarshalTOML decodes "string" or { format = "string", ... }.
func (w *Writer) UnmarshalTOML(v any) error {
	*w = defaultWriter()
	switch v := v.(type) {
	case string:
		w.Format = v
		return nil
	case map[string]any:
		for key, v := range v {
			s, ok := v.(string)
			if !ok {
				return fmt.Errorf("%s: want a string, not %T", key, v)
			}
			switch key {
			case "format":
				w.Format = s
			case "charset":
				w.Charset = s
			case "delimiter":
				w.Delimiter = s
			default:
				return fmt.Errorf("unknown key %q; known are format, charset, delimiter", key)
			}
		}
		return nil
	}
	return fmt.Errorf("want a name or a table, not %T", v)
}

func (w Writer) validate(p *connectors.Problems) {
	p.OneOf("writer.format", w.Format, formatString)
	if len(w.Delimiter) > delimiterBytesMax {
		p.Addf("writer.delimiter", "%d bytes are more than %d", len(w.Delimiter), delimiterBytesMax)
	}
	if _, err := w.encoder(); err != nil {
		p.Addf("writer.charset", "%v", err)
	}
}

// encoder makes the bytes of records.
type encoder interface {
	// append adds r to dst. An error concerns r alone, and dst is returned without it.
	append(dst []byte, r *connectors.Record) ([]byte, error)
}

func (w Writer) encoder() (encoder, error) {
	if strings.EqualFold(w.Charset, charsetUTF8) {
		return &textEncoder{delimiter: []byte(w.Delimiter)}, nil
	}
	charset, err := ianaindex.IANA.Encoding(w.Charset)
	if err != nil || charset == nil {
		return nil, fmt.Errorf("%q is no charset; write an IANA name such as \"ISO-8859-1\"", w.Charset)
	}
	e := &charsetEncoder{encoder: charset.NewEncoder()}
	if e.delimiter, err = e.encoder.Bytes([]byte(w.Delimiter)); err != nil {
		return nil, fmt.Errorf("%q has no form in charset %s: %w", w.Delimiter, w.Charset, err)
	}
	one, oneErr := e.encoder.String("a")
	two, twoErr := e.encoder.String("aa")
	if oneErr != nil || twoErr != nil || len(two) != 2*len(one) {
		return nil, fmt.Errorf("%q puts a mark before every text; write \"UTF-16BE\" or \"UTF-16LE\" "+
			"where you mean \"UTF-16\"", w.Charset)
	}
	return e, nil
}

// errNull is the fault of a record whose value is null: a line of text cannot say that.
var errNull = errors.New("the value is null, which a text file cannot hold")

// textEncoder passes values on as they are.
type textEncoder struct{ delimiter []byte }

func (e *textEncoder) append(dst []byte, r *connectors.Record) ([]byte, error) {
	if r.Value == nil {
		return dst, errNull
	}
	dst = append(dst, r.Value...)
	return append(dst, e.delimiter...), nil
}

// charsetEncoder converts values. A character that the charset lacks is a fault: replacing it
// would lose it without a word.
type charsetEncoder struct {
	encoder   *encoding.Encoder
	delimiter []byte
}

func (e *charsetEncoder) append(dst []byte, r *connectors.Record) ([]byte, error) {
	if r.Value == nil {
		return dst, errNull
	}
	text, _, err := transform.Append(e.encoder, dst, r.Value)
	if err != nil {
		return dst, fmt.Errorf("converting the value: %w", err)
	}
	return append(text, e.delimiter...), nil
}
