package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/wasmflow/wasmflow/host/admin"
)

func stopCommand() command {
	return command{
		name: "stop", usage: "JOB|job.toml",
		summary: "end a running job after one more epoch",
		help: `
  wasmflow stop job.toml             publish a last epoch, then end
  wasmflow stop --now job.toml       end without another epoch; the next run
                                     goes on from the epoch before
  wasmflow stop --timeout 0s job.toml  ask, and do not wait

What --now throws away was not published, so nothing is lost or doubled.
`,
		setup: func(flags *flag.FlagSet) action {
			to := reachFlags(flags)
			now := flags.Bool("now", false, "end without another epoch")
			timeout := flags.Duration("timeout", settleTimeoutDefault, "wait at most `TIME` for the end; "+
				"0s does not wait")
			return func(ctx context.Context, p *process, args []string) error {
				return steer(ctx, p, to, "stop", args, order{
					doing: "stopping", settled: gone, timeout: *timeout,
					ask: func(ctx context.Context, c *admin.Client) error { return c.Stop(ctx, *now) },
					tell: func(w io.Writer, job string, waited bool) error {
						text := "was asked to stop"
						if waited {
							text = "has ended"
						}
						_, err := fmt.Fprintf(w, "%s %s\n", job, text)
						return err
					},
				})
			}
		},
	}
}

// gone tells whether nobody runs the job any more. Whatever else keeps it from answering, it may
// still be at its last epoch.
func gone(ctx context.Context, t target, _ *admin.Client) (bool, string, error) {
	const text = "it still runs; look at it with wasmflow status, or end it with --now"
	_, err := t.live(ctx)
	return errors.Is(err, errNotRunning), text, nil
}
