package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/capture"
	"github.com/wasmflow/wasmflow/host/replay"
)

// captureBytesMax bounds the file that replay reads: a frame is at most 1 GiB.
const captureBytesMax = 2 << 30

func replayCommand() command {
	return command{
		name: "replay", usage: "batch.wfb x.wasm",
		summary: "run the records again that a plugin failed on",
		help: `
When a plugin traps, passes a limit or answers wrongly, the job keeps what it
was given in a file; the log and the dead letter name it. With the module it
is all that a bug report needs:

  wasmflow replay .wasmflow/captures/orders/enrich-20301231T235959.123456789.wfb enrich.wasm
  wasmflow replay --json batch.wfb enrich.wasm | jq .now

A fresh instance gets the same records, configuration, clock, randomness and
limits. Another module may be tried on them, too, such as one that is mended.

The file holds records and the configuration of the plugin as they are: look at
what it holds before you give it away. The job file's [capture] table says
where such files are and how many; enabled = false keeps none.

Exit code 0: the same happens again. 1: something else happens, which is shown.
2: a file or the module is refused.
`,
		setup: func(flags *flag.FlagSet) action {
			asJSON := flags.Bool("json", false, "print JSON")
			return func(ctx context.Context, p *process, args []string) error {
				if len(args) != 2 {
					return usagef("replay", "name a captured batch and a module")
				}
				return replayBatch(ctx, p, args[0], args[1], *asJSON)
			}
		},
	}
}

func replayBatch(ctx context.Context, p *process, file, module string, asJSON bool) error {
	data, err := config.ReadFile(file, captureBytesMax)
	if err != nil {
		return usagef("replay", "reading %s: %v", file, cause(err))
	}
	b, err := capture.Decode(data)
	if err != nil {
		return usagef("replay", "reading %s: %v", file, err)
	}
	guests, err := newGuests(p, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	res, err := replay.Run(ctx, guests, b, guest.Source{Path: module})
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(p.stdout, res)
	} else {
		err = printReplay(p.stdout, res)
	}
	if !res.Reproduced {
		err = errors.Join(err, &findingsError{
			fmt.Sprintf("replaying %s: what happened then does not happen now", file), exitFailed,
		})
	}
	return err
}

// cause leaves the path out of an error of the file system: the text names it already.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// printReplay tells what came of a batch then and now, as a person reads it.
func printReplay(w io.Writer, r *replay.Result) error {
	var s strings.Builder
	h := &r.Batch
	fmt.Fprintf(&s, "%s %s of plugin %s, at %s of job %s\n", h.Role, clean(h.Function),
		clean(h.Plugin), clean(h.Step), clean(h.Job))
	fmt.Fprintf(&s, "  captured  %s\n", h.Captured.UTC().Format(time.RFC3339Nano))
	fmt.Fprintf(&s, "  module    %s\n", clean(h.Module))
	if r.Module != h.Module {
		fmt.Fprintf(&s, "  now       %s\n", r.Module)
	}
	how := "as they came"
	if h.Alone {
		how = "alone, after it had failed among others"
	}
	fmt.Fprintf(&s, "  records   %d in %v, %s; the instance had worked on %d frames\n", r.Records,
		connectors.Size(r.Bytes), how, h.FramesBefore)
	printOutcome(&s, "then", &h.Outcome)
	printOutcome(&s, "now", &r.Now)
	s.WriteByte('\n')
	if r.Reproduced {
		s.WriteString("the same happens again\n")
	}
	for _, d := range r.Differences {
		fmt.Fprintf(&s, "%s differs\n  then %s\n  now  %s\n", d.What, lines(d.Then), lines(d.Now))
	}
	for _, note := range r.Notes {
		fmt.Fprintln(&s, clean(note))
	}
	_, err := io.WriteString(w, s.String())
	return err
}

func printOutcome(w io.Writer, when string, o *capture.Outcome) {
	fmt.Fprintf(w, "\n%-5s %s", when, o.Kind)
	if o.Call != "" {
		fmt.Fprintf(w, " in %s", clean(o.Call))
	}
	if o.Record != nil {
		fmt.Fprintf(w, " at record %d", *o.Record)
	}
	if o.Text != "" {
		fmt.Fprintf(w, ": %s", clean(o.Text))
	}
	if o.Limit != "" {
		fmt.Fprintf(w, " (%s)", clean(o.Limit))
	}
	fmt.Fprintf(w, "\n      %d calls, fuel %d", o.Calls, o.Fuel)
	if o.Kind == capture.KindAnswered {
		fmt.Fprintf(w, ", %d entries, %d of them errors", o.Entries, o.Errors)
	}
	fmt.Fprintln(w)
	for _, text := range []string{o.Output, o.Trace} {
		if text != "" {
			fmt.Fprintf(w, "      %s\n", lines(text))
		}
	}
}

// lines indents a text of several lines. Those of a guest hold no control characters; those of a
// file may.
func lines(text string) string {
	if text == "" {
		return "nothing"
	}
	list := strings.Split(text, "\n")
	for i := range list {
		list[i] = clean(list[i])
	}
	return strings.Join(list, "\n      ")
}
