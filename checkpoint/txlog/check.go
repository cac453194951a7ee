package txlog

import (
	"context"
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// Folder is what a check reads of the job's folder. storelog.JobStore has it.
type Folder interface {
	Hint(ctx context.Context) (checkpoint.Hint, bool, error)
	HighestApplied(ctx context.Context) (checkpoint.Epoch, error)
	IsApplied(ctx context.Context, e checkpoint.Epoch) (bool, error)
	Accepted(ctx context.Context) ([]string, error)
	ReadModule(ctx context.Context, sha256 string) ([]byte, error)
}

// checkRecordsMax bounds how many decided epochs a check reads back: more than any setting of
// retention keeps modules for.
const checkRecordsMax = 100

// Check reads the log and what the job's folder holds beside it, and tells what is wrong: records,
// the hint, modules that retained epochs name, and whether the output of the last decided epoch is
// published or can still be, as far as verifiers (by name of sink) can tell. It changes nothing.
// The error is for a log or a folder that cannot be read at all. retain is how many epochs' modules
// must be there.
func (v *View) Check(
	ctx context.Context, folder Folder, retain int, verifiers map[string]checkpoint.Verifier,
) ([]checkpoint.Finding, error) {
	hint, hinted, err := folder.Hint(ctx)
	if err != nil {
		return nil, err
	}
	records, readErr := v.Records(ctx, checkRecordsMax)
	if readErr != nil && !unreadable(readErr) {
		return nil, readErr
	}
	var findings []checkpoint.Finding
	add := func(s checkpoint.Severity, subject, text, remedy string) {
		findings = append(findings, checkpoint.Finding{
			Severity: s, Subject: subject, Text: text, Remedy: remedy,
		})
	}
	switch {
	case readErr != nil && len(records) == 0:
		add(checkpoint.Problem, "log "+v.name, readErr.Error(), "the job does not start from it: find "+
			"out what else writes to the commits topic")
		return findings, nil
	case readErr != nil:
		add(checkpoint.Problem, "log "+v.name, readErr.Error(), "running does not need the record; the "+
			"job cannot go back past it")
	case len(records) == 0 && !hinted:
		add(checkpoint.Note, "log "+v.name, "the job has no records: it never ran here", "")
		return findings, nil
	}
	findings = append(findings, v.checkHint(records, hint, hinted)...)
	findings = append(findings, v.checkModules(ctx, folder, records, max(retain, 1))...)
	if len(records) == 0 {
		return findings, nil
	}
	found, err := v.checkOutput(ctx, folder, records, verifiers)
	return append(findings, found...), err
}

// checkHint compares what the folder remembers with the records.
func (v *View) checkHint(
	records []checkpoint.Manifest, hint checkpoint.Hint, hinted bool,
) []checkpoint.Finding {
	var last checkpoint.Manifest
	if len(records) > 0 {
		last = records[0]
	}
	switch {
	case !hinted:
		return []checkpoint.Finding{{Severity: checkpoint.Problem, Subject: "log " + v.name,
			Text:   fmt.Sprintf("it is of job id %s, and the store knows no such job", last.JobID),
			Remedy: "take it over with `run --adopt`, or pin [job] id"}}
	case len(records) > 0 && hint.JobID != last.JobID:
		return []checkpoint.Finding{{Severity: checkpoint.Problem, Subject: "log " + v.name,
			Text:   fmt.Sprintf("it is of job id %s, the store knows %s", last.JobID, hint.JobID),
			Remedy: "give one of the two jobs another name"}}
	}
	if log := checkpoint.Previous(v.name, last, len(records) > 0, hint); log != "" {
		return []checkpoint.Finding{{Severity: checkpoint.Note, Subject: "log " + v.name,
			Text: fmt.Sprintf("the job was last in log %q and moves here with the next start", log)}}
	}
	if hint.LastEpoch > last.Epoch {
		return []checkpoint.Finding{{Severity: checkpoint.Problem, Subject: "log " + v.name,
			Text: fmt.Sprintf("record %d was there before, the highest is %d now", hint.LastEpoch,
				last.Epoch),
			Remedy: "bring the topic back, or run with --epoch N or --fresh"}}
	}
	return nil
}

// checkModules reads the modules that the newest record and the retained epochs name.
func (v *View) checkModules(
	ctx context.Context, folder Folder, records []checkpoint.Manifest, retain int,
) []checkpoint.Finding {
	var findings []checkpoint.Finding
	seen := map[string]bool{}
	for i, m := range records {
		if m.Kind == checkpoint.KindEpoch {
			retain--
		}
		if i > 0 && retain < 0 {
			break
		}
		for _, module := range m.Modules {
			if seen[module.SHA256] {
				continue
			}
			seen[module.SHA256] = true
			if _, err := folder.ReadModule(ctx, module.SHA256); err != nil {
				findings = append(findings, checkpoint.Finding{
					Severity: checkpoint.Problem, Subject: "module " + module.SHA256,
					Text: fmt.Sprintf("plugin %q in record %d needs it: %v", module.Plugin, m.Epoch, err),
				})
			}
		}
	}
	return findings
}

// checkOutput asks the sinks about the output that the next claim would recover.
func (v *View) checkOutput(
	ctx context.Context, folder Folder, records []checkpoint.Manifest,
	verifiers map[string]checkpoint.Verifier,
) ([]checkpoint.Finding, error) {
	last := records[0]
	keep := checkpoint.Retained{Claim: last.Owner.Number}
	var err error
	if keep.Applied, err = folder.HighestApplied(ctx); err != nil {
		return nil, err
	}
	if keep.Accepted, err = folder.Accepted(ctx); err != nil {
		return nil, err
	}
	var followed []checkpoint.Epoch
	if cs := last.Committables; len(cs) > 0 {
		itself, err := folder.IsApplied(ctx, cs[0].Epoch)
		if err != nil {
			return nil, err
		}
		if itself {
			followed = append(followed, cs[0].Epoch)
		}
	}
	for _, m := range records {
		keep.Named = append(append(keep.Named, m.Committables...), m.Held...)
		if m.Kind == checkpoint.KindEpoch {
			keep.Applied = max(keep.Applied, m.Previous) // I3
			if m.Epoch == m.Previous+1 {
				followed = append(followed, m.Previous)
			}
		}
	}
	keep.Applied = checkpoint.AppliedFor(last.Committables, keep.Applied,
		func(e checkpoint.Epoch) bool { return slices.Contains(followed, e) })
	return checkpoint.VerifyOutput(ctx, last, keep, verifiers)
}
