package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/wasmflow/wasmflow/host/admin"
)

func pauseCommand() command {
	return command{
		name: "pause", usage: "JOB|job.toml",
		summary: "have a running job read nothing until it is resumed",
		help: `
  wasmflow pause job.toml
  wasmflow resume job.toml

What was read before is published in one more epoch; then nothing is read, no
epoch begins and no transaction is open, however long that lasts. A pause ends
with resume, or with the process: a job that is started again runs.
`,
		setup: func(flags *flag.FlagSet) action {
			to := reachFlags(flags)
			timeout := flags.Duration("timeout", settleTimeoutDefault, "wait at most `TIME` until "+
				"everything is published; 0s does not wait")
			return func(ctx context.Context, p *process, args []string) error {
				return steer(ctx, p, to, "pause", args, order{
					doing: "pausing", settled: paused, timeout: *timeout,
					ask: func(ctx context.Context, c *admin.Client) error {
						_, err := c.Pause(ctx)
						return err
					},
					tell: func(w io.Writer, job string, waited bool) error {
						text := "was asked to pause"
						if waited {
							text = "is paused"
						}
						_, err := fmt.Fprintf(w, "%s %s\n", job, text)
						return err
					},
				})
			}
		},
	}
}

// paused tells whether all is published and the job holds still.
func paused(ctx context.Context, _ target, c *admin.Client) (bool, string, error) {
	s, err := c.Status(ctx)
	return s.State == admin.StatePaused, "it is " + string(s.State), err
}

func resumeCommand() command {
	return command{
		name: "resume", usage: "JOB|job.toml",
		summary: "have a paused job go on",
		help: `
  wasmflow resume job.toml
`,
		setup: func(flags *flag.FlagSet) action {
			to := reachFlags(flags)
			return func(ctx context.Context, p *process, args []string) error {
				var state admin.State
				return steer(ctx, p, to, "resume", args, order{
					doing: "resuming",
					ask: func(ctx context.Context, c *admin.Client) (err error) {
						state, err = c.Resume(ctx)
						return err
					},
					tell: func(w io.Writer, job string, _ bool) error {
						_, err := fmt.Fprintf(w, "%s is %s\n", job, state)
						return err
					},
				})
			}
		},
	}
}
