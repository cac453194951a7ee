package wasmflow

import (
	"unsafe"

	"github.com/wasmflow/wasmflow/sdk/go/internal/layout"
)

// Emitter takes the output of a function. It is valid while the function runs.
type Emitter struct {
	entries []layout.CoreOut
	bytes   arena

	timestamps column[int64]
	targets    column[uint32]
	partitions column[int32]
	buckets    column[uint32]
	errors     column[layout.Error]
	headers    column[layout.Headers]
	headerList []layout.Header
	strings    dictionary
	name       []byte // of a bucket, before it is in the dictionary

	directory [outColumns]layout.Column
	columns   int
	header    layout.OutputHeader

	fn        *function
	frame     *frame
	frameBase uintptr
	frameSize uintptr
	parent    uint32

	// What stands of the record at hand.
	firstEntry  int
	firstHeader int
	firstString int
	firstByte   arenaMark
	sizeBefore  int64

	size        int64 // bytes of payload in this call
	recordsSoft int
	bytesSoft   int64

	more   bool
	cursor uint64
	ended  bool // end of stream at this record
}

// outColumns is the number of columns an output can have.
const outColumns = 7

const sameAll = layout.OutSameKey | layout.OutSameValue | layout.OutSameHeaders |
	layout.OutSameTimestamp

// Entry is a record that was emitted; its methods refine it and return it again, so that calls can
// be chained: out.Value(v).Target("orders-de").Header("trace", id). It is valid until the function
// returns.
type Entry struct {
	o *Emitter
	i int
}

// Forward emits the record as it is. Nothing is copied.
func (o *Emitter) Forward() Entry { return o.add(sameAll) }

// Value emits the record with another value; nil is null. Key, headers and timestamp stay.
func (o *Emitter) Value(value []byte) Entry {
	i := len(o.entries)
	if i == cap(o.entries) {
		o.grow()
	}
	o.entries = o.entries[:i+1]
	e := &o.entries[i]
	clean(e, sameAll&^layout.OutSameValue, o.parent)
	if value == nil {
		e.Flags |= layout.OutNullValue
		return Entry{o, i}
	}
	// This is hold, written out: a call in WebAssembly costs as much as the rest of it, and most
	// of what guests emit comes through here.
	e.ValueLen = uint32(len(value))
	o.size += int64(len(value))
	p := unsafe.Pointer(unsafe.SliceData(value))
	switch {
	case len(value) == 0:
	case uintptr(p)-o.frameBase < o.frameSize, o.bytes.holds(p, len(value)):
		e.ValuePtr = o.bytes.memory.address(p)
	default:
		e.ValuePtr = o.copied(value)
	}
	return Entry{o, i}
}

// KeyValue emits the record with another key and value; nil is null. Headers and timestamp stay.
func (o *Emitter) KeyValue(key, value []byte) Entry {
	e := o.add(sameAll &^ (layout.OutSameKey | layout.OutSameValue))
	o.setKey(e.i, key)
	o.setValue(e.i, value)
	return e
}

// Drop takes back what was emitted for this record. A record for which nothing is emitted is
// dropped anyway.
func (o *Emitter) Drop() { o.takeBack() }

// EndOfStream says that the source's split ends before this record: the record and all behind it
// are left out. For deserializers only.
func (o *Emitter) EndOfStream() {
	if o.fn.role != roleDeserializer {
		panic("wasmflow: a " + string(o.fn.role) + " cannot end the stream")
	}
	o.ended = true
}

// Full reports whether the host would rather have the output now. Between records the SDK looks
// after that; a function that makes very many records of one asks, and returns after Continue.
func (o *Emitter) Full() bool {
	return len(o.entries) >= o.recordsSoft || o.size >= o.bytesSoft
}

// Continue says that this record has more output: once the function has returned, the host takes
// what was emitted and calls it again for the same record, with ctx.Cursor() returning cursor. The
// function must be able to go on from the record and the cursor alone. If it fails later on, the
// host takes back what it emitted before.
func (o *Emitter) Continue(cursor uint64) { o.more, o.cursor = true, cursor }

// Buffer returns an empty slice with room for n bytes. What a function appends to it and then emits
// is not copied. More than n bytes may be appended, at the price of a copy. Once part of it was
// emitted, the rest must not be used after the next call of Buffer.
func (o *Emitter) Buffer(n int) []byte { return o.bytes.buffer(n) }

// Key gives the entry a key; nil is null.
func (e Entry) Key(key []byte) Entry {
	e.o.setKey(e.i, key)
	return e
}

// Value gives the entry a value; nil is null.
func (e Entry) Value(value []byte) Entry {
	e.o.setValue(e.i, value)
	return e
}

// Timestamp gives the entry a time, in milliseconds since 1970.
func (e Entry) Timestamp(milliseconds int64) Entry {
	e.o.entries[e.i].Flags &^= layout.OutSameTimestamp
	e.o.timestamps.set(e.i, milliseconds, layout.NoTimestamp)
	return e
}

// NoTimestamp takes the entry's time away.
func (e Entry) NoTimestamp() Entry { return e.Timestamp(layout.NoTimestamp) }

// Output sends the entry to one of the outputs declared with Outputs.
func (e Entry) Output(name string) Entry {
	for i, have := range e.o.fn.outputs {
		if have == name {
			e.o.entries[e.i].Output = uint16(i + 1)
			return e
		}
	}
	panic("wasmflow: function " + e.o.fn.name + " has no output " + name +
		"; register it with wasmflow.Outputs")
}

// Target names where a sink is to put the entry: a topic or the like.
func (e Entry) Target(name string) Entry { return e.TargetBytes(bytesOf(name)) }

// TargetBytes is Target for a name that is not a string.
func (e Entry) TargetBytes(name []byte) Entry {
	e.o.targets.set(e.i, e.o.strings.index(e.o, name), layout.NoString)
	return e
}

// Partition says to which partition a sink is to write the entry, unless it has a partitioner.
func (e Entry) Partition(partition int) Entry {
	if partition < 0 || partition > partitionMax {
		panic("wasmflow: partition out of range")
	}
	e.o.partitions.set(e.i, int32(partition), layout.NoPartition)
	return e
}

const partitionMax = 1<<31 - 1

// Header adds a header behind those the entry has; a nil value is null. An entry has the headers of
// the record it was made of, so the function must declare Reads(Headers), or call NoHeaders first.
func (e Entry) Header(key string, value []byte) Entry {
	o := e.o
	if o.entries[e.i].Flags&layout.OutSameHeaders != 0 {
		o.copyHeaders(e.i)
	}
	list := o.headers.values[e.i]
	if int(list.First+list.Count) != len(o.headerList) {
		// Headers of another entry stand behind: this entry's move to the end.
		first := uint32(len(o.headerList))
		o.headerList = append(o.headerList, o.headerList[list.First:list.First+list.Count]...)
		list.First = first
	}
	o.appendHeader(bytesOf(key), value)
	list.Count++
	o.headers.values[e.i] = list
	return e
}

// NoHeaders takes all headers of the entry away.
func (e Entry) NoHeaders() Entry {
	o := e.o
	o.entries[e.i].Flags &^= layout.OutSameHeaders
	o.headers.set(e.i, layout.Headers{First: uint32(len(o.headerList))}, layout.Headers{})
	return e
}

// copyHeaders gives entry i the headers of its record as its own.
func (o *Emitter) copyHeaders(i int) {
	r := o.frame.record(o.parent)
	n := r.HeaderCount()
	Entry{o, i}.NoHeaders()
	for j := range n {
		o.appendHeader(r.HeaderAt(j))
	}
	o.headers.values[i].Count = uint32(n)
}

func (o *Emitter) appendHeader(key, value []byte) {
	h := layout.Header{KeyOff: o.hold(key), KeyLen: uint32(len(key)), ValueLen: layout.NullLength}
	if value != nil {
		h.ValueOff, h.ValueLen = o.hold(value), uint32(len(value))
	}
	o.size += int64(len(key) + len(value))
	o.headerList = append(o.headerList, h)
}

func (o *Emitter) add(flags uint16) Entry {
	i := len(o.entries)
	if i == cap(o.entries) {
		o.grow()
	}
	o.entries = o.entries[:i+1]
	clean(&o.entries[i], flags, o.parent)
	return Entry{o, i}
}

// clean makes e the entry {Flags: flags, Parent: parent}, in four stores instead of eleven.
func clean(e *layout.CoreOut, flags uint16, parent uint32) {
	w := (*[4]uint64)(unsafe.Pointer(e))
	w[0] = uint64(flags)<<16 | uint64(parent)<<32
	w[1], w[2], w[3] = 0, 0, 0
}

// grow makes room for more entries.
func (o *Emitter) grow() {
	o.entries = append(o.entries, make([]layout.CoreOut, entriesStep)...)[:len(o.entries)]
}

// entriesStep is by how many entries the table grows at least: 32 KiB.
const entriesStep = 1024

func (o *Emitter) setKey(i int, key []byte) {
	e := &o.entries[i]
	e.Flags &^= layout.OutSameKey | layout.OutNullKey
	if key == nil {
		e.Flags |= layout.OutNullKey
		return
	}
	e.KeyPtr, e.KeyLen = o.hold(key), uint32(len(key))
	o.size += int64(len(key))
}

func (o *Emitter) setValue(i int, value []byte) {
	e := &o.entries[i]
	e.Flags &^= layout.OutSameValue | layout.OutNullValue
	if value == nil {
		e.Flags |= layout.OutNullValue
		return
	}
	e.ValuePtr, e.ValueLen = o.hold(value), uint32(len(value))
	o.size += int64(len(value))
}

// hold returns an address at which the bytes of b stay until the next call. Bytes of the frame and
// of the arena are where they are to be already (S6).
func (o *Emitter) hold(b []byte) uint32 {
	if len(b) == 0 {
		return 0
	}
	p := unsafe.Pointer(&b[0])
	if uintptr(p)-o.frameBase < o.frameSize || o.bytes.holds(p, len(b)) {
		return o.bytes.memory.address(p)
	}
	return o.copied(b)
}

// copied copies b into the arena and returns its address.
func (o *Emitter) copied(b []byte) uint32 {
	if len(b) == 0 {
		return 0
	}
	p := o.bytes.alloc(len(b))
	copy(p, b)
	return o.bytes.memory.address(unsafe.Pointer(&p[0]))
}

// bytesOf views a string as bytes, for callees that do not change them. It does without
// unsafe.Slice, which makes a call to check what holds here anyway.
func bytesOf(s string) []byte {
	view := struct {
		data     *byte
		len, cap int
	}{unsafe.StringData(s), len(s), len(s)}
	return *(*[]byte)(unsafe.Pointer(&view))
}
