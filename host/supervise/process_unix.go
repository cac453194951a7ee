//go:build unix

package supervise

import (
	"fmt"
	"os"
	"syscall"
)

// inherited is a file that the supervisor left open for this process. It is not passed on to the
// processes that this one starts: while one of them had the beats, they would have no end.
func inherited(fd uintptr, name string) (*os.File, error) {
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(fd), &stat); err != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		// It may be anything, such as a file of the runtime's own.
		return nil, fmt.Errorf("taking up the pipe for %s: there is none; only a supervisor starts this "+
			"command", name)
	}
	syscall.CloseOnExec(int(fd))
	// Reading and writing wait in Go's poller then, from where Close wakes them.
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		return nil, fmt.Errorf("taking up the pipe for %s: %w", name, err)
	}
	return os.NewFile(fd, name), nil
}

// killedBy returns the signal that ended a process.
func killedBy(s *os.ProcessState) (syscall.Signal, bool) {
	status, ok := s.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return 0, false
	}
	return status.Signal(), true
}
