package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/host/admin"
)

const (
	// stopTimeoutDefault is longer than an epoch takes on a system that is well.
	stopTimeoutDefault = time.Minute
	// stopPoll is how often stop looks whether the job has ended.
	stopPoll = 50 * time.Millisecond
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
			timeout := flags.Duration("timeout", stopTimeoutDefault, "wait at most `TIME` for the end; "+
				"0s does not wait")
			return func(ctx context.Context, p *process, args []string) error {
				name, err := one("stop", "a job or a job file", args)
				if err != nil {
					return err
				}
				t, err := to.find(ctx, p, name)
				if err != nil {
					return err
				}
				return stop(ctx, p, t, *now, *timeout)
			}
		},
	}
}

func stop(ctx context.Context, p *process, t target, now bool, timeout time.Duration) error {
	_, err := t.live(ctx) // another program may have the port by now
	if err == nil {
		var client *admin.Client
		if client, _, err = t.client(ctx); err == nil {
			err = client.Stop(ctx, now)
		}
	}
	if err != nil {
		return &startError{fmt.Errorf("stopping %s: %w", t.job, err)}
	}
	if timeout == 0 {
		fmt.Fprintf(p.stdout, "%s was asked to stop\n", t.job)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	poll := time.NewTicker(stopPoll)
	defer poll.Stop()
	for {
		if _, err := t.live(ctx); errors.Is(err, errNotRunning) {
			fmt.Fprintf(p.stdout, "%s has ended\n", t.job)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopping %s: it was asked to and still runs after %v; look at it with "+
				"wasmflow status, or end it with --now", t.job, timeout)
		case <-poll.C:
		}
	}
}
