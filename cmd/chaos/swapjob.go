package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/host/admin"
)

const (
	// jobMax bounds what a job is waited for: to start, to die at a place, to end.
	jobMax = time.Minute
	// askEvery is the pause between two questions to a job.
	askEvery = 10 * time.Millisecond
)

// swappedRun is one process of a job whose plugin is swapped.
type swappedRun struct {
	cmd    *exec.Cmd
	log    *os.File
	done   chan struct{} // closed when the process was waited for
	client *admin.Client
}

// startSwapped starts the job and waits until it works. places arms failpoints. runFile is where
// the job leaves the address of its admin server.
func startSwapped(ctx context.Context, dir, binary, runFile, places string) (*swappedRun, error) {
	log, err := os.OpenFile(filepath.Join(dir, "job.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	r := &swappedRun{
		cmd: exec.Command(binary, "run", filepath.Join(dir, "job.toml")), log: log,
		done: make(chan struct{}),
	}
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.cmd.Env = append(os.Environ(), failpoint.EnvVar+"="+places)
	if err := r.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the job: %w", err), log.Close())
	}
	go func() { // ends with the process
		_ = r.cmd.Wait() // the state says how it ended
		close(r.done)
	}()
	err = r.until(ctx, "to work", func() (bool, error) { return r.works(ctx, runFile) })
	if err != nil {
		return nil, errors.Join(err, r.kill())
	}
	return r, nil
}

// works reports whether the job answers and its tasks run.
func (r *swappedRun) works(ctx context.Context, runFile string) (bool, error) {
	data, err := os.ReadFile(runFile)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	file, err := admin.ParseRunFile(data)
	if err != nil || file.PID != r.cmd.Process.Pid { // of the process before, or half of it
		return false, nil
	}
	r.client = admin.NewClient(file.Address, file.Token, nil)
	status, err := r.client.Status(ctx)
	return err == nil && status.State == admin.StateRunning, nil
}

// until asks again and again. It is an error if the process ends meanwhile, or takes too long.
func (r *swappedRun) until(ctx context.Context, what string, ask func() (bool, error)) error {
	deadline := time.NewTimer(jobMax)
	defer deadline.Stop()
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		if ok, err := ask(); ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-r.done:
			return fmt.Errorf("waiting for the job %s: it ended: %s; see %s", what, r.cmd.ProcessState,
				r.log.Name())
		case <-deadline.C:
			return fmt.Errorf("waiting for the job %s: it took longer than %s; see %s", what, jobMax,
				r.log.Name())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// kill ends the process at once, if it runs, and waits for it.
func (r *swappedRun) kill() error {
	_ = r.cmd.Process.Kill() // it may have ended
	<-r.done
	return r.log.Close()
}

// died waits for the end of a process that was to kill itself.
func (r *swappedRun) died(ctx context.Context) error {
	err := r.ended(ctx, "to die")
	if err == nil && r.cmd.ProcessState.Exited() {
		err = fmt.Errorf("the job ended by itself: %s; see %s", r.cmd.ProcessState, r.log.Name())
	}
	return err
}

// stop has the job end after a last epoch.
func (r *swappedRun) stop(ctx context.Context) error {
	if err := r.client.Stop(ctx, false); err != nil {
		return fmt.Errorf("stopping the job: %w", err)
	}
	if err := r.ended(ctx, "to end"); err != nil {
		return err
	}
	if !r.cmd.ProcessState.Success() {
		return fmt.Errorf("the job ended with %s; see %s", r.cmd.ProcessState, r.log.Name())
	}
	return nil
}

func (r *swappedRun) ended(ctx context.Context, what string) error {
	timer := time.NewTimer(jobMax)
	defer timer.Stop()
	select {
	case <-r.done:
		return nil
	case <-timer.C:
		return fmt.Errorf("waiting for the job %s: it took longer than %s; see %s", what, jobMax,
			r.log.Name())
	case <-ctx.Done():
		return ctx.Err()
	}
}
