//go:build unix

package regular

import "syscall"

// openNow has open return at once where it would wait for somebody at the other end.
const openNow = syscall.O_NONBLOCK
