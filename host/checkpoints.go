package host

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// checkpointsKept bounds the history of epochs: some minutes of a job with the usual interval.
const checkpointsKept = 100

// Cause is why an epoch began.
type Cause string

// The causes.
const (
	CauseInterval Cause = "interval"
	CauseRequest  Cause = "request" // somebody asked for it
	CausePause    Cause = "pause"
	CauseEnd      Cause = "end" // the last one of a run
)

// Checkpoint is the story of one published epoch. Records and bytes are those of this epoch alone.
type Checkpoint struct {
	Epoch           checkpoint.Epoch `json:"epoch"`
	Cause           Cause            `json:"cause"`
	Decided         time.Time        `json:"decided" doc:"When it was decided: from then on it stands."`
	DurationSeconds float64          `json:"duration_seconds" doc:"From its start until its output was published."`
	RecordsRead     uint64           `json:"records_read" doc:"Records that sources read in this epoch."`
	BytesRead       uint64           `json:"bytes_read"`
	RecordsWritten  uint64           `json:"records_written" doc:"Records that sinks took in this epoch, dead letters included."`
	BytesWritten    uint64           `json:"bytes_written"`
	Splits          int              `json:"splits" doc:"Unfinished splits of all sources."`
	Parts           int              `json:"parts" doc:"Pieces of output, such as files, that were published after the decision."`
	ManifestBytes   int              `json:"manifest_bytes" doc:"Size of what the log keeps of the epoch."`
}

// checkpoints are the newest published epochs of a process. Any goroutine may use it.
type checkpoints struct {
	mu struct {
		sync.Mutex
		list []Checkpoint // rising
	}
}

func (c *checkpoints) add(x Checkpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.list = append(c.mu.list[max(0, len(c.mu.list)+1-checkpointsKept):], x)
}

// Checkpoints returns the newest epochs that this process published, the last one first.
func (e *Engine) Checkpoints() []Checkpoint {
	e.checkpoints.mu.Lock()
	defer e.checkpoints.mu.Unlock()
	out := slices.Clone(e.checkpoints.mu.list)
	slices.Reverse(out)
	return out
}

// causeOf returns why p begins; asked is what somebody asked for, if anything.
func causeOf(p checkpoint.Prepare, asked Cause) Cause {
	if p.Final {
		return CauseEnd
	}
	return cmp.Or(asked, CauseInterval)
}

// note tells the story of the epoch that m is to decide.
func (a *attempt) note(m checkpoint.Manifest) {
	n := Checkpoint{Epoch: m.Epoch, Cause: a.story.Cause, Parts: len(m.Committables)}
	for _, s := range m.Sources {
		n.Splits += len(s.Splits)
	}
	read := since(a.counts, m.Counts, a.e.plan.sourceNames())
	n.RecordsRead, n.BytesRead = read.In, read.InBytes
	var sinks []string
	for _, s := range a.e.plan.sinks {
		sinks = append(sinks, s.Name)
	}
	written := since(a.counts, m.Counts, sinks)
	n.RecordsWritten, n.BytesWritten = written.In, written.InBytes
	a.story, a.manifest = n, m
}

// measureManifest notes the size of the newest decided manifest. The caller goroutine does it after
// an epoch is published; nothing waits for it but the next epoch.
func (a *attempt) measureManifest() {
	if data, err := checkpoint.EncodeManifest(a.manifest); err == nil { // the log encoded it too
		a.story.ManifestBytes = len(data)
	}
}

// since sums what stages counted between two epochs.
func since(before, now map[string]checkpoint.Count, stages []string) checkpoint.Count {
	var sum checkpoint.Count
	for name, c := range now {
		if slices.Contains(stages, name) {
			sum.In += c.In - before[name].In
			sum.InBytes += c.InBytes - before[name].InBytes
		}
	}
	return sum
}
