package printsink

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
)

// The values of Config.Stream.
const (
	streamOut = "stdout"
	streamErr = "stderr"
)

// Config is a [sinks.x] table with connector = "print".
type Config struct {
	Stream string `toml:"stream" doc:"where lines go: stdout or stderr" flink:"print, printToErr"`
	ID     string `toml:"id" doc:"stands before every line, to tell several print sinks apart; empty for none" flink:"print(sinkIdentifier), printToErr(sinkIdentifier)"`

	stdout, stderr *lockedWriter
}

// Spec describes the connector, writing to the streams of the process.
func Spec() connectors.Spec { return SpecTo(os.Stdout, os.Stderr) }

// SpecTo is Spec with other streams. Every Write to one of them carries whole lines, and no two
// run at the same time.
func SpecTo(stdout, stderr io.Writer) connectors.Spec {
	// The locks belong to the streams, not to the sinks: several sinks may share a stream.
	out, err := &lockedWriter{w: stdout}, &lockedWriter{w: stderr}
	return connectors.Spec{
		Name: "print",
		Doc: "Writes the value of every record to standard output or standard error as a line. " +
			"With several tasks each line begins with the number of its task, from 1.",
		NewSink: func() connectors.SinkConfig {
			return &Config{Stream: streamOut, stdout: out, stderr: err}
		},
	}
}

// Validate reports what is wrong with c.
func (c *Config) Validate(p *connectors.Problems) {
	p.OneOf("stream", c.Stream, streamOut, streamErr)
	if strings.ContainsAny(c.ID, "\r\n") {
		p.Addf("id", "contains a line break; write a word")
	}
}

// Guarantee returns at-least-once: what was printed cannot be withdrawn, and comes again after a
// crash.
func (c *Config) Guarantee() connectors.Guarantee { return connectors.AtLeastOnce }

// Open returns the sink.
func (c *Config) Open(_ context.Context, env connectors.Env) (connectors.Sink, error) {
	s := &Sink{stream: c.Stream, id: c.ID, parallelism: env.Parallelism, to: c.stdout}
	if c.Stream == streamErr {
		s.to = c.stderr
	}
	return s, nil
}

var _ connectors.SinkConfig = (*Config)(nil)
