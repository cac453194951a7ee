package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/kafka"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/task"
)

// startOptions say where a run starts.
type startOptions struct {
	fresh, takeover, adopt bool
	epoch                  checkpoint.Epoch
}

// commitLog is a log that can be run on and, once the job has moved to another, be closed.
type commitLog interface {
	host.JobLog
	checkpoint.Sealer
}

// logs opens the commit logs of a job for one run: the one that it runs on, and the one before it
// when the job file names another.
type logs struct {
	p      *process
	store  *store
	job    *config.Job
	start  startOptions
	logger *slog.Logger
}

// open opens the log of d.
func (l *logs) open(ctx context.Context, d config.Decider) (commitLog, error) {
	if d.Sink == nil {
		return l.inStore(true)
	}
	log, err := l.atSink(ctx, d.Sink, d.Log, true)
	if err != nil {
		return nil, &startError{blame(l.job, task.AtStage(d.Sink.Name, err, "opening log %s", d.Log))}
	}
	return log, nil
}

// previous opens the log that the job used before, so that it can be closed.
func (l *logs) previous(ctx context.Context, name string) (checkpoint.Sealer, error) {
	if name == config.LogStore {
		return l.inStore(false)
	}
	sink := sinkOfLog(l.job, name)
	if sink == nil {
		return nil, fmt.Errorf("%w: the job's last epochs are in %s, and no sink of that name is in "+
			"the job file; put it back for one start, so that the log can be closed",
			checkpoint.ErrRefused, name)
	}
	return l.atSink(ctx, sink, name, false)
}

// inStore opens the log in the checkpoint store. Only the log that the job runs on is current.
func (l *logs) inStore(current bool) (commitLog, error) {
	hostname, _ := os.Hostname() // for messages only
	opts := storelog.Options{
		FileSystem: l.store.fs, Root: l.store.root, Job: l.job.Name, JobID: l.job.Settings.ID,
		Host: hostname, PID: os.Getpid(), Retain: l.job.Checkpoint.Retain, Logger: l.logger,
	}
	opts.Fresh = l.start.fresh // also a log that is closed may have lost records then
	if current {
		opts.Takeover, opts.Restore = l.start.takeover, l.start.epoch
		opts.Previous = l.previous
		if lock := l.store.lock(); lock != nil {
			opts.Lock = lock
		}
	}
	log, err := storelog.New(opts)
	if err != nil {
		return nil, l.job.Refuse("checkpoint.store", err.Error())
	}
	return log, nil
}

// atSink opens the log beside the topics of a sink.
func (l *logs) atSink(
	ctx context.Context, sink *config.Sink, name string, current bool,
) (commitLog, error) {
	session, err := l.session(ctx, sink, false)
	if err != nil {
		return nil, err
	}
	var lock storelog.Locker
	if current {
		if own := l.store.lock(); own != nil {
			lock = own
		}
	}
	folder, err := storelog.NewJobStore(l.store.fs, l.store.root, l.job.Name, lock)
	if err != nil {
		return nil, errors.Join(l.job.Refuse("checkpoint.store", err.Error()), session.Close())
	}
	hostname, _ := os.Hostname() // for messages only
	opts := txlog.Options{
		Session: session, Store: folder, Name: name, Job: l.job.Name, JobID: l.job.Settings.ID,
		Host: hostname, PID: os.Getpid(), Retain: l.job.Checkpoint.Retain, Logger: l.logger,
	}
	opts.Fresh = l.start.fresh // also a log that is closed may have lost records then
	if current {
		opts.Takeover, opts.Adopt = l.start.takeover, l.start.adopt
		opts.Restore = l.start.epoch
		opts.Previous = l.previous
	}
	log, err := txlog.New(opts)
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return log, nil
}

// session opens the producer and the topic of a log beside the topics of sink.
func (l *logs) session(ctx context.Context, sink *config.Sink, readOnly bool,
) (*kafka.Session, error) {
	c, ok := sink.Config.(*kafka.SinkConfig)
	if !ok {
		return nil, fmt.Errorf("%w: connector %s keeps no log", checkpoint.ErrRefused, sink.Connector)
	}
	return c.OpenSession(ctx, connectors.Env{
		Job: l.job.Name, Name: sink.Name, Parallelism: 1, Logger: l.logger, Now: time.Now,
		// What there is to measure of a log is measured by the sinks that write through it.
		Registerer: prometheus.NewRegistry(), FileSystems: fileSystems(l.p, false),
	}, kafka.SessionOptions{Interval: l.job.Checkpoint.Interval.D(), ReadOnly: readOnly})
}

// sinkOfLog returns the sink whose system holds the log called name, or nil.
func sinkOfLog(job *config.Job, name string) *config.Sink {
	for _, s := range allSinks(job) {
		if s.Connector+":"+s.Name == name {
			return s
		}
	}
	return nil
}

// allSinks returns the sinks of a job, the one of dead letters included.
func allSinks(job *config.Job) []*config.Sink {
	var out []*config.Sink
	for i := range job.Sinks {
		out = append(out, &job.Sinks[i])
	}
	if job.DeadLetter != nil {
		out = append(out, job.DeadLetter)
	}
	return out
}

var (
	_ commitLog = (*storelog.Log)(nil)
	_ commitLog = (*txlog.Log)(nil)
)
