package abi

import (
	"encoding/binary"
	"fmt"
)

// FrameBytesMax bounds a frame: a guest's reserve takes an i32, and no limit on memory lets a guest
// hold more. A record that needs a larger frame cannot be given to a guest.
const FrameBytesMax = 1 << 30

// Layout is the capacity of a frame. A frame may hold less than its layout, never more; what is not
// used costs address space in the guest and no time.
type Layout struct {
	// Records is the capacity of the core table and of every per-record column.
	Records int
	// Columns are the columns to fill. ColumnHeaders stands for its entries too.
	Columns ColumnSet
	// Headers is the capacity in header entries; only with ColumnHeaders.
	Headers int
	// Strings is the capacity of the string table.
	Strings int
	// Arena is the capacity in bytes of keys, values, headers and strings together.
	Arena int64
}

// Size returns the bytes a frame of this layout needs at most, a multiple of Alignment. An error
// says that the layout is negative or above FrameBytesMax.
func (l Layout) Size() (uint32, error) {
	if l.Records < 0 || l.Headers < 0 || l.Strings < 0 || l.Arena < 0 {
		return 0, fmt.Errorf("sizing a frame: negative capacity in %+v", l)
	}
	for _, n := range []int64{int64(l.Records), int64(l.Headers), int64(l.Strings), l.Arena} {
		if n > FrameBytesMax {
			return 0, fmt.Errorf("sizing a frame: %+v is above %d bytes", l, FrameBytesMax)
		}
	}
	size := align(l.offsets().arena + l.Arena)
	if size > FrameBytesMax {
		return 0, fmt.Errorf("sizing a frame: %d bytes are above %d", size, FrameBytesMax)
	}
	return uint32(size), nil
}

// offsets are the places of the sections of a frame of one layout, in frame order.
type offsets struct {
	columns int64 // column directory
	data    int64 // first column
	strings int64
	arena   int64
}

// frameColumns is the order in which columns stand in a frame.
var frameColumns = [...]Column{
	ColumnHeaders, ColumnHeaderEntries, ColumnSource, ColumnKeyGroup, ColumnSchemaID,
	ColumnPartitionCount,
}

func (l Layout) capacity(c Column) int {
	if c == ColumnHeaderEntries {
		return l.Headers
	}
	return l.Records
}

func (l Layout) offsets() offsets {
	var o offsets
	o.columns = FrameHeaderSize + int64(l.Records)*CoreInSize
	columns := int64(0)
	bytes := int64(0)
	for _, c := range frameColumns {
		if l.has(c) {
			columns++
			bytes += align(int64(l.capacity(c)) * int64(c.stride()))
		}
	}
	o.data = o.columns + columns*ColumnEntrySize
	o.strings = o.data + bytes
	o.arena = o.strings + int64(l.Strings)*StringEntrySize
	return o
}

func (l Layout) has(c Column) bool {
	if c == ColumnHeaderEntries {
		c = ColumnHeaders
	}
	return l.Columns.Has(c)
}

// FrameInfo is what a frame says about its batch as a whole.
type FrameInfo struct {
	// BatchTime is the guest's clock, in nanoseconds since 1970.
	BatchTime int64
	// Watermark is in milliseconds since 1970; NoTimestamp = none.
	Watermark int64
	// OutRecordsSoft and OutBytesSoft ask the guest to return at the next record boundary (or with
	// `more`, inside a record) once its output has passed them.
	OutRecordsSoft uint32
	OutBytesSoft   uint32
	// Seed is for guests that want randomness without importing any.
	Seed uint64
}

// Encoder writes an input frame in place. The caller sizes the frame with a Layout, has the guest
// reserve that many bytes and hands the region to Begin, so that a record's bytes are copied once:
// from the batch into the guest.
//
//	size, err := layout.Size()
//	err = enc.Begin(region, layout, info)
//	for each record {
//		if !enc.Append(key, value, timestamp) { break } // the frame is full
//		enc.Source(split, hi, lo, ordinal)              // only if the function reads the column
//	}
//	n := enc.Finish()
//
// The zero value is ready for Begin and is reused for any number of frames.
type Encoder struct {
	frame   []byte
	columns ColumnSet
	layout  Layout
	at      offsets

	count   int   // records
	arena   int64 // next free byte of the arena
	limit   int64 // end of the arena
	headers int   // header entries used
	strings int   // strings used

	lastArena   int64 // arena before the last record, for Undo
	lastHeaders int   // header entries before the last record

	headersAt, entriesAt, sourceAt, groupAt, schemaAt, partitionsAt int64
}

// Begin starts a frame in dst, which must hold layout.Size bytes and is owned by the caller. Bytes
// of dst that the frame does not use keep what they held.
func (e *Encoder) Begin(dst []byte, layout Layout, info FrameInfo) error {
	size, err := layout.Size()
	if err != nil {
		return err
	}
	if int64(len(dst)) < int64(size) {
		return fmt.Errorf("beginning a frame of %d bytes in %d: %w", size, len(dst), ErrRoom)
	}
	*e = Encoder{frame: dst[:size], columns: layout.Columns, layout: layout, at: layout.offsets()}
	e.arena, e.limit = e.at.arena, e.at.arena+layout.Arena
	e.lastArena = e.arena
	e.placeColumns()
	e.writeHeader(info)
	return nil
}

func (e *Encoder) placeColumns() {
	at := e.at.data
	for _, c := range frameColumns {
		if !e.layout.has(c) {
			continue
		}
		switch c {
		case ColumnHeaders:
			e.headersAt = at
		case ColumnHeaderEntries:
			e.entriesAt = at
		case ColumnSource:
			e.sourceAt = at
		case ColumnKeyGroup:
			e.groupAt = at
		case ColumnSchemaID:
			e.schemaAt = at
		case ColumnPartitionCount:
			e.partitionsAt = at
		}
		at += align(int64(e.layout.capacity(c)) * int64(c.stride()))
	}
}

func (e *Encoder) writeHeader(info FrameInfo) {
	h := e.frame[:FrameHeaderSize]
	clear(h)
	put32(h, FrameOffMagic, FrameMagic)
	put32(h, FrameOffHeaderSize, FrameHeaderSize)
	put32(h, FrameOffCoreOffset, FrameHeaderSize)
	put32(h, FrameOffCoreStride, CoreInSize)
	put32(h, FrameOffColumnsOffset, uint32(e.at.columns))
	put32(h, FrameOffStringsOffset, uint32(e.at.strings))
	put32(h, FrameOffArenaOffset, uint32(e.at.arena))
	put64(h, FrameOffBatchTime, uint64(info.BatchTime))
	put64(h, FrameOffWatermark, uint64(info.Watermark))
	put32(h, FrameOffOutRecordsSoft, info.OutRecordsSoft)
	put32(h, FrameOffOutBytesSoft, info.OutBytesSoft)
	put32(h, FrameOffProgress, NoProgress)
	put64(h, FrameOffSeed, info.Seed)
}

// Append adds a record; a nil key or value is null, an empty one is not. It reports false, and adds
// nothing, when the record table or the arena is full. Columns of the record that are not set
// afterwards are zero: no headers, no split.
func (e *Encoder) Append(key, value []byte, timestamp int64) bool {
	need := int64(len(key)) + int64(len(value))
	if e.count >= e.layout.Records || need > e.limit-e.arena {
		return false
	}
	e.lastArena, e.lastHeaders = e.arena, e.headers
	var flags uint32
	if key == nil {
		flags |= uint32(InNullKey) << 8
	}
	if value == nil {
		flags |= uint32(InNullValue) << 8
	}
	keyAt := e.arena
	valueAt := keyAt + int64(len(key))
	copy(e.frame[keyAt:], key)
	copy(e.frame[valueAt:], value)
	e.arena = valueAt + int64(len(value))

	p := FrameHeaderSize + e.count*CoreInSize
	c := e.frame[p : p+CoreInSize : p+CoreInSize]
	// Kind, flags and input id share the first word.
	put32(c, CoreInOffKind, flags)
	put32(c, CoreInOffReserved, 0)
	put32(c, CoreInOffKeyOff, uint32(keyAt))
	put32(c, CoreInOffKeyLen, uint32(len(key)))
	put32(c, CoreInOffValueOff, uint32(valueAt))
	put32(c, CoreInOffValueLen, uint32(len(value)))
	put64(c, CoreInOffTimestamp, uint64(timestamp))
	e.count++
	if e.columns != 0 {
		e.clearColumns()
	}
	return true
}

// clearColumns gives the last record the empty value in every column of the frame.
func (e *Encoder) clearColumns() {
	i := int64(e.count - 1)
	if e.headersAt != 0 {
		put32(e.frame, int(e.headersAt+i*8), uint32(e.headers))
		put32(e.frame, int(e.headersAt+i*8+4), 0)
	}
	if e.sourceAt != 0 {
		c := e.frame[e.sourceAt+i*32 : e.sourceAt+i*32+32]
		clear(c)
		put32(c, 0, NoString)
	}
	if e.groupAt != 0 {
		put32(e.frame, int(e.groupAt+i*4), 0)
	}
	if e.schemaAt != 0 {
		put32(e.frame, int(e.schemaAt+i*4), 0)
	}
	if e.partitionsAt != 0 {
		put32(e.frame, int(e.partitionsAt+i*4), 0)
	}
}

// Header adds a header to the last record; a nil value is null. It reports false when the entry
// table or the arena is full: the caller then takes the record back with Undo and ends the frame.
// Without ColumnHeaders in the layout it does nothing and reports true.
func (e *Encoder) Header(key string, value []byte) bool {
	if e.headersAt == 0 {
		return true
	}
	need := int64(len(key)) + int64(len(value))
	if e.count == 0 || e.headers >= e.layout.Headers || need > e.limit-e.arena {
		return false
	}
	valueLen := uint32(len(value))
	if value == nil {
		valueLen = NullLength
	}
	keyAt := e.arena
	valueAt := keyAt + int64(len(key))
	copy(e.frame[keyAt:], key)
	copy(e.frame[valueAt:], value)
	e.arena = valueAt + int64(len(value))

	p := e.entriesAt + int64(e.headers)*16
	c := e.frame[p : p+16 : p+16]
	put32(c, 0, uint32(keyAt))
	put32(c, 4, uint32(len(key)))
	put32(c, 8, uint32(valueAt))
	put32(c, 12, valueLen)
	e.headers++
	n := int(e.headersAt + int64(e.count-1)*8 + 4)
	put32(e.frame, n, binary.LittleEndian.Uint32(e.frame[n:])+1)
	return true
}

// Source sets the source column of the last record; split is an index from String. Without the
// column it does nothing.
func (e *Encoder) Source(split uint32, positionHi, positionLo, ordinal uint64) {
	if e.sourceAt == 0 || e.count == 0 {
		return
	}
	p := e.sourceAt + int64(e.count-1)*32
	c := e.frame[p : p+32 : p+32]
	put32(c, 0, split)
	put32(c, 4, 0)
	put64(c, 8, positionHi)
	put64(c, 16, positionLo)
	put64(c, 24, ordinal)
}

// KeyGroup sets the key group of the last record. Without the column it does nothing.
func (e *Encoder) KeyGroup(group uint32) { e.put(e.groupAt, group) }

// SchemaID sets the schema id of the last record. Without the column it does nothing.
func (e *Encoder) SchemaID(id uint32) { e.put(e.schemaAt, id) }

// PartitionCount sets how many partitions the last record can go to. Without the column it does
// nothing.
func (e *Encoder) PartitionCount(n uint32) { e.put(e.partitionsAt, n) }

func (e *Encoder) put(column int64, v uint32) {
	if column != 0 && e.count > 0 {
		put32(e.frame, int(column)+(e.count-1)*4, v)
	}
}

// String adds a string to the table and returns its index; the caller keeps the dictionary. It
// reports false when the table or the arena is full. A string outlives Undo.
func (e *Encoder) String(s string) (uint32, bool) {
	if e.strings >= e.layout.Strings || int64(len(s)) > e.limit-e.arena {
		return NoString, false
	}
	copy(e.frame[e.arena:], s)
	p := int(e.at.strings) + e.strings*StringEntrySize
	put32(e.frame, p, uint32(e.arena))
	put32(e.frame, p+4, uint32(len(s)))
	e.arena += int64(len(s))
	e.strings++
	return uint32(e.strings - 1), true
}

// Undo takes the last record back with its headers. It can be called once after an Append. Strings
// added since stay, so the arena is rewound only when there are none.
func (e *Encoder) Undo() {
	if e.count == 0 {
		return
	}
	e.count--
	e.headers = e.lastHeaders
	if !e.stringsAfter(e.lastArena) {
		e.arena = e.lastArena
	}
}

// stringsAfter reports whether the last string stands at or behind at.
func (e *Encoder) stringsAfter(at int64) bool {
	if e.strings == 0 {
		return false
	}
	p := int(e.at.strings) + (e.strings-1)*StringEntrySize
	return int64(binary.LittleEndian.Uint32(e.frame[p:])) >= at
}

// Count returns the number of records in the frame.
func (e *Encoder) Count() int { return e.count }

// Room returns how many more bytes the arena holds.
func (e *Encoder) Room() int64 { return e.limit - e.arena }

// Finish completes the frame and returns its size; the frame stands at the beginning of the
// destination. Nothing may be appended before the next Begin.
func (e *Encoder) Finish() uint32 {
	h := e.frame[:FrameHeaderSize]
	put32(h, FrameOffFrameSize, uint32(e.arena))
	put32(h, FrameOffCount, uint32(e.count))
	put32(h, FrameOffStringsCount, uint32(e.strings))
	put32(h, FrameOffArenaSize, uint32(e.arena-e.at.arena))
	directory := e.at.columns
	columns := uint32(0)
	at := e.at.data
	for _, c := range frameColumns {
		if !e.layout.has(c) {
			continue
		}
		n := e.count
		if c == ColumnHeaderEntries {
			n = e.headers
		}
		d := e.frame[directory : directory+ColumnEntrySize]
		put32(d, 0, uint32(c))
		put32(d, 4, uint32(at))
		put32(d, 8, c.stride())
		put32(d, 12, uint32(n))
		columns++
		directory += ColumnEntrySize
		at += align(int64(e.layout.capacity(c)) * int64(c.stride()))
	}
	put32(h, FrameOffColumnsCount, columns)
	return uint32(e.arena)
}

func put32(b []byte, at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }
func put64(b []byte, at int, v uint64) { binary.LittleEndian.PutUint64(b[at:], v) }
