package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/wasmflow/wasmflow/bench/measure"
)

// profileTop is how many entries of the profile the page shows.
const profileTop = 15

// results are what a page is written from.
type results struct {
	broker     string
	throughput throughput
	latency    latencies
	starts     map[string][]float64
	inside     inside
}

// all measures everything and returns the page.
func (b *bench) all(ctx context.Context, broker string) (string, error) {
	r := results{broker: broker}
	for _, topic := range []struct {
		name  string
		count int32
	}{{inTopic, partitions}, {commitsTopic, 1}} {
		if err := b.cluster.renew(ctx, topic.name, topic.count); err != nil {
			return "", err
		}
	}
	b.progress(fmt.Sprintf("writing %d records", b.records))
	if err := b.cluster.fill(ctx, inTopic, b.records); err != nil {
		return "", err
	}
	var err error
	if r.throughput, err = b.throughput(ctx); err != nil {
		return "", err
	}
	if r.inside, err = b.lookInside(ctx); err != nil {
		return "", err
	}
	if r.starts, err = b.starts(ctx, letterPlain, letterC); err != nil {
		return "", err
	}
	// The last one, because it makes the input anew.
	if r.latency, err = b.latency(ctx, letterPlain, letterC); err != nil {
		return "", err
	}
	return b.page(r), nil
}

func (b *bench) page(r results) string {
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("# Exactly-once copying between Kafka topics")
	line("")
	line("Written by `make bench-kafka`; nothing here was typed by hand. %s.", measure.Machine())
	line("Broker: %s.", r.broker)
	line("")
	line("%d records of %d bytes with keys of %d, %d partitions to %d, a commit a second. CPU is user",
		b.records, valueBytes, keyBytes, partitions, partitions)
	line("and system time of the process, the broker's in none. Ratios are taken within each of %d",
		b.rounds)
	line("interleaved rounds, after one that is thrown away; the median is shown.")
	line("")
	b.throughputTable(line, r)
	b.latencyTable(line, r)
	line("## Where (c) spends its time")
	line("")
	line("The profile is %s; its top entries by their own time:", "`bench/kafka-c-guest.pprof`")
	line("")
	line("```")
	for _, l := range r.inside.profile {
		line("%s", l)
	}
	line("```")
	return out.String()
}

func (b *bench) throughputTable(line func(string, ...any), r results) {
	line("| | | CPU against (a) | CPU against (a2) | CPU us a record | peak RSS MiB |")
	line("|---|---|---|---|---|---|")
	t := r.throughput
	for _, c := range b.contenders {
		us := t.perRecord[c.letter]
		line("| (%s) | %s | %.2f x | %.2f x | %.3f | %d |", c.letter, c.name,
			measure.Ratio(us, t.perRecord[letterPlain]), measure.Ratio(us, t.perRecord[letterTuned]),
			measure.Median(us), t.rss[c.letter]>>20)
	}
	line("")
	line("Bounds: (b) 1.1 x (a2); (c) 1.25 x (a2) and 1 x (a), 250 MiB; (d) 1.9 x (a2).")
	line("")
	line("Heap allocations a record in (c), in the steady state: %.4f (bound 0.05).",
		r.inside.allocations)
	line("")
}

func (b *bench) latencyTable(line func(string, ...any), r results) {
	line("## Latency and start")
	line("")
	line("%d records a second, a commit every %v, from making to a read_committed reader; %d",
		latencyRate, latencyCommit, latencyRounds)
	line("interleaved rounds of %d s, of which the first quarter does not count. The start is the "+
		"time", b.latencySeconds)
	line("from the start of the process to the first committed record, a commit a second, medians "+
		"of %d.", startRounds)
	line("")
	line("| | p50 ms | p99 ms | start s |")
	line("|---|---|---|---|")
	for _, letter := range []string{letterPlain, letterC} {
		line("| (%s) | %.0f | %.0f | %.2f |", letter, measure.Median(r.latency.p50[letter]),
			measure.Median(r.latency.p99[letter]), measure.Median(r.starts[letter]))
	}
	line("| (c) against (a) | %.2f x | %.2f x | %.2f x |",
		measure.Ratio(r.latency.p50[letterC], r.latency.p50[letterPlain]),
		measure.Ratio(r.latency.p99[letterC], r.latency.p99[letterPlain]),
		measure.Ratio(r.starts[letterC], r.starts[letterPlain]))
	line("| bound | 1.2 x | 1.5 x | 1.5 x |")
	line("")
}

// topOf returns the head of a profile as go tool pprof prints it.
func topOf(ctx context.Context, profile string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top",
		fmt.Sprintf("-nodecount=%d", profileTop), profile).Output()
	if err != nil {
		return nil, fmt.Errorf("reading the profile: %w", err)
	}
	_, table, _ := strings.Cut(string(out), "Duration:")
	return strings.Split(strings.TrimSpace("Duration:"+table), "\n"), nil
}
