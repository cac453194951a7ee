package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/wasmflow/wasmflow/host/admin"
)

const (
	// settleTimeoutDefault is longer than an epoch takes on a system that is well.
	settleTimeoutDefault = time.Minute
	// settlePoll is how often a command looks whether the job is where it is asked to be.
	settlePoll = 50 * time.Millisecond
)

// order is what a command asks of a running job.
type order struct {
	doing string // begins what is said of errors, as in "pausing"
	ask   func(context.Context, *admin.Client) error
	// settled reports whether the job is where it was asked to be, and says in words how far it is.
	// nil is a job that is there as soon as it has answered.
	settled func(context.Context, target, *admin.Client) (bool, string, error)
	timeout time.Duration // of the wait for settled; 0 does not wait
	// tell prints what came of it. waited is false where the job was only asked.
	tell func(w io.Writer, job string, waited bool) error
}

// steer gives an order to the job that is the only argument of a command.
func steer(
	ctx context.Context, p *process, to *reach, command string, args []string, o order,
) error {
	name, err := one(command, "a job or a job file", args)
	if err != nil {
		return err
	}
	return o.give(ctx, p, to, name)
}

// give asks the running job, and waits until it is where it was asked to be. A job that does not
// take the order is a *startError; one that is not there in time has begun to obey it, and is not.
func (o order) give(ctx context.Context, p *process, to *reach, name string) error {
	t, err := to.find(ctx, p, name)
	if err != nil {
		return err
	}
	client, err := t.caller(ctx)
	if err == nil {
		err = o.ask(ctx, client)
	}
	if err != nil {
		return &startError{fmt.Errorf("%s %s: %w", o.doing, t.job, err)}
	}
	waits := o.settled != nil && o.timeout != 0
	if waits {
		if err := o.await(ctx, t, client); err != nil {
			return fmt.Errorf("%s %s: %w", o.doing, t.job, err)
		}
	}
	return o.tell(p.stdout, t.job, waits)
}

// await looks again and again whether the job is there, for as long as the order may take.
func (o order) await(ctx context.Context, t target, c *admin.Client) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	poll := time.NewTicker(settlePoll)
	defer poll.Stop()
	text := "it has not answered"
	for {
		there, far, err := o.settled(ctx, t, c)
		switch {
		case err == nil && there:
			return nil
		case err == nil:
			text = far
		case ctx.Err() == nil: // a look that the end of the wait cut off says nothing
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it was asked to, and after %v %s", o.timeout, text)
		case <-poll.C:
		}
	}
}
