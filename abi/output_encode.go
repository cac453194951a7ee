package abi

import "encoding/binary"

// OutputEntry is one entry for AppendOutput. Entry.Key and Entry.Value are written as they are, nil
// as null unless the flags say that they are the parent's.
type OutputEntry struct {
	Entry
	// Timestamp counts where OutSameTimestamp is not set.
	Timestamp int64
	// Headers count where OutSameHeaders is not set.
	Headers []Header
	// Target is the topic or the like, nil = none.
	Target []byte
	// Partition is NoPartition or the answer of a partitioner.
	Partition int32
	// Bucket is the answer of a bucketer, nil = none.
	Bucket []byte
	// ErrorCode and ErrorText count where the status is StatusError.
	ErrorCode uint32
	ErrorText string
}

// OutputCall is the answer to one call for AppendOutput.
type OutputCall struct {
	Status    CallStatus
	ErrorText string // where Status is not CallOK
	Consumed  uint32
	More      bool
	Cursor    uint64
	Entries   []OutputEntry
}

// AppendOutput appends an output to mem, which stands for guest memory from address 0, and returns
// it with the address of the output's header. Guests in Go for tests and native functions answer
// through it; it allocates and is not meant for a hot path. Address 0 is never the header's: an
// empty mem gets a word of padding.
func AppendOutput(mem []byte, call OutputCall) ([]byte, uint32) {
	w := outputWriter{mem: mem}
	if len(w.mem) == 0 {
		w.mem = append(w.mem, make([]byte, Alignment)...)
	}
	w.entries(call.Entries)
	text := w.bytes([]byte(call.ErrorText))
	columns := w.directory()
	strings := w.stringTable()

	ptr := w.align()
	flags := uint32(0)
	if call.More {
		flags = OutputMore
	}
	h := make([]byte, OutputHeaderSize)
	put32(h, OutputOffSize, OutputHeaderSize)
	put32(h, OutputOffStatus, uint32(call.Status))
	put32(h, OutputOffConsumed, call.Consumed)
	put32(h, OutputOffFlags, flags)
	put64(h, OutputOffCursor, call.Cursor)
	put32(h, OutputOffCount, uint32(len(call.Entries)))
	put32(h, OutputOffCorePtr, w.core)
	put32(h, OutputOffCoreStride, CoreOutSize)
	put32(h, OutputOffColumnsPtr, columns)
	put32(h, OutputOffColumnsCount, uint32(len(w.columns)))
	put32(h, OutputOffStringsPtr, strings)
	put32(h, OutputOffStringsCount, uint32(len(w.strings)))
	put32(h, OutputOffErrorPtr, text)
	put32(h, OutputOffErrorLen, uint32(len(call.ErrorText)))
	w.mem = append(w.mem, h...)
	return w.mem, ptr
}

type outputWriter struct {
	mem     []byte
	core    uint32
	columns []outputColumn
	strings []string
}

type outputColumn struct {
	id            Column
	ptr           uint32
	stride, count uint32
}

func (w *outputWriter) align() uint32 {
	for len(w.mem)%Alignment != 0 {
		w.mem = append(w.mem, 0)
	}
	return uint32(len(w.mem))
}

// bytes stores b and returns its address, 0 for no bytes.
func (w *outputWriter) bytes(b []byte) uint32 {
	if len(b) == 0 {
		return 0
	}
	at := uint32(len(w.mem))
	w.mem = append(w.mem, b...)
	return at
}

func (w *outputWriter) entries(entries []OutputEntry) {
	core := make([]byte, 0, len(entries)*CoreOutSize)
	for _, e := range entries {
		flags := e.Flags
		if e.Key == nil && !flags.Has(OutSameKey) {
			flags |= OutNullKey
		}
		if e.Value == nil && !flags.Has(OutSameValue) {
			flags |= OutNullValue
		}
		c := make([]byte, CoreOutSize)
		c[CoreOutOffStatus] = byte(e.Status)
		binary.LittleEndian.PutUint16(c[CoreOutOffFlags:], uint16(flags))
		put32(c, CoreOutOffParent, e.Parent)
		put32(c, CoreOutOffKeyPtr, w.bytes(e.Key))
		put32(c, CoreOutOffKeyLen, uint32(len(e.Key)))
		put32(c, CoreOutOffValuePtr, w.bytes(e.Value))
		put32(c, CoreOutOffValueLen, uint32(len(e.Value)))
		binary.LittleEndian.PutUint16(c[CoreOutOffOutput:], e.Output)
		core = append(core, c...)
	}
	w.optionalColumns(entries)
	w.core = w.align()
	w.mem = append(w.mem, core...)
}

// optionalColumns writes the columns that some entry needs.
func (w *outputWriter) optionalColumns(entries []OutputEntry) {
	var timestamps, targets, partitions, buckets, errors, headers, headerEntries []byte
	var need ColumnSet
	for _, e := range entries {
		if !e.Flags.Has(OutSameTimestamp) && e.Timestamp != NoTimestamp {
			need = need.With(ColumnTimestamp)
		}
		timestamps = binary.LittleEndian.AppendUint64(timestamps, uint64(e.Timestamp))
		if e.Target != nil {
			need = need.With(ColumnTarget)
		}
		targets = binary.LittleEndian.AppendUint32(targets, w.intern(e.Target))
		if e.Partition != NoPartition {
			need = need.With(ColumnPartition)
		}
		partitions = binary.LittleEndian.AppendUint32(partitions, uint32(e.Partition))
		if e.Bucket != nil {
			need = need.With(ColumnBucket)
		}
		buckets = binary.LittleEndian.AppendUint32(buckets, w.intern(e.Bucket))
		if e.Status == StatusError {
			need = need.With(ColumnError)
		}
		errors = w.appendWords(errors, w.bytes([]byte(e.ErrorText)), uint32(len(e.ErrorText)),
			e.ErrorCode, 0)
		if len(e.Headers) > 0 {
			need = need.With(ColumnHeaders)
		}
		headers = w.appendWords(headers, uint32(len(headerEntries)/16), uint32(len(e.Headers)))
		headerEntries = w.appendHeaders(headerEntries, e.Headers)
	}
	for _, c := range []struct {
		id   Column
		data []byte
	}{
		{ColumnTimestamp, timestamps}, {ColumnTarget, targets}, {ColumnPartition, partitions},
		{ColumnBucket, buckets}, {ColumnError, errors}, {ColumnHeaders, headers},
	} {
		if need.Has(c.id) {
			w.column(c.id, c.data)
		}
	}
	if need.Has(ColumnHeaders) {
		w.column(ColumnHeaderEntries, headerEntries)
	}
}

func (w *outputWriter) appendWords(dst []byte, words ...uint32) []byte {
	for _, v := range words {
		dst = binary.LittleEndian.AppendUint32(dst, v)
	}
	return dst
}

func (w *outputWriter) appendHeaders(dst []byte, headers []Header) []byte {
	for _, h := range headers {
		size := uint32(len(h.Value))
		if h.Value == nil {
			size = NullLength
		}
		dst = w.appendWords(dst, w.bytes(h.Key), uint32(len(h.Key)), w.bytes(h.Value), size)
	}
	return dst
}

// intern returns the string's index in the table; nil is NoString.
func (w *outputWriter) intern(s []byte) uint32 {
	if s == nil {
		return NoString
	}
	for i, have := range w.strings {
		if have == string(s) {
			return uint32(i)
		}
	}
	w.strings = append(w.strings, string(s))
	return uint32(len(w.strings) - 1)
}

func (w *outputWriter) column(id Column, data []byte) {
	ptr := w.align()
	w.mem = append(w.mem, data...)
	w.columns = append(w.columns, outputColumn{
		id: id, ptr: ptr, stride: id.stride(), count: uint32(len(data)) / id.stride(),
	})
}

func (w *outputWriter) directory() uint32 {
	var d []byte
	for _, c := range w.columns {
		d = w.appendWords(d, uint32(c.id), c.ptr, c.stride, c.count)
	}
	ptr := w.align()
	w.mem = append(w.mem, d...)
	return ptr
}

func (w *outputWriter) stringTable() uint32 {
	var t []byte
	for _, s := range w.strings {
		t = w.appendWords(t, w.bytes([]byte(s)), uint32(len(s)))
	}
	ptr := w.align()
	w.mem = append(w.mem, t...)
	return ptr
}
