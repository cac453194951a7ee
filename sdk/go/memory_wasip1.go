package wasmflow

import "unsafe"

// memory turns pointers into addresses of the guest's memory. In WebAssembly they are the same.
type memory struct{}

func (*memory) know(unsafe.Pointer, int) {}
func (*memory) forget(unsafe.Pointer)    {}

func (*memory) address(p unsafe.Pointer) uint32      { return uint32(uintptr(p)) }
func (*memory) place(p unsafe.Pointer, _ int) uint32 { return uint32(uintptr(p)) }
