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
				return steer(ctx, p, to, "checkpoint", args, func(ctx context.Context, t target,
					c *admin.Client,
				) error {
					if *list {
						return listCheckpoints(ctx, p.stdout, c, *asJSON)
					}
					return checkpointNow(ctx, p.stdout, t, c, *timeout, *asJSON)
				})
			}
		},
	}
}

func checkpointNow(ctx context.Context, w io.Writer, t target, c *admin.Client,
	timeout time.Duration, asJSON bool,
) error {
	var begun CheckpointBegun
	if err := c.Call(ctx, http.MethodPost, "/checkpoints", nil, &begun); err != nil {
		return err
	}
	if timeout != 0 {
		err := await(ctx, timeout, func(ctx context.Context) (bool, string, error) {
			s, err := c.Status(ctx)
			return s.Checkpoint.Epoch >= uint64(begun.Epoch),
				fmt.Sprintf("epoch %d is the last one", s.Checkpoint.Epoch), err
		})
		if err != nil {
			return err
		}
	}
	if asJSON {
		return printJSON(w, begun)
	}
	text := "is published"
	if timeout == 0 {
		text = "begins"
	}
	_, err := fmt.Fprintf(w, "epoch %d of %s %s\n", begun.Epoch, t.job, text)
	return err
}

func listCheckpoints(ctx context.Context, w io.Writer, c *admin.Client, asJSON bool) error {
	var list CheckpointList
	if err := c.Call(ctx, http.MethodGet, "/checkpoints", nil, &list); err != nil {
		return err
	}
	if asJSON {
		return printJSON(w, list)
	}
	const head = "EPOCH\tCAUSE\tDECIDED\tTOOK\tREAD\tWRITTEN\tPARTS\tSPLITS\tMANIFEST BYTES\t"
	return table(w, head, func(w io.Writer) {
		for _, x := range list.Checkpoints {
			fmt.Fprintf(w, "%d\t%s\t%s\t%.3f s\t%d\t%d\t%d\t%d\t%d\t\n", x.Epoch, x.Cause,
				x.Decided.Format(time.RFC3339), x.DurationSeconds, x.RecordsRead, x.RecordsWritten,
				x.Parts, x.Splits, x.ManifestBytes)
		}
	})
}
