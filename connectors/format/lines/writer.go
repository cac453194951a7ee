package lines

import (
	"io"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// Writer writes records into one stream.
type Writer struct {
	*format.Stream
	encoder *Encoder
}

// NewWriter returns a writer into out. The options are valid.
func NewWriter(out io.Writer, o Options) (*Writer, error) {
	e, err := New(o)
	if err != nil {
		return nil, err
	}
	return &Writer{Stream: format.NewStream(out), encoder: e}, nil
}

// Append implements format.Writer.
func (w *Writer) Append(r *connectors.Record) error {
	buf, err := w.Begin()
	if err != nil {
		return err
	}
	if buf, err = w.encoder.Append(buf, r); err != nil {
		return &format.Refusal{Err: err}
	}
	return w.End(buf)
}

var _ format.Writer = (*Writer)(nil)
