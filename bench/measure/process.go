package measure

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"syscall"
	"time"
)

// OwnCPU returns the CPU time that this process has taken (N1).
func OwnCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(fmt.Sprintf("bench: reading the CPU time of this process: %v", err))
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// CPU returns the CPU time that work takes of this process, with the collector off (N1).
func CPU(work func() error) (time.Duration, error) {
	percent := debug.SetGCPercent(-1)
	defer debug.SetGCPercent(percent)
	before := OwnCPU()
	err := work()
	return OwnCPU() - before, err
}

// CPUOf returns the CPU time that a command took that has ended (N1).
func CPUOf(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// memoryEvery is how often the peak of a child's memory is read. The kernel keeps the peak, so only
// what happens after the last look is missed.
const memoryEvery = 20 * time.Millisecond

// WatchMemory reads the peak of a process's resident memory until the returned function is called,
// which returns it in bytes. The peak in a child's rusage will not do: it counts what this
// process had when it forked.
func WatchMemory(pid int) (peak func() int64) {
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
