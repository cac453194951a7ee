package simulation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// buckets is how many files a task writes at once.
const buckets = 2

// writer is the model of a file sink's writer: one pending part a bucket, closed at Prepare.
type writer struct {
	p     *process
	task  int
	parts [buckets]filesystem.PendingWriter
}

func (w *writer) write(id string, seq int) error {
	b := seq / 7 % buckets
	if w.parts[b] == nil {
		part, err := w.open(b)
		if err != nil {
			return err
		}
		w.parts[b] = part
	}
	_, err := fmt.Fprintf(w.parts[b], "%s:%d\n", id, seq)
	return err
}

func (w *writer) open(bucket int) (filesystem.PendingWriter, error) {
	p := w.p
	owner := p.log.Owner()
	p.parts++
	if p.w.Bug == BugReusePendingName {
		// The same names in every attempt, and what stands in the way is removed.
		w.p.attemptParts++
		part := partName(p.jobID, w.task, 1, "0", w.p.attemptParts)
		name := filesystem.PendingName{
			Root: outRoot, Job: p.jobID, Part: part, Claim: 1,
			Target: path.Join(outRoot, fmt.Sprint("b", bucket), part),
		}
		writer, err := p.fs.CreatePending(p.w.ctx, name)
		if errors.Is(err, fs.ErrExist) {
			if err := p.fs.Remove(p.w.ctx, name.PendingPath()); err != nil {
				return nil, err
			}
			writer, err = p.fs.CreatePending(p.w.ctx, name)
		}
		return writer, err
	}
	part := partName(p.jobID, w.task, owner.Number, owner.Nonce, p.parts)
	return p.fs.CreatePending(p.w.ctx, filesystem.PendingName{
		Root: outRoot, Job: p.jobID, Part: part, Claim: owner.Number,
		Target: path.Join(outRoot, fmt.Sprint("b", bucket), part),
	})
}

// prepare closes every part.
func (w *writer) prepare(e checkpoint.Epoch) ([]checkpoint.Committable, error) {
	var out []checkpoint.Committable
	for i, part := range w.parts {
		if part == nil {
			continue
		}
		w.parts[i] = nil
		token, err := part.Close(w.p.w.ctx)
		if err != nil {
			return out, err
		}
		if w.p.w.Bug == BugPublishEarly {
			if err := w.p.fs.Publish(w.p.w.ctx, token); err != nil {
				return out, err
			}
		}
		data, err := json.Marshal(token)
		if err != nil {
			return out, err
		}
		w.p.w.epochs[token.Target] = uint64(e)
		out = append(out, checkpoint.Committable{
			Sink: sinkName, Task: w.task, Epoch: e, Claim: w.p.log.Owner().Number, Version: 1,
			Data: data,
		})
	}
	return out, nil
}

// close gives up what is not prepared.
func (w *writer) close() {
	for i, part := range w.parts {
		if part != nil {
			_ = part.Abort(w.p.w.ctx) // what stays is a stray
		}
		w.parts[i] = nil
	}
}

// committer is the model of a file sink's committer.
type committer struct{ p *process }

func tokenOf(c checkpoint.Committable) (t filesystem.Token, err error) {
	return t, json.Unmarshal(c.Data, &t)
}

func (c committer) commit(cs []checkpoint.Committable) error {
	for _, committable := range cs {
		token, err := tokenOf(committable)
		if err != nil {
			return err
		}
		err = c.p.fs.Publish(c.p.w.ctx, token)
		if errors.Is(err, filesystem.ErrMissing) || errors.Is(err, filesystem.ErrConflict) {
			return fmt.Errorf("publishing %s: %w", token.Target, checkpoint.ErrLost)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c committer) abort(cs []checkpoint.Committable) error {
	for _, committable := range cs {
		token, err := tokenOf(committable)
		if err != nil {
			return err
		}
		if err := c.p.fs.Discard(c.p.w.ctx, token); err != nil {
			return err
		}
	}
	return nil
}

func (c committer) recover(cs []checkpoint.Committable, keep checkpoint.Retained) error {
	if c.p.w.Bug == BugSkipRecover {
		return nil
	}
	var due []checkpoint.Committable
	for _, committable := range cs {
		foreign := c.p.w.Bug == BugRecoverOwnTasks && committable.Task >= c.p.parallelism
		// What is applied was visible. A consumer may have taken it since, and a power failure
		// may have brought the pending name back: publishing now would show it twice.
		if committable.Epoch > keep.Applied && !foreign {
			due = append(due, committable)
		}
	}
	if err := c.commit(due); err != nil {
		return err
	}
	named := map[string]bool{}
	for _, committable := range append(cs, keep.Named...) {
		token, err := tokenOf(committable)
		if err != nil {
			return err
		}
		named[path.Base(token.Target)] = true
	}
	for stray, err := range c.p.fs.ListStrays(c.p.w.ctx, outRoot, c.p.jobID) {
		if err != nil {
			return err
		}
		mine := stray.Claim < keep.Claim || c.p.w.Bug == BugCleanAnyClaim // I7
		if !mine || named[stray.Part] {
			continue
		}
		if err := c.p.fs.Discard(c.p.w.ctx, stray.Token); err != nil {
			return err
		}
	}
	return nil
}
