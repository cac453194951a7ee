package abi

import "encoding/binary"

// Call is what the host asked for: an output is checked against it.
type Call struct {
	// Role of the function that was called.
	Role Role
	// First is the record the call began with, Count the number of records in the frame.
	First, Count uint32
	// Outputs is the number of named outputs the function declared.
	Outputs int
}

// Entry is one entry of an output. Its bytes refer to guest memory and are valid until the next
// call into the guest.
type Entry struct {
	Parent uint32 // index of the input record
	Status Status
	Flags  OutFlags
	Output uint16 // 0 = main, i = the function's outputs[i-1]
	Key    []byte // nil if null, the parent's, or the status is not StatusOK
	Value  []byte // as Key
}

// Output is a checked output of one call. The zero value is ready for Decode and is reused.
type Output struct {
	mem      []byte
	count    int
	consumed uint32
	more     bool
	cursor   uint64
	bytes    int64
	core     table
	columns  [columnBits]table
	strings  table
}

// Decode checks the output whose header stands at ptr in guest memory. When it returns nil, every
// accessor can be used for entries [0, Len). It returns a *FrameError if the guest lied, after
// which the instance is not to be trusted, or a *CallError if the guest refused the call.
func (o *Output) Decode(mem []byte, ptr uint32, call Call, limits Limits) error {
	o.reset(mem)
	header, err := o.decodeHeader(ptr, call)
	if err != nil {
		return err
	}
	if err := o.decodeTables(header, limits); err != nil {
		return err
	}
	if err := o.checkEntries(call, limits); err != nil {
		return err
	}
	return o.checkAnswers(call)
}

func (o *Output) reset(mem []byte) {
	*o = Output{mem: mem}
}

func (o *Output) decodeHeader(ptr uint32, call Call) ([]byte, error) {
	const part = "output header"
	if ptr == 0 {
		return nil, lie(part, -1, "process returned address 0")
	}
	if ptr%Alignment != 0 {
		return nil, lie(part, -1, "address %d is not aligned to %d", ptr, Alignment)
	}
	h, ok := span(o.mem, ptr, OutputHeaderSize)
	if !ok {
		return nil, lie(part, -1, "address %d is beyond memory of %d bytes", ptr, len(o.mem))
	}
	size := get32(h, OutputOffSize)
	if size < OutputHeaderSize || size%Alignment != 0 {
		return nil, lie(part, -1, "size %d is not a multiple of %d from %d",
			size, Alignment, OutputHeaderSize)
	}
	if _, ok := span(o.mem, ptr, size); !ok {
		return nil, lie(part, -1, "size %d at %d ends beyond memory of %d bytes",
			size, ptr, len(o.mem))
	}
	if status := CallStatus(get32(h, OutputOffStatus)); status != CallOK {
		return nil, o.callError(h, status)
	}
	flags := get32(h, OutputOffFlags)
	if flags&^outputFlagsKnown != 0 {
		return nil, lie(part, -1, "flags %#x are not known", flags&^outputFlagsKnown)
	}
	if reserved := get32(h, OutputOffReserved); reserved != 0 {
		return nil, lie(part, -1, "reserved field is %#x, not 0", reserved)
	}
	o.more = flags&OutputMore != 0
	o.cursor = get64(h, OutputOffCursor)
	o.consumed = get32(h, OutputOffConsumed)
	return h, o.checkProgress(get32(h, OutputOffCount), call)
}

func (o *Output) callError(h []byte, status CallStatus) error {
	size := get32(h, OutputOffErrorLen)
	if size > ErrorTextBytesMax {
		return lie("output header", -1, "error text of %d bytes is above %d", size, ErrorTextBytesMax)
	}
	text, ok := span(o.mem, get32(h, OutputOffErrorPtr), size)
	if !ok {
		return lie("output header", -1, "error text of %d bytes at %d ends beyond memory of %d bytes",
			size, get32(h, OutputOffErrorPtr), len(o.mem))
	}
	return &CallError{Status: status, Text: printable(string(text))}
}

// checkProgress keeps a guest from being called for ever: each call consumes a record or, inside
// one, yields output.
func (o *Output) checkProgress(entries uint32, call Call) error {
	const part = "output header"
	if o.consumed < call.First || o.consumed > call.Count {
		return lie(part, -1, "consumed %d is outside [%d, %d]", o.consumed, call.First, call.Count)
	}
	if o.more && o.consumed == call.Count {
		return lie(part, -1, "more of record %d of %d records", o.consumed, call.Count)
	}
	if o.more && call.Role.OneAnswerPerRecord() {
		return lie(part, -1, "more from a %s", call.Role)
	}
	if o.consumed > call.First || call.First == call.Count {
		return nil
	}
	if !o.more {
		return lie(part, -1, "no record consumed from %d of %d", call.First, call.Count)
	}
	if entries == 0 {
		return lie(part, -1, "more of record %d without any output", o.consumed)
	}
	return nil
}

func (o *Output) decodeTables(h []byte, limits Limits) error {
	count := get32(h, OutputOffCount)
	if count > limits.Records {
		return lie("output header", -1, "%d entries are above the limit of %d", count, limits.Records)
	}
	var err error
	o.core, err = slice("output core table", o.mem, get32(h, OutputOffCorePtr),
		get32(h, OutputOffCoreStride), count, CoreOutSize, Alignment)
	if err != nil {
		return err
	}
	o.count = int(count)
	strings := get32(h, OutputOffStringsCount)
	if strings > limits.Strings {
		return lie("output header", -1, "%d strings are above the limit of %d",
			strings, limits.Strings)
	}
	o.strings, err = slice("output string table", o.mem, get32(h, OutputOffStringsPtr),
		StringEntrySize, strings, StringEntrySize, 4)
	if err != nil {
		return err
	}
	if err := o.decodeColumns(h, limits); err != nil {
		return err
	}
	return o.checkStrings(limits)
}

func (o *Output) decodeColumns(h []byte, limits Limits) error {
	columns := get32(h, OutputOffColumnsCount)
	if columns > ColumnsMax {
		return lie("output header", -1, "%d columns are above %d", columns, ColumnsMax)
	}
	directory, err := slice("output column directory", o.mem, get32(h, OutputOffColumnsPtr),
		ColumnEntrySize, columns, ColumnEntrySize, 4)
	if err != nil {
		return err
	}
	for i := range directory.count {
		id := Column(directory.u32(i, 0))
		stride := id.stride()
		if stride == 0 {
			continue
		}
		count := directory.u32(i, 12)
		switch {
		case o.columns[id].data != nil:
			err = lie("", -1, "stands twice in the directory")
		case id == ColumnHeaderEntries && count > limits.Headers:
			err = lie("", -1, "%d headers are above the limit of %d", count, limits.Headers)
		case id != ColumnHeaderEntries && int64(count) != int64(o.count):
			err = lie("", -1, "%d values for %d entries", count, o.count)
		default:
			o.columns[id], err = slice("", o.mem, directory.u32(i, 4), directory.u32(i, 8), count,
				stride, 4)
		}
		if err != nil {
			return inPart(err, "output column "+id.String())
		}
	}
	return nil
}

func (o *Output) checkStrings(limits Limits) error {
	for i := range o.strings.count {
		size := o.strings.u32(i, 4)
		if _, ok := span(o.mem, o.strings.u32(i, 0), size); !ok {
			return lie("output string", int64(i), "%d bytes at %d end beyond memory of %d bytes",
				size, o.strings.u32(i, 0), len(o.mem))
		}
		o.bytes += int64(size)
	}
	if o.bytes > limits.Bytes {
		return lie("output string table", -1, "%d bytes are above the limit of %d",
			o.bytes, limits.Bytes)
	}
	return nil
}

// Len returns the number of entries.
func (o *Output) Len() int { return o.count }

// Consumed returns the index of the first record that was not handled wholly: the next call's
// first.
func (o *Output) Consumed() uint32 { return o.consumed }

// More reports whether record Consumed() has more output; the next call is for that record with the
// returned cursor. Otherwise the next cursor is 0.
func (o *Output) More() (cursor uint64, more bool) {
	if !o.more {
		return 0, false
	}
	return o.cursor, true
}

// Bytes returns the bytes the output holds of its own: what Limits.Bytes counts.
func (o *Output) Bytes() int64 { return o.bytes }

// Read fills e with entry i.
func (o *Output) Read(i int, e *Entry) {
	c := o.core.at(i)
	c = c[:CoreOutSize:CoreOutSize]
	e.Status = Status(c[CoreOutOffStatus])
	e.Flags = OutFlags(binary.LittleEndian.Uint16(c[CoreOutOffFlags:]))
	e.Parent = get32(c, CoreOutOffParent)
	e.Output = binary.LittleEndian.Uint16(c[CoreOutOffOutput:])
	e.Key, e.Value = nil, nil
	if e.Status != StatusOK {
		return // their ranges mean nothing and were not checked
	}
	if e.Flags&(OutSameKey|OutNullKey) == 0 {
		e.Key = o.payload(get32(c, CoreOutOffKeyPtr), get32(c, CoreOutOffKeyLen))
	}
	if e.Flags&(OutSameValue|OutNullValue) == 0 {
		e.Value = o.payload(get32(c, CoreOutOffValuePtr), get32(c, CoreOutOffValueLen))
	}
}

// payload returns a range that Decode has checked (I1).
func (o *Output) payload(ptr, size uint32) []byte {
	if size == 0 {
		return emptyBytes(o.mem)
	}
	end := uint64(ptr) + uint64(size)
	return o.mem[ptr:end:end]
}

// Timestamp returns the own timestamp of entry i, in milliseconds; NoTimestamp if it has none. It
// says nothing about entries with OutSameTimestamp.
func (o *Output) Timestamp(i int) int64 {
	if o.columns[ColumnTimestamp].count == 0 {
		return NoTimestamp
	}
	return int64(o.columns[ColumnTimestamp].u64(i, 0))
}

// Headers appends the own headers of entry i to dst and returns it. It says nothing about entries
// with OutSameHeaders.
func (o *Output) Headers(dst []Header, i int) []Header {
	if o.columns[ColumnHeaders].count == 0 {
		return dst
	}
	return appendHeaders(dst, o.mem, o.columns[ColumnHeaders], o.columns[ColumnHeaderEntries], i)
}

// Target returns the target of entry i, the topic or the like, and whether it names one.
func (o *Output) Target(i int) ([]byte, bool) { return o.string(ColumnTarget, i) }

// Bucket returns the bucket of entry i and whether it names one.
func (o *Output) Bucket(i int) ([]byte, bool) { return o.string(ColumnBucket, i) }

func (o *Output) string(c Column, i int) ([]byte, bool) {
	index, ok := o.stringIndex(c, i)
	if !ok {
		return nil, false
	}
	return o.String(index), true
}

// BucketIndex returns the index in the string table of the bucket of entry i and whether it names
// one: a caller that has seen the index need not look at the string again.
func (o *Output) BucketIndex(i int) (uint32, bool) { return o.stringIndex(ColumnBucket, i) }

// TargetIndex is BucketIndex for the target.
func (o *Output) TargetIndex(i int) (uint32, bool) { return o.stringIndex(ColumnTarget, i) }

func (o *Output) stringIndex(c Column, i int) (uint32, bool) {
	if o.columns[c].count == 0 {
		return NoString, false
	}
	index := o.columns[c].u32(i, 0)
	return index, index != NoString
}

// Strings returns the size of the string table.
func (o *Output) Strings() int { return o.strings.count }

// String returns string i of the table.
func (o *Output) String(i uint32) []byte {
	return o.payload(o.strings.u32(int(i), 0), o.strings.u32(int(i), 4))
}

// Partition returns the partition of entry i; NoPartition if it names none. It is not negative
// otherwise; the caller compares it with the number of partitions.
func (o *Output) Partition(i int) int32 {
	if o.columns[ColumnPartition].count == 0 {
		return NoPartition
	}
	return int32(o.columns[ColumnPartition].u32(i, 0))
}

// Error returns code and text of entry i; 0 and no text unless its status is StatusError.
func (o *Output) Error(i int) (code uint32, text []byte) {
	t := o.columns[ColumnError]
	if t.count == 0 || Status(o.core.at(i)[CoreOutOffStatus]) != StatusError {
		return 0, emptyBytes(o.mem)
	}
	return t.u32(i, 8), o.payload(t.u32(i, 0), t.u32(i, 4))
}
