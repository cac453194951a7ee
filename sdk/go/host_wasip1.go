package wasmflow

import "unsafe"

//go:wasmimport wasmflow log
func hostLog(level uint32, text unsafe.Pointer, size uint32)

//go:wasmimport wasmflow metric
func hostMetric(kind uint32, name unsafe.Pointer, size uint32, value float64)

// host is what the guest can call.
type host struct{}

func (host) log(level Level, text string) {
	hostLog(uint32(level), unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
}

func (host) metric(kind uint32, name string, value float64) {
	hostMetric(kind, unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), value)
}
