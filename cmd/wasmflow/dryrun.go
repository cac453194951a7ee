package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/envelope"
	"github.com/wasmflow/wasmflow/host"
)

// Bounds of what a dry run shows.
const (
	dryRecordsDefault = 10
	// dryValueBytesMax is what is shown of one value: some lines of a terminal.
	dryValueBytesMax = 400
)

func dryRunCommand() command {
	return command{
		name: "dry-run", usage: "job.toml",
		summary: "show what happens to the first records of a job",
		help: `
The first records of every source go through the functions of the job and are
shown with what would be written where. Sinks are not opened; nothing is
claimed, written or committed:

  wasmflow dry-run job.toml
  wasmflow dry-run -n 3 job.toml
  wasmflow dry-run --json job.toml | jq 'select(.kind == "refused")'
`,
		setup: func(flags *flag.FlagSet) action {
			n := flags.Int("n", dryRecordsDefault, "read `N` records of every source")
			asJSON := flags.Bool("json", false, "print one JSON object a line")
			return func(ctx context.Context, p *process, args []string) error {
				file, err := one("dry-run", "a job file", args)
				if err != nil {
					return err
				}
				if *n < 1 {
					return usagef("dry-run", "-n %d: at least 1", *n)
				}
				return dryRun(ctx, p, file, *n, *asJSON)
			}
		},
	}
}

func dryRun(ctx context.Context, p *process, file string, n int, asJSON bool) (err error) {
	job, err := loadJob(p, file, false)
	if err != nil {
		return err
	}
	closeBroker, err := embedBroker(ctx, p, job)
	if err != nil {
		return err
	}
	defer closeBroker()
	engine, err := newEngine(ctx, p, job, running{}, quiet())
	if err != nil {
		return err
	}
	defer closing(ctx, engine.Close, &err)
	if asJSON {
		out := &dryJSON{enc: json.NewEncoder(p.stdout)}
		out.enc.SetEscapeHTML(false)
		if err := engine.DryRun(ctx, n, out.event); err != nil {
			return &startError{blame(job, err)}
		}
		return out.err
	}
	out := &dryPrinter{w: p.stdout}
	err = engine.DryRun(ctx, n, out.event)
	if err != nil {
		return &startError{blame(job, err)}
	}
	out.end()
	return nil
}

// dryLine is one line of dry-run --json.
type dryLine struct {
	Kind     host.DryKind    `json:"kind"`
	Stage    string          `json:"stage"`
	Split    string          `json:"split"`
	Position string          `json:"position"`
	Error    string          `json:"error,omitempty"`
	Record   json.RawMessage `json:"record"`
}

// dryJSON writes events for scripts.
type dryJSON struct {
	enc *json.Encoder
	err error
}

func (d *dryJSON) event(e host.DryEvent) {
	if d.err != nil {
		return
	}
	d.err = d.enc.Encode(dryLine{
		Kind: e.Kind, Stage: e.Stage, Split: e.Split, Position: e.Position, Error: e.Error,
		Record: envelope.AppendRecord(nil, e.Record),
	})
}

// dryPrinter writes events for people: a record as it was read, and below it what became of it.
type dryPrinter struct {
	w                               io.Writer
	read, written, refused, dropped int
	fate                            int // events of the record at hand
}

func (d *dryPrinter) event(e host.DryEvent) {
	switch e.Kind {
	case host.DryRead:
		d.finish()
		d.read++
		fmt.Fprintf(d.w, "%d. %s, %s at %s\n", d.read, e.Stage, e.Split, e.Position)
		d.record("<- ", e.Record, e.Record.Headers)
		d.fate = 0
	case host.DryWritten:
		d.written++
		d.fate++
		d.record("-> "+e.Stage+"  ", e.Record, e.Record.Headers)
	case host.DryRefused:
		d.refused++
		d.fate++
		fmt.Fprintf(d.w, "   refused: %s\n", clean(e.Error))
	}
}

// finish tells that a record left no trace.
func (d *dryPrinter) finish() {
	if d.read > 0 && d.fate == 0 {
		d.dropped++
		fmt.Fprintln(d.w, "   dropped")
	}
}

func (d *dryPrinter) end() {
	d.finish()
	fmt.Fprintf(d.w, "\n%d records read, %d would be written, %d dropped, %d refused; "+
		"nothing was claimed or written\n", d.read, d.written, d.dropped, d.refused)
}

// record shows a record behind arrow.
func (d *dryPrinter) record(arrow string, r *connectors.Record, headers []connectors.Header) {
	var b strings.Builder
	b.WriteString("   " + arrow)
	if r.Key != nil {
		b.WriteString(show(r.Key) + " = ")
	}
	b.WriteString(show(r.Value))
	if r.Timestamp != connectors.NoTimestamp {
		b.WriteString("  @" + time.UnixMilli(r.Timestamp).UTC().Format(time.RFC3339Nano))
	}
	if int(r.Output) != 0 {
		fmt.Fprintf(&b, "  (output %d)", r.Output)
	}
	for _, h := range headers {
		fmt.Fprintf(&b, "\n      %s: %s", clean(h.Key), show(h.Value))
	}
	fmt.Fprintln(d.w, b.String())
}

// show returns bytes as a person reads them: text as it is, the rest quoted.
func show(b []byte) string {
	if b == nil {
		return "null"
	}
	cut := b
	if len(cut) > dryValueBytesMax {
		cut = cut[:dryValueBytesMax]
		for len(cut) > 0 && !utf8.RuneStart(b[len(cut)]) {
			cut = cut[:len(cut)-1]
		}
	}
	text := clean(string(cut))
	if len(cut) < len(b) {
		text += fmt.Sprintf("... (%d bytes)", len(b))
	}
	return text
}

// clean quotes text that would move the cursor of a terminal or is no text at all.
func clean(s string) string {
	bad := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	if strings.ContainsFunc(s, bad) {
		return strconv.Quote(s)
	}
	return s
}
