package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/wasmflow/wasmflow/host/admin"
)

func checkpointCommand() command {
	return command{
		name: "checkpoint", usage: "JOB|job.toml",
		summary: "publish what a running job has read, now",
		help: `
  wasmflow checkpoint job.toml             begin an epoch and wait until it is
                                           published
  wasmflow checkpoint --list job.toml      the newest epochs of the process
  wasmflow checkpoint --list --json job.toml
`,
		setup: func(flags *flag.FlagSet) action {
			to := reachFlags(flags)
			list := flags.Bool("list", false, "show the newest epochs, and begin none")
			asJSON := flags.Bool("json", false, "print JSON")
			timeout := flags.Duration("timeout", settleTimeoutDefault, "wait at most `TIME` until the "+
				"epoch is published; 0s does not wait")
			return func(ctx context.Context, p *process, args []string) error {
				if *list {
					return steer(ctx, p, to, "checkpoint", args, listCheckpoints(*asJSON))
				}
				return steer(ctx, p, to, "checkpoint", args, checkpointNow(*timeout, *asJSON))
			}
		},
	}
}

// checkpointNow has the job begin an epoch and waits until it, or a later one, is published.
func checkpointNow(timeout time.Duration, asJSON bool) order {
	var begun CheckpointBegun
	return order{
		doing: "beginning an epoch of", timeout: timeout,
		ask: func(ctx context.Context, c *admin.Client) error {
			return c.Call(ctx, http.MethodPost, "/checkpoints", nil, &begun)
		},
		settled: func(ctx context.Context, _ target, c *admin.Client) (bool, string, error) {
			s, err := c.Status(ctx)
			return s.Checkpoint.Epoch >= uint64(begun.Epoch),
				fmt.Sprintf("epoch %d is the last one", s.Checkpoint.Epoch), err
		},
		tell: func(w io.Writer, job string, waited bool) error {
			if asJSON {
				return printJSON(w, begun)
			}
			text := "begins"
			if waited {
				text = "is published"
			}
			_, err := fmt.Fprintf(w, "epoch %d of %s %s\n", begun.Epoch, job, text)
			return err
		},
	}
}

// listCheckpoints asks for the newest epochs.
func listCheckpoints(asJSON bool) order {
	var list CheckpointList
	return order{
		doing: "asking for the epochs of",
		ask: func(ctx context.Context, c *admin.Client) error {
			return c.Call(ctx, http.MethodGet, "/checkpoints", nil, &list)
		},
		tell: func(w io.Writer, _ string, _ bool) error {
			if asJSON {
				return printJSON(w, list)
			}
			return printCheckpoints(w, list)
		},
	}
}

func printCheckpoints(w io.Writer, list CheckpointList) error {
	const head = "EPOCH\tCAUSE\tDECIDED\tTOOK\tREAD\tWRITTEN\tPARTS\tSPLITS\tMANIFEST BYTES\t"
	return table(w, head, func(w io.Writer) {
		for _, x := range list.Checkpoints {
			fmt.Fprintf(w, "%d\t%s\t%s\t%.3f s\t%d\t%d\t%d\t%d\t%d\t\n", x.Epoch, x.Cause,
				x.Decided.Format(time.RFC3339), x.DurationSeconds, x.RecordsRead, x.RecordsWritten,
				x.Parts, x.Splits, x.ManifestBytes)
		}
	})
}
