package guest

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// Limits bound one plugin. The zero value of a field means its default.
type Limits struct {
	// ModuleBytes is the size of the file. Default 32 MiB: a Python interpreter has 14.
	ModuleBytes int64
	// MemoryBytes is the linear memory of one instance; it is rounded down to pages of 64 KiB.
	// Default 64 MiB: a Go guest works in 4 to 16.
	MemoryBytes int64
	// LogLines is how many lines an instance may log per second, after a burst of ten times as
	// many. Default 100.
	LogLines int
}

// Defaults of Limits.
const (
	DefaultModuleBytes = wasm.SizeMax
	DefaultMemoryBytes = 64 << 20
	DefaultLogLines    = 100
)

func (l Limits) withDefaults() Limits {
	if l.ModuleBytes == 0 {
		l.ModuleBytes = DefaultModuleBytes
	}
	if l.MemoryBytes == 0 {
		l.MemoryBytes = DefaultMemoryBytes
	}
	if l.LogLines == 0 {
		l.LogLines = DefaultLogLines
	}
	return l
}

// memoryPages is the limit in the engine's unit: at least one page, and at most one less than there
// are, so that the size in bytes fits 32 bits.
func (l Limits) memoryPages() uint32 {
	const pagesMax = 65_535
	return uint32(min(max(l.MemoryBytes/wasm.PageSize, 1), pagesMax))
}

const (
	// tableElementsMax bounds what tables may hold: 8 bytes an element, and no compiler met so
	// far needs more than some ten thousand functions in tables.
	tableElementsMax = 1 << 20

	// logLineBytesMax cuts a line the guest writes or logs.
	logLineBytesMax = 8 << 10
	// crashTextBytesMax is kept, of the beginning and of the end each, of what a guest wrote to
	// standard error in a call that trapped.
	crashTextBytesMax = 1 << 10
	// effectsMax and effectBytesMax bound what one call may buffer until its records are settled:
	// a few events for each of the 2,600 records of 100 bytes in a frame of 256 KiB.
	effectsMax     = 1 << 15
	effectBytesMax = 1 << 20
	// metricNamesMax bounds the series all instances of a module together can make.
	metricNamesMax = 256
	// metricNameBytesMax is generous for a Prometheus name.
	metricNameBytesMax = 64
	// vectorsMax bounds the buffers of one fd_write; writers use one or two.
	vectorsMax = 1_024
	// writeBytesMax bounds what one fd_write takes: what a pipe of Linux takes.
	writeBytesMax = 64 << 10
	// subscriptionsMax bounds one poll_oneoff; a sleeping guest has one.
	subscriptionsMax = 1_024
)
