package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/operator"
	"github.com/wasmflow/wasmflow/host/task"
)

// storeKey is the key of the job file that names the checkpoint store.
const storeKey = "checkpoint.store"

// blame says which line of the job file a failure belongs to, where it belongs to one. The chain
// of err stays, for the exit code.
func blame(job *config.Job, err error) error {
	var (
		crash   *operator.CrashBudgetError
		share   *task.ShareError
		record  *task.RecordError
		stage   *task.StageError
		unknown *checkpoint.UnknownSourceError
		store   *storeError
	)
	switch {
	case errors.Is(err, checkpoint.ErrFenced):
		return fencing(err)
	case errors.As(err, &crash):
		// The plugin's table is to blame, wherever it was called.
		return refuse(job, "plugins."+crash.Plugin+".crash_budget", fmt.Errorf("%w; mend the plugin "+
			"with what is captured, or raise the budget", err))
	case errors.As(err, &share):
		return refuse(job, stageKey(job, share.Stage)+".on_error.share_max", err)
	case errors.As(err, &record):
		return refuse(job, stageKey(job, record.Stage), err)
	case errors.As(err, &stage):
		return refuse(job, settingOf(job, stageKey(job, stage.Stage), err), err)
	case errors.As(err, &unknown):
		return refuse(job, "sources."+unknown.Source, err)
	case errors.As(err, &store):
		return blameStore(job, err)
	}
	return err
}

// fencing returns what err says of the newer owner: what failed because of that one, and the job
// file, have nothing to do with it.
func fencing(err error) error {
	for _, e := range joined(err) {
		if errors.Is(e, checkpoint.ErrFenced) {
			return e
		}
	}
	return err
}

// refuse blames key of the job file.
func refuse(job *config.Job, key string, err error) error {
	return &blamedError{err, job.Refuse(key, withRemedy(err))}
}

// blameStore says which setting a failure of the checkpoint store belongs to. One that belongs to
// no setting stays as it is: a newer owner has nothing to do with the job file.
func blameStore(job *config.Job, err error) error {
	err = withStoreRemedy(err, job.File)
	var (
		pinned *checkpoint.PinnedError
		log    *checkpoint.LogError
	)
	switch {
	case errors.Is(err, checkpoint.ErrFenced):
		return err
	case errors.As(err, &pinned):
		return refuse(job, "job.id", err)
	case errors.As(err, &log):
		return refuse(job, "checkpoint.log", err)
	case errors.Is(err, checkpoint.ErrBusy), errors.Is(err, checkpoint.ErrOtherJob):
		return refuse(job, "name", err) // the name is what leads to that folder of the store
	case !job.Sets(storeKey):
		err = fmt.Errorf("not set, so it is %s: %w", job.Checkpoint.Store, err)
	}
	return refuse(job, storeKey, err)
}

// unreadableStore is the refusal of a store that cannot be read.
func unreadableStore(job *config.Job, err error) error {
	return &startError{blameStore(job, fmt.Errorf("reading the checkpoint store: %w", err))}
}

// checkSources refuses sources that last knows and the job file does not, before anything is
// claimed. drop are those whose rest is given up.
func checkSources(job *config.Job, last checkpoint.Manifest, drop []string) error {
	var names []string
	for _, s := range job.Sources {
		names = append(names, s.Name)
	}
	_, err := checkpoint.Reconcile(last.Sources, names, drop)
	var lines []error
	for _, e := range joined(err) {
		lines = append(lines, blame(job, e))
	}
	return errors.Join(lines...)
}

// stageKey is the key of the table of a stage.
func stageKey(job *config.Job, name string) string {
	switch {
	case name == config.DeadLetterName:
		return name
	case slices.ContainsFunc(job.Sources, func(s config.Source) bool { return s.Name == name }):
		return "sources." + name
	case slices.ContainsFunc(job.Transforms, func(t config.Transform) bool { return t.Name == name }):
		return "transforms." + name
	}
	return "sinks." + name
}

// settingOf returns the key below the table at key that err is about: the one that the connector
// names or, for what a file system refuses, the path. Otherwise it is the table.
func settingOf(job *config.Job, key string, err error) string {
	var at *connectors.KeyError
	if errors.As(err, &at) {
		return key + "." + at.Key
	}
	path := key + ".path"
	if (isForbidden(err) || isFull(err)) && job.Sets(path) {
		return path
	}
	return key
}

// isForbidden reports whether a right is missing. The lock of the store has no file system around
// it that would name the cause in the contract's words.
func isForbidden(err error) bool {
	return errors.Is(err, filesystem.ErrReadOnly) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, syscall.EROFS)
}

// isFull reports whether a disk or a quota is full.
func isFull(err error) bool {
	return errors.Is(err, filesystem.ErrNoSpace) || errors.Is(err, syscall.ENOSPC) ||
		errors.Is(err, syscall.EDQUOT)
}

// withRemedy words err with what to do about it, where that is known here and not below.
func withRemedy(err error) string {
	text := saidOnce(err.Error())
	var record *task.RecordError
	switch {
	case isForbidden(err) && !advises(err):
		text += "; give the user that runs wasmflow the right to it, or name another path"
	case isFull(err):
		text += "; make room and run the job again, it goes on from the last epoch"
	case errors.As(err, &record) && strings.Contains(text, "(limits."):
		text += "; raise that limit of the plugin, mend the plugin or the record, or set on_error to " +
			"\"skip\" or \"dead-letter\""
	case errors.As(err, &record):
		text += "; mend the record, or set on_error to \"skip\" or \"dead-letter\""
	case errors.Is(err, checkpoint.ErrTimeout):
		text += "; look at what holds it up, or raise checkpoint.timeout"
	}
	return text
}

// advises reports whether the words that a file system found for err end in what to do: who has
// the wrong keys needs no other path.
func advises(err error) bool {
	var words *filesystem.Explained
	return errors.As(err, &words) && strings.Contains(words.Error(), "; ")
}

// saidOnce drops lines of text that repeat one before: tasks fail for the same reason.
func saidOnce(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// withStoreRemedy adds to what the store says of a record how to go on. file is the job file; it
// may be empty.
func withStoreRemedy(err error, file string) error {
	switch {
	case errors.Is(err, checkpoint.ErrNewerFormat):
		return fmt.Errorf("%w; run the release of wasmflow that wrote it, or a newer one", err)
	case errors.Is(err, checkpoint.ErrCorrupt):
		return fmt.Errorf("%w; `wasmflow fsck %s` tells what to do", err, cmp.Or(file, "JOB.toml"))
	}
	return err
}
