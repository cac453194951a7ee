//go:build !wasip1

package sdktest

import (
	"math"
	"slices"
	"time"
	"unsafe"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/internal/layout"
)

// frameWriter puts an input frame together. The arena stands first, behind the header, so that
// every range is known as soon as its bytes are there.
type frameWriter struct {
	frame     []byte
	core      []layout.CoreIn
	headers   []layout.Headers
	list      []layout.Header
	sources   []layout.Source
	groups    []uint32
	schemas   []uint32
	counts    []uint32
	words     []string
	strings   []layout.String
	directory []layout.Column
}

const headerSize = uint32(unsafe.Sizeof(layout.FrameHeader{}))

// writeFrame writes a frame with the columns that the function reads into the plugin's memory.
func writeFrame(g *Guest, f function, records []Record) {
	w := &frameWriter{frame: make([]byte, headerSize)}
	for _, r := range records {
		w.add(r)
	}
	header := layout.FrameHeader{
		Magic: layout.Magic, HeaderSize: headerSize,
		Count: uint32(len(records)), CoreStride: uint32(unsafe.Sizeof(layout.CoreIn{})),
		ArenaOffset: headerSize, ArenaSize: uint32(len(w.frame)) - headerSize,
		BatchTime: g.BatchTime.UnixNano(), Watermark: layout.NoTimestamp,
		OutRecordsSoft: g.SoftRecords, OutBytesSoft: g.SoftBytes,
		Progress: layout.NoProgress, Seed: g.Seed,
	}
	header.CoreOffset = w.table(rawBytes(w.core))
	w.columns(f)
	header.ColumnsCount = uint32(len(w.directory))
	header.ColumnsOffset = w.table(rawBytes(w.directory))
	header.StringsCount = uint32(len(w.strings))
	header.StringsOffset = w.table(rawBytes(w.strings))
	header.FrameSize = uint32(len(w.frame))
	copy(w.frame, rawBytes([]layout.FrameHeader{header}))
	copy(g.native.Reserve(len(w.frame)), w.frame)
}

func (w *frameWriter) add(r Record) {
	c := layout.CoreIn{Timestamp: layout.NoTimestamp}
	if r.Key == nil {
		c.Flags |= layout.InNullKey
	}
	if r.Value == nil {
		c.Flags |= layout.InNullValue
	}
	if !r.Timestamp.IsZero() {
		c.Timestamp = r.Timestamp.UnixMilli()
	}
	c.KeyOff, c.KeyLen = w.hold(r.Key)
	c.ValueOff, c.ValueLen = w.hold(r.Value)
	w.core = append(w.core, c)
	w.headers = append(w.headers, layout.Headers{
		First: uint32(len(w.list)), Count: uint32(len(r.Headers)),
	})
	for _, h := range r.Headers {
		var e layout.Header
		e.KeyOff, e.KeyLen = w.hold([]byte(h.Key))
		e.ValueOff, e.ValueLen = w.hold(h.Value)
		if h.Value == nil {
			e.ValueLen = layout.NullLength
		}
		w.list = append(w.list, e)
	}
	w.sources = append(w.sources, layout.Source{
		Split: w.intern(r.Origin.Split), PositionHi: r.Origin.PositionHi,
		PositionLo: r.Origin.PositionLo, Ordinal: r.Origin.Ordinal,
	})
	w.groups = append(w.groups, r.KeyGroup)
	w.schemas = append(w.schemas, r.SchemaID)
	w.counts = append(w.counts, uint32(r.Partitions))
}

func (w *frameWriter) hold(b []byte) (off, size uint32) {
	off = uint32(len(w.frame))
	w.frame = append(w.frame, b...)
	return off, uint32(len(b))
}

func (w *frameWriter) intern(s string) uint32 {
	if i := slices.Index(w.words, s); i >= 0 {
		return uint32(i)
	}
	off, size := w.hold([]byte(s))
	w.words = append(w.words, s)
	w.strings = append(w.strings, layout.String{Off: off, Len: size})
	return uint32(len(w.words) - 1)
}

func (w *frameWriter) columns(f function) {
	for _, name := range f.columns {
		switch wasmflow.Column(name) {
		case wasmflow.Headers:
			addColumn(w, layout.ColumnHeaders, w.headers)
			addColumn(w, layout.ColumnHeaderEntries, w.list)
		case wasmflow.Source:
			addColumn(w, layout.ColumnSource, w.sources)
		case wasmflow.KeyGroup:
			addColumn(w, layout.ColumnKeyGroup, w.groups)
		case wasmflow.SchemaID:
			addColumn(w, layout.ColumnSchemaID, w.schemas)
		case wasmflow.PartitionCount:
			addColumn(w, layout.ColumnPartitionCount, w.counts)
		}
	}
}

func addColumn[T any](w *frameWriter, id uint32, values []T) {
	var one T
	w.directory = append(w.directory, layout.Column{
		ID: id, Offset: w.table(rawBytes(values)), Stride: uint32(unsafe.Sizeof(one)),
		Count: uint32(len(values)),
	})
}

// table appends b to the frame at an aligned place and returns the place.
func (w *frameWriter) table(b []byte) uint32 {
	for len(w.frame)%8 != 0 {
		w.frame = append(w.frame, 0)
	}
	at := uint32(len(w.frame))
	w.frame = append(w.frame, b...)
	return at
}

// rawBytes views a slice of layout structs as bytes.
func rawBytes[T any](s []T) []byte {
	var one T
	size := len(s) * int(unsafe.Sizeof(one))
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), size)
}

// answered is the output of one call.
type answered struct {
	outputs  []Output
	consumed uint32
	cursor   uint64
}

// outputReader reads an output from the plugin's memory.
type outputReader struct {
	memory  []byte
	header  layout.OutputHeader
	columns map[uint32]layout.Column
}

func readOutput(g *Guest, f function, records []Record, address uint32) answered {
	g.t.Helper()
	r := outputReader{memory: g.native.Memory(), columns: map[uint32]layout.Column{}}
	r.header = read[layout.OutputHeader](r.memory, address)
	if r.header.Status != layout.CallOK {
		g.t.Fatalf("function %s refuses the call: %s", f.name,
			r.bytes(r.header.ErrorPtr, r.header.ErrorLen))
	}
	for i := range r.header.ColumnsCount {
		at := r.header.ColumnsPtr + i*uint32(unsafe.Sizeof(layout.Column{}))
		c := read[layout.Column](r.memory, at)
		r.columns[c.ID] = c
	}
	out := answered{consumed: r.header.Consumed}
	if r.header.Flags&layout.OutputMore != 0 {
		out.cursor = r.header.Cursor
	}
	for i := range r.header.Count {
		c := read[layout.CoreOut](r.memory, r.header.CorePtr+i*r.header.CoreStride)
		if c.Status != layout.StatusDrop {
			out.outputs = append(out.outputs, r.output(f, records[c.Parent], c, i))
		}
	}
	return out
}

func (r *outputReader) output(f function, parent Record, c layout.CoreOut, i uint32) Output {
	o := Output{Parent: int(c.Parent), Partition: int(layout.NoPartition)}
	switch c.Status {
	case layout.StatusError:
		e, _ := value[layout.Error](r, layout.ColumnError, i)
		o.Error = &wasmflow.Error{Code: e.Code, Text: string(r.bytes(e.Ptr, e.Len))}
		return o
	case layout.StatusEndOfStream:
		o.EndOfStream = true
		return o
	}
	o.Key, o.Value = parent.Key, parent.Value
	o.Timestamp, o.Headers = parent.Timestamp, parent.Headers
	if c.Flags&layout.OutSameKey == 0 {
		o.Key = r.part(c.Flags&layout.OutNullKey != 0, c.KeyPtr, c.KeyLen)
	}
	if c.Flags&layout.OutSameValue == 0 {
		o.Value = r.part(c.Flags&layout.OutNullValue != 0, c.ValuePtr, c.ValueLen)
	}
	if c.Flags&layout.OutSameTimestamp == 0 {
		o.Timestamp = time.Time{}
		if t, ok := value[int64](r, layout.ColumnTimestamp, i); ok && t != math.MinInt64 {
			o.Timestamp = time.UnixMilli(t)
		}
	}
	if c.Flags&layout.OutSameHeaders == 0 {
		o.Headers = r.headers(i)
	}
	if c.Output > 0 {
		o.Name = f.outputs[c.Output-1]
	}
	o.Target, o.Bucket = r.word(layout.ColumnTarget, i), r.word(layout.ColumnBucket, i)
	if p, ok := value[int32](r, layout.ColumnPartition, i); ok {
		o.Partition = int(p)
	}
	return o
}

func (r *outputReader) part(null bool, ptr, size uint32) []byte {
	if null {
		return nil
	}
	return r.bytes(ptr, size)
}

// bytes returns a range of memory, never nil.
func (r *outputReader) bytes(ptr, size uint32) []byte {
	if size == 0 {
		return []byte{}
	}
	return r.memory[ptr : uint64(ptr)+uint64(size)]
}

func (r *outputReader) headers(i uint32) []Header {
	list, _ := value[layout.Headers](r, layout.ColumnHeaders, i)
	var out []Header
	for j := list.First; j < list.First+list.Count; j++ {
		e, _ := value[layout.Header](r, layout.ColumnHeaderEntries, j)
		h := Header{Key: string(r.bytes(e.KeyOff, e.KeyLen))}
		if e.ValueLen != layout.NullLength {
			h.Value = r.bytes(e.ValueOff, e.ValueLen)
		}
		out = append(out, h)
	}
	return out
}

// word returns the string that entry i has in a column of string indexes, "" if it has none.
func (r *outputReader) word(column, i uint32) string {
	index, ok := value[uint32](r, column, i)
	if !ok || index == layout.NoString {
		return ""
	}
	s := read[layout.String](r.memory,
		r.header.StringsPtr+index*uint32(unsafe.Sizeof(layout.String{})))
	return string(r.bytes(s.Off, s.Len))
}

// value returns entry i of a column and whether the output has the column.
func value[T any](r *outputReader, column, i uint32) (v T, ok bool) {
	c, ok := r.columns[column]
	if !ok {
		return v, false
	}
	return read[T](r.memory, c.Offset+i*c.Stride), true
}

// read copies a layout struct out of memory.
func read[T any](memory []byte, at uint32) (v T) {
	copy(rawBytes(unsafe.Slice(&v, 1)), memory[at:])
	return v
}
