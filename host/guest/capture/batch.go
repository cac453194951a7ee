package capture

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
)

// Batch is a frame that a guest failed on, with all that the calls depended on but the module.
type Batch struct {
	Header
	// Frame is the input frame as the guest was given it.
	Frame []byte
	// Places are those of the frame's records, in their order.
	Places []Place
}

// Header is what a captured batch tells beside its records.
type Header struct {
	Captured time.Time `json:"captured"`

	Job      string   `json:"job"`
	Step     string   `json:"step"`
	Plugin   string   `json:"plugin"` // as the job file names it
	Function string   `json:"function"`
	Role     abi.Role `json:"role"`
	// Module is the SHA-256 of the module; ModuleVersion is what it says of itself.
	Module        string `json:"module"`
	ModuleVersion string `json:"module_version"`
	ABI           string `json:"abi"`      // of the host
	Rewriter      string `json:"rewriter"` // what fuel and traces depend on beside the module

	// Config is what the guest was opened with, Limits what it was held to.
	Config json.RawMessage `json:"config"`
	Limits Limits          `json:"limits"`

	// Started is the clock at which the instance was made, Time the clock of the calls, both in
	// nanoseconds since 1970.
	Started int64 `json:"started_ns"`
	Time    int64 `json:"time_ns"`
	// Alone says that the frame is a record on which an earlier call had failed.
	Alone bool `json:"alone"`
	// Reserved is what the guest was asked for as a region.
	Reserved uint32 `json:"reserved"`
	// FramesBefore is how many frames the instance had worked on; with 0 it was fresh.
	FramesBefore uint64 `json:"frames_before"`
	// Splits are the names that Places refer to.
	Splits []string `json:"splits"`

	Outcome Outcome `json:"outcome"`
}

// Place is where a record came from: the guest's randomness derives from it.
type Place struct {
	Split                           uint32 // index into Splits, or abi.NoString
	PositionHi, PositionLo, Ordinal uint64
}

// Limits are those of a plugin, by the names of the job file.
type Limits struct {
	Memory        int64         `json:"memory"`
	Table         int64         `json:"table"`
	Stack         int64         `json:"stack"`
	TimePerBatch  time.Duration `json:"time_per_batch_ns"`
	TimePerRecord time.Duration `json:"time_per_record_ns"`
	TimeToStart   time.Duration `json:"time_to_start_ns"`
	OutputRecords int           `json:"output_records"`
	OutputBytes   int64         `json:"output_bytes"`
	LogLines      int           `json:"log_lines"`
	Module        int64         `json:"module"`
	CompileMemory int64         `json:"compile_memory"`
	CompileTime   time.Duration `json:"compile_time_ns"`
}

// LimitsOf returns the limits of a plugin; the last two are kept by whoever reads its answers.
func LimitsOf(l guest.Limits, outputRecords int, outputBytes int64) Limits {
	return Limits{
		Memory: l.MemoryBytes, Table: l.TableElements, Stack: l.StackBytes,
		TimePerBatch: l.TimePerBatch, TimePerRecord: l.TimePerRecord, TimeToStart: l.TimeToStart,
		OutputRecords: outputRecords, OutputBytes: outputBytes, LogLines: l.LogLines,
		Module: l.ModuleBytes, CompileMemory: l.CompileBytes, CompileTime: l.CompileTime,
	}
}

// Guest returns the limits that the sandbox keeps.
func (l Limits) Guest() guest.Limits {
	return guest.Limits{
		ModuleBytes: l.Module, MemoryBytes: l.Memory, TableElements: l.Table, StackBytes: l.Stack,
		TimePerBatch: l.TimePerBatch, TimePerRecord: l.TimePerRecord, TimeToStart: l.TimeToStart,
		LogLines: l.LogLines, CompileBytes: l.CompileMemory, CompileTime: l.CompileTime,
	}
}

// Answer returns the limits that an answer is held to.
func (l Limits) Answer() abi.Limits {
	limits := abi.DefaultLimits()
	limits.Bytes, limits.Records = l.OutputBytes, uint32(l.OutputRecords)
	return limits
}

// Kind is how a guest's work on a frame ended.
type Kind string

// The kinds.
const (
	KindTrap      Kind = "trap"      // it trapped, exited or broke a promise about memory
	KindOverspent Kind = "overspent" // it met a limit that is the same on every machine
	KindDeadline  Kind = "deadline"  // the clock ended it
	KindRefused   Kind = "refused"   // the host refused what it answered
	KindAnswered  Kind = "answered"  // it did its work; never of a captured batch
)

// Outcome is what came of a frame.
type Outcome struct {
	Kind   Kind   `json:"kind"`
	Call   string `json:"call,omitempty"`   // export that ended the work
	Text   string `json:"text,omitempty"`   // one line
	Limit  string `json:"limit,omitempty"`  // setting and value
	Output string `json:"output,omitempty"` // what the guest wrote to standard error
	Trace  string `json:"trace,omitempty"`  // innermost function first
	Record *int64 `json:"record,omitempty"` // of the frame, in the progress cell
	// Calls is how many calls of process there were, the last one from record First and Cursor on.
	Calls  int    `json:"calls"`
	First  uint32 `json:"first"`
	Cursor uint64 `json:"cursor"`
	// Fuel is what all of them spent.
	Fuel int64 `json:"fuel"`
	// Answer is the Digest of the last answer, if there was one.
	Answer string `json:"answer,omitempty"`
	// Entries and Errors count what all answers held; they are of an outcome that is no failure.
	Entries int `json:"entries,omitempty"`
	Errors  int `json:"errors,omitempty"`
}

// OutcomeOf words the failure err of a call. Its counts are the caller's to add.
func OutcomeOf(err error) Outcome {
	var trap *guest.TrapError
	if !errors.As(err, &trap) {
		return Outcome{Kind: KindRefused, Text: err.Error()}
	}
	o := Outcome{
		Kind: KindTrap, Call: trap.Call, Text: trap.Reason, Limit: trap.Limit,
		Output: trap.Output, Trace: trap.Trace,
	}
	switch {
	case trap.Clock:
		o.Kind = KindDeadline
	case trap.Limit != "":
		o.Kind = KindOverspent
	}
	if trap.HasRecord {
		record := int64(trap.Record)
		o.Record = &record
	}
	return o
}

// digestBytesMax bounds what is hashed of an answer: its header and what usually follows it.
const digestBytesMax = 64 << 10

// Digest is the SHA-256 of the beginning of an answer: of up to 64 KiB from its header on.
func Digest(memory []byte, ptr uint32) string {
	from := min(uint64(ptr), uint64(len(memory)))
	to := min(from+digestBytesMax, uint64(len(memory)))
	sum := sha256.Sum256(memory[from:to])
	return hex.EncodeToString(sum[:])
}
