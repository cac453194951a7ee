package stdin

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/charset"
	"github.com/wasmflow/wasmflow/connectors/format/delimited"
)

const (
	// recordBytesDefault fits any sensible line and keeps a missing delimiter from eating the
	// memory of the job.
	recordBytesDefault = 8 << 20
	// recordBytesLimit is what record_bytes_max may be raised to: a record lies in memory whole.
	recordBytesLimit = 1 << 30
)

// Config is a [sources.x] table with connector = "stdin".
type Config struct {
	Delimiter      string          `toml:"delimiter" doc:"what ends a record, of any length; with \"\\n\" a \"\\r\" before it is dropped"`
	Charset        string          `toml:"charset" doc:"IANA name of the charset of the input; records leave as UTF-8. With utf-8 nothing is checked"`
	RecordBytesMax connectors.Size `toml:"record_bytes_max" doc:"longest record; a longer one ends the job"`

	input *input
}

// Spec describes the connector, reading standard input of the process.
func Spec() connectors.Spec { return SpecFrom(os.Stdin) }

// SpecFrom is Spec with another input. It is read by one goroutine, from the first reader on
// until the input ends; a Read that blocks outlives the job.
func SpecFrom(r io.Reader) connectors.Spec {
	in := newInput(r)
	return connectors.Spec{
		Name: "stdin",
		Doc:  "Reads delimited records from standard input until it ends, in one task.",
		NewSource: func() connectors.SourceConfig {
			return &Config{
				Delimiter: "\n", Charset: "utf-8", RecordBytesMax: recordBytesDefault, input: in,
			}
		},
	}
}

// Validate reports what is wrong with c.
func (c *Config) Validate(p *connectors.Problems) {
	if c.RecordBytesMax < 1 || c.RecordBytesMax > recordBytesLimit {
		p.Addf("record_bytes_max", "%v is not between 1B and %v", c.RecordBytesMax,
			connectors.Size(recordBytesLimit))
	}
	p.Require("delimiter", c.Delimiter, `write what ends a record, such as "\n"`)
	if _, err := charset.Lookup(c.Charset); err != nil {
		p.Addf("charset", "%v", err)
	}
}

// Guarantee returns at-most-once: what was read from a pipe is gone from it.
func (c *Config) Guarantee() connectors.Guarantee { return connectors.AtMostOnce }

// Open takes hold of the input.
func (c *Config) Open(_ context.Context, env connectors.Env) (connectors.Source, error) {
	err := c.input.acquire(delimited.Options{
		Charset: c.Charset, Delimiter: c.Delimiter, RecordBytesMax: int(c.RecordBytesMax),
	})
	if err != nil {
		return nil, fmt.Errorf("opening standard input: %w", err)
	}
	return &Source{input: c.input, now: env.Now}, nil
}

var _ connectors.SourceConfig = (*Config)(nil)
