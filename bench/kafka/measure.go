package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/wasmflow/wasmflow/bench/measure"
)

// bench is one run of everything.
type bench struct {
	options
	cluster    *cluster
	dir        string
	contenders []contender
	progress   func(string)
	runs       int // so far; makes ids unique
}

// usage is what one run took.
type usage struct {
	cpu time.Duration // user and system time of the process
	rss int64         // peak bytes
}

// throughput is the result of the interleaved rounds, by letter.
type throughput struct {
	perRecord map[string][]float64 // microseconds of CPU, by round
	rss       map[string]int64     // highest peak of all rounds
}

// id returns a name no run had before.
func (b *bench) id() string {
	b.runs++
	return fmt.Sprintf("bench-%d-%d", os.Getpid(), b.runs)
}

// throughput measures all contenders in turns. The first round warms everything and is dropped.
func (b *bench) throughput(ctx context.Context) (throughput, error) {
	out := throughput{perRecord: map[string][]float64{}, rss: map[string]int64{}}
	for round := range b.rounds + 1 {
		for _, c := range b.contenders {
			u, err := b.copy(ctx, c)
			if err != nil {
				return out, fmt.Errorf("measuring (%s) %s: %w", c.letter, c.name, err)
			}
			each := float64(u.cpu.Nanoseconds()) / 1000 / float64(b.records)
			b.progress(fmt.Sprintf("round %d of %d: (%s) %.3f us a record, %d MiB",
				round, b.rounds, c.letter, each, u.rss>>20))
			if round == 0 {
				continue
			}
			out.perRecord[c.letter] = append(out.perRecord[c.letter], each)
			out.rss[c.letter] = max(out.rss[c.letter], u.rss)
		}
	}
	return out, nil
}

// copy runs c over the whole input and checks its output.
func (b *bench) copy(ctx context.Context, c contender) (usage, error) {
	if err := b.cluster.renew(ctx, outTopic, partitions); err != nil {
		return usage{}, err
	}
	cmd, err := c.start(ctx, b.dir, setting{brokers: b.brokers, every: time.Second, id: b.id()})
	if err != nil {
		return usage{}, err
	}
	peak := measure.WatchMemory(cmd.Process.Pid)
	err = cmd.wait()
	u := usage{cpu: measure.CPUOf(cmd.Cmd), rss: peak()}
	if err != nil {
		return u, err
	}
	return u, b.cluster.check(ctx, outTopic, b.records, c.upper)
}
