package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
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
	peak := watchMemory(cmd.Process.Pid)
	err = cmd.wait()
	u := usage{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rss: peak()}
	if err != nil {
		return u, err
	}
	return u, b.cluster.check(ctx, outTopic, b.records, c.upper)
}

// memoryEvery is how often the peak of a child's memory is read. The kernel keeps the peak, so only
// what happens after the last look is missed.
const memoryEvery = 20 * time.Millisecond

// watchMemory reads the peak of a process's resident memory until the returned function is called.
// The peak in a child's rusage will not do: it counts what this process had when it forked.
func watchMemory(pid int) (peak func() int64) {
	done, result := make(chan struct{}), make(chan int64)
	go func() { // ends with done
		ticker := time.NewTicker(memoryEvery)
		defer ticker.Stop()
		high := int64(0)
		for {
			high = max(high, residentPeak(pid))
			select {
			case <-done:
				result <- high
				return
			case <-ticker.C:
			}
		}
	}()
	return func() int64 {
		close(done)
		return <-result
	}
}

// residentPeak returns VmHWM of a process in bytes, 0 when it has ended.
func residentPeak(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(data), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscanf(after, "%d kB", &kib); err != nil {
		return 0
	}
	return kib << 10
}

// ratio returns the median of x over base, round by round (B2).
func ratio(x, base []float64) float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] / base[i]
	}
	return median(out)
}

// median returns the middle value; of an even number the higher of both.
func median(values []float64) float64 { return quantile(values, 0.5) }

func quantile(values []float64, q float64) float64 {
	s := slices.Clone(values)
	slices.Sort(s)
	return s[min(len(s)-1, int(q*float64(len(s))))]
}
