//go:build !unix

package guest

import "os/exec"

// setApart does nothing where there are no process groups.
func setApart(*exec.Cmd) {}

// limitProcess does nothing where the system has no such limits.
func limitProcess(compileOrder) error { return nil }
