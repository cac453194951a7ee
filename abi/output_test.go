package abi

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func same(parent uint32) OutputEntry {
	return OutputEntry{
		Entry: Entry{
			Parent: parent, Flags: OutSameKey | OutSameValue | OutSameHeaders | OutSameTimestamp,
		},
		Partition: NoPartition, Timestamp: NoTimestamp,
	}
}

func with(e OutputEntry, edit func(e *OutputEntry)) OutputEntry {
	edit(&e)
	return e
}

// fullOutput uses every feature of an output: three records, one of which has more.
func fullOutput() OutputCall {
	return OutputCall{
		Consumed: 3, More: true, Cursor: 99,
		Entries: []OutputEntry{
			same(0),
			with(same(0), func(e *OutputEntry) {
				e.Flags = 0
				e.Output = 1
				e.Key, e.Value = []byte("key"), []byte("value")
				e.Timestamp = 1234
				e.Headers = []Header{{Key: []byte("h"), Value: []byte("1")}, {Key: []byte("null")}}
				e.Target = []byte("topic")
			}),
			with(same(1), func(e *OutputEntry) {
				e.Status = StatusError
				e.ErrorCode, e.ErrorText = 7, "no such thing"
			}),
			with(same(2), func(e *OutputEntry) { e.Status = StatusDrop }),
			with(same(3), func(e *OutputEntry) { e.Flags = 0; e.Value = []byte{} }),
		},
	}
}

func fullCall() Call { return Call{Role: RoleTransform, Count: 4, Outputs: 1} }

func TestOutputRoundTrip(t *testing.T) {
	mem, ptr := AppendOutput(nil, fullOutput())
	var o Output
	require.NoError(t, o.Decode(mem, ptr, fullCall(), DefaultLimits()))
	require.Equal(t, 5, o.Len())
	require.EqualValues(t, 3, o.Consumed())
	cursor, more := o.More()
	require.True(t, more)
	require.EqualValues(t, 99, cursor)

	var e Entry
	o.Read(0, &e)
	require.Equal(t, same(0).Entry, e)
	_, named := o.Target(0)
	require.False(t, named)
	o.Read(1, &e)
	require.Equal(t, Entry{Output: 1, Key: []byte("key"), Value: []byte("value")}, e)
	require.EqualValues(t, 1234, o.Timestamp(1))
	require.Equal(t, []Header{{Key: []byte("h"), Value: []byte("1")}, {Key: []byte("null")}},
		o.Headers(nil, 1))
	target, named := o.Target(1)
	require.True(t, named)
	require.Equal(t, "topic", string(target))
	o.Read(2, &e)
	require.Equal(t, StatusError, e.Status)
	code, text := o.Error(2)
	require.EqualValues(t, 7, code)
	require.Equal(t, "no such thing", string(text))
	code, text = o.Error(1)
	require.Zero(t, code)
	require.Empty(t, text)
	o.Read(4, &e)
	require.Equal(t, Entry{Parent: 3, Flags: OutNullKey, Value: []byte{}}, e)
	require.EqualValues(t, len("key")+len("value")+len("h1")+len("null")+len("topic")+
		len("no such thing"), o.Bytes())
}

func TestOutputAnswers(t *testing.T) {
	answers := func(n uint32, edit func(i uint32, e *OutputEntry)) OutputCall {
		c := OutputCall{Consumed: n}
		for i := range n {
			c.Entries = append(c.Entries, with(same(i), func(e *OutputEntry) { edit(i, e) }))
		}
		return c
	}
	t.Run("partitioner", func(t *testing.T) {
		mem, ptr := AppendOutput(nil, answers(3, func(i uint32, e *OutputEntry) {
			e.Partition = int32(i)
		}))
		var o Output
		call := Call{Role: RolePartitioner, Count: 3}
		require.NoError(t, o.Decode(mem, ptr, call, DefaultLimits()))
		require.EqualValues(t, 2, o.Partition(2))
	})
	t.Run("bucketer", func(t *testing.T) {
		mem, ptr := AppendOutput(nil, answers(3, func(i uint32, e *OutputEntry) {
			e.Bucket = []byte([]string{"a", "b", "a"}[i])
		}))
		var o Output
		call := Call{Role: RoleBucketer, Count: 3}
		require.NoError(t, o.Decode(mem, ptr, call, DefaultLimits()))
		bucket, ok := o.Bucket(2)
		require.True(t, ok)
		require.Equal(t, "a", string(bucket))
		require.Equal(t, 2, o.Strings(), "a bucket stands in the table once")
		first, _ := o.BucketIndex(0)
		third, _ := o.BucketIndex(2)
		require.Equal(t, first, third)
	})
	for name, c := range map[string]OutputCall{
		"missing answer": answers(2, func(uint32, *OutputEntry) {}),
		"too few":        {Consumed: 2, Entries: []OutputEntry{same(0)}},
		"two of one": {Consumed: 2, Entries: []OutputEntry{
			with(same(0), func(e *OutputEntry) { e.Partition = 0; e.Bucket = []byte("b") }),
			with(same(0), func(e *OutputEntry) { e.Partition = 0; e.Bucket = []byte("b") }),
		}},
		"dropped": answers(2, func(i uint32, e *OutputEntry) { e.Status = StatusDrop }),
	} {
		for _, role := range []Role{RolePartitioner, RoleBucketer} {
			t.Run(name+" "+string(role), func(t *testing.T) {
				mem, ptr := AppendOutput(nil, c)
				var o Output
				err := o.Decode(mem, ptr, Call{Role: role, Count: 2}, DefaultLimits())
				var lied *FrameError
				require.ErrorAs(t, err, &lied)
			})
		}
	}
}

func TestOutputCallError(t *testing.T) {
	long := strings.Repeat("x", ErrorTextBytesMax)
	for text, want := range map[string]string{
		"magic": "magic", "\x1b[2Jall is well\r": "?[2Jall is well?", long: long[:clipBytes] + "...",
	} {
		mem, ptr := AppendOutput(nil, OutputCall{Status: CallBadFrame, ErrorText: text})
		var o Output
		err := o.Decode(mem, ptr, Call{Role: RoleTransform, Count: 1}, DefaultLimits())
		var refused *CallError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, CallError{Status: CallBadFrame, Text: want}, *refused)
	}
}

// outputLie edits one number of a valid output, and may change what it is decoded with.
type outputLie struct {
	name string
	edit func(mem []byte, ptr uint32)
	call func(c *Call)
	lim  func(l *Limits)
	part string
}

const huge = math.MaxUint32

func lieNothing([]byte, uint32) {}

func lieWord(field int, v uint32) func(mem []byte, ptr uint32) {
	return func(mem []byte, ptr uint32) { put32(mem, int(ptr)+field, v) }
}

func lieCore(entry, field int, v uint32) func(mem []byte, ptr uint32) {
	return func(mem []byte, ptr uint32) {
		at := int(get32(mem, int(ptr)+OutputOffCorePtr)) + entry*CoreOutSize + field
		put32(mem, at, v)
	}
}

func lieHalf(entry, field int, v uint16) func(mem []byte, ptr uint32) {
	return func(mem []byte, ptr uint32) {
		at := int(get32(mem, int(ptr)+OutputOffCorePtr)) + entry*CoreOutSize + field
		binary.LittleEndian.PutUint16(mem[at:], v)
	}
}

func lieColumn(id Column, entry, field int, v uint32) func(mem []byte, ptr uint32) {
	return func(mem []byte, ptr uint32) {
		d := directoryEntry(mem, ptr, id)
		put32(mem, int(get32(mem, d+4))+entry*int(id.stride())+field, v)
	}
}

func lieDirectory(id Column, field int, v uint32) func(mem []byte, ptr uint32) {
	return func(mem []byte, ptr uint32) { put32(mem, directoryEntry(mem, ptr, id)+field, v) }
}

func headerLies() []outputLie {
	const header = "output header"
	return []outputLie{
		{name: "size below a header", edit: lieWord(OutputOffSize, 56), part: header},
		{name: "size not aligned", edit: lieWord(OutputOffSize, 68), part: header},
		{name: "size beyond memory", edit: lieWord(OutputOffSize, huge&^7), part: header},
		{name: "unknown flags", edit: lieWord(OutputOffFlags, 3), part: header},
		{name: "reserved header field", edit: lieWord(OutputOffReserved, 1), part: header},
		{name: "consumed beyond the frame", edit: lieWord(OutputOffConsumed, 5), part: header},
		{name: "consumed before first", edit: lieWord(OutputOffConsumed, 3),
			call: func(c *Call) { c.First = 4; c.Count = 8 }, part: header},
		{name: "more of no record", edit: lieWord(OutputOffConsumed, 4), part: header},
		{name: "nothing consumed", edit: func(mem []byte, ptr uint32) {
			lieWord(OutputOffConsumed, 0)(mem, ptr)
			lieWord(OutputOffFlags, 0)(mem, ptr)
		}, part: header},
		{name: "more without output", edit: lieWord(OutputOffCount, 0),
			call: func(c *Call) { c.First = 3 }, part: header},
		{name: "more from a partitioner", edit: lieNothing,
			call: func(c *Call) { c.Role = RolePartitioner }, part: header},
		{name: "count above the cap", edit: lieWord(OutputOffCount, huge), part: header},
		{name: "count beyond memory", edit: lieWord(OutputOffCount, 100000), part: "output core table"},
		{name: "core stride too small", edit: lieWord(OutputOffCoreStride, 16),
			part: "output core table"},
		{name: "core stride wraps", edit: lieWord(OutputOffCoreStride, huge&^7),
			part: "output core table"},
		{name: "core not aligned", edit: lieWord(OutputOffCorePtr, 12), part: "output core table"},
		{name: "core beyond memory", edit: lieWord(OutputOffCorePtr, huge&^7),
			part: "output core table"},
		{name: "columns above the cap", edit: lieWord(OutputOffColumnsCount, huge), part: header},
		{name: "columns beyond memory", edit: lieWord(OutputOffColumnsPtr, huge&^7),
			part: "output column directory"},
		{name: "strings above the cap", edit: lieWord(OutputOffStringsCount, huge), part: header},
		{name: "strings beyond memory", edit: lieWord(OutputOffStringsPtr, huge&^7),
			part: "output string table"},
		{name: "string beyond memory", edit: func(mem []byte, ptr uint32) {
			put32(mem, int(get32(mem, int(ptr)+OutputOffStringsPtr))+4, huge)
		}, part: "output string"},
		{name: "strings above the bytes", edit: lieNothing,
			lim: func(l *Limits) { l.Bytes = 4 }, part: "output string table"},
	}
}

func entryLies() []outputLie {
	const entry = "output entry"
	return []outputLie{
		{name: "parent before first", edit: lieNothing,
			call: func(c *Call) { c.First = 1 }, part: entry},
		{name: "parent beyond consumed", edit: lieCore(4, CoreOutOffParent, 4), part: entry},
		{name: "parent of more without more", edit: lieWord(OutputOffFlags, 0), part: entry},
		{name: "parents not in order", edit: lieCore(3, CoreOutOffParent, 0), part: entry},
		{name: "unknown kind", edit: lieHalf(0, CoreOutOffKind, 1), part: entry},
		{name: "unknown status", edit: lieHalf(0, CoreOutOffKind, 4<<8), part: entry},
		{name: "unknown entry flags", edit: lieHalf(0, CoreOutOffFlags, 64), part: entry},
		{name: "null and same key", edit: lieHalf(0, CoreOutOffFlags, 1|16), part: entry},
		{name: "null and same value", edit: lieHalf(0, CoreOutOffFlags, 2|32), part: entry},
		{name: "undeclared output", edit: lieHalf(1, CoreOutOffOutput, 2), part: entry},
		{name: "reserved half", edit: lieHalf(1, CoreOutOffReserved, 1), part: entry},
		{name: "reserved word", edit: lieCore(1, CoreOutOffReserved4, 1), part: entry},
		{name: "end of stream from a transform", edit: lieHalf(0, CoreOutOffKind, 3<<8), part: entry},
		{name: "entry after an error", edit: lieCore(3, CoreOutOffParent, 1), part: entry},
		{name: "error beside an entry", edit: lieCore(2, CoreOutOffParent, 0), part: entry},
		{name: "error of a record with more", edit: lieHalf(4, CoreOutOffKind, 2<<8), part: entry},
		{name: "key beyond memory", edit: lieCore(1, CoreOutOffKeyPtr, huge-1), part: entry},
		{name: "key length wraps", edit: lieCore(1, CoreOutOffKeyLen, huge), part: entry},
		{name: "value beyond memory", edit: lieCore(1, CoreOutOffValuePtr, huge), part: entry},
		{name: "value length wraps", edit: lieCore(1, CoreOutOffValueLen, huge), part: entry},
		{name: "payload above the bytes", edit: lieNothing,
			lim: func(l *Limits) { l.Bytes = 12 }, part: entry},
	}
}

func columnLies() []outputLie {
	const entry = "output entry"
	return []outputLie{
		{name: "error text beyond memory", edit: lieColumn(ColumnError, 2, 0, huge), part: entry},
		{name: "error text too long", edit: lieColumn(ColumnError, 2, 4, huge), part: entry},
		{name: "target not in the table", edit: lieColumn(ColumnTarget, 0, 0, 1),
			part: "output column target"},
		{name: "headers beyond the entries", edit: lieColumn(ColumnHeaders, 0, 4, 3),
			part: "output column headers"},
		{name: "headers wrap", edit: lieColumn(ColumnHeaders, 0, 0, huge),
			part: "output column headers"},
		{name: "header key beyond memory", edit: lieColumn(ColumnHeaderEntries, 0, 0, huge),
			part: "header entry"},
		{name: "header value beyond memory", edit: lieColumn(ColumnHeaderEntries, 0, 12, huge-1),
			part: "header entry"},
		{name: "headers named too often", edit: lieColumn(ColumnHeaders, 0, 4, 2),
			lim: func(l *Limits) { l.Headers = 3 }, part: "output column headers"},
		{name: "too many headers", edit: lieNothing,
			lim: func(l *Limits) { l.Headers = 1 }, part: "output column header_entries"},
		{name: "headers above the bytes", edit: lieColumn(ColumnHeaders, 0, 4, 2),
			lim: func(l *Limits) { l.Bytes = 36 }, part: "output column headers"},
		{name: "column count differs", edit: lieDirectory(ColumnTimestamp, 12, 4),
			part: "output column timestamp"},
		{name: "column stride too small", edit: lieDirectory(ColumnTimestamp, 8, 4),
			part: "output column timestamp"},
		{name: "column not aligned", edit: lieDirectory(ColumnTimestamp, 4, 9),
			part: "output column timestamp"},
		{name: "column beyond memory", edit: lieDirectory(ColumnTimestamp, 4, huge&^7),
			part: "output column timestamp"},
		{name: "column twice", edit: lieDirectory(ColumnTarget, 0, uint32(ColumnTimestamp)),
			part: "output column timestamp"},
	}
}

// TestOutputLies edits one number of a valid output at a time. Each lie must be refused by a
// FrameError that names its place.
func TestOutputLies(t *testing.T) {
	for _, tt := range slices.Concat(headerLies(), entryLies(), columnLies()) {
		t.Run(tt.name, func(t *testing.T) {
			mem, ptr := AppendOutput(nil, fullOutput())
			tt.edit(mem, ptr)
			call, limits := fullCall(), DefaultLimits()
			if tt.call != nil {
				tt.call(&call)
			}
			if tt.lim != nil {
				tt.lim(&limits)
			}
			var o Output
			err := o.Decode(mem, ptr, call, limits)
			var lied *FrameError
			require.ErrorAs(t, err, &lied)
			require.Equal(t, tt.part, lied.Part, "%v", err)
		})
	}
}

func directoryEntry(mem []byte, ptr uint32, id Column) int {
	at := int(get32(mem, int(ptr)+OutputOffColumnsPtr))
	for i := range int(get32(mem, int(ptr)+OutputOffColumnsCount)) {
		if Column(get32(mem, at+i*ColumnEntrySize)) == id {
			return at + i*ColumnEntrySize
		}
	}
	panic("no column " + id.String())
}

func TestOutputPartitionNegative(t *testing.T) {
	mem, ptr := AppendOutput(nil, OutputCall{Consumed: 1, Entries: []OutputEntry{
		with(same(0), func(e *OutputEntry) { e.Partition = -2 }),
	}})
	var o Output
	err := o.Decode(mem, ptr, Call{Role: RolePartitioner, Count: 1}, DefaultLimits())
	require.EqualError(t, err, "output column partition 0: partition -2 is negative")
}

func TestOutputHeaderAddress(t *testing.T) {
	mem, ptr := AppendOutput(nil, fullOutput())
	for _, at := range []uint32{0, 4, ptr + 8, math.MaxUint32 &^ 7, math.MaxUint32} {
		var o Output
		var lied *FrameError
		require.ErrorAs(t, o.Decode(mem, at, fullCall(), DefaultLimits()), &lied)
	}
}

func TestOutputUnknownColumnsAreIgnored(t *testing.T) {
	mem, ptr := AppendOutput(nil, fullOutput())
	put32(mem, directoryEntry(mem, ptr, ColumnTarget), 1000)
	var o Output
	require.NoError(t, o.Decode(mem, ptr, fullCall(), DefaultLimits()))
	_, named := o.Target(1)
	require.False(t, named)
}

func TestEndOfStream(t *testing.T) {
	mem, ptr := AppendOutput(nil, OutputCall{Consumed: 2, Entries: []OutputEntry{
		same(0), with(same(0), func(e *OutputEntry) { e.Status = StatusEndOfStream }), same(1),
	}})
	var o Output
	call := Call{Role: RoleDeserializer, Count: 2}
	require.NoError(t, o.Decode(mem, ptr, call, DefaultLimits()))
	var e Entry
	o.Read(1, &e)
	require.Equal(t, StatusEndOfStream, e.Status)
}

func TestDecodingAllocatesNothing(t *testing.T) {
	call := OutputCall{Consumed: 256}
	for i := range uint32(256) {
		call.Entries = append(call.Entries, with(same(i), func(e *OutputEntry) {
			e.Flags &^= OutSameValue | OutSameHeaders
			e.Value = []byte("value")
			e.Headers = []Header{{Key: []byte("h"), Value: []byte("v")}}
		}))
	}
	mem, ptr := AppendOutput(nil, call)
	var o Output
	var e Entry
	headers := make([]Header, 0, 4)
	allocs := testing.AllocsPerRun(20, func() {
		err := o.Decode(mem, ptr, Call{Role: RoleTransform, Count: 256}, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		for i := range o.Len() {
			o.Read(i, &e)
			headers = o.Headers(headers[:0], i)
		}
	})
	require.Zero(t, allocs)
}

func BenchmarkDecode(b *testing.B) {
	const records = 2048
	call := OutputCall{Consumed: records}
	value := make([]byte, 100)
	for i := range uint32(records) {
		call.Entries = append(call.Entries, with(same(i), func(e *OutputEntry) {
			e.Flags &^= OutSameValue
			e.Value = value
		}))
	}
	mem, ptr := AppendOutput(nil, call)
	var o Output
	var e Entry
	b.ReportAllocs()
	for b.Loop() {
		err := o.Decode(mem, ptr, Call{Role: RoleTransform, Count: records}, DefaultLimits())
		if err != nil {
			b.Fatal(err)
		}
		for i := range o.Len() {
			o.Read(i, &e)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

func TestFrameErrorText(t *testing.T) {
	err := lie("output entry", 3, "parent %d is outside [%d, %d]", 9, 0, 4)
	require.EqualError(t, err, "output entry 3: parent 9 is outside [0, 4]")
	require.EqualError(t, lie("output header", -1, "no"), "output header: no")
	var lied *FrameError
	require.True(t, errors.As(err, &lied))
}
