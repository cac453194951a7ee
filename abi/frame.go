package abi

import (
	"encoding/binary"
	"fmt"
)

// Frame is a decoded input frame: the reader for tests, tools and native functions. Its results
// refer to the bytes given to DecodeFrame.
type Frame struct {
	data    []byte
	Info    FrameInfo
	count   int
	core    table
	columns [columnBits]table
	strings table
}

// table is a checked array of fixed-size entries.
type table struct {
	data   []byte
	stride int
	count  int
}

func (t table) at(i int) []byte { return t.data[i*t.stride:] }

func (t table) u32(i, field int) uint32 { return binary.LittleEndian.Uint32(t.at(i)[field:]) }
func (t table) u64(i, field int) uint64 { return binary.LittleEndian.Uint64(t.at(i)[field:]) }

// Record is one core entry of an input frame.
type Record struct {
	Kind      Kind
	Input     uint16
	Key       []byte // nil = null
	Value     []byte // nil = null
	Timestamp int64  // milliseconds; NoTimestamp = none
}

// SourceRef is the source column of one record. A record that has no split has an empty one.
type SourceRef struct {
	Split                  string
	PositionHi, PositionLo uint64
	Ordinal                uint64
}

// Header is a header of a record. A nil Value is null.
type Header struct {
	Key   []byte
	Value []byte
}

// DecodeFrame checks an input frame wholly and returns its reader. A *FrameError names what is
// wrong.
func DecodeFrame(data []byte) (*Frame, error) {
	f := &Frame{}
	if err := f.decodeHeader(data); err != nil {
		return nil, err
	}
	if err := f.checkRecords(); err != nil {
		return nil, err
	}
	if err := f.checkHeaders(); err != nil {
		return nil, err
	}
	return f, f.checkStrings()
}

func (f *Frame) decodeHeader(data []byte) error {
	const part = "frame header"
	if len(data) < FrameHeaderSize {
		return lie(part, -1, "%d bytes are less than a header of %d", len(data), FrameHeaderSize)
	}
	if magic := get32(data, FrameOffMagic); magic != FrameMagic {
		return lie(part, -1, "magic %#x is not %#x", magic, FrameMagic)
	}
	size := get32(data, FrameOffFrameSize)
	header := get32(data, FrameOffHeaderSize)
	if uint64(size) > uint64(len(data)) || size > FrameBytesMax {
		return lie(part, -1, "frame size %d is above the %d bytes given", size, len(data))
	}
	if header < FrameHeaderSize || header > size || header%Alignment != 0 {
		return lie(part, -1, "header size %d is not a multiple of %d in [%d, %d]",
			header, Alignment, FrameHeaderSize, size)
	}
	f.data = data[:size:size]
	f.count = int(get32(data, FrameOffCount))
	f.Info = FrameInfo{
		BatchTime:      int64(get64(data, FrameOffBatchTime)),
		Watermark:      int64(get64(data, FrameOffWatermark)),
		OutRecordsSoft: get32(data, FrameOffOutRecordsSoft),
		OutBytesSoft:   get32(data, FrameOffOutBytesSoft),
		Seed:           get64(data, FrameOffSeed),
	}
	var err error
	f.core, err = f.table("core table", get32(data, FrameOffCoreOffset),
		get32(data, FrameOffCoreStride), get32(data, FrameOffCount), CoreInSize, Alignment)
	if err != nil {
		return err
	}
	f.strings, err = f.table("string table", get32(data, FrameOffStringsOffset),
		StringEntrySize, get32(data, FrameOffStringsCount), StringEntrySize, 4)
	if err != nil {
		return err
	}
	return f.decodeColumns()
}

func (f *Frame) decodeColumns() error {
	directory, err := f.table("column directory", get32(f.data, FrameOffColumnsOffset),
		ColumnEntrySize, get32(f.data, FrameOffColumnsCount), ColumnEntrySize, 4)
	if err != nil {
		return err
	}
	if directory.count > ColumnsMax {
		return lie("column directory", -1, "%d columns are above %d", directory.count, ColumnsMax)
	}
	for i := range directory.count {
		id := Column(directory.u32(i, 0))
		stride := id.stride()
		if stride == 0 {
			continue
		}
		count := directory.u32(i, 12)
		switch {
		case f.columns[id].data != nil:
			err = lie("", -1, "stands twice in the directory")
		case id != ColumnHeaderEntries && int64(count) != int64(f.count):
			err = lie("", -1, "%d values for %d records", count, f.count)
		default:
			f.columns[id], err = f.table("", directory.u32(i, 4), directory.u32(i, 8), count,
				stride, 4)
		}
		if err != nil {
			return inPart(err, "column "+id.String())
		}
	}
	return nil
}

// table checks an array against the frame and returns it; its data is never nil.
func (f *Frame) table(part string, off, stride, count, strideMin, alignment uint32) (table, error) {
	return slice(part, f.data, off, stride, count, strideMin, alignment)
}

// slice checks an array of guest or frame memory in 64 bits.
func slice(
	part string, mem []byte, off, stride, count, strideMin, alignment uint32,
) (table, error) {
	if count == 0 {
		return table{data: emptyBytes(mem), stride: int(strideMin)}, nil
	}
	if stride < strideMin || stride%alignment != 0 {
		return table{}, lie(part, -1, "stride %d is not a multiple of %d from %d",
			stride, alignment, strideMin)
	}
	if off%alignment != 0 {
		return table{}, lie(part, -1, "address %d is not aligned to %d", off, alignment)
	}
	// The last entry need not be followed by the rest of a stride.
	end := uint64(off) + uint64(count-1)*uint64(stride) + uint64(strideMin)
	if end > uint64(len(mem)) {
		return table{}, lie(part, -1, "%d entries of %d bytes at %d end at %d, beyond %d bytes",
			count, stride, off, end, len(mem))
	}
	return table{data: mem[off:end:end], stride: int(stride), count: int(count)}, nil
}

// emptyBytes returns an empty slice that is not nil.
func emptyBytes(mem []byte) []byte {
	if mem == nil {
		return []byte{}
	}
	return mem[:0:0]
}

// span checks a range of memory in 64 bits and returns it. The address of an empty range is not
// looked at: SDKs of some languages have dangling addresses for empty slices.
func span(mem []byte, off, size uint32) ([]byte, bool) {
	if size == 0 {
		return emptyBytes(mem), true
	}
	end := uint64(off) + uint64(size)
	if end > uint64(len(mem)) {
		return nil, false
	}
	return mem[off:end:end], true
}

func (f *Frame) checkRecords() error {
	for i := range f.count {
		c := f.core.at(i)
		if _, ok := span(f.data, get32(c, CoreInOffKeyOff), get32(c, CoreInOffKeyLen)); !ok {
			return lie("record", int64(i), "key of %d bytes at %d ends beyond the frame",
				get32(c, CoreInOffKeyLen), get32(c, CoreInOffKeyOff))
		}
		if _, ok := span(f.data, get32(c, CoreInOffValueOff), get32(c, CoreInOffValueLen)); !ok {
			return lie("record", int64(i), "value of %d bytes at %d ends beyond the frame",
				get32(c, CoreInOffValueLen), get32(c, CoreInOffValueOff))
		}
	}
	source := f.columns[ColumnSource]
	for i := range source.count {
		s := source.u32(i, 0)
		if s != NoString && int64(s) >= int64(f.strings.count) {
			return lie("column source", int64(i), "split %d of %d strings", s, f.strings.count)
		}
	}
	return nil
}

func (f *Frame) checkHeaders() error {
	entries := f.columns[ColumnHeaderEntries]
	for i := range entries.count {
		if err := checkHeader(f.data, entries, i); err != nil {
			return err
		}
	}
	headers := f.columns[ColumnHeaders]
	for i := range headers.count {
		first, n := headers.u32(i, 0), headers.u32(i, 4)
		if uint64(first)+uint64(n) > uint64(entries.count) {
			return lie("column headers", int64(i), "entries [%d, +%d) of %d", first, n, entries.count)
		}
	}
	return nil
}

func checkHeader(mem []byte, entries table, i int) error {
	if _, ok := span(mem, entries.u32(i, 0), entries.u32(i, 4)); !ok {
		return lie("header entry", int64(i), "key of %d bytes at %d ends beyond %d bytes",
			entries.u32(i, 4), entries.u32(i, 0), len(mem))
	}
	size := entries.u32(i, 12)
	if size == NullLength {
		return nil
	}
	if _, ok := span(mem, entries.u32(i, 8), size); !ok {
		return lie("header entry", int64(i), "value of %d bytes at %d ends beyond %d bytes",
			size, entries.u32(i, 8), len(mem))
	}
	return nil
}

func (f *Frame) checkStrings() error {
	for i := range f.strings.count {
		if _, ok := span(f.data, f.strings.u32(i, 0), f.strings.u32(i, 4)); !ok {
			return lie("string", int64(i), "%d bytes at %d end beyond the frame",
				f.strings.u32(i, 4), f.strings.u32(i, 0))
		}
	}
	return nil
}

// Len returns the number of core entries.
func (f *Frame) Len() int { return f.count }

// Has reports whether the frame carries the column.
func (f *Frame) Has(c Column) bool { return c < columnBits && f.columns[c].data != nil }

// Record returns core entry i; its bytes refer to the frame.
func (f *Frame) Record(i int) Record {
	c := f.core.at(i)
	flags := c[CoreInOffFlags]
	r := Record{
		Kind:      Kind(c[CoreInOffKind]),
		Input:     binary.LittleEndian.Uint16(c[CoreInOffInput:]),
		Timestamp: int64(get64(c, CoreInOffTimestamp)),
	}
	if flags&InNullKey == 0 {
		r.Key, _ = span(f.data, get32(c, CoreInOffKeyOff), get32(c, CoreInOffKeyLen))
	}
	if flags&InNullValue == 0 {
		r.Value, _ = span(f.data, get32(c, CoreInOffValueOff), get32(c, CoreInOffValueLen))
	}
	return r
}

// Headers appends the headers of record i to dst and returns it; none without the column.
func (f *Frame) Headers(dst []Header, i int) []Header {
	if f.columns[ColumnHeaders].count == 0 {
		return dst
	}
	return appendHeaders(dst, f.data, f.columns[ColumnHeaders], f.columns[ColumnHeaderEntries], i)
}

func appendHeaders(dst []Header, mem []byte, headers, entries table, i int) []Header {
	first, n := int(headers.u32(i, 0)), int(headers.u32(i, 4))
	for j := first; j < first+n; j++ {
		var h Header
		h.Key, _ = span(mem, entries.u32(j, 0), entries.u32(j, 4))
		if size := entries.u32(j, 12); size != NullLength {
			h.Value, _ = span(mem, entries.u32(j, 8), size)
		}
		dst = append(dst, h)
	}
	return dst
}

// Source returns the source column of record i and whether the frame has the column.
func (f *Frame) Source(i int) (SourceRef, bool) {
	t := f.columns[ColumnSource]
	if t.count == 0 {
		return SourceRef{}, false
	}
	ref := SourceRef{
		PositionHi: t.u64(i, 8), PositionLo: t.u64(i, 16), Ordinal: t.u64(i, 24),
	}
	if split := t.u32(i, 0); split != NoString {
		s, _ := span(f.data, f.strings.u32(int(split), 0), f.strings.u32(int(split), 4))
		ref.Split = string(s)
	}
	return ref, true
}

// KeyGroup returns the key group of record i and whether the frame has the column.
func (f *Frame) KeyGroup(i int) (uint32, bool) { return f.column(ColumnKeyGroup, i) }

// SchemaID returns the schema id of record i and whether the frame has the column.
func (f *Frame) SchemaID(i int) (uint32, bool) { return f.column(ColumnSchemaID, i) }

// PartitionCount returns how many partitions record i can go to and whether the frame says so.
func (f *Frame) PartitionCount(i int) (uint32, bool) { return f.column(ColumnPartitionCount, i) }

func (f *Frame) column(c Column, i int) (uint32, bool) {
	if f.columns[c].count == 0 {
		return 0, false
	}
	return f.columns[c].u32(i, 0), true
}

// Progress reads the progress cell of a frame at the start of region: the index of the record the
// guest works on or worked on when it trapped. It reports false when the cell names no record; a
// guest may have written anything there, so the caller compares it with the record count.
func Progress(region []byte) (uint32, bool) {
	if len(region) < FrameHeaderSize {
		return 0, false
	}
	p := get32(region, FrameOffProgress)
	return p, p != NoProgress
}

// String describes the frame for logs and test output.
func (f *Frame) String() string {
	return fmt.Sprintf("frame of %d records, %d bytes", f.count, len(f.data))
}

func get32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
func get64(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
