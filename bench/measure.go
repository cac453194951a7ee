package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
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
	cpu, start := selfCPU(), time.Now()
	err := f()
	u := usage{cpu: selfCPU() - cpu, wall: time.Since(start)}
	runtime.ReadMemStats(&after)
	u.mallocs = after.Mallocs - before.Mallocs
	return u, err
}

func selfCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(fmt.Sprintf("bench: reading the CPU time of this process: %v", err))
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// child measures a command to its end.
func child(dir string, argv ...string) (usage, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, fmt.Errorf("starting %v: %w", argv, err)
	}
	peak := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	u := usage{
		cpu:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		wall: time.Since(start), rss: peak(),
	}
	if err != nil {
		err = fmt.Errorf("running %v: %w", argv, err)
	}
	return u, err
}

// memoryEvery is how often the peak of a child's memory is read. The kernel keeps the peak, so only
// what happens after the last look is missed.
const memoryEvery = 20 * time.Millisecond

// watchMemory reads the peak of a process's resident memory until the returned function is called,
// which returns it in bytes. The peak in a child's rusage will not do: it counts what this
// process had when it forked.
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

// residentPeak returns VmHWM of a process in bytes, 0 when it cannot be read.
func residentPeak(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0 // the process has ended
	}
	_, after, ok := bytes.Cut(data, []byte("VmHWM:"))
	if !ok {
		return 0
	}
	var kib int64
	if _, err := fmt.Sscanf(string(after), "%d kB", &kib); err != nil {
		return 0
	}
	return kib << 10
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

// median returns the middle value; of an even number the higher of both.
func median[T int64 | float64 | time.Duration](values []T) T {
	s := slices.Clone(values)
	slices.Sort(s)
	return s[len(s)/2]
}

func cpus(us []usage) []time.Duration {
	out := make([]time.Duration, len(us))
	for i, u := range us {
		out[i] = u.cpu
	}
	return out
}
