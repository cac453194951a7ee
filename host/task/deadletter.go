package task

import (
	"context"
	"strconv"

	"github.com/wasmflow/wasmflow/connectors"
)

// The headers of a dead letter, after the record's own.
const (
	headerSource    = "wasmflow-source"
	headerSplit     = "wasmflow-split"
	headerPosition  = "wasmflow-position"
	headerOrdinal   = "wasmflow-ordinal"
	headerFunction  = "wasmflow-function"
	headerModule    = "wasmflow-module"
	headerError     = "wasmflow-error"
	headerTimestamp = "wasmflow-timestamp"
)

// DeadLetter hands refused records to the dead-letter sink of a task. The sink is planned like
// any other, so its output is committed with the epoch of the records it describes.
type DeadLetter struct {
	sink   *SinkStage
	source string // name of the source whose batch is in the chain
	batch  connectors.Batch
}

// NewDeadLetter returns the way into sink.
func NewDeadLetter(sink *SinkStage) *DeadLetter { return &DeadLetter{sink: sink} }

// add writes the letter for record r of in: the function's input, with headers that say where it
// came from and why it was refused.
func (d *DeadLetter) add(ctx context.Context, in *connectors.Batch, r *connectors.Record,
	f *connectors.Fault,
) error {
	d.batch.Reset()
	letter := d.batch.Append()
	split := splitOf(in, r)
	*letter = connectors.Record{
		Key: r.Key, Value: r.Value, Timestamp: r.Timestamp, Position: r.Position,
		Ordinal: r.Ordinal, Partition: connectors.NoPartition, Split: d.batch.SplitIndex(split),
	}
	letter.Headers = append(letter.Headers, r.Headers...)
	add := func(key, value string) {
		letter.Headers = append(letter.Headers, connectors.Header{Key: key, Value: []byte(value)})
	}
	add(headerSource, d.source)
	add(headerSplit, split)
	add(headerPosition, PositionString(r.Position))
	add(headerOrdinal, strconv.FormatUint(r.Ordinal, 10))
	add(headerFunction, f.Function)
	add(headerModule, f.Module)
	add(headerError, f.Text)
	if r.Timestamp != connectors.NoTimestamp {
		add(headerTimestamp, strconv.FormatInt(r.Timestamp, 10))
	}
	return d.sink.push(ctx, &d.batch)
}

// ErrorOf returns what the header of a dead letter says went wrong.
func ErrorOf(letter *connectors.Record) string {
	for _, h := range letter.Headers {
		if h.Key == headerError {
			return string(h.Value)
		}
	}
	return ""
}
