package abi

import "encoding/binary"

// entryCheck is the state of the walk over the entries of one output.
type entryCheck struct {
	last      uint32 // parent of the entry before
	lastAlone bool   // that entry ended its record
	seen      bool   // there was an entry before
}

// checkEntries walks the core table once. The walk is the price of I1: afterwards no accessor needs
// to look twice.
func (o *Output) checkEntries(call Call, limits Limits) error {
	var walk entryCheck
	parentMax := int64(o.consumed) - 1
	if o.more {
		parentMax++
	}
	for i := range o.count {
		c := o.core.at(i)
		c = c[:CoreOutSize:CoreOutSize]
		parent := get32(c, CoreOutOffParent)
		if parent < call.First || int64(parent) > parentMax {
			return lie("output entry", int64(i), "parent %d is outside [%d, %d]",
				parent, call.First, parentMax)
		}
		if walk.seen && parent < walk.last {
			return lie("output entry", int64(i), "parent %d after parent %d: not in order",
				parent, walk.last)
		}
		if err := o.checkCodes(i, c, call, &walk, parent); err != nil {
			return err
		}
		if err := o.checkPayload(i, c); err != nil {
			return err
		}
		if o.bytes > limits.Bytes {
			return lie("output entry", int64(i), "%d bytes of output are above the limit of %d",
				o.bytes, limits.Bytes)
		}
	}
	return o.checkColumns(limits)
}

func (o *Output) checkCodes(i int, c []byte, call Call, walk *entryCheck, parent uint32) error {
	const part = "output entry"
	if kind := Kind(c[CoreOutOffKind]); kind != KindData {
		return lie(part, int64(i), "kind %d is not offered by ABI %d.%d", kind, Major, Minor)
	}
	status := Status(c[CoreOutOffStatus])
	if status > statusMax {
		return lie(part, int64(i), "status %d is not known", status)
	}
	flags := OutFlags(binary.LittleEndian.Uint16(c[CoreOutOffFlags:]))
	if flags&^outFlagsKnown != 0 {
		return lie(part, int64(i), "flags %#x are not known", flags&^outFlagsKnown)
	}
	if flags.Has(OutSameKey|OutNullKey) || flags.Has(OutSameValue|OutNullValue) {
		return lie(part, int64(i), "flags %#x say both null and same as the parent", flags)
	}
	output := binary.LittleEndian.Uint16(c[CoreOutOffOutput:])
	if int(output) > call.Outputs {
		return lie(part, int64(i), "output %d of a function with %d named outputs",
			output, call.Outputs)
	}
	if get32(c, CoreOutOffReserved4) != 0 ||
		binary.LittleEndian.Uint16(c[CoreOutOffReserved:]) != 0 {
		return lie(part, int64(i), "reserved fields are not 0")
	}
	if status == StatusEndOfStream && call.Role != RoleDeserializer {
		return lie(part, int64(i), "end of stream from a %s", call.Role)
	}
	same := walk.seen && walk.last == parent
	if same && walk.lastAlone {
		return lie(part, int64(i), "another entry for parent %d, which has ended", parent)
	}
	if same && (status == StatusDrop || status == StatusError) {
		return lie(part, int64(i), "status %d beside another entry for parent %d", status, parent)
	}
	if status != StatusOK && o.more && parent == o.consumed {
		return lie(part, int64(i), "status %d for parent %d, which has more", status, parent)
	}
	walk.last, walk.lastAlone, walk.seen = parent, status != StatusOK, true
	return nil
}

func (o *Output) checkPayload(i int, c []byte) error {
	flags := OutFlags(binary.LittleEndian.Uint16(c[CoreOutOffFlags:]))
	if Status(c[CoreOutOffStatus]) != StatusOK {
		return o.checkErrorText(i, Status(c[CoreOutOffStatus]))
	}
	if flags&(OutSameKey|OutNullKey) == 0 {
		ptr, size := get32(c, CoreOutOffKeyPtr), get32(c, CoreOutOffKeyLen)
		if size != 0 && uint64(ptr)+uint64(size) > uint64(len(o.mem)) {
			return lie("output entry", int64(i),
				"key of %d bytes at %d ends beyond memory of %d bytes", size, ptr, len(o.mem))
		}
		o.bytes += int64(size)
	}
	if flags&(OutSameValue|OutNullValue) == 0 {
		ptr, size := get32(c, CoreOutOffValuePtr), get32(c, CoreOutOffValueLen)
		if size != 0 && uint64(ptr)+uint64(size) > uint64(len(o.mem)) {
			return lie("output entry", int64(i),
				"value of %d bytes at %d ends beyond memory of %d bytes", size, ptr, len(o.mem))
		}
		o.bytes += int64(size)
	}
	return nil
}

func (o *Output) checkErrorText(i int, status Status) error {
	t := o.columns[ColumnError]
	if status != StatusError || t.count == 0 {
		return nil
	}
	ptr, size := t.u32(i, 0), t.u32(i, 4)
	if size > ErrorTextBytesMax {
		return lie("output entry", int64(i), "error text of %d bytes is above %d",
			size, ErrorTextBytesMax)
	}
	if _, ok := span(o.mem, ptr, size); !ok {
		return lie("output entry", int64(i),
			"error text of %d bytes at %d ends beyond memory of %d bytes", size, ptr, len(o.mem))
	}
	o.bytes += int64(size)
	return nil
}

// checkColumns checks the numbers in the optional columns.
func (o *Output) checkColumns(limits Limits) error {
	if err := o.checkStringColumn(ColumnTarget); err != nil {
		return err
	}
	if err := o.checkStringColumn(ColumnBucket); err != nil {
		return err
	}
	partitions := o.columns[ColumnPartition]
	for i := range partitions.count {
		if p := int32(partitions.u32(i, 0)); p < NoPartition {
			return lie("output column partition", int64(i), "partition %d is negative", p)
		}
	}
	return o.checkHeaders(limits)
}

func (o *Output) checkStringColumn(id Column) error {
	t := o.columns[id]
	for i := range t.count {
		index := t.u32(i, 0)
		if index != NoString && int64(index) >= int64(o.strings.count) {
			return lie("output column "+id.String(), int64(i), "string %d of %d",
				index, o.strings.count)
		}
	}
	return nil
}

// checkHeaders counts the headers as often as entries name them, because that is how often the host
// copies them.
func (o *Output) checkHeaders(limits Limits) error {
	headers, entries := o.columns[ColumnHeaders], o.columns[ColumnHeaderEntries]
	for i := range entries.count {
		if err := checkHeader(o.mem, entries, i); err != nil {
			return err
		}
	}
	var total uint64
	for i := range headers.count {
		first, n := headers.u32(i, 0), headers.u32(i, 4)
		if uint64(first)+uint64(n) > uint64(entries.count) {
			return lie("output column headers", int64(i), "entries [%d, +%d) of %d",
				first, n, entries.count)
		}
		total += uint64(n)
		if total > uint64(limits.Headers) {
			return lie("output column headers", int64(i), "%d headers are above the limit of %d",
				total, limits.Headers)
		}
		for j := first; j < first+n; j++ {
			o.bytes += int64(entries.u32(int(j), 4))
			if size := entries.u32(int(j), 12); size != NullLength {
				o.bytes += int64(size)
			}
		}
		if o.bytes > limits.Bytes {
			return lie("output column headers", int64(i),
				"%d bytes of output are above the limit of %d", o.bytes, limits.Bytes)
		}
	}
	return nil
}

// checkAnswers holds partitioners and bucketers to one answer for each record they consumed.
func (o *Output) checkAnswers(call Call) error {
	if !call.Role.OneAnswerPerRecord() {
		return nil
	}
	if want := int64(o.consumed) - int64(call.First); int64(o.count) != want {
		return lie("output header", -1, "%d answers of a %s for %d records",
			o.count, call.Role, want)
	}
	for i := range o.count {
		c := o.core.at(i)
		if want := call.First + uint32(i); get32(c, CoreOutOffParent) != want {
			return lie("output entry", int64(i), "parent %d where a %s answers for %d",
				get32(c, CoreOutOffParent), call.Role, want)
		}
		switch Status(c[CoreOutOffStatus]) {
		case StatusError:
		case StatusOK:
			if !o.answered(call.Role, i) {
				return lie("output entry", int64(i), "no answer of a %s", call.Role)
			}
		default:
			return lie("output entry", int64(i), "status %d of a %s",
				c[CoreOutOffStatus], call.Role)
		}
	}
	return nil
}

func (o *Output) answered(role Role, i int) bool {
	if role == RolePartitioner {
		return o.columns[ColumnPartition].count != 0
	}
	_, ok := o.stringIndex(ColumnBucket, i)
	return ok
}
