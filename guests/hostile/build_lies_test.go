package hostile_test

import (
	"encoding/binary"
	"fmt"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/guests/hostile"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// Where things stand in the memory of lies.wasm, which is 1 MiB.
const (
	memorySize  = 1 << 20
	addressesAt = 24 << 10  // what process returns, by function
	blockSize   = 512       // of one answer; the first stands at OutputAt
	extraAt     = 512 << 10 // of what is too large for a block
	extraSize   = 8 << 10

	entriesIn   = abi.OutputHeaderSize
	directoryIn = entriesIn + hostile.Records*abi.CoreOutSize
	stringsIn   = directoryIn + 2*abi.ColumnEntrySize
	valuesIn    = stringsIn + 2*abi.StringEntrySize
)

const sameAll = abi.OutSameKey | abi.OutSameValue | abi.OutSameHeaders | abi.OutSameTimestamp

// answer is one output in the making. It begins as an honest one, which passes all records on.
type answer struct {
	at      uint32 // of block
	block   [blockSize]byte
	address uint32 // what process returns
	columns int
	extraAt uint32 // address of extra
	extra   []byte // further bytes, if the block is too small
}

func newAnswer(at uint32) *answer {
	a := &answer{at: at, address: at, extraAt: extraAt + (at-OutputAt)/blockSize*extraSize}
	a.header(abi.OutputOffSize, abi.OutputHeaderSize)
	a.header(abi.OutputOffConsumed, hostile.Records)
	a.header(abi.OutputOffCount, hostile.Records)
	a.header(abi.OutputOffCorePtr, at+entriesIn)
	a.header(abi.OutputOffCoreStride, abi.CoreOutSize)
	for i := range hostile.Records {
		a.entry(i, abi.CoreOutOffParent, uint32(i))
		a.flags(i, sameAll)
	}
	return a
}

func (a *answer) put(at int, v uint32) { binary.LittleEndian.PutUint32(a.block[at:], v) }

func (a *answer) header(field int, v uint32) { a.put(field, v) }

func (a *answer) entry(i, field int, v uint32) { a.put(entriesIn+i*abi.CoreOutSize+field, v) }

func (a *answer) flags(i int, f abi.OutFlags) {
	binary.LittleEndian.PutUint16(a.block[entriesIn+i*abi.CoreOutSize+abi.CoreOutOffFlags:], uint16(f))
}

func (a *answer) status(i int, s abi.Status) {
	a.block[entriesIn+i*abi.CoreOutSize+abi.CoreOutOffStatus] = byte(s)
}

// value gives the first entry a value of its own.
func (a *answer) value(ptr, size uint32) {
	a.flags(0, sameAll&^abi.OutSameValue)
	a.entry(0, abi.CoreOutOffValuePtr, ptr)
	a.entry(0, abi.CoreOutOffValueLen, size)
}

// column adds a column to the directory; its values are written to valuesIn.
func (a *answer) column(id abi.Column, ptr, stride, count uint32, values ...uint32) {
	at := directoryIn + a.columns*abi.ColumnEntrySize
	for i, v := range []uint32{uint32(id), ptr, stride, count} {
		a.put(at+4*i, v)
	}
	a.columns++
	a.header(abi.OutputOffColumnsPtr, a.at+directoryIn)
	a.header(abi.OutputOffColumnsCount, uint32(a.columns))
	for i, v := range values {
		a.put(int(ptr-a.at)+4*i, v)
	}
}

// values is the address of the column data of the block.
func (a *answer) values() uint32 { return a.at + valuesIn }

func (a *answer) strings(ptr, size uint32) {
	a.header(abi.OutputOffStringsPtr, a.at+stringsIn)
	a.header(abi.OutputOffStringsCount, 1)
	a.put(stringsIn, ptr)
	a.put(stringsIn+4, size)
}

// liesModule is the module of all lies: process looks its answer up by the number of the function.
func liesModule() []byte {
	description := `{"name":"hostile-lies","version":"1","functions":[`
	var addresses []byte
	var data [][]byte
	changes := lieChanges()
	number := 0
	for _, f := range hostile.Fixtures() {
		if f.File != "lies.wasm" {
			continue
		}
		change, ok := changes[f.Name]
		if !ok {
			panic("no builder for " + f.Name)
		}
		a := newAnswer(uint32(OutputAt + number*blockSize))
		change(a)
		addresses = binary.LittleEndian.AppendUint32(addresses, a.address)
		data = append(data, DataAt(int32(a.at), a.block[:]))
		if a.extra != nil {
			data = append(data, DataAt(int32(a.extraAt), a.extra))
		}
		if number > 0 {
			description += ","
		}
		description += fmt.Sprintf(`{"name":%q,"role":"transform"}`, f.Name)
		number++
	}
	if number != len(changes) || number*blockSize > RegionAt-OutputAt {
		panic("a builder without a fixture, or too many for the memory")
	}
	data = append(data, DataAt(addressesAt, addresses))
	return Guest{Description: description + "]}", Process: addressOf(0), Data: data}.Module()
}

// lieChanges turns an honest answer into each of the lies.
func lieChanges() map[string]func(a *answer) {
	changes := map[string]func(a *answer){
		"honest":             func(*answer) {},
		"address_zero":       func(a *answer) { a.address = 0 },
		"address_unaligned":  func(a *answer) { a.address++ },
		"address_outside":    func(a *answer) { a.address = most - 7 },
		"address_at_the_end": func(a *answer) { a.address = memorySize - 8 },
		"header_size":        func(a *answer) { a.header(abi.OutputOffSize, most-7) },
		"header_flags":       func(a *answer) { a.header(abi.OutputOffFlags, 0x80) },
		"header_reserved":    func(a *answer) { a.header(abi.OutputOffReserved, 1) },
		"call_refused": func(a *answer) {
			n := copy(a.block[valuesIn:], "\x1b[2J\x1b]0;all is well\a done\r")
			a.refuse(abi.CallBadFrame, a.values(), uint32(n))
		},
		"call_status":         func(a *answer) { a.refuse(77, 0, 0) },
		"call_text_outside":   func(a *answer) { a.refuse(abi.CallInternal, memorySize-32, 64) },
		"call_text_size":      func(a *answer) { a.refuse(abi.CallInternal, 0, memorySize) },
		"consumed_beyond":     func(a *answer) { a.header(abi.OutputOffConsumed, hostile.Records+1) },
		"consumed_most":       func(a *answer) { a.header(abi.OutputOffConsumed, most) },
		"consumed_nothing":    func(a *answer) { a.consumes(0, 0, 0) },
		"more_of_nothing":     func(a *answer) { a.header(abi.OutputOffFlags, abi.OutputMore) },
		"more_without_output": func(a *answer) { a.consumes(0, 0, abi.OutputMore) },
		"more_again":          func(a *answer) { a.consumes(0, 1, abi.OutputMore) },
		"count_most":          func(a *answer) { a.header(abi.OutputOffCount, most) },
		"core_outside":        func(a *answer) { a.header(abi.OutputOffCorePtr, most-7) },
		"core_unaligned":      func(a *answer) { a.header(abi.OutputOffCorePtr, a.at+entriesIn+4) },
		"core_stride":         func(a *answer) { a.header(abi.OutputOffCoreStride, most-7) },
		"core_overlap":        func(a *answer) { a.header(abi.OutputOffCoreStride, 8) },
	}
	for name, change := range lieEntries() {
		changes[name] = change
	}
	for name, change := range lieColumns() {
		changes[name] = change
	}
	return changes
}

func (a *answer) refuse(status abi.CallStatus, ptr, size uint32) {
	a.header(abi.OutputOffStatus, uint32(status))
	a.header(abi.OutputOffErrorPtr, ptr)
	a.header(abi.OutputOffErrorLen, size)
}

func (a *answer) consumes(consumed, count, flags uint32) {
	a.header(abi.OutputOffConsumed, consumed)
	a.header(abi.OutputOffCount, count)
	a.header(abi.OutputOffFlags, flags)
}

func lieEntries() map[string]func(a *answer) {
	return map[string]func(a *answer){
		"value_outside": func(a *answer) { a.value(memorySize-32, 64) },
		"key_overflow": func(a *answer) {
			a.flags(0, sameAll&^abi.OutSameKey)
			a.entry(0, abi.CoreOutOffKeyPtr, most-15)
			a.entry(0, abi.CoreOutOffKeyLen, 32)
		},
		"value_most":   func(a *answer) { a.value(1, most) },
		"bytes_shared": func(a *answer) { a.shareBytes(150) },
		"parent_outside": func(a *answer) {
			a.entry(2, abi.CoreOutOffParent, 7)
		},
		"parents_backwards": func(a *answer) {
			a.entry(0, abi.CoreOutOffParent, 2)
			a.entry(2, abi.CoreOutOffParent, 0)
		},
		"kind_unknown":   func(a *answer) { a.block[entriesIn+abi.CoreOutOffKind] = byte(abi.KindTimer) },
		"status_unknown": func(a *answer) { a.status(1, 9) },
		"flags_unknown":  func(a *answer) { a.flags(1, sameAll|1<<15) },
		"null_and_same":  func(a *answer) { a.flags(1, sameAll|abi.OutNullKey) },
		"output_unknown": func(a *answer) { a.entry(1, abi.CoreOutOffOutput, 5) },
		"reserved_entry": func(a *answer) { a.entry(1, abi.CoreOutOffReserved4, 1) },
		"error_beside": func(a *answer) {
			a.entry(1, abi.CoreOutOffParent, 0)
			a.status(1, abi.StatusError)
		},
		"ok_after_error": func(a *answer) {
			a.status(0, abi.StatusError)
			a.entry(1, abi.CoreOutOffParent, 0)
		},
		"ends_the_split": func(a *answer) { a.status(2, abi.StatusEndOfStream) },
	}
}

// shareBytes makes entries whose key and value are all of memory.
func (a *answer) shareBytes(n int) {
	entry := make([]byte, abi.CoreOutSize)
	binary.LittleEndian.PutUint32(entry[abi.CoreOutOffKeyLen:], memorySize)
	binary.LittleEndian.PutUint32(entry[abi.CoreOutOffValueLen:], memorySize)
	for range n {
		a.extra = append(a.extra, entry...)
	}
	a.header(abi.OutputOffCorePtr, a.extraAt)
	a.header(abi.OutputOffCount, uint32(n))
}

func lieColumns() map[string]func(a *answer) {
	const n = hostile.Records
	return map[string]func(a *answer){
		"columns_most": func(a *answer) { a.header(abi.OutputOffColumnsCount, most) },
		"columns_outside": func(a *answer) {
			a.header(abi.OutputOffColumnsCount, 2)
			a.header(abi.OutputOffColumnsPtr, most-3)
		},
		"column_twice": func(a *answer) {
			a.column(abi.ColumnTimestamp, a.values(), 8, n)
			a.column(abi.ColumnTimestamp, a.values(), 8, n)
		},
		"column_short":   func(a *answer) { a.column(abi.ColumnTimestamp, a.values(), 8, n-1) },
		"column_outside": func(a *answer) { a.column(abi.ColumnTimestamp, most-7, 8, n) },
		"column_stride":  func(a *answer) { a.column(abi.ColumnTimestamp, a.values(), 0, n) },
		"partition_negative": func(a *answer) {
			a.column(abi.ColumnPartition, a.values(), 4, n, 0, most-1)
		},
		"strings_most":   func(a *answer) { a.header(abi.OutputOffStringsCount, most) },
		"string_outside": func(a *answer) { a.strings(memorySize-32, 64) },
		"target_unknown": func(a *answer) {
			a.strings(0, 4)
			a.column(abi.ColumnTarget, a.values(), 4, n, 0, 9, 0)
		},
		"headers_outside": func(a *answer) { a.headers(a.values()+64, 1, most, 2) },
		"headers_shared": func(a *answer) {
			header := binary.LittleEndian.AppendUint32(make([]byte, 4), memorySize)
			header = append(header, header...) // key and value
			for range 50 {
				a.extra = append(a.extra, header...)
			}
			a.headers(a.extraAt, 50, 0, 50)
		},
		"header_outside":     func(a *answer) { a.headers(most-15, 1, 0, 1) },
		"error_text_outside": func(a *answer) { a.errorText(memorySize-32, 64) },
		"error_text_size":    func(a *answer) { a.errorText(0, abi.ErrorTextBytesMax+1) },
	}
}

// headers adds the two columns of headers: each record has the entries [first, +count).
func (a *answer) headers(entries, entriesCount, first, count uint32) {
	a.column(abi.ColumnHeaderEntries, entries, 16, entriesCount)
	a.column(abi.ColumnHeaders, a.values(), 8, hostile.Records,
		first, count, first, count, first, count)
}

func (a *answer) errorText(ptr, size uint32) {
	a.status(0, abi.StatusError)
	a.column(abi.ColumnError, a.values(), 16, hostile.Records, ptr, size)
}

// builtProcesses are functions whose answer depends on the call.
func builtProcesses() map[string][]byte {
	const grown = memorySize // the address of the page that memory grows by
	return map[string][]byte{
		"garbage-after-growth": Guest{Process: Join(
			I32Const(1), []byte{0x40, 0, 0x1a}, // memory.grow, drop
			I32Const(grown), I32Const(0xA5), I32Const(64<<10), []byte{0xfc, 0x0b, 0}, // memory.fill
			I32Const(grown))}.Module(),
		"shared-headers-for-ever": headersForEver(),
	}
}

// headersForEver passes the first record on, never comes to an end of the second and passes the
// third on: one answer for each value that the argument first can have.
func headersForEver() []byte {
	var addresses []byte
	var data [][]byte
	for first := range uint32(hostile.Records) {
		a := newAnswer(OutputAt + first*blockSize)
		a.entry(0, abi.CoreOutOffParent, first)
		a.consumes(first+1, 1, 0)
		if first == 1 {
			a.consumes(first, 1, abi.OutputMore)
			a.flags(0, sameAll&^abi.OutSameHeaders)
			const headerIn = valuesIn + 64
			a.column(abi.ColumnHeaderEntries, a.at+headerIn, 16, 1)
			a.column(abi.ColumnHeaders, a.values(), 8, 1, 0, 1)
			a.put(headerIn+12, memorySize) // the length of the value; the key is empty
		}
		addresses = binary.LittleEndian.AppendUint32(addresses, a.address)
		data = append(data, DataAt(int32(a.at), a.block[:]))
	}
	data = append(data, DataAt(addressesAt, addresses))
	return Guest{Process: addressOf(1), Data: data}.Module()
}

// addressOf is the code that looks an address up by the number in an argument of process.
func addressOf(argument byte) []byte {
	// local.get, times 4, i32.load
	return Join([]byte{0x20, argument, 0x41, 2, 0x74, 0x28, 2}, U32(addressesAt))
}
