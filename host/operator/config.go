package operator

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/capture"
)

// Config says which function of which plugin to run, and how.
type Config struct {
	Module *guest.Module
	// Function is the function's name in the plugin.
	Function string
	// Step is the name of the step in the job: ordinals and randomness derive from it. Empty means
	// Function.
	Step string
	// Job is the name of the job: randomness derives from it.
	Job string
	// PluginConfig goes to the plugin's open.
	PluginConfig json.RawMessage
	// Logger takes the plugin's log and the host's word on traps; nil drops both.
	Logger *slog.Logger
	// Metrics takes the plugin's metrics; nil drops them.
	Metrics guest.MetricSink
	// Now gives the batch time, which is the guest's clock.
	Now func() time.Time
	// Pace measures how long calls take, to size them, and to rest after a trap; nil for calls of full
	// size, without a rest.
	Pace func() time.Time
	// Limits bound what a guest may answer.
	Limits Limits
	// Health counts what the function does to records, over all tasks; nil counts nothing.
	Health *Health
	// Crashes bounds how often the plugin may trap, over all tasks and functions; nil is no bound.
	Crashes *CrashBudget
	// Capture keeps the frames that the guest failed on; nil keeps none.
	Capture *capture.Folder
	// Sampler copies batches for somebody who wants to try another plugin on them; nil copies
	// none.
	Sampler *Sampler
	// Replace is asked before every frame; where it says so, the instance is thrown away and
	// replaced first. nil is never.
	Replace func() bool
}

// Limits bound what a guest may answer. The zero value of a field means its default.
type Limits struct {
	// FrameBytes is the size of a frame; a larger record travels alone. Default 256 KiB, so that
	// it stays in the processor's cache.
	FrameBytes int
	// FrameRecords bounds the records of a frame. Default 8,192.
	FrameRecords int
	// OutputBytes bounds what one call returns, and what one record makes over several calls; the
	// records of a batch together make twice that at most. Default 256 MiB.
	OutputBytes int64
	// OutputRecords bounds the same in records. Default 1,048,576.
	OutputRecords int
}

// Defaults of Limits.
const (
	DefaultFrameBytes    = 256 << 10
	DefaultFrameRecords  = 8_192
	DefaultOutputBytes   = 256 << 20
	DefaultOutputRecords = 1 << 20
)

const (
	// batchOutputs is how many times what one record may make a batch may make: the largest record
	// that is allowed fits beside as much of its neighbours.
	batchOutputs = 2
	// outRecordsSoft and outBytesSoft ask a guest to return between records, so that its answer
	// stays as small as a frame is.
	outRecordsSoft = 4 * DefaultFrameRecords
	outBytesSoft   = 1 << 20
	// bucketBytesMax bounds a bucket's name: the path limit of most file systems is 4,096.
	bucketBytesMax = 1_024
	// internedMax bounds the strings that are kept between calls: header keys, bucket names.
	internedMax = 4_096
	// internedBytesMax bounds each of them: names that come again and again are short.
	internedBytesMax = 256
	// faultTextBytesMax bounds the text of a fault: it becomes a header of a dead letter.
	faultTextBytesMax = 4 << 10
)

func (l Limits) withDefaults() Limits {
	if l.FrameBytes == 0 {
		l.FrameBytes = DefaultFrameBytes
	}
	if l.FrameRecords == 0 {
		l.FrameRecords = DefaultFrameRecords
	}
	if l.OutputBytes == 0 {
		l.OutputBytes = DefaultOutputBytes
	}
	if l.OutputRecords == 0 {
		l.OutputRecords = DefaultOutputRecords
	}
	return l
}

// call is the part of the limits that a single output is held against.
func (l Limits) call() abi.Limits {
	limits := abi.DefaultLimits()
	limits.Bytes = l.OutputBytes
	limits.Records = uint32(l.OutputRecords)
	return limits
}
