package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/task"
)

// checkup is what fsck prints.
type checkup struct {
	Job      string    `json:"job"`
	Store    string    `json:"store"`
	Running  bool      `json:"running"`
	Problems int       `json:"problems"`
	Findings []finding `json:"findings"`
}

// finding is a checkpoint.Finding for scripts.
type finding struct {
	Severity checkpoint.Severity `json:"severity"`
	Subject  string              `json:"subject"`
	Text     string              `json:"text"`
	Remedy   string              `json:"remedy,omitempty"`
}

func fsckCommand() command {
	return command{
		name: "fsck", usage: "job.toml",
		summary: "check the checkpoint store of a job and its output",
		help: `
Every record, module and mark in the store is read, and the sinks look whether
the output of the last epoch is published or can still be. Nothing is changed:

  wasmflow fsck job.toml
  wasmflow fsck --json job.toml | jq .problems

A job refuses to start when decided output is missing. If that output is gone
for good, accept the loss of each file by its name, then run the job:

  wasmflow fsck --accept-missing /lake/hour=13/part-0-7 job.toml

Exit code 0 is no problem, 3 at least one.
`,
		setup: func(flags *flag.FlagSet) action {
			var accept names
			flags.Var(&accept, "accept-missing", "bear the loss of the output `FILE`; may be repeated")
			asJSON := flags.Bool("json", false, "print JSON")
			return func(ctx context.Context, p *process, args []string) error {
				file, err := one("fsck", "a job file", args)
				if err != nil {
					return err
				}
				job, err := loadJob(p, file, false)
				if err != nil {
					return err
				}
				return fsck(ctx, p, job, accept, *asJSON)
			}
		},
	}
}

func fsck(ctx context.Context, p *process, job *config.Job, accept []string, asJSON bool) error {
	s, err := openStore(ctx, p, job)
	if err != nil {
		return err
	}
	found, err := examine(ctx, p, job, s)
	if err != nil {
		return &startError{blame(job, fmt.Errorf("checking job %s: %w", job.Name, err))}
	}
	if len(accept) > 0 {
		if err := acceptMissing(ctx, p, s, found, accept); err != nil {
			return err
		}
		if found, err = examine(ctx, p, job, s); err != nil {
			return &startError{blame(job, fmt.Errorf("checking job %s: %w", job.Name, err))}
		}
	}
	out := checkup{Job: job.Name, Store: s.view.Dir(), Findings: []finding{}}
	if _, out.Running, err = s.holder(); err != nil {
		return &startError{err}
	}
	for _, f := range found {
		out.Findings = append(out.Findings, finding{f.Severity, f.Subject, f.Text, f.Remedy})
		if f.Severity == checkpoint.Problem {
			out.Problems++
		}
	}
	if asJSON {
		err = printJSON(p.stdout, out)
	} else {
		err = out.print(p)
	}
	if err == nil && out.Problems > 0 {
		err = &findingsError{"checking job " + job.Name + ": " + several(out.Problems, "problem"),
			exitOutside}
	}
	return err
}

func (c checkup) print(p *process) error {
	var b strings.Builder
	for _, f := range c.Findings {
		fmt.Fprintln(&b, checkpoint.Finding{
			Severity: f.Severity, Subject: f.Subject, Text: f.Text, Remedy: f.Remedy,
		})
	}
	if c.Running {
		b.WriteString("the job runs: what it is changing right now may look wrong\n")
	}
	fmt.Fprintf(&b, "%s in %s: %s, %s\n", c.Job, c.Store,
		several(c.Problems, "problem"), several(len(c.Findings)-c.Problems, "note"))
	_, err := fmt.Fprint(p.stdout, b.String())
	return err
}

// examine checks the store, the log where that is elsewhere and, through the sinks, the output of
// the last epoch.
func examine(ctx context.Context, p *process, job *config.Job, s *store,
) (found []checkpoint.Finding, err error) {
	if log := s.logInUse(ctx); log == "" || log == config.LogStore {
		return examineLog(ctx, p, job, s.view, func(v verifiers) ([]checkpoint.Finding, error) {
			return checkFolder(ctx, s, v)
		})
	}
	j, err := target{job: job.Name, store: s, file: job}.journal(ctx, p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	return examineLog(ctx, p, job, j, func(v verifiers) ([]checkpoint.Finding, error) {
		found, err := checkFolder(ctx, s, v)
		if err != nil {
			return nil, err
		}
		inTopic, err := checkTopic(ctx, job, s, j, v)
		return append(found, inTopic...), err
	})
}

// verifiers are the sinks that can tell what became of their output, by name.
type verifiers = map[string]checkpoint.Verifier

// lastReader reads the newest record of a log.
type lastReader interface {
	Last(ctx context.Context) (checkpoint.Manifest, bool, error)
}

// examineLog opens the sinks for the last record of log and has check ask them.
func examineLog(ctx context.Context, p *process, job *config.Job, log lastReader,
	check func(verifiers) ([]checkpoint.Finding, error),
) (found []checkpoint.Finding, err error) {
	last, ran, err := log.Last(ctx)
	if err != nil || !ran {
		// Without the last record there is no output to look for; the check tells what is wrong.
		return check(nil)
	}
	ask := verifiers{}
	sinks := job.Sinks
	if job.DeadLetter != nil {
		sinks = append(slices.Clone(sinks), *job.DeadLetter)
	}
	for _, x := range sinks {
		v, closer, err := openVerifier(ctx, p, job, x, last)
		if err != nil {
			return nil, task.AtStage(x.Name, err, "opening sink %s", x.Name)
		}
		defer func() { err = errors.Join(err, closer()) }()
		if v != nil {
			ask[x.Name] = v
		}
	}
	return check(ask)
}

// checkFolder has the store check itself.
func checkFolder(ctx context.Context, s *store, v verifiers) ([]checkpoint.Finding, error) {
	found, err := s.view.Check(ctx, v)
	if err != nil {
		err = &storeError{err}
	}
	return found, err
}

// checkTopic checks a log that is in a topic, and what the store holds beside it.
func checkTopic(ctx context.Context, job *config.Job, s *store, j journal, v verifiers,
) ([]checkpoint.Finding, error) {
	if b, ok := j.(*borrowedJournal); ok {
		j = b.journal
	}
	topic, ok := j.(*topicJournal)
	if !ok {
		return nil, nil
	}
	folder, err := storelog.NewJobStore(s.fs, s.root, job.Name, nil)
	if err != nil {
		return nil, &storeError{err}
	}
	return topic.Check(ctx, folder, cmp.Or(job.Checkpoint.Retain, txlog.DefaultRetain), v)
}

// openVerifier opens the committer of a sink, if it can tell what became of its output. The
// closer is never nil without an error.
func openVerifier(ctx context.Context, p *process, job *config.Job, s config.Sink,
	last checkpoint.Manifest,
) (checkpoint.Verifier, func() error, error) {
	sink, err := s.Config.Open(ctx, connectors.Env{
		Job: job.Name, JobID: last.JobID, Name: s.Name, Parallelism: max(1, last.Parallelism),
		Logger: quiet(), Registerer: prometheus.NewRegistry(), Now: time.Now,
		FileSystems: fileSystems(p, false),
	})
	if err != nil {
		return nil, nil, err
	}
	opener, ok := sink.(connectors.CommitterOpener)
	if !ok {
		return nil, sink.Close, nil
	}
	committer, err := opener.OpenCommitter(ctx, connectors.CommitterContext{Owner: last.Owner})
	if err != nil {
		return nil, nil, errors.Join(err, sink.Close())
	}
	closer := func() error { return errors.Join(committer.Close(), sink.Close()) }
	verifier, _ := committer.(checkpoint.Verifier)
	return verifier, closer, nil
}

// acceptMissing notes in the store that a person bears the loss of files. Only files that a check
// misses can be accepted: a slip of the pen must not hide a loss to come.
func acceptMissing(ctx context.Context, p *process, s *store, found []checkpoint.Finding,
	files []string,
) error {
	by := "somebody"
	if name, ok := p.lookupEnv("USER"); ok && name != "" {
		by = name
	}
	for _, file := range files {
		if !strings.Contains(file, "://") {
			abs, err := filepath.Abs(file)
			if err != nil {
				return fmt.Errorf("finding %s: %w", file, err)
			}
			file = abs
		}
		missed := slices.ContainsFunc(found, func(f checkpoint.Finding) bool {
			return f.Severity == checkpoint.Problem && f.Subject == file
		})
		if !missed {
			return usagef("fsck", "--accept-missing %s: nothing misses that file; name one that a "+
				"problem is about", file)
		}
		if err := s.view.Accept(ctx, file, by, time.Now()); err != nil {
			return &startError{err}
		}
	}
	return nil
}
