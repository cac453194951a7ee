package operator

import (
	"fmt"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
)

// span is a range of the records of a batch.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// framer cuts batches into frames and writes them.
type framer struct {
	columns    abi.ColumnSet
	headers    bool
	source     bool
	partitions uint32 // what partitioners may choose from
	entryBytes int    // of one record in tables and columns
	enc        abi.Encoder
	splits     []uint32 // string of the frame by index into Batch.Splits; abi.NoString = none yet
}

func newFramer(columns abi.ColumnSet) framer {
	f := framer{
		columns: columns, headers: columns.Has(abi.ColumnHeaders), source: columns.Has(abi.ColumnSource),
	}
	const perRecord = 1_024
	one, _ := abi.Layout{Records: perRecord, Columns: columns}.Size()
	f.entryBytes = int(one) / perRecord
	return f
}

// cut returns how many records from the given one make a frame, at least one, and its layout.
func (f *framer) cut(in *connectors.Batch, from, recordsMax, bytesMax int) (span, abi.Layout) {
	recordsMax = min(recordsMax, len(in.Records)-from)
	layout := abi.Layout{Columns: f.columns}
	bytes := 0
	for i := range in.Records[from : from+recordsMax] {
		r := &in.Records[from+i]
		arena := len(r.Key) + len(r.Value)
		if f.headers {
			for h := range r.Headers {
				arena += len(r.Headers[h].Key) + len(r.Headers[h].Value)
			}
		}
		bytes += arena + f.entryBytes
		if bytes > bytesMax && layout.Records > 0 {
			break
		}
		layout.Records++
		layout.Arena += int64(arena)
		if f.headers {
			layout.Headers += len(r.Headers)
		}
	}
	if f.source {
		f.countSplits(in, &layout)
	}
	return span{from, from + layout.Records}, layout
}

// countSplits makes room for the names of all splits of the batch: there are few.
func (f *framer) countSplits(in *connectors.Batch, layout *abi.Layout) {
	layout.Strings = len(in.Splits)
	for _, s := range in.Splits {
		layout.Arena += int64(len(s))
	}
}

// write encodes the records of s into region.
func (f *framer) write(
	region []byte, in *connectors.Batch, s span, layout abi.Layout, info abi.FrameInfo,
) error {
	if err := f.enc.Begin(region, layout, info); err != nil {
		return err
	}
	if f.source {
		f.splits = f.splits[:0]
		for range in.Splits {
			f.splits = append(f.splits, abi.NoString)
		}
	}
	for i := s.from; i < s.to; i++ {
		r := &in.Records[i]
		ok := f.enc.Append(r.Key, r.Value, r.Timestamp)
		if f.columns != 0 {
			ok = ok && f.writeColumns(in, r)
		}
		if !ok {
			return fmt.Errorf("encoding record %d of a batch: the frame is full", i)
		}
	}
	f.enc.Finish()
	return nil
}

func (f *framer) writeColumns(in *connectors.Batch, r *connectors.Record) bool {
	if f.headers {
		for h := range r.Headers {
			if !f.enc.Header(r.Headers[h].Key, r.Headers[h].Value) {
				return false
			}
		}
	}
	f.enc.PartitionCount(f.partitions)
	if !f.source {
		return true
	}
	split := abi.NoString
	if int(r.Split) < len(f.splits) {
		split = f.splits[r.Split]
		if split == abi.NoString {
			var ok bool
			if split, ok = f.enc.String(in.Splits[r.Split]); !ok {
				return false
			}
			f.splits[r.Split] = split
		}
	}
	f.enc.Source(split, r.Position.Hi, r.Position.Lo, r.Ordinal)
	return true
}
