package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/admin"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/task"
)

// adminCloseMax is how long the end of a job waits for requests that are being answered.
const adminCloseMax = 2 * time.Second

// errStopNow is the cause of an end without another epoch.
var errStopNow = fmt.Errorf("stopped at once by a request: %w", errInterrupted)

// runningJob is what the admin server shows and stops.
type runningJob struct {
	r        *runner
	cancel   context.CancelCauseFunc
	stopping atomic.Bool
	hostname string
}

// Stop implements admin.Job.
func (j *runningJob) Stop(now bool) {
	j.stopping.Store(true)
	if now {
		j.cancel(errStopNow)
		return
	}
	j.r.engine.Stop()
}

// Pause implements admin.Job.
func (j *runningJob) Pause() { j.r.engine.Pause() }

// Resume implements admin.Job.
func (j *runningJob) Resume() { j.r.engine.Resume() }

// Status implements admin.Job.
func (j *runningJob) Status() admin.Status {
	s := j.r.engine.Status()
	out := admin.Status{
		Job: s.Job, JobID: s.JobID, Version: version, Host: j.hostname, PID: os.Getpid(),
		State: stateOf(s), Error: s.LastError, Started: j.r.started, Parallelism: s.Tasks,
		Claim: s.Claim, Restarts: s.Restarts,
		Checkpoint: admin.Checkpoint{
			Epoch: uint64(s.Epoch), AgeSeconds: s.CheckpointAge,
			DurationSeconds: s.CheckpointDuration, Failures: s.CheckpointFailures,
		},
		Sources: []admin.Source{}, Transforms: []admin.Stage{}, Sinks: []admin.Stage{},
		Modules: []admin.Module{},
	}
	if out.State == admin.StateRunning {
		switch {
		case j.stopping.Load():
			out.State = admin.StateStopping
		case s.Pause == host.Pausing:
			out.State = admin.StatePausing
		case s.Pause == host.Paused:
			out.State = admin.StatePaused
		}
	}
	if s.Epoch > 0 {
		decided := s.At.Add(-time.Duration(s.CheckpointAge * float64(time.Second)))
		out.Checkpoint.Decided = &decided
	}
	for _, m := range j.r.engine.Modules() {
		out.Modules = append(out.Modules, admin.Module{Plugin: m.Plugin, SHA256: m.SHA256})
	}
	job := j.r.job
	for _, x := range job.Sources {
		progress := s.Sources[x.Name]
		source := admin.Source{
			Stage:  stageOf(s, x.Name, x.Connector),
			Splits: progress.Splits, Finished: progress.Finished,
		}
		if progress.LagUnit != "" {
			source.Lag = &admin.Lag{Amount: progress.Lag, Unit: progress.LagUnit}
		}
		out.Sources = append(out.Sources, source)
	}
	for _, x := range job.Transforms {
		out.Transforms = append(out.Transforms, stageOf(s, x.Name, x.Plugin+"."+x.Function))
	}
	for _, x := range job.Sinks {
		out.Sinks = append(out.Sinks, stageOf(s, x.Name, x.Connector))
	}
	if x := job.DeadLetter; x != nil {
		out.Sinks = append(out.Sinks, stageOf(s, x.Name, x.Connector))
	}
	return out
}

func stageOf(s host.Status, name, kind string) admin.Stage {
	c := s.Stages[name]
	return admin.Stage{
		Name: name, Kind: kind, RecordsIn: c.In, RecordsOut: c.Out, Bytes: c.InBytes,
		Skipped: c.Skipped, Dead: c.Dead,
	}
}

// stateOf says in a word where the job is, from the state of the checkpoint protocol.
func stateOf(s host.Status) admin.State {
	switch s.State {
	case checkpoint.StateNew.String(), checkpoint.StateClaiming.String(),
		checkpoint.StateRecovering.String():
		return admin.StateStarting
	case checkpoint.StateStopping.String(), checkpoint.StateAborting.String(),
		checkpoint.StateEnded.String():
		return admin.StateStopping
	case checkpoint.Finished.String(), checkpoint.Stopped.String():
		return admin.StateDone
	case checkpoint.Fatal.String(), checkpoint.Fenced.String():
		return admin.StateFailed
	case checkpoint.Restart.String(), string(admin.StateRestarting):
		return admin.StateRestarting
	}
	return admin.StateRunning
}

// adminServer is the HTTP server of a run; one that is switched off does nothing.
type adminServer struct {
	server *admin.Server
	done   chan error
}

// listen starts the admin server, unless it is off, and hands its address to card.
func (r *runner) listen(ctx context.Context, cancel context.CancelCauseFunc, card *announcedLog,
) (*adminServer, error) {
	if r.job.Admin.Address == config.AdminOff {
		return &adminServer{}, nil
	}
	hostname, _ := os.Hostname() // for messages only
	secure, err := adminTLS(r.job)
	if err != nil {
		return nil, err
	}
	server, err := admin.Listen(ctx, admin.Config{
		Address: r.job.Admin.Address, Token: r.job.Admin.Token, TLS: secure, Hosts: r.job.Admin.Hosts,
		RenewTLS: func() (*admin.TLS, error) { return adminTLS(r.job) },
		Version:  version, Routes: engineRoutes(r.engine),
		Job:      &runningJob{r: r, cancel: cancel, hostname: hostname},
		Gatherer: r.engine.Gatherer(), Logger: r.logger,
	})
	if err != nil {
		return nil, &startError{r.job.Refuse("admin.address", err.Error())}
	}
	file, err := server.RunFile().Marshal()
	if err != nil {
		return nil, errors.Join(err, server.Close(ctx))
	}
	card.file = file
	s := &adminServer{server: server, done: make(chan error, 1)}
	go func() { s.done <- server.Serve() }() // ends by close
	return s, nil
}

// adminTLS reads the certificates of the admin server; nil is plain HTTP.
func adminTLS(job *config.Job) (*admin.TLS, error) {
	t := job.Admin.TLS
	if t.Cert == "" {
		return nil, nil
	}
	var pems [3][]byte
	for i, f := range []struct{ key, path string }{
		{"cert", t.Cert}, {"key", t.Key}, {"client_ca", t.ClientCA},
	} {
		if f.path == "" {
			continue
		}
		pem, err := config.ReadFile(f.path, pemBytesMax)
		if err != nil {
			return nil, &startError{job.Refuse("admin.tls."+f.key, err.Error())}
		}
		pems[i] = pem
	}
	secure, err := admin.NewTLS(pems[0], pems[1], pems[2])
	if err != nil {
		return nil, &startError{job.Refuse("admin.tls", err.Error())}
	}
	return secure, nil
}

func (s *adminServer) close(ctx context.Context) error {
	if s.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, adminCloseMax)
	defer cancel()
	return errors.Join(s.server.Close(ctx), <-s.done)
}

// announcedLog is the commit log of a run that leaves the address of the admin server in the
// store once the job is claimed: not before, or a run that is refused would hide the one that
// works.
type announcedLog struct {
	commitLog // nil until it is open
	store     *store
	sink      string       // whose system holds the log; "" is the store
	file      []byte       // nil is nothing to announce
	lasting   func() error // told that the job is claimed, before anything follows; nil for nobody
}

// blamed says what an error of the log is about: the system that holds it or, where it is one of
// the job's folder, the store.
func (l *announcedLog) blamed(err error) error {
	ofFolder := errors.Is(err, checkpoint.ErrBusy) || errors.Is(err, checkpoint.ErrOtherJob) ||
		errors.Is(err, checkpoint.ErrFenced)
	switch {
	case err == nil:
		return nil
	case l.sink == "" || ofFolder:
		return &storeError{err}
	}
	return task.AtStage(l.sink, err, "keeping the log of the job beside %s", l.sink)
}

// Claim implements checkpoint.CommitLog.
func (l *announcedLog) Claim(ctx context.Context) (checkpoint.Manifest, bool, error) {
	m, found, err := l.commitLog.Claim(ctx)
	if err == nil && l.lasting != nil {
		err = l.lasting()
	}
	if err != nil || l.file == nil {
		return m, found, l.blamed(err)
	}
	if err := l.store.fs.WriteFile(ctx, l.store.adminPath(), l.file); err != nil {
		return m, found, &storeError{err}
	}
	return m, found, nil
}

// Decide implements checkpoint.CommitLog.
func (l *announcedLog) Decide(ctx context.Context, m checkpoint.Manifest) error {
	return l.blamed(l.commitLog.Decide(ctx, m))
}

// Abandon ends what an attempt left open, in a log that has something to end.
func (l *announcedLog) Abandon(ctx context.Context) error {
	if a, ok := l.commitLog.(interface{ Abandon(context.Context) error }); ok {
		return a.Abandon(ctx)
	}
	return nil
}

// withdraw removes what Claim left, unless a newer run has put its own there.
func (l *announcedLog) withdraw(ctx context.Context, logger *slog.Logger) {
	if l.file == nil {
		return
	}
	standing, err := l.store.fs.ReadFile(ctx, l.store.adminPath(), adminBytesMax)
	if err == nil && bytes.Equal(standing, l.file) {
		err = l.store.fs.Remove(ctx, l.store.adminPath())
	}
	if err != nil {
		logger.Debug("removing the address of the admin server", "error", err)
	}
}

// pemBytesMax bounds a file of certificates; the bundle of a system has about 200 KiB.
const pemBytesMax = 4 << 20

// adminBytesMax bounds the file that names the admin server; it holds an address and a token.
const adminBytesMax = 16 << 10

var (
	_ host.JobLog = (*announcedLog)(nil)
	_ admin.Job   = (*runningJob)(nil)
)
