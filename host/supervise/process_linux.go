package supervise

import (
	"os/exec"
	"syscall"
)

// tie has the system kill the worker when the thread that started it ends (V3): whoever calls it
// stays on its thread. An interrupt at the terminal, which goes to a whole process group, is the
// supervisor's to pass on, or the worker would take it twice: for somebody who insists.
func tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
