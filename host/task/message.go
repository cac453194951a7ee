package task

import "github.com/wasmflow/wasmflow/checkpoint"

// CommandKind tells what the engine wants of a task.
type CommandKind int

// The commands.
const (
	CommandAddSplits CommandKind = iota // read Splits of source Source; answered by ReportAdded
	CommandPrepare                      // prepare epoch Epoch; answered by ReportPrepared
	CommandCommitted                    // epoch Epoch is decided and committed
	CommandStop                         // return from Run
)

// Command is an order to a task, obeyed at the next batch boundary (T1).
type Command struct {
	Kind   CommandKind
	Epoch  checkpoint.Epoch
	Final  bool // with CommandPrepare: no records will follow
	Source int  // index into Config.Sources
	Splits []checkpoint.Split
	// Then, with CommandPrepare, is run once the part of the epoch is reported and before anything
	// of the next one is read; nil is nothing. It must not block.
	Then func()
}

// ReportKind tells what a task says.
type ReportKind int

// The reports.
const (
	ReportAdded    ReportKind = iota // the splits of a CommandAddSplits are with the reader
	ReportEnded                      // all splits of source Source are read
	ReportPrepared                   // epoch Epoch is prepared
)

// Report is what a task tells the engine. Failures are what Run returns.
type Report struct {
	Task     int
	Kind     ReportKind
	Source   int               // index into Config.Sources, for ReportAdded and ReportEnded
	Prepared checkpoint.Report // for ReportPrepared
}
