package guest

import "syscall"

// dropPages makes a part of what mapMemory returned zero again, by giving its pages back.
func dropPages(b []byte) bool {
	return len(b) == 0 || syscall.Madvise(b, syscall.MADV_REMOVE) == nil
}
