//go:build unix

package guest

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// setApart gives a compiler a process group of its own. Priorities of a group hold for all threads
// in it, those of a process for one; and an interrupt at the terminal is the parent's to act on.
func setApart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// limitProcess takes the limits of an order upon this process, and the lowest priority.
func limitProcess(order compileOrder) error {
	const lowest, grace = 19, 2 // nice, seconds
	data := syscall.Rlimit{Cur: uint64(order.DataBytes), Max: uint64(order.DataBytes)}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &data); err != nil {
		return fmt.Errorf("limiting the compiler's memory: %w", err)
	}
	out := make(chan os.Signal, 1)
	signal.Notify(out, syscall.SIGXCPU)
	// The goroutine ends with the process. Should it not come to run, the hard limit kills.
	go func() {
		<-out
		os.Exit(compilerOutOfTime)
	}()
	cpu := syscall.Rlimit{Cur: order.Seconds, Max: order.Seconds + grace}
	if err := syscall.Setrlimit(syscall.RLIMIT_CPU, &cpu); err != nil {
		return fmt.Errorf("limiting the compiler's time: %w", err)
	}
	if err := syscall.Setpriority(syscall.PRIO_PGRP, 0, lowest); err != nil {
		return fmt.Errorf("lowering the compiler's priority: %w", err)
	}
	return nil
}
