package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/storelog/runlock"
	"github.com/wasmflow/wasmflow/connectors/kafka/devbroker"
	"github.com/wasmflow/wasmflow/host/config"
)

// Names below the folder of a job file that has dev.embedded_broker.
const (
	brokerFolder = ".wasmflow/broker"
	// brokerLock is held by the process whose broker serves the folder.
	brokerLock = ".wasmflow/broker.lock"
	// brokerAddress holds the last address: other clients find the broker there after a restart.
	brokerAddress = ".wasmflow/broker.address"
)

const (
	// brokerWaitMax is how long the process that holds the broker's lock may take to start it.
	brokerWaitMax = 10 * time.Second
	brokerWait    = 50 * time.Millisecond
)

const anyPort = "127.0.0.1:0"

// embedBroker makes a broker available to a job file that asks for an embedded one, and gives its
// address to the job: the broker of a process that has it already, or one of this process's own,
// which ends with close. A job that does not ask gets neither.
func embedBroker(ctx context.Context, p *process, job *config.Job) (close func(), err error) {
	close = func() {}
	if !job.EmbeddedBroker {
		return close, nil
	}
	lock := runlock.New(filepath.Join(job.Dir, brokerLock), runlock.Card{
		PID: os.Getpid(), Started: time.Now(),
	})
	err = lock.Lock(ctx, false)
	if errors.Is(err, checkpoint.ErrBusy) {
		address, err := brokerOfAnother(ctx, job)
		if err == nil {
			job.UseEmbedded(address)
		}
		return close, err
	}
	if err != nil {
		return close, job.Refuse("dev.embedded_broker", err.Error())
	}
	broker, err := startEmbedded(job.Dir, p.brokerTrouble)
	if err != nil {
		return close, errors.Join(job.Refuse("dev.embedded_broker", err.Error()), lock.Unlock())
	}
	close = func() {
		broker.Close()
		_ = lock.Unlock() // it ends with the process anyway
	}
	if err := lock.SetAddress(broker.Address()); err != nil {
		close()
		return func() {}, job.Refuse("dev.embedded_broker", err.Error())
	}
	fmt.Fprintf(p.stderr, "wasmflow: embedded broker: brokers = [%q], topics in %s\n",
		broker.Address(), filepath.Join(job.Dir, brokerFolder))
	job.UseEmbedded(broker.Address())
	return close, nil
}

// startEmbedded starts a broker where the last one was, or at another port when that is taken.
func startEmbedded(dir string, trouble func(text string)) (*devbroker.Broker, error) {
	o := devbroker.Options{
		Address: anyPort, Folder: filepath.Join(dir, brokerFolder), Trouble: trouble,
	}
	note := filepath.Join(dir, brokerAddress)
	if last, err := os.ReadFile(note); err == nil {
		o.Address = strings.TrimSpace(string(last))
	}
	b, err := devbroker.Start(o)
	if err != nil && o.Address != anyPort {
		o.Address = anyPort
		b, err = devbroker.Start(o)
	}
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(note, []byte(b.Address()+"\n"), 0o600); err != nil {
		b.Close()
		return nil, fmt.Errorf("noting the broker's address: %w", err)
	}
	return b, nil
}

// brokerOfAnother returns the address of the broker that another process runs for the job file.
func brokerOfAnother(ctx context.Context, job *config.Job) (string, error) {
	path := filepath.Join(job.Dir, brokerLock)
	for end := time.Now().Add(brokerWaitMax); ; {
		card, held, err := runlock.Holder(path)
		switch {
		case err != nil:
			return "", job.Refuse("dev.embedded_broker", err.Error())
		case !held:
			return "", job.Refuse("dev.embedded_broker", "the process that ran the broker has just "+
				"ended; try again")
		case card.Address != "":
			return card.Address, nil
		case time.Now().After(end):
			return "", job.Refuse("dev.embedded_broker", fmt.Sprintf("pid %d holds %s and does not "+
				"start its broker; end that process", card.PID, path))
		}
		select {
		case <-time.After(brokerWait):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}
