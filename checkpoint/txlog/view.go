package txlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// Reader is the part of a Session that reads. It fences nobody.
type Reader interface {
	// ReadBack hands the committed records of the topic to each, newest first, as Session does.
	ReadBack(ctx context.Context, each func(record []byte) (more bool)) error
}

// View reads the log of one job. It never claims and never writes, so status, dry runs and checks
// may use it beside a running owner.
type View struct {
	reader Reader
	name   string
	job    string
}

// NewView returns the view of job in the log called name.
func NewView(r Reader, name, job string) *View { return &View{reader: r, name: name, job: job} }

// Name returns the name of the log: "kafka:<sink>".
func (v *View) Name() string { return v.name }

// Last reads the newest record; false is a log without records.
func (v *View) Last(ctx context.Context) (checkpoint.Manifest, bool, error) {
	var last checkpoint.Manifest
	found := false
	err := v.each(ctx, func(m checkpoint.Manifest, err error) (bool, error) {
		last, found = m, err == nil
		return false, err
	})
	return last, found, err
}

// Records returns the newest records, newest first, down to the epoch with which there are max
// decided ones. An older record that cannot be read ends the list, with an error that wraps
// checkpoint.ErrCorrupt or checkpoint.ErrNewerFormat beside what is above it.
func (v *View) Records(ctx context.Context, max int) ([]checkpoint.Manifest, error) {
	var out []checkpoint.Manifest
	decided := 0
	err := v.each(ctx, func(m checkpoint.Manifest, err error) (bool, error) {
		if err != nil {
			return false, err
		}
		out = append(out, m)
		if m.Kind == checkpoint.KindEpoch {
			decided++
		}
		return decided < max, nil
	})
	return out, err
}

// LoadEpoch reads the decided epoch n, to start from it. What is not decided, or no longer in the
// topic, is checkpoint.ErrRefused with the epochs that there are.
func (v *View) LoadEpoch(ctx context.Context, n checkpoint.Epoch) (checkpoint.Manifest, error) {
	var out checkpoint.Manifest
	var kept []checkpoint.Epoch
	found := false
	err := v.each(ctx, func(m checkpoint.Manifest, err error) (bool, error) {
		if err != nil {
			return false, err
		}
		if m.Kind == checkpoint.KindEpoch {
			kept = append(kept, m.Epoch)
			if m.Epoch == n {
				out, found = m, true
			}
		}
		return m.Epoch > n, nil
	})
	switch {
	case found:
		return out, nil
	case err != nil:
		return checkpoint.Manifest{}, err
	}
	return checkpoint.Manifest{}, fmt.Errorf("loading epoch %d of job %q: %w: from there on log %s "+
		"still has the epochs %v; the topic is compacted, so older ones go; choose one of them",
		n, v.job, checkpoint.ErrRefused, v.name, kept)
}

// each decodes the records, newest first, until visit returns false or an error.
func (v *View) each(
	ctx context.Context, visit func(checkpoint.Manifest, error) (more bool, err error),
) error {
	var failed error
	err := v.reader.ReadBack(ctx, func(record []byte) bool {
		m, err := checkpoint.DecodeManifest(record)
		switch {
		case err != nil:
			err = fmt.Errorf("reading a record of log %s: %w", v.name, err)
		case m.JobName != v.job:
			err = fmt.Errorf("reading record %d of log %s: %w: it is of job %q; give each job a "+
				"commits topic of its own", m.Epoch, v.name, checkpoint.ErrOtherJob, m.JobName)
		}
		more := false
		more, failed = visit(m, err)
		return more && failed == nil
	})
	if err != nil {
		err = fmt.Errorf("reading log %s: %w", v.name, err)
	}
	return errors.Join(failed, err)
}

// unreadable tells that a record is damaged or of a newer version: asking again does not help.
func unreadable(err error) bool {
	return errors.Is(err, checkpoint.ErrCorrupt) || errors.Is(err, checkpoint.ErrNewerFormat)
}
