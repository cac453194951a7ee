//go:build !unix

package supervise

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// inherited refuses: files are not inherited by number here.
func inherited(uintptr, string) (*os.File, error) { return nil, errors.ErrUnsupported }

// killedBy cannot tell.
func killedBy(*os.ProcessState) (syscall.Signal, bool) { return 0, false }

// tie does nothing.
func tie(*exec.Cmd) {}
