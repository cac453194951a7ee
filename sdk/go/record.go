package wasmflow

import (
	"unsafe"

	"github.com/wasmflow/wasmflow/sdk/go/internal/layout"
)

// Record is a record of the batch, read where the host wrote it. Its bytes belong to the frame:
// they must not be changed and are valid until the function returns.
type Record struct {
	f *frame
	c *layout.CoreIn
	i uint32
}

// Key returns the key, nil if it is null.
func (r Record) Key() []byte {
	if r.c.Flags&layout.InNullKey != 0 {
		return nil
	}
	return r.f.bytes(r.c.KeyOff, r.c.KeyLen)
}

// Value returns the value, nil if it is null (a tombstone).
func (r Record) Value() []byte {
	if r.c.Flags&layout.InNullValue != 0 {
		return nil
	}
	return r.f.bytes(r.c.ValueOff, r.c.ValueLen)
}

// Timestamp returns the record's time in milliseconds since 1970, and whether it has one.
func (r Record) Timestamp() (milliseconds int64, ok bool) {
	return r.c.Timestamp, r.c.Timestamp != layout.NoTimestamp
}

// HeaderCount returns the number of headers. The function must declare Reads(Headers).
func (r Record) HeaderCount() int {
	h := (*layout.Headers)(r.f.value(layout.ColumnHeaders, r.i))
	return int(h.Count)
}

// HeaderAt returns header i of HeaderCount; a nil value is null.
func (r Record) HeaderAt(i int) (key, value []byte) {
	h := (*layout.Headers)(r.f.value(layout.ColumnHeaders, r.i))
	if i < 0 || i >= int(h.Count) {
		panic("wasmflow: header index out of range")
	}
	e := (*layout.Header)(r.f.value(layout.ColumnHeaderEntries, h.First+uint32(i)))
	key = r.f.bytes(e.KeyOff, e.KeyLen)
	if e.ValueLen == layout.NullLength {
		return key, nil
	}
	return key, r.f.bytes(e.ValueOff, e.ValueLen)
}

// Header returns the value of the first header of that name, and whether there is one; a nil value
// is null. The function must declare Reads(Headers).
func (r Record) Header(name string) (value []byte, ok bool) {
	for i := range r.HeaderCount() {
		if key, value := r.HeaderAt(i); string(key) == name {
			return value, true
		}
	}
	return nil, false
}

// Origin is where a record comes from. Equal origins mean the same record again, after a restart
// for instance: ids made from it are stable.
type Origin struct {
	Split      []byte // the file, partition or the like
	PositionHi uint64
	PositionLo uint64
	Ordinal    uint64 // 0 as the source delivered it, else derived from parent and function
}

// Origin returns where the record comes from. The function must declare Reads(Source).
func (r Record) Origin() Origin {
	s := (*layout.Source)(r.f.value(layout.ColumnSource, r.i))
	return Origin{
		Split: r.f.string(s.Split), PositionHi: s.PositionHi, PositionLo: s.PositionLo,
		Ordinal: s.Ordinal,
	}
}

// KeyGroup returns the key group of the record's key. The function must declare Reads(KeyGroup).
func (r Record) KeyGroup() uint32 {
	return *(*uint32)(r.f.value(layout.ColumnKeyGroup, r.i))
}

// SchemaID returns the id of the value's schema. The function must declare Reads(SchemaID).
func (r Record) SchemaID() uint32 {
	return *(*uint32)(r.f.value(layout.ColumnSchemaID, r.i))
}

// PartitionCount returns the number of partitions to choose from. The function must declare
// Reads(PartitionCount); a partitioner is given it as an argument.
func (r Record) PartitionCount() int {
	return int(*(*uint32)(r.f.value(layout.ColumnPartitionCount, r.i)))
}

// columnsKnown is the number of column ids of input frames, from 0.
const columnsKnown = layout.ColumnPartitionCount + 1

// table is an array of fixed-size entries in the frame.
type table struct {
	base   unsafe.Pointer
	stride uintptr
	count  uint32
}

// frame reads an input frame. The tables are checked once a call; ranges of keys, values, headers
// and strings are checked by Go when they are sliced.
type frame struct {
	data    []byte
	header  *layout.FrameHeader
	core    table
	columns [columnsKnown]table
	strings table
}

// load takes the frame that stands at the beginning of region and returns what is wrong with it, ""
// if nothing is. It allocates nothing.
func (f *frame) load(region []byte) string {
	*f = frame{}
	if len(region) < int(unsafe.Sizeof(layout.FrameHeader{})) {
		return "no frame in the reserved region"
	}
	h := (*layout.FrameHeader)(unsafe.Pointer(&region[0]))
	if h.Magic != layout.Magic {
		return "the frame's magic is not that of ABI 1"
	}
	if uint64(h.FrameSize) > uint64(len(region)) || uint64(h.HeaderSize) > uint64(h.FrameSize) ||
		uint64(h.HeaderSize) < uint64(unsafe.Sizeof(*h)) {
		return "the frame's size is above the reserved region"
	}
	f.header = h
	f.data = region[:h.FrameSize:h.FrameSize]
	var ok bool
	f.core, ok = f.table(h.CoreOffset, h.CoreStride, h.Count, unsafe.Sizeof(layout.CoreIn{}))
	if !ok || h.CoreOffset%8 != 0 || h.CoreStride%8 != 0 {
		return "the core table is not inside the frame"
	}
	size := uint32(unsafe.Sizeof(layout.String{}))
	if f.strings, ok = f.table(h.StringsOffset, size, h.StringsCount, uintptr(size)); !ok {
		return "the string table is not inside the frame"
	}
	return f.loadColumns()
}

func (f *frame) loadColumns() string {
	size := uint32(unsafe.Sizeof(layout.Column{}))
	directory, ok := f.table(f.header.ColumnsOffset, size, f.header.ColumnsCount, uintptr(size))
	if !ok {
		return "the column directory is not inside the frame"
	}
	for i := range directory.count {
		c := (*layout.Column)(directory.at(i))
		entry := columnSize(c.ID)
		if entry == 0 {
			continue
		}
		if c.ID != layout.ColumnHeaderEntries && c.Count != f.header.Count {
			return "a column has not as many values as the frame has records"
		}
		if f.columns[c.ID], ok = f.table(c.Offset, c.Stride, c.Count, entry); !ok {
			return "a column is not inside the frame"
		}
	}
	return ""
}

// columnSize returns the size of an entry of a column, 0 for columns this SDK does not know.
func columnSize(id uint32) uintptr {
	switch id {
	case layout.ColumnHeaders:
		return unsafe.Sizeof(layout.Headers{})
	case layout.ColumnHeaderEntries:
		return unsafe.Sizeof(layout.Header{})
	case layout.ColumnSource:
		return unsafe.Sizeof(layout.Source{})
	case layout.ColumnKeyGroup, layout.ColumnSchemaID, layout.ColumnPartitionCount:
		return unsafe.Sizeof(uint32(0))
	}
	return 0
}

// noEntries marks a table that is there and empty.
var noEntries = unsafe.Pointer(new(uint64))

func (f *frame) table(off, stride, count uint32, size uintptr) (table, bool) {
	if count == 0 {
		return table{base: noEntries, stride: size}, true
	}
	end := uint64(off) + uint64(count-1)*uint64(stride) + uint64(size)
	if end > uint64(len(f.data)) || uintptr(stride) < size || stride%4 != 0 || off%4 != 0 {
		return table{}, false
	}
	return table{unsafe.Pointer(&f.data[off]), uintptr(stride), count}, true
}

// at returns entry i, which must be below count.
func (t table) at(i uint32) unsafe.Pointer { return unsafe.Add(t.base, uintptr(i)*t.stride) }

func (f *frame) record(i uint32) Record {
	return Record{f: f, c: (*layout.CoreIn)(f.core.at(i)), i: i}
}

// value returns entry i of a column.
func (f *frame) value(column int, i uint32) unsafe.Pointer {
	t := &f.columns[column]
	if i >= t.count {
		f.missing(column)
	}
	return t.at(i)
}

// missing panics: the function reads a column that is not in the frame.
func (f *frame) missing(column int) {
	name := [columnsKnown]string{
		"", "Headers", "Headers", "Source", "KeyGroup", "SchemaID", "PartitionCount",
	}[column]
	panic("wasmflow: the frame has no such column; register the function with " +
		"wasmflow.Reads(wasmflow." + name + ")")
}

// bytes returns a range of the frame. Offsets of empty ranges mean nothing.
func (f *frame) bytes(off, size uint32) []byte {
	if size == 0 {
		return f.data[:0:0]
	}
	end := uint64(off) + uint64(size)
	return f.data[off:end:end]
}

// string returns an entry of the string table, nil for none.
func (f *frame) string(i uint32) []byte {
	if i == layout.NoString {
		return nil
	}
	if i >= f.strings.count {
		panic("wasmflow: string index out of range")
	}
	s := (*layout.String)(f.strings.at(i))
	return f.bytes(s.Off, s.Len)
}
