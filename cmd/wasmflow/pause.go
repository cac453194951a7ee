package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/host/admin"
)

const (
	// settleTimeoutDefault is longer than an epoch takes on a system that is well.
	settleTimeoutDefault = time.Minute
	// settlePoll is how often a command looks whether the job is where it is asked to be.
	settlePoll = 50 * time.Millisecond
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
				return steer(ctx, p, to, "pause", args, func(ctx context.Context, t target,
					c *admin.Client,
				) error {
					if _, err := c.Pause(ctx); err != nil {
						return err
					}
					if *timeout == 0 {
						fmt.Fprintf(p.stdout, "%s was asked to pause\n", t.job)
						return nil
					}
					err := await(ctx, *timeout, func(ctx context.Context) (bool, string, error) {
						s, err := c.Status(ctx)
						return s.State == admin.StatePaused, "it is " + string(s.State), err
					})
					if err == nil {
						fmt.Fprintf(p.stdout, "%s is paused\n", t.job)
					}
					return err
				})
			}
		},
	}
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
				return steer(ctx, p, to, "resume", args, func(ctx context.Context, t target,
					c *admin.Client,
				) error {
					state, err := c.Resume(ctx)
					if err == nil {
						fmt.Fprintf(p.stdout, "%s is %s\n", t.job, state)
					}
					return err
				})
			}
		},
	}
}

// steer has act ask the running job that args names.
func steer(ctx context.Context, p *process, to *reach, command string, args []string,
	act func(context.Context, target, *admin.Client) error,
) error {
	name, err := one(command, "a job or a job file", args)
	if err != nil {
		return err
	}
	t, err := to.find(ctx, p, name)
	if err != nil {
		return err
	}
	client, err := t.caller(ctx)
	if err == nil {
		err = act(ctx, t, client)
	}
	if err != nil {
		return &startError{fmt.Errorf("%s of %s: %w", command, t.job, err)}
	}
	return nil
}

// await asks ready again and again until it says so, or for at most so long. ready says in words
// how far the job is.
func await(ctx context.Context, most time.Duration,
	ready func(context.Context) (bool, string, error),
) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	poll := time.NewTicker(settlePoll)
	defer poll.Stop()
	for {
		there, text, err := ready(ctx)
		if there || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it was asked to, and after %v %s", most, text)
		case <-poll.C:
		}
	}
}
