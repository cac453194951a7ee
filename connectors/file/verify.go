package file

import (
	"context"
	"errors"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Verify implements checkpoint.Verifier: it looks whether every file still holds what is decided.
func (c *sinkCommitter) Verify(
	ctx context.Context, committed []checkpoint.Committable, keep checkpoint.Retained,
) ([]checkpoint.Finding, error) {
	decided, err := c.lengths(committed)
	if err != nil {
		return nil, err
	}
	var findings []checkpoint.Finding
	for _, l := range decided {
		_, err := c.sink.source(ctx, l)
		var lost *lostError
		if !errors.As(err, &lost) {
			if err != nil {
				return nil, err
			}
			continue
		}
		findings = append(findings, lost.finding(keep))
	}
	return findings, nil
}

func (e *lostError) finding(keep checkpoint.Retained) checkpoint.Finding {
	f := checkpoint.Finding{Severity: checkpoint.Problem, Subject: e.target}
	excuse := e.excuse(keep)
	switch {
	case e.missing == nil:
		f.Text = "it is shorter than what is decided"
		f.Remedy = "put it back as it was, or remove it and bear the loss with --accept-missing " +
			e.target
	case errors.Is(e.missing, filesystem.ErrNotFound) && excuse != "":
		f.Severity, f.Text = checkpoint.Note, "it is missing: "+excuse
	default:
		f.Text = "it is missing"
		f.Remedy = "put it back, or bear the loss with --accept-missing " + e.target
	}
	return f
}

var _ checkpoint.Verifier = (*sinkCommitter)(nil)
