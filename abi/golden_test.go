package abi

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// frameStory is what a golden input frame says; testdata/README.md explains the fields. Bytes are
// hex, 64-bit numbers are strings, so that no JSON reader bends them.
type frameStory struct {
	Error   string        `json:"error,omitempty"` // set: a reader must refuse the frame
	Info    infoStory     `json:"info"`
	Records []recordStory `json:"records"`
}

type infoStory struct {
	BatchTime      int64  `json:"batch_time_ns,string"`
	Watermark      *int64 `json:"watermark_ms,string"`
	OutRecordsSoft uint32 `json:"out_records_soft"`
	OutBytesSoft   uint32 `json:"out_bytes_soft"`
	Seed           uint64 `json:"seed,string"`
}

type recordStory struct {
	Kind           Kind          `json:"kind"`
	Input          uint16        `json:"input"`
	Key            *string       `json:"key"`
	Value          *string       `json:"value"`
	Timestamp      *int64        `json:"timestamp_ms,string"`
	Headers        []headerStory `json:"headers,omitempty"`
	Source         *sourceStory  `json:"source,omitempty"`
	KeyGroup       *uint32       `json:"key_group,omitempty"`
	SchemaID       *uint32       `json:"schema_id,omitempty"`
	PartitionCount *uint32       `json:"partition_count,omitempty"`
}

type sourceStory struct {
	Split      string `json:"split"`
	PositionHi uint64 `json:"position_hi,string"`
	PositionLo uint64 `json:"position_lo,string"`
	Ordinal    uint64 `json:"ordinal,string"`
}

type headerStory struct {
	Key   string  `json:"key"`
	Value *string `json:"value"`
}

func text(b []byte) *string {
	if b == nil {
		return nil
	}
	s := hex.EncodeToString(b)
	return &s
}

func optional(v uint32, ok bool) *uint32 {
	if !ok {
		return nil
	}
	return &v
}

func milliseconds(t int64) *int64 {
	if t == NoTimestamp {
		return nil
	}
	return &t
}

func headerStories(headers []Header) []headerStory {
	var out []headerStory
	for _, h := range headers {
		out = append(out, headerStory{Key: *text(h.Key), Value: text(h.Value)})
	}
	return out
}

func tellFrame(data []byte) frameStory {
	f, err := DecodeFrame(data)
	if err != nil {
		return frameStory{Error: err.Error(), Records: []recordStory{}}
	}
	s := frameStory{Records: []recordStory{}, Info: infoStory{
		BatchTime: f.Info.BatchTime, Watermark: milliseconds(f.Info.Watermark),
		OutRecordsSoft: f.Info.OutRecordsSoft, OutBytesSoft: f.Info.OutBytesSoft,
		Seed: f.Info.Seed,
	}}
	for i := range f.Len() {
		r := f.Record(i)
		var source *sourceStory
		if src, ok := f.Source(i); ok {
			source = &sourceStory{src.Split, src.PositionHi, src.PositionLo, src.Ordinal}
		}
		s.Records = append(s.Records, recordStory{
			Kind: r.Kind, Input: r.Input, Key: text(r.Key), Value: text(r.Value),
			Timestamp:      milliseconds(r.Timestamp),
			Headers:        headerStories(f.Headers(nil, i)),
			Source:         source,
			KeyGroup:       optional(f.KeyGroup(i)),
			SchemaID:       optional(f.SchemaID(i)),
			PartitionCount: optional(f.PartitionCount(i)),
		})
	}
	return s
}

// goldenFrames are the input frames every SDK reads in its tests.
func goldenFrames(t *testing.T) map[string][]byte {
	frame := func(l Layout, fill func(e *Encoder)) []byte {
		e, buf := begin(t, l)
		clear(buf[FrameHeaderSize:]) // unused capacity is not part of the story
		fill(e)
		return buf[:e.Finish()]
	}
	plain := func() []byte {
		return frame(Layout{Records: 3, Arena: 64}, func(e *Encoder) {
			e.Append([]byte("k1"), []byte("hello"), 1_700_000_000_000)
			e.Append([]byte("k2"), []byte("wonderful"), 1_700_000_000_001)
			e.Append(nil, []byte("world"), NoTimestamp)
		})
	}
	edit := func(at int, v uint32) []byte {
		f := plain()
		put32(f, at, v)
		return f
	}
	return map[string][]byte{
		"valid-empty": frame(Layout{}, func(*Encoder) {}),
		"valid-plain": plain(),
		"valid-nulls": frame(Layout{Records: 5, Arena: 64}, func(e *Encoder) {
			e.Append(nil, nil, NoTimestamp)
			e.Append([]byte{}, nil, 0)
			e.Append(nil, []byte{}, -1)
			e.Append([]byte{}, []byte{}, math.MaxInt64)
			e.Append([]byte("\x00\xff"), []byte("\xe2\x82\xac"), math.MinInt64+1)
		}),
		"valid-columns": frame(
			Layout{Records: 3, Columns: allColumns, Headers: 4, Strings: 2, Arena: 128},
			func(e *Encoder) {
				split, _ := e.String("orders-7")
				e.Append([]byte("k"), []byte("v"), 5)
				e.Source(split, 1, 2, 3)
				e.KeyGroup(17)
				e.SchemaID(4711)
				e.PartitionCount(12)
				e.Header("trace", []byte("abc"))
				e.Header("trace", nil)
				e.Append([]byte("k2"), nil, 6)
				other, _ := e.String("orders-8")
				e.Source(other, 0, math.MaxUint64, Ordinal(0, FunctionSeed("explode"), 1))
				e.Append(nil, []byte("v3"), 7)
				e.Header("", []byte{})
			}),
		"edge-capacity": frame(Layout{Records: 9, Columns: Columns(ColumnHeaders), Headers: 9,
			Strings: 3, Arena: 99}, func(e *Encoder) {
			e.Append([]byte("k"), []byte("v"), 1)
			e.Header("h", []byte("1"))
		}),
		"edge-wide":         wideFrame(),
		"hostile-magic":     edit(FrameOffMagic, 0x32424657),
		"hostile-header":    edit(FrameOffHeaderSize, 88),
		"hostile-size":      edit(FrameOffFrameSize, math.MaxUint32),
		"hostile-count":     edit(FrameOffCount, math.MaxUint32),
		"hostile-core":      edit(FrameOffCoreOffset, math.MaxUint32&^7),
		"hostile-stride":    edit(FrameOffCoreStride, 16),
		"hostile-columns":   edit(FrameOffColumnsCount, math.MaxUint32),
		"hostile-key":       edit(FrameHeaderSize+CoreInOffKeyLen, math.MaxUint32),
		"hostile-value":     edit(FrameHeaderSize+CoreInOffValueOff, math.MaxUint32),
		"hostile-truncated": plain()[:FrameHeaderSize-1],
	}
}

// wideFrame is what a host of a later minor may send: a longer header, a wider core table, columns
// and kinds nobody knows yet. A reader of minor 0 reads past all of it.
func wideFrame() []byte {
	const header, stride = 112, 48
	f := make([]byte, header)
	put32(f, FrameOffMagic, FrameMagic)
	put32(f, FrameOffHeaderSize, header)
	put32(f, FrameOffCount, 2)
	put32(f, FrameOffCoreOffset, header)
	put32(f, FrameOffCoreStride, stride)
	put64(f, FrameOffWatermark, uint64(1<<63)) // NoTimestamp
	put32(f, FrameOffProgress, NoProgress)
	put64(f, 96, 0xfeedfeedfeedfeed)
	core := make([]byte, 2*stride)
	columns := header + len(core)
	data := columns + 2*ColumnEntrySize
	arena := data + 2*24
	put32(core, CoreInOffValueOff, uint32(arena))
	put32(core, CoreInOffValueLen, 5)
	put64(core, CoreInOffTimestamp, 9)
	put64(core, CoreInSize, 0xfeedfeedfeedfeed)
	core[stride+CoreInOffKind] = 99
	f = append(f, core...)
	directory := make([]byte, 2*ColumnEntrySize)
	put32(directory, 0, 12345)
	put32(directory, 4, math.MaxUint32)
	put32(directory, 8, 7)
	put32(directory, 12, math.MaxUint32)
	put32(directory, 16, uint32(ColumnKeyGroup))
	put32(directory, 20, uint32(data))
	put32(directory, 24, 24)
	put32(directory, 28, 2)
	f = append(f, directory...)
	groups := make([]byte, 2*24)
	put32(groups, 0, 21)
	put32(groups, 24, 22)
	f = append(f, groups...)
	f = append(f, "wide!"...)
	put32(f, FrameOffColumnsOffset, uint32(columns))
	put32(f, FrameOffColumnsCount, 2)
	put32(f, FrameOffStringsOffset, uint32(data))
	put32(f, FrameOffArenaOffset, uint32(arena))
	put32(f, FrameOffArenaSize, 5)
	put32(f, FrameOffFrameSize, uint32(len(f)))
	return f
}

// outputStory is what a golden output says: the call it answers and what the host reads.
type outputStory struct {
	Address  uint32       `json:"address"`
	Call     callStory    `json:"call"`
	Error    string       `json:"error,omitempty"` // set: the host must refuse the output
	Consumed uint32       `json:"consumed"`
	More     bool         `json:"more,omitempty"`
	Cursor   uint64       `json:"cursor,string,omitempty"`
	Entries  []entryStory `json:"entries"`
}

type callStory struct {
	Role    Role   `json:"role"`
	First   uint32 `json:"first"`
	Count   uint32 `json:"count"`
	Outputs int    `json:"outputs"`
}

type entryStory struct {
	Parent    uint32        `json:"parent"`
	Status    Status        `json:"status"`
	Flags     OutFlags      `json:"flags"`
	Output    uint16        `json:"output"`
	Key       *string       `json:"key"`
	Value     *string       `json:"value"`
	Timestamp *int64        `json:"timestamp_ms,string,omitempty"`
	Headers   []headerStory `json:"headers,omitempty"`
	Target    *string       `json:"target,omitempty"`
	Partition *int32        `json:"partition,omitempty"`
	Bucket    *string       `json:"bucket,omitempty"`
	ErrorCode uint32        `json:"error_code,omitempty"`
	ErrorText string        `json:"error_text,omitempty"`
}

func tellOutput(mem []byte, ptr uint32, call Call) outputStory {
	var o Output
	story := callStory(call)
	s := outputStory{Address: ptr, Call: story, Entries: []entryStory{}}
	if err := o.Decode(mem, ptr, call, DefaultLimits()); err != nil {
		s.Error = err.Error()
		return s
	}
	s.Consumed = o.Consumed()
	s.Cursor, s.More = o.More()
	for i := range o.Len() {
		var e Entry
		o.Read(i, &e)
		code, message := o.Error(i)
		entry := entryStory{
			Parent: e.Parent, Status: e.Status, Flags: e.Flags, Output: e.Output,
			Key: text(e.Key), Value: text(e.Value), Timestamp: milliseconds(o.Timestamp(i)),
			Headers:   headerStories(o.Headers(nil, i)),
			ErrorCode: code, ErrorText: string(message),
		}
		if target, ok := o.Target(i); ok {
			entry.Target = text(target)
		}
		if bucket, ok := o.Bucket(i); ok {
			entry.Bucket = text(bucket)
		}
		if p := o.Partition(i); p != NoPartition {
			entry.Partition = &p
		}
		s.Entries = append(s.Entries, entry)
	}
	return s
}

type goldenOutput struct {
	call Call
	mem  []byte
	ptr  uint32
}

// goldenOutputs are memory images of guests with an output in them. TestOutputLies has every lie;
// here stands one of each family, for hosts and tools in other languages.
func goldenOutputs() map[string]goldenOutput {
	output := func(call Call, out OutputCall, edit func(mem []byte, ptr uint32)) goldenOutput {
		mem, ptr := AppendOutput(nil, out)
		if edit != nil {
			edit(mem, ptr)
		}
		return goldenOutput{call: call, mem: mem, ptr: ptr}
	}
	word := func(field int, v uint32) func(mem []byte, ptr uint32) {
		return func(mem []byte, ptr uint32) { put32(mem, int(ptr)+field, v) }
	}
	deserializer := Call{Role: RoleDeserializer, Count: 1}
	answers := OutputCall{Consumed: 2, Entries: []OutputEntry{
		with(same(0), func(e *OutputEntry) { e.Partition = 3; e.Bucket = []byte("a/b") }),
		with(same(1), func(e *OutputEntry) { e.Status = StatusError; e.ErrorText = "no key" }),
	}}
	return map[string]goldenOutput{
		"valid-full":  output(fullCall(), fullOutput(), nil),
		"valid-empty": output(fullCall(), OutputCall{Consumed: 4}, nil),
		"valid-end-of-stream": output(deserializer, OutputCall{Consumed: 1, Entries: []OutputEntry{
			same(0), with(same(0), func(e *OutputEntry) { e.Status = StatusEndOfStream }),
		}}, nil),
		"valid-partition": output(Call{Role: RolePartitioner, Count: 2}, answers, nil),
		"valid-bucket":    output(Call{Role: RoleBucketer, Count: 2}, answers, nil),
		"valid-refused-call": output(fullCall(),
			OutputCall{Status: CallNoFunction, ErrorText: "function 9 of 2"}, nil),
		"hostile-count":    output(fullCall(), fullOutput(), word(OutputOffCount, math.MaxUint32)),
		"hostile-core":     output(fullCall(), fullOutput(), word(OutputOffCorePtr, 1<<31)),
		"hostile-stride":   output(fullCall(), fullOutput(), word(OutputOffCoreStride, 1<<31)),
		"hostile-consumed": output(fullCall(), fullOutput(), word(OutputOffConsumed, 5)),
		"hostile-parent": output(fullCall(), fullOutput(), func(mem []byte, ptr uint32) {
			put32(mem, int(get32(mem, int(ptr)+OutputOffCorePtr))+CoreOutOffParent, 2)
		}),
		"hostile-value": output(fullCall(), fullOutput(), func(mem []byte, ptr uint32) {
			core := int(get32(mem, int(ptr)+OutputOffCorePtr)) + CoreOutSize
			put32(mem, core+CoreOutOffValueLen, math.MaxUint32)
		}),
		"hostile-address": {call: fullCall(), mem: make([]byte, 128), ptr: 1<<32 - 8},
	}
}

// ordinalVector is one golden ordinal.
type ordinalVector struct {
	Function string `json:"function"`
	Seed     uint64 `json:"seed,string"`
	Parent   uint64 `json:"parent,string"`
	Index    uint64 `json:"index,string"`
	Ordinal  uint64 `json:"ordinal,string"`
}

func ordinalVectors() []ordinalVector {
	var vectors []ordinalVector
	for _, name := range []string{"", "enrich", "access_log", "\u20ac"} {
		seed := FunctionSeed(name)
		for _, parent := range []uint64{0, 1, math.MaxUint64} {
			for _, index := range []uint64{0, 1, 1 << 40} {
				vectors = append(vectors, ordinalVector{
					Function: name, Seed: seed, Parent: parent, Index: index,
					Ordinal: Ordinal(parent, seed, index),
				})
			}
		}
	}
	return vectors
}

func checkGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s differs; a format change needs a new major", path)
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	require.NoError(t, err)
	return append(b, '\n')
}

func TestGoldenFrames(t *testing.T) {
	frames := goldenFrames(t)
	for name, data := range frames {
		t.Run(name, func(t *testing.T) {
			story := tellFrame(data)
			require.Equal(t, strings.HasPrefix(name, "hostile-"), story.Error != "", story.Error)
			checkGolden(t, filepath.Join("testdata", "frames", name+".frame"), data)
			checkGolden(t, filepath.Join("testdata", "frames", name+".json"), marshal(t, story))
		})
	}
	requireFiles(t, "frames", "*.frame", len(frames))
}

func TestGoldenOutputs(t *testing.T) {
	outputs := goldenOutputs()
	for name, g := range outputs {
		t.Run(name, func(t *testing.T) {
			story := tellOutput(g.mem, g.ptr, g.call)
			hostile := strings.HasPrefix(name, "hostile-") || name == "valid-refused-call"
			require.Equal(t, hostile, story.Error != "", story.Error)
			checkGolden(t, filepath.Join("testdata", "outputs", name+".mem"), g.mem)
			checkGolden(t, filepath.Join("testdata", "outputs", name+".json"), marshal(t, story))
		})
	}
	requireFiles(t, "outputs", "*.mem", len(outputs))
}

// requireFiles fails when a golden file is left over from a case that is gone.
func requireFiles(t *testing.T, dir, pattern string, want int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, pattern))
	require.NoError(t, err)
	require.Len(t, files, want)
}

func TestGoldenOrdinals(t *testing.T) {
	checkGolden(t, filepath.Join("testdata", "ordinals.json"), marshal(t, ordinalVectors()))
}

// TestOutputWithWideTables reads an output whose strides and header are those of a later minor.
func TestOutputWithWideTables(t *testing.T) {
	mem, ptr := AppendOutput(nil, OutputCall{Consumed: 2, Entries: []OutputEntry{same(0), same(1)}})
	core := get32(mem, int(ptr)+OutputOffCorePtr)
	wide := uint32(len(mem))
	for i := range uint32(2) {
		at := core + i*CoreOutSize
		mem = append(mem, mem[at:at+CoreOutSize]...)
		mem = append(mem, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	}
	header := uint32(len(mem))
	mem = append(mem, mem[ptr:ptr+OutputHeaderSize]...)
	mem = append(mem, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	put32(mem, int(header)+OutputOffSize, OutputHeaderSize+8)
	put32(mem, int(header)+OutputOffCorePtr, wide)
	put32(mem, int(header)+OutputOffCoreStride, CoreOutSize+8)
	var o Output
	call := Call{Role: RoleTransform, Count: 2}
	require.NoError(t, o.Decode(mem, header, call, DefaultLimits()))
	var e Entry
	o.Read(1, &e)
	require.Equal(t, same(1).Entry, e)
}
