package simulation

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
)

// Names in the model of the broker.
const (
	topicLog      = "kafka:topic" // what manifests call the log in the topic
	transactional = "wasmflow.job.0"
	commits       = "commits" // partition of the commit records
	outTopic      = "out"     // partition of the output
)

// jobLog is either commit log.
type jobLog interface {
	checkpoint.CommitLog
	checkpoint.Sealer
}

// openLog returns the commit log of that name for a process, as its job file asks for it.
func (p *process) openLog(name string) jobLog {
	if name == storelog.Name {
		return p.openStoreLog()
	}
	return p.openTopicLog()
}

func (p *process) nonce() string {
	p.w.nonces++
	return fmt.Sprintf("%08x", p.w.nonces)
}

// quiet is the logger of every log: what it says depends on nothing that a run is judged by.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func (p *process) openStoreLog() jobLog {
	log, err := storelog.New(storelog.Options{
		FileSystem: buggyStore{
			FileSystem: p.fs, bug: p.w.Bug, deciding: &p.deciding, delay: p.w.delay,
		},
		Root: storeRoot, Job: jobName, Host: "host", PID: p.id, Retain: p.retain, Logger: quiet(),
		Now:   func() time.Time { return time.UnixMilli(0) },
		Nonce: p.nonce, NewID: func() string { return "jobid" }, Previous: p.previous,
	})
	if err != nil {
		panic(err)
	}
	return log
}

func (p *process) openTopicLog() jobLog {
	store, err := storelog.NewJobStore(p.fs, storeRoot, jobName, nil)
	if err != nil {
		panic(err)
	}
	id := transactional
	if p.w.Bug == BugOwnProducer {
		id = fmt.Sprintf("%s.%d", transactional, p.id)
	}
	retries := p.w.rng.IntN(3)
	if p.w.Bug == BugRetryEndLater {
		retries = 0 // with an old broker these alone do harm: BugOldBroker
	}
	client := broker.NewClient(broker.ClientOptions{
		Broker: p.w.cluster, ID: id, Commits: commits, Call: p.onRequest, Retries: retries,
		IgnoreFailedRecords: p.w.Bug == BugIgnoreFailedRecord,
		ReuseAfterUnknown:   p.w.Bug == BugRetryEndLater,
		ReadUncommitted:     p.w.Bug == BugReadUncommitted,
	})
	log, err := txlog.New(txlog.Options{
		Session: &session{Client: client, p: p}, Store: buggyJobStore{JobStore: store, bug: p.w.Bug},
		Name: topicLog, Job: jobName, Host: "host", PID: p.id, Retain: p.retain, Logger: quiet(),
		Now: p.logNow, Sleep: p.sleep, Nonce: p.nonce, NewID: func() string { return "jobid" },
		Jitter: func(limit time.Duration) time.Duration {
			return time.Duration(p.w.rng.Int64N(int64(limit)))
		},
		Previous: p.previous,
	})
	if err != nil {
		panic(err)
	}
	return log
}

// previous opens the log that the job used before.
func (p *process) previous(_ context.Context, name string) (checkpoint.Sealer, error) {
	log := p.openLog(name)
	if p.w.Bug == BugImportWithoutSeal {
		return unsealed{jobLog: log, p: p, name: name}, nil
	}
	return log, nil
}

// logNow is the clock of the log: with BugNoWait it has run out of patience whenever it is asked.
func (p *process) logNow() time.Time {
	if p.w.Bug == BugNoWait {
		p.logTime += time.Hour
	}
	return time.UnixMilli(0).Add(p.logTime)
}

// pollTurns is how many turns go by while a log waits for its next look: many times what another
// process needs from its fence to its claim record, all polls together.
const pollTurns = 12

// sleep lets others have their turn for the length of a wait.
func (p *process) sleep(_ context.Context, d time.Duration) error {
	p.logTime += d
	for range pollTurns {
		p.pause()
	}
	if p.dead {
		return errKilled
	}
	return nil
}

// newestOwner asks both logs, without faults, who claimed or decided last.
func (w *world) newestOwner() (checkpoint.Owner, bool) {
	view, err := storelog.NewView(w.rawFS(), storeRoot, jobName)
	if err != nil {
		panic(err)
	}
	last, _, err := view.Last(w.ctx)
	if err != nil {
		return checkpoint.Owner{}, false
	}
	if records := w.cluster.Decided(commits); len(records) > 0 {
		newest, err := checkpoint.DecodeManifest(records[len(records)-1])
		if err != nil {
			return checkpoint.Owner{}, false
		}
		if newest.Epoch > last.Epoch {
			last = newest
		}
	}
	return last.Owner, true
}

// claimStands tells whether the claim record of an owner was decided in the topic.
func (w *world) claimStands(o checkpoint.Owner) bool {
	if w.standing[o.Nonce] {
		return true
	}
	for _, data := range w.cluster.Decided(commits) {
		if m, err := checkpoint.DecodeManifest(data); err == nil && m.Owner.Nonce == o.Nonce {
			w.standing[o.Nonce] = true
		}
	}
	return w.standing[o.Nonce]
}
