package wasmflow

import "unsafe"

//go:wasmexport wasmflow_abi_v1
func exportMarker() uint32 { return 0 }

//go:wasmexport wasmflow_describe
func exportDescribe() uint64 { return pack(plugin.describe()) }

//go:wasmexport wasmflow_open
func exportOpen(_ unsafe.Pointer, size uint32) uint64 {
	return pack(plugin.open(plugin.reserved()[:size:size]))
}

//go:wasmexport wasmflow_reserve
func exportReserve(size uint32) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(plugin.reserve(int(size))))))
}

//go:wasmexport wasmflow_process
func exportProcess(function, first uint32, cursor uint64) uint32 {
	return uint32(uintptr(unsafe.Pointer(plugin.process(function, first, cursor))))
}

//go:wasmexport wasmflow_migrate
func exportMigrate(from uint32, _ unsafe.Pointer, size uint32) uint64 {
	return pack(plugin.migrate(from, plugin.reserved()[:size:size]))
}

// pack makes the result of describe, open and migrate; the guest keeps b.
func pack(b []byte) uint64 {
	if len(b) == 0 {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(&b[0])))<<32 | uint64(len(b))
}
