//go:build !linux

package servers

import "syscall"

// ownChild keeps a terminal's interrupt from a child: who started it decides when it ends. Only
// Linux ends a child with its parent.
func ownChild() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
