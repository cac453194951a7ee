package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/chaos"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

// scale is how much is done.
type scale struct {
	lines, rate, kills, each, zombies int
	lifeMax                           time.Duration
}

// full is what a release has to bear; short is its form for every commit.
func full() scale  { return scale{2_000_000, 15_000, 100, 5, 10, 400 * time.Millisecond} }
func short() scale { return scale{200_000, 4_000, 10, 1, 2, 300 * time.Millisecond} }

// part is the scale of a trial beside the main one: fewer lines, a fifth of the kills.
func (s scale) part(of int) scale {
	return scale{s.lines / of, s.rate, s.kills / 5, s.each, s.zombies / 2, s.lifeMax}
}

// trial is one job and what is done to it.
type trial struct {
	name   string
	scale  scale
	places []string // failpoints its runs pass
	make   func(dir, binary, guests string, s scale) (*fileEnds, error)
}

// trials covers the failpoints: those of the plain file sink by a job that has one, those of a log
// in a topic by a job that writes one, all others by the job with buckets.
func trials(s scale) []trial {
	var live, topics, swaps, others []string
	for _, name := range failpoint.Names() {
		switch {
		case strings.HasPrefix(name, "file/"):
			live = append(live, name)
		case ofSwap(name):
			swaps = append(swaps, name)
		case strings.HasPrefix(name, "s3/"), ofTime(name): // -s3 dies there; nothing waits for minutes
		case !ofTopic(name):
			others = append(others, name)
		case !strings.HasSuffix(name, "/sealed"): // that is passed when a job changes its log
			topics = append(topics, name)
		}
	}
	return []trial{
		{"buckets", s, others, newBuckets},
		{"live", s.part(4), live, newLive},
		{"poison", s.part(2), nil, newPoison},
		{"topics", s.part(4), topics, newTopics},
		{"swaps", s.part(4), swaps, newSwaps},
	}
}

// ofTopic tells the places that only a job passes whose log is in a topic, or moves there.
func ofTopic(name string) bool {
	return strings.HasPrefix(name, "txlog/") || name == "storelog/sealed"
}

// ofTime tells the place that only a job passes whose buckets are minutes, which become complete.
func ofTime(name string) bool { return name == "bucketing/before-mark" }

// once lists the places that a run passes only at its start, or once for every task: when it
// claims, recovers, opens its writers, and takes up another version of a plugin.
func once() []string {
	return []string{
		"bucketing/after-stray", "bucketing/before-strays", "file/after-live", "file/after-rewind",
		"file/after-show", "storelog/claim-after-publish", "storelog/claim-before-publish",
		"storelog/claimed", "storelog/store-module", "swap/before-store", "swap/compared", "swap/decided",
		"swap/exchanged", "swap/loaded", "swap/opened", "swap/stored", "swap/taken",
	}
}

// before leads to the places where a start removes what the run before left behind: one that dies
// between two epochs may leave nothing.
func before() map[string]string {
	return map[string]string{
		"bucketing/after-stray": "bucketing/after-close", "s3/after-abort": "bucketing/after-close",
	}
}

// companions leads to the places that a run without errors never passes.
func companions() map[string]func(int, *rand.Rand) string {
	return map[string]func(int, *rand.Rand) string{
		// Output is discarded when an epoch is given up after some of it was prepared: a writer
		// fails that is not the first to prepare. Each task has two writers; the first epoch
		// comes before they have anything.
		"bucketing/before-discard": func(parallelism int, rng *rand.Rand) string {
			return fmt.Sprintf("bucketing/after-prepare=error@%d", 2*parallelism+2+rng.IntN(2*parallelism))
		},
	}
}

// runTrials carries out the trials of jobs that read files, one after the other.
func runTrials(ctx context.Context, dir string, o options, out io.Writer) error {
	s := full()
	if o.short {
		s = short()
	}
	ran := false
	for _, t := range trials(s) {
		if o.only != "" && t.name != o.only {
			continue
		}
		ran = true
		if err := t.run(ctx, filepath.Join(dir, t.name), o, out); err != nil {
			return err
		}
	}
	if !ran {
		return fmt.Errorf("-trial: there is no trial %q", o.only)
	}
	return nil
}

// run makes the job in the folder and lets it bear the trial.
func (t trial) run(ctx context.Context, dir string, o options, out io.Writer) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	ends, err := t.make(dir, o.binary, o.guests, t.scale)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "chaos: %s: %d lines\n", t.name, t.scale.lines)
	err = chaos.New(chaos.Config{
		Ends: ends, Seed: o.seed, Kills: t.scale.kills, Failpoints: t.places,
		Each: t.scale.each, Zombies: t.scale.zombies, LifeMin: 50 * time.Millisecond,
		LifeMax: t.scale.lifeMax, Parallelism: 4, ParallelismMax: 6, Once: onceOfTopics(),
		Before: before(),
		Near: []string{
			"storelog/decide-before-publish", "storelog/decide-after-publish", "storelog/decided",
		},
		Companions: companions(), Log: out,
	}).Run(ctx)
	return errors.Join(err, ends.close())
}
