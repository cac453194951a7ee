package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/storelog/runlock"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
)

// loadJob reads and checks a job file.
func loadJob(p *process, file string, production bool) (*config.Job, error) {
	return config.Load(file, registry(p), config.Options{
		LookupEnv: p.lookupEnv, Production: production,
	})
}

// store is the checkpoint store as far as it concerns one job.
type store struct {
	fs   filesystem.FileSystem
	root string
	view *storelog.View // reads it without claiming
}

// openStore finds the store that a job file names. Nothing is read yet.
func openStore(ctx context.Context, p *process, job *config.Job) (*store, error) {
	fs, root, err := fileSystems(p, true)(ctx, job.Checkpoint.Store)
	if err != nil {
		return nil, job.Refuse("checkpoint.store", err.Error())
	}
	s, err := newStore(fs, root, job.Name)
	if err != nil {
		return nil, job.Refuse("name", err.Error())
	}
	return s, nil
}

func newStore(fs filesystem.FileSystem, root, name string) (*store, error) {
	view, err := storelog.NewView(fs, root, name)
	return &store{fs: fs, root: root, view: view}, err
}

// adminName is the file in the folder of a job, beside those of storelog, that holds the address
// and the token of the admin server while the job runs.
const adminName = storelog.RunName + ".admin"

func (s *store) adminPath() string { return path.Join(s.view.Dir(), adminName) }

// lock returns the lock of the job, or nil where the store's file system has none.
func (s *store) lock() *runlock.Lock {
	if s.fs.Scheme() != local.Scheme {
		return nil
	}
	host, _ := os.Hostname() // for messages only
	return runlock.New(s.lockPath(), runlock.Card{
		PID: os.Getpid(), Host: host, Started: time.Now(),
	})
}

func (s *store) lockPath() string { return path.Join(s.view.Dir(), storelog.RunName) }

// holder reports whether a process on this machine holds the job's lock, and which.
func (s *store) holder() (runlock.Card, bool, error) {
	if s.fs.Scheme() != local.Scheme {
		return runlock.Card{}, false, nil
	}
	return runlock.Holder(s.lockPath())
}

// running is what an engine needs beside the job file to run; the zero value is for looking only.
type running struct {
	log     host.JobLog
	decider config.Decider
	drop    []string // sources that the job file may lack
	// kept are the plugins that the run goes on with, of which read returns the bytes.
	kept []checkpoint.Module
	read func(ctx context.Context, sha256 string) ([]byte, error)
}

// newEngine plans a job and loads its plugins.
func newEngine(ctx context.Context, p *process, job *config.Job, run running,
	logger *slog.Logger,
) (*host.Engine, error) {
	guests, err := newGuests(p, logger)
	if err != nil {
		return nil, err
	}
	return host.New(ctx, host.Config{
		Job: job, Log: run.log, Decider: run.decider, DropSources: run.drop,
		FileSystems: fileSystems(p, false), Guests: guests, Builtins: builtins(), Logger: logger,
		Modules: newModules(p, logger),
		Now:     time.Now, Kept: run.kept, ReadModule: run.read,
	})
}

// closing joins what close returns to *err.
func closing(ctx context.Context, close func(context.Context) error, err *error) {
	*err = errors.Join(*err, close(ctx))
}

// quiet is the logger of commands that only look.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
