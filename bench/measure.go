package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/wasmflow/wasmflow/bench/measure"
)

// usage is what one run of a contender took.
type usage struct {
	cpu     time.Duration // user and system time of the process
	wall    time.Duration
	mallocs uint64 // heap allocations, for contenders inside this process
	rss     int64  // peak bytes, for contenders that are processes of their own
}

// inProcess measures f in this process: CPU of all threads, collector included.
func inProcess(f func() error) (usage, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := measure.OwnCPU(), time.Now()
	err := f()
	u := usage{cpu: measure.OwnCPU() - cpu, wall: time.Since(start)}
	runtime.ReadMemStats(&after)
	u.mallocs = after.Mallocs - before.Mallocs
	return u, err
}

// child measures a command to its end.
func child(dir string, argv ...string) (usage, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, fmt.Errorf("starting %v: %w", argv, err)
	}
	peak := measure.WatchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	u := usage{
		cpu:  measure.CPUOf(cmd),
		wall: time.Since(start), rss: peak(),
	}
	if err != nil {
		err = fmt.Errorf("running %v: %w", argv, err)
	}
	return u, err
}

// contender is something to measure.
type contender struct {
	name string
	run  func() (usage, error)
}

// interleave runs every contender once a round (B2) and returns their usages by name.
func interleave(
	rounds int, contenders []contender, progress func(string),
) (map[string][]usage, error) {
	out := map[string][]usage{}
	for round := range rounds {
		for _, c := range contenders {
			progress(fmt.Sprintf("round %d of %d: %s", round+1, rounds, c.name))
			u, err := c.run()
			if err != nil {
				return nil, fmt.Errorf("measuring %s: %w", c.name, err)
			}
			out[c.name] = append(out[c.name], u)
		}
	}
	return out, nil
}

func cpus(us []usage) []time.Duration {
	out := make([]time.Duration, len(us))
	for i, u := range us {
		out[i] = u.cpu
	}
	return out
}
