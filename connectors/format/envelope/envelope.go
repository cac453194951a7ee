package envelope

import (
	"context"
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// Name is the serializer's name in job files.
const Name = "envelope"

// Serializer implements connectors.Serializer. Make one per task with New.
type Serializer struct {
	buf []byte
}

// New returns a serializer.
func New() *Serializer { return &Serializer{} }

// Serialize appends one record to out for every record of in; none is refused.
func (s *Serializer) Serialize(_ context.Context, in, out *connectors.Batch, _ *connectors.Faults,
) error {
	out.Splits = append(out.Splits, in.Splits...)
	out.Targets = append(out.Targets, in.Targets...)
	for i := range in.Records {
		r := out.Append()
		*r = in.Records[i]
		s.buf = AppendRecord(s.buf[:0], r)
		r.Value = out.Copy(s.buf)
	}
	return nil
}

// Close releases nothing.
func (s *Serializer) Close() error { return nil }

// AppendRecord appends the JSON object of r to dst.
func AppendRecord(dst []byte, r *connectors.Record) []byte {
	dst = append(dst, '{')
	dst = appendBytes(dst, "value", r.Value)
	if r.Key != nil {
		dst = append(dst, ',')
		dst = appendBytes(dst, "key", r.Key)
	}
	if r.Timestamp != connectors.NoTimestamp {
		dst = append(dst, `,"timestamp":`...)
		dst = strconv.AppendInt(dst, r.Timestamp, 10)
	}
	if len(r.Headers) > 0 {
		dst = append(dst, `,"headers":[`...)
		for i, h := range r.Headers {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '{')
			dst = appendBytes(dst, "key", []byte(h.Key))
			dst = append(dst, ',')
			dst = appendBytes(dst, "value", h.Value)
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// appendBytes appends a member whose value is null, a string, or Base64 under another name.
func appendBytes(dst []byte, name string, b []byte) []byte {
	dst = append(append(dst, '"'), name...)
	switch {
	case b == nil:
		return append(dst, `":null`...)
	case utf8.Valid(b):
		return jsontext.AppendString(append(dst, `":`...), b)
	default:
		dst = append(dst, `_base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, b)
		return append(dst, '"')
	}
}

var _ connectors.Serializer = (*Serializer)(nil)
