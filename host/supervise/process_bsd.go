//go:build unix && !linux

package supervise

import (
	"os/exec"
	"syscall"
)

// tie leaves it to the lifeline to end the worker with its supervisor. An interrupt at the
// terminal, which goes to a whole process group, is the supervisor's to pass on, or the worker
// would take it twice: for somebody who insists.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
