package checkpoint

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Consequences says in words what a start elsewhere than at the last decided epoch does to output
// that is there already: with restored at that epoch, with nil anew. last is the last decided one.
func Consequences(job string, last Manifest, restored *Manifest) string {
	if restored != nil {
		return fmt.Sprintf("job %q goes back from epoch %d (%s) to epoch %d (%s): everything that "+
			"was published after epoch %d is written a second time.", job, last.Epoch,
			stamp(last), restored.Epoch, stamp(*restored), restored.Epoch)
	}
	return fmt.Sprintf("job %q begins anew although it has decided epochs up to %d (%s): the "+
		"sources %s are read from their start modes again, and everything written since the "+
		"first run is written a second time. Output of the last decided epoch is still "+
		"published.", job, last.Epoch, stamp(last), sourcesOf(last))
}

func stamp(m Manifest) string {
	return time.UnixMilli(m.CreatedMillis).UTC().Format(time.RFC3339)
}

func sourcesOf(m Manifest) string {
	names := make([]string, 0, len(m.Sources))
	for _, s := range m.Sources {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// VerifyOutput asks the sinks, by name, about the output that a claim on last would recover. keep
// is what the log retains.
func VerifyOutput(
	ctx context.Context, last Manifest, keep Retained, verifiers map[string]Verifier,
) ([]Finding, error) {
	bySink := map[string][]Committable{}
	held := map[string][]Committable{}
	for _, c := range last.Committables {
		bySink[c.Sink] = append(bySink[c.Sink], c)
	}
	for _, c := range last.Held {
		held[c.Sink] = append(held[c.Sink], c)
	}
	var findings []Finding
	sinks := slices.AppendSeq(slices.Collect(maps.Keys(bySink)), maps.Keys(held))
	slices.Sort(sinks)
	for _, sink := range slices.Compact(sinks) {
		verifier, ok := verifiers[sink]
		if !ok {
			findings = append(findings, Finding{Severity: Note, Subject: "sink " + sink,
				Text: fmt.Sprintf("%d pieces of output were not checked",
					len(bySink[sink])+len(held[sink]))})
			continue
		}
		keep.Held = held[sink]
		found, err := verifier.Verify(ctx, bySink[sink], keep)
		if err != nil {
			return findings, fmt.Errorf("checking output of sink %q: %w", sink, err)
		}
		findings = append(findings, found...)
	}
	return findings, nil
}
