package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/admin"
	"github.com/wasmflow/wasmflow/host/config"
)

// jobStatus is what status prints.
type jobStatus struct {
	Job     string        `json:"job"`
	Running bool          `json:"running"`
	Live    *admin.Status `json:"live,omitempty"`  // of a running job
	Store   *storeStatus  `json:"store,omitempty"` // of one that does not run
}

// storeStatus is what the store says of a job that does not run.
type storeStatus struct {
	JobID    string                      `json:"job_id"`
	Log      string                      `json:"log"`   // where its epochs are decided
	Epoch    checkpoint.Epoch            `json:"epoch"` // the last decided one; 0 is none
	Claim    uint64                      `json:"claim"`
	By       string                      `json:"by"`
	At       time.Time                   `json:"at"`       // of the last record
	Finished bool                        `json:"finished"` // all input is read
	Counts   map[string]checkpoint.Count `json:"counts"`
}

func statusCommand() command {
	return command{
		name: "status", usage: "JOB|job.toml",
		summary: "show how a job is doing",
		help: `
  wasmflow status job.toml                      the job of that file
  wasmflow status access-log                    by name, in .wasmflow/store
  wasmflow status access-log --store /var/lib/wasmflow
  wasmflow status --json job.toml | jq .running

A running job answers through its admin server; of another one the checkpoint
store tells how far it came.
`,
		setup: func(flags *flag.FlagSet) action {
			to := reachFlags(flags)
			asJSON := flags.Bool("json", false, "print JSON")
			return func(ctx context.Context, p *process, args []string) error {
				name, err := one("status", "a job or a job file", args)
				if err != nil {
					return err
				}
				t, err := to.find(ctx, p, name)
				if err != nil {
					return err
				}
				return status(ctx, p, t, *asJSON)
			}
		},
	}
}

func status(ctx context.Context, p *process, t target, asJSON bool) error {
	out := jobStatus{Job: t.job}
	live, err := t.live(ctx)
	switch {
	case err == nil:
		out.Running, out.Live = true, live
	case !errors.Is(err, errNotRunning) || t.remote != nil:
		return &startError{err}
	default:
		if out.Store, err = t.stored(ctx, p); err != nil {
			return &startError{err}
		}
	}
	switch {
	case asJSON:
		return printJSON(p.stdout, out)
	case out.Running:
		return printLive(p.stdout, out.Live)
	default:
		return printStored(p.stdout, out)
	}
}

// stored reads how far the job came.
func (t target) stored(ctx context.Context, p *process) (s *storeStatus, err error) {
	j, err := t.journal(ctx, p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	last, found, err := j.Last(ctx)
	if err != nil {
		if t.file != nil {
			return nil, unreadableJournal(t.file, j, err)
		}
		return nil, withStoreRemedy(fmt.Errorf("reading the checkpoint store: %w", err), "")
	}
	if log := t.store.logInUse(ctx); !found && log != "" && log != config.LogStore {
		return nil, fmt.Errorf("job %q has no epoch left in its log, %s; wasmflow fsck says what is "+
			"missing", t.job, log)
	}
	if !found {
		return nil, fmt.Errorf("job %q never ran in %s; name the store with --store, or the job file",
			t.job, t.store.root)
	}
	s = &storeStatus{
		JobID: last.JobID, Log: last.Log, Epoch: last.Epoch, Claim: last.Owner.Number,
		By: last.Owner.String(), At: time.UnixMilli(last.CreatedMillis).UTC(),
		Finished: last.Finished(), Counts: last.Counts,
	}
	if last.Kind != checkpoint.KindEpoch {
		s.Epoch = last.Previous
	}
	return s, nil
}

// journal opens the log that holds the job's last epochs. Without the job file nobody knows the
// system that a log outside of the store is in.
func (t target) journal(ctx context.Context, p *process) (journal, error) {
	if t.file == nil {
		if log := t.store.logInUse(ctx); log != "" && log != config.LogStore {
			return nil, &usageError{text: fmt.Sprintf("the epochs of job %s are in %s; name its job file",
				t.job, log)}
		}
		return storeJournal{t.store.view}, nil
	}
	closeBroker, err := embedBroker(ctx, p, t.file)
	if err != nil {
		return nil, err
	}
	j, err := openJournal(ctx, p, t.store, t.file)
	if err != nil {
		closeBroker()
		return nil, err
	}
	return &borrowedJournal{j, closeBroker}, nil
}

func printStored(w io.Writer, s jobStatus) error {
	text := "can be run on from there"
	if s.Store.Finished {
		text = "all its input is read"
	}
	_, err := fmt.Fprintf(w, "%s does not run\n"+
		"  last epoch  %d, decided %s, %s\n  owner       %s\n  job id      %s\n"+
		"  log         %s\n", s.Job, s.Store.Epoch, s.Store.At.Format(time.RFC3339), text, s.Store.By,
		s.Store.JobID, s.Store.Log)
	return err
}

func printLive(w io.Writer, s *admin.Status) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s\n", s.Job, s.State)
	fmt.Fprintf(&b, "  process     pid %d on %s, since %s, claim %d, %d tasks, %d restarts\n",
		s.PID, s.Host, s.Started.UTC().Format(time.RFC3339), s.Claim, s.Parallelism, s.Restarts)
	fmt.Fprintf(&b, "  last epoch  %d, decided %.1f s ago\n", s.Checkpoint.Epoch,
		s.Checkpoint.AgeSeconds)
	if s.Error != "" {
		fmt.Fprintf(&b, "  last error  %s\n", clean(s.Error))
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tin\tout\tskipped\tdead letters\tbytes\t")
	row := func(kind string, x admin.Stage) {
		fmt.Fprintf(t, "%s %s\t%d\t%d\t%d\t%d\t%d\t\n", kind, x.Name, x.RecordsIn, x.RecordsOut,
			x.Skipped, x.Dead, x.Bytes)
	}
	for _, x := range s.Sources {
		row("source", x.Stage)
	}
	for _, x := range s.Transforms {
		row("transform", x)
	}
	for _, x := range s.Sinks {
		row("sink", x)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}
