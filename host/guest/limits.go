package guest

import (
	"cmp"
	"time"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// Limits bound one plugin. The zero value of a field means its default.
type Limits struct {
	// ModuleBytes is the size of the file. Default 32 MiB: a Python interpreter has 14.
	ModuleBytes int64
	// MemoryBytes is the linear memory of one instance; it is rounded down to pages of 64 KiB.
	// Default 64 MiB: a Go guest works in 4 to 16.
	MemoryBytes int64
	// TableElements is what all tables of one instance may grow to, 8 bytes an element. Default
	// 262,144: no compiler met so far needs more than some ten thousand, and nothing stops the
	// guest, or lets Go's collector in, while it fills, copies or grows a whole table, which takes a
	// millisecond then.
	TableElements int64
	// StackBytes bounds recursion in one call, by estimate: the engine takes up to twice as much.
	// Default 4 MiB. The engine ends at 50 MiB by itself.
	StackBytes int64

	// TimePerBatch bounds what one frame of records may cost, in fuel and by the clock. Default
	// 1 s: calls are sized to take a millisecond.
	TimePerBatch time.Duration
	// TimePerRecord bounds a record that is run alone, because it was at hand when a call ended
	// badly. Default 500 ms. The same record costs up to 20 times more or less, as the guest's
	// collector has it, so this wants 50 times what is usual. It holds in fuel; the clock waits
	// four times as long, because its verdict would be on the machine.
	TimePerRecord time.Duration
	// TimeToStart bounds making, describing and opening an instance, together. Default 10 s.
	TimeToStart time.Duration

	// LogLines is how many lines an instance may log per second, after a burst of ten times as
	// many. Default 100.
	LogLines int

	// CompileBytes and CompileTime bound what compiling may take of memory and of processor time,
	// where Config.Compiler names a process to do it. Default 2 GiB and 60 s: a Python interpreter
	// takes 5.
	CompileBytes int64
	CompileTime  time.Duration
}

// Defaults of Limits.
const (
	DefaultModuleBytes   = wasm.SizeMax
	DefaultMemoryBytes   = 64 << 20
	DefaultTableElements = 1 << 18
	DefaultStackBytes    = 1 << 20
	DefaultTimePerBatch  = time.Second
	DefaultTimePerRecord = 500 * time.Millisecond
	DefaultTimeToStart   = 10 * time.Second
	DefaultLogLines      = 100
	DefaultCompileBytes  = 2 << 30
	DefaultCompileTime   = time.Minute
)

func (l Limits) withDefaults() Limits {
	l.ModuleBytes = cmp.Or(l.ModuleBytes, DefaultModuleBytes)
	l.MemoryBytes = cmp.Or(l.MemoryBytes, DefaultMemoryBytes)
	l.TableElements = cmp.Or(l.TableElements, DefaultTableElements)
	l.StackBytes = cmp.Or(l.StackBytes, DefaultStackBytes)
	l.TimePerBatch = cmp.Or(l.TimePerBatch, DefaultTimePerBatch)
	l.TimePerRecord = cmp.Or(l.TimePerRecord, DefaultTimePerRecord)
	l.TimeToStart = cmp.Or(l.TimeToStart, DefaultTimeToStart)
	l.LogLines = cmp.Or(l.LogLines, DefaultLogLines)
	l.CompileBytes = cmp.Or(l.CompileBytes, DefaultCompileBytes)
	l.CompileTime = cmp.Or(l.CompileTime, DefaultCompileTime)
	return l
}

// memoryPages is the limit in the engine's unit: at least one page, and at most one less than there
// are, so that the size in bytes fits 32 bits.
func (l Limits) memoryPages() uint32 {
	const pagesMax = 65_535
	return uint32(min(max(l.MemoryBytes/wasm.PageSize, 1), pagesMax))
}

const (
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
