//go:build linux || darwin

package guest

import (
	"fmt"
	"syscall"
)

// mapMemory sets room for so many bytes aside, or returns nil. It counts for nothing until it is
// touched, and the first touch finds zeros.
//
// Private memory would be cheaper to touch and dearer to neighbours: a page of it that is read first
// and written then is exchanged for another one, of which every processor has to be told that works
// for this process. A guest that copies fresh memory took a second pipeline more than half its time.
func mapMemory(size uint64) []byte {
	if size == 0 {
		return nil
	}
	b, err := syscall.Mmap(-1, 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_SHARED|syscall.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	return b
}

// unmapMemory gives back what mapMemory returned.
func unmapMemory(b []byte) {
	if err := syscall.Munmap(b); err != nil {
		panic(fmt.Sprintf("guest: unmapping %d bytes of linear memory: %v", len(b), err))
	}
}
