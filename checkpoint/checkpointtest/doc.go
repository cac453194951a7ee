// Package checkpointtest holds what commit logs are tested with: RunLog is the contract of
// checkpoint.CommitLog as a suite that every log passes.
//
// Its sub-folders prove the protocol: simulation plays it with seeds, broker models what a log in a
// topic rests on, chaos kills, stops and overtakes real processes, sequence judges the output.
//
// The package owns how exactly-once is proved. It never knows a connector: what it needs of one
// comes in as a function.
//
// Below: checkpoint. Above: tests only.
package checkpointtest
