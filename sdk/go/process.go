package wasmflow

import (
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/wasmflow/wasmflow/sdk/go/internal/layout"
)

// errorTextBytesMax bounds the text of a record's failure; it ends in a header of a dead letter.
const errorTextBytesMax = 4 << 10

// guest is the plugin of a program: what was registered, and the one call it is in.
type guest struct {
	name, version string
	functions     []*function
	config        *binding
	onOpen        []func() error
	stateVersion  uint32
	migrations    map[uint32]MigrateFunc // by the version they are from
	description   []byte
	refusal       []byte
	migrated      []byte // answer of the last migration

	memory memory
	region []uint64 // where the host writes; words, so that it is aligned
	size   int      // bytes of region asked for
	frame  frame
	out    Emitter
	ctx    Context
	host   host

	next uint32 // the record that is worked on next
	stop bool   // the output is wanted now
}

// reserve returns a region of n bytes for the host to write to; it stays until the next reserve.
func (g *guest) reserve(n int) []byte {
	words := max(n/8+1, 1)
	if words > len(g.region) {
		if g.region != nil {
			g.memory.forget(unsafe.Pointer(&g.region[0]))
		}
		words = max(words, len(g.region)/4*5) // frames grow with the batch: a few times, not often
		g.region = nil                        // the old region may go before the new one comes
		g.region = make([]uint64, words)
		g.memory.know(unsafe.Pointer(&g.region[0]), words*8)
	}
	g.size = n
	return g.reserved()
}

func (g *guest) reserved() []byte {
	if g.region == nil {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&g.region[0])), g.size)
}

// process works on records from first on and returns the output.
func (g *guest) process(function, first uint32, cursor uint64) *layout.OutputHeader {
	g.out.begin(g)
	if g.refusal != nil {
		return g.out.refuse(layout.CallInternal, "the configuration was refused")
	}
	if uint64(function) >= uint64(len(g.functions)) {
		return g.out.refuse(layout.CallNoFunction, "function "+
			strconv.FormatUint(uint64(function), 10)+" of "+strconv.Itoa(len(g.functions)))
	}
	if problem := g.frame.load(g.reserved()); problem != "" {
		return g.out.refuse(layout.CallBadFrame, problem)
	}
	if first > g.frame.header.Count {
		return g.out.refuse(layout.CallBadFrame, "first is above the number of records")
	}
	f := g.functions[function]
	g.out.enter(f, &g.frame)
	g.ctx = Context{g: g, f: f, cursor: cursor}
	g.next, g.stop = first, false
	for g.next < g.frame.header.Count && !g.stop {
		g.run(f)
	}
	g.frame.header.Progress = layout.NoProgress
	return g.out.finish(g.next)
}

// run works until the output is wanted, the records are at their end or a record panics: one
// deferred call for many records instead of one each.
func (g *guest) run(f *function) {
	defer g.rescue()
	switch {
	case f.work != nil:
		g.work(f.work)
	case f.partition != nil:
		g.partition(f.partition)
	default:
		g.bucket(f.bucket)
	}
}

// rescue turns a panic into the failure of the record at hand (S3).
func (g *guest) rescue() {
	if p := recover(); p != nil {
		g.out.fail(0, panicText(p))
		g.done()
	}
}

// enter begins the next record and reports whether it is one for a function: kinds that this SDK
// does not know are passed over.
func (g *guest) enter() (Record, bool) {
	g.frame.header.Progress = g.next // S4
	r := g.frame.record(g.next)
	if r.c.Kind != layout.KindData {
		g.next++
		return r, false
	}
	g.out.enterRecord(g.next)
	return r, true
}

// done ends the record.
func (g *guest) done() {
	g.next++
	g.ctx.cursor = 0
	g.stop = g.out.Full()
}

func (g *guest) work(f Func) {
	o := &g.out
	for g.next < g.frame.header.Count && !g.stop {
		r, ok := g.enter()
		if !ok {
			continue
		}
		err := f(&g.ctx, r, o)
		switch {
		case err != nil:
			o.fail(codeOf(err), err.Error())
		case o.ended:
			o.endOfStream()
		case o.more:
			g.ctx.cursor, g.ctx.drawn = o.cursor, 0
			g.stop = len(o.entries) > o.firstEntry
			continue // the same record again, in this call where it has no output to take yet
		}
		g.done()
	}
}

func (g *guest) partition(f PartitionFunc) {
	o := &g.out
	for g.next < g.frame.header.Count && !g.stop {
		r, ok := g.enter()
		if !ok {
			continue
		}
		n := r.PartitionCount()
		p, err := f(&g.ctx, r, n)
		switch {
		case err != nil:
			o.fail(codeOf(err), err.Error())
		case p < -1 || p >= n:
			o.fail(0, "partition "+strconv.Itoa(p)+" of "+strconv.Itoa(n))
		default:
			e := o.add(sameAll)
			o.partitions.set(e.i, int32(p), layout.NoPartition)
		}
		g.done()
	}
}

func (g *guest) bucket(f BucketFunc) {
	o := &g.out
	for g.next < g.frame.header.Count && !g.stop {
		r, ok := g.enter()
		if !ok {
			continue
		}
		name, err := f(&g.ctx, r, o.name[:0])
		if err != nil {
			o.fail(codeOf(err), err.Error())
		} else {
			e := o.add(sameAll)
			o.buckets.set(e.i, o.strings.index(o, name), layout.NoString)
			o.name = name
		}
		g.done()
	}
}

// begin empties the emitter for another call.
func (o *Emitter) begin(g *guest) {
	o.entries, o.headerList = o.entries[:0], o.headerList[:0]
	o.bytes.memory = &g.memory
	o.bytes.reset()
	o.timestamps.reset()
	o.targets.reset()
	o.partitions.reset()
	o.buckets.reset()
	o.errors.reset()
	o.headers.reset()
	o.strings.reset()
	o.columns, o.size = 0, 0
	o.more, o.ended = false, false
}

// enter takes what the call is about.
func (o *Emitter) enter(f *function, frame *frame) {
	o.fn, o.frame = f, frame
	o.frameBase, o.frameSize = uintptr(unsafe.Pointer(&frame.data[0])), uintptr(len(frame.data))
	o.recordsSoft, o.bytesSoft = math.MaxInt, math.MaxInt64
	if n := frame.header.OutRecordsSoft; n != 0 {
		o.recordsSoft = int(n)
	}
	if n := frame.header.OutBytesSoft; n != 0 {
		o.bytesSoft = int64(n)
	}
}

// enterRecord notes where a record's output begins, so that it can be taken back (S2).
func (o *Emitter) enterRecord(i uint32) {
	o.parent = i
	o.firstEntry, o.firstHeader = len(o.entries), len(o.headerList)
	o.firstString, o.firstByte, o.sizeBefore = len(o.strings.table), o.bytes.mark(), o.size
	o.more, o.ended = false, false
}

// takeBack removes everything that was emitted for the record.
func (o *Emitter) takeBack() {
	n := o.firstEntry
	o.entries, o.headerList = o.entries[:n], o.headerList[:o.firstHeader]
	o.timestamps.cut(n)
	o.targets.cut(n)
	o.partitions.cut(n)
	o.buckets.cut(n)
	o.errors.cut(n)
	o.headers.cut(n)
	o.strings.cut(o.firstString)
	o.bytes.rewind(o.firstByte)
	o.size = o.sizeBefore
}

// fail makes the failure of the record its only output.
func (o *Emitter) fail(code uint32, text string) {
	o.takeBack()
	o.more, o.ended = false, false
	b := bytesOf(clip(text, errorTextBytesMax))
	e := o.add(sameAll)
	o.entries[e.i].Status = layout.StatusError
	o.errors.set(e.i, layout.Error{Ptr: o.copied(b), Len: uint32(len(b)), Code: code},
		layout.Error{})
	o.size += int64(len(b))
}

func (o *Emitter) endOfStream() {
	e := o.add(sameAll)
	o.entries[e.i].Status = layout.StatusEndOfStream
}

// clip shortens s to n bytes without cutting a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// finish writes the output's header. consumed is the index of the first record that is not done.
func (o *Emitter) finish(consumed uint32) *layout.OutputHeader {
	o.timestamps.publish(o, layout.ColumnTimestamp, layout.NoTimestamp)
	o.targets.publish(o, layout.ColumnTarget, layout.NoString)
	o.partitions.publish(o, layout.ColumnPartition, layout.NoPartition)
	o.buckets.publish(o, layout.ColumnBucket, layout.NoString)
	o.errors.publish(o, layout.ColumnError, layout.Error{})
	o.headers.publish(o, layout.ColumnHeaders, layout.Headers{})
	if len(o.headerList) > 0 {
		o.publish(layout.ColumnHeaderEntries, unsafe.Pointer(&o.headerList[0]),
			unsafe.Sizeof(layout.Header{}), len(o.headerList))
	}
	h := o.blank()
	h.Consumed = consumed
	if o.more {
		h.Flags, h.Cursor = layout.OutputMore, o.cursor
	}
	if n := len(o.entries); n > 0 {
		size := int(unsafe.Sizeof(o.entries[0]))
		h.Count = uint32(n)
		h.CorePtr = o.bytes.memory.place(unsafe.Pointer(&o.entries[0]), n*size)
	}
	if o.columns > 0 {
		size := int(unsafe.Sizeof(o.directory[0]))
		h.ColumnsCount = uint32(o.columns)
		h.ColumnsPtr = o.bytes.memory.place(unsafe.Pointer(&o.directory[0]), o.columns*size)
	}
	if n := len(o.strings.table); n > 0 {
		size := int(unsafe.Sizeof(o.strings.table[0]))
		h.StringsCount = uint32(n)
		h.StringsPtr = o.bytes.memory.place(unsafe.Pointer(&o.strings.table[0]), n*size)
	}
	return h
}

// refuse makes the output of a call that could not be made.
func (o *Emitter) refuse(status uint32, text string) *layout.OutputHeader {
	h := o.blank()
	b := bytesOf(text)
	h.Status, h.ErrorPtr, h.ErrorLen = status, o.copied(b), uint32(len(b))
	return h
}

func (o *Emitter) blank() *layout.OutputHeader {
	o.header = layout.OutputHeader{
		Size:       uint32(unsafe.Sizeof(o.header)),
		CoreStride: uint32(unsafe.Sizeof(layout.CoreOut{})),
	}
	return &o.header
}

// publish adds a column to the directory.
func (o *Emitter) publish(id uint32, p unsafe.Pointer, size uintptr, n int) {
	o.directory[o.columns] = layout.Column{
		ID: id, Offset: o.bytes.memory.place(p, n*int(size)), Stride: uint32(size),
		Count: uint32(n),
	}
	o.columns++
}
