package servers

import "syscall"

// ownChild makes the kernel kill a child with the thread that started it, and keeps a terminal's
// interrupt from it: who started it decides when it ends.
func ownChild() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
