package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/admin"
)

// pauseMax is how much longer than for other epochs tasks may stand still for one at whose end a
// plugin is switched, at the 99th percentile.
const pauseMax = 10 * time.Millisecond

// switchesMin is how many switches have a 99th percentile worth the name.
const switchesMin = 200

// pause is the part of an epoch's story that tells how long its end kept a task from reading.
type pause struct {
	Epoch  checkpoint.Epoch `json:"epoch"`
	Paused float64          `json:"pause_seconds"`
	Queued float64          `json:"pause_queued_seconds"`
	Swaps  []string         `json:"swaps"`
}

// pauses are the ones of all epochs that were seen.
type pauses struct{ seen map[checkpoint.Epoch]pause }

func newPauses() pauses { return pauses{map[checkpoint.Epoch]pause{}} }

// collect asks the job for those of its newest epochs.
func (p *pauses) collect(ctx context.Context, c *admin.Client) error {
	var list struct {
		Checkpoints []pause `json:"checkpoints"`
	}
	if err := c.Call(ctx, http.MethodGet, "/checkpoints", nil, &list); err != nil {
		return fmt.Errorf("asking for the pauses: %w", err)
	}
	for _, x := range list.Checkpoints {
		p.seen[x.Epoch] = x
	}
	return nil
}

// spread are the pauses of one kind of epochs, in order: as the clock has them, and without the
// time in which the task's thread waited for a processor.
type spread struct{ clock, own []float64 }

func (s *spread) add(x pause) {
	s.clock = append(s.clock, x.Paused)
	s.own = append(s.own, x.Paused-x.Queued)
}

// percentile returns the value that a share of all is at most, in order.
func percentile(sorted []float64, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := min(int(share*float64(len(sorted))), len(sorted)-1)
	return time.Duration(sorted[i] * float64(time.Second)).Round(time.Microsecond)
}

// verdict compares the pauses of epochs with a switch at their end with those of others.
func (p *pauses) verdict() (string, error) {
	var with, without spread
	for _, x := range p.seen {
		if len(x.Swaps) > 0 {
			with.add(x)
		} else {
			without.add(x)
		}
	}
	for _, s := range []*spread{&with, &without} {
		slices.Sort(s.clock)
		slices.Sort(s.own)
	}
	const share = 0.99
	byClock := percentile(with.clock, share) - percentile(without.clock, share)
	own := percentile(with.own, share) - percentile(without.own, share)
	summary := fmt.Sprintf("longest pause of a task, p50 and p99: %v, %v at %d switches, %v, %v at "+
		"%d other epochs, so %v longer at p99, %v without waiting for a processor",
		percentile(with.clock, 0.5), percentile(with.clock, share), len(with.clock),
		percentile(without.clock, 0.5), percentile(without.clock, share), len(without.clock),
		byClock, own)
	switch {
	case len(with.clock) == 0 || len(without.clock) == 0:
		return summary, fmt.Errorf("no pause was seen of one kind of epochs: %s", summary)
	case len(with.clock) >= switchesMin && own > pauseMax:
		return summary, fmt.Errorf("a switch makes tasks pause %v longer at the 99th percentile, "+
			"which is more than %v", own, pauseMax)
	}
	return summary, nil
}
