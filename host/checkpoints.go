package host

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/task"
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

// Values lists the causes, for schemas.
func (Cause) Values() []string {
	return []string{string(CauseInterval), string(CauseRequest), string(CausePause), string(CauseEnd)}
}

// PublishedEpoch is the story of one published epoch. Records and bytes are those of this epoch
// alone.
type PublishedEpoch struct {
	Epoch           checkpoint.Epoch `json:"epoch"`
	Cause           Cause            `json:"cause" doc:"Why it began."`
	Decided         time.Time        `json:"decided" doc:"When it was decided: from then on it stands."`
	DurationSeconds float64          `json:"duration_seconds" doc:"From its start until its output was published."`
	RecordsRead     uint64           `json:"records_read" doc:"Records that sources read in this epoch."`
	BytesRead       uint64           `json:"bytes_read"`
	RecordsWritten  uint64           `json:"records_written" doc:"Records that sinks took in this epoch, dead letters included."`
	BytesWritten    uint64           `json:"bytes_written"`
	Splits          int              `json:"splits" doc:"Unfinished splits of all sources."`
	Parts           int              `json:"parts" doc:"Pieces of output, such as files, that were published after the decision."`
	ManifestBytes   int              `json:"manifest_bytes" doc:"Size of what the log keeps of the epoch."`
	// PauseSeconds is the longest of all tasks; PauseQueuedSeconds is that task's.
	PauseSeconds       float64  `json:"pause_seconds" doc:"Longest time for which the end of the epoch kept a task from reading."`
	PauseQueuedSeconds float64  `json:"pause_queued_seconds" doc:"Part of it in which the task was ready and waited for a processor, as far as the system tells."`
	Swaps              []string `json:"swaps,omitempty" doc:"Plugins of which the next epoch began with another version."`
}

// boundary is what the end of an epoch asked of the tasks.
type boundary struct {
	pause task.Pause // the longest
	swaps []string
}

// checkpoints are the newest published epochs of a process. Any goroutine may use it.
type checkpoints struct {
	mu struct {
		sync.Mutex
		list       []PublishedEpoch // rising
		boundaries map[checkpoint.Epoch]boundary
	}
}

func (c *checkpoints) add(x PublishedEpoch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.list = append(c.mu.list[max(0, len(c.mu.list)+1-checkpointsKept):], x)
	maps.DeleteFunc(c.mu.boundaries, func(e checkpoint.Epoch, _ boundary) bool {
		return e < c.mu.list[0].Epoch
	})
}

// bound changes what is known of the end of epoch e and returns it.
func (c *checkpoints) bound(e checkpoint.Epoch, change func(*boundary)) boundary {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.boundaries == nil {
		c.mu.boundaries = map[checkpoint.Epoch]boundary{}
	}
	b := c.mu.boundaries[e]
	change(&b)
	c.mu.boundaries[e] = b
	return b
}

// paused takes what a task tells of the end of an epoch. The other tasks may still be at it, and
// the epoch may come to nothing.
func (e *Engine) paused(epoch checkpoint.Epoch, p task.Pause) {
	b := e.checkpoints.bound(epoch, func(b *boundary) {
		if p.Clock > b.pause.Clock {
			b.pause = p
		}
	})
	e.metrics.paused(p, len(b.swaps) > 0)
}

// Checkpoints returns the newest epochs that this process published, the last one first.
func (e *Engine) Checkpoints() []PublishedEpoch {
	e.checkpoints.mu.Lock()
	defer e.checkpoints.mu.Unlock()
	out := slices.Clone(e.checkpoints.mu.list)
	for i := range out {
		b := e.checkpoints.mu.boundaries[out[i].Epoch]
		out[i].PauseSeconds, out[i].PauseQueuedSeconds = b.pause.Clock.Seconds(), b.pause.Queued.Seconds()
		out[i].Swaps = b.swaps
	}
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
	n := PublishedEpoch{Epoch: m.Epoch, Cause: a.story.Cause, Parts: len(m.Committables)}
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
