package wasmflow_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
)

// nativeHost is what the real host does, with the plugin of this program: the host's codec on one
// side, the SDK's on the other.
type nativeHost struct {
	t           testing.TB
	native      *wasmflow.Native
	description *abi.Description
}

func newHost(t testing.TB) *nativeHost {
	t.Helper()
	h := &nativeHost{t: t, native: wasmflow.NewNative()}
	var err error
	h.description, err = abi.ParseDescription(h.native.Describe())
	require.NoError(t, err)
	require.Nil(t, h.native.Open(nil))
	return h
}

func (h *nativeHost) function(name string) (uint32, abi.Function) {
	h.t.Helper()
	i, ok := h.description.Function(name)
	require.True(h.t, ok, name)
	return uint32(i), h.description.Functions[i]
}

// process answers the frame in the reserved region and holds the output to all of the ABI.
func (h *nativeHost) process(name string, count, first uint32, cursor uint64) (*abi.Output, error) {
	h.t.Helper()
	i, f := h.function(name)
	ptr := h.native.Process(i, first, cursor)
	out := &abi.Output{}
	call := abi.Call{Role: f.Role, First: first, Count: count, Outputs: len(f.Outputs)}
	return out, out.Decode(h.native.Memory(), ptr, call, abi.DefaultLimits())
}

// encode writes records into the reserved region, with every column the function reads.
func (h *nativeHost) encode(name string, info abi.FrameInfo, records []abi.Record) uint32 {
	h.t.Helper()
	_, f := h.function(name)
	l := abi.Layout{
		Records: len(records), Columns: f.ColumnSet(), Headers: len(records), Strings: 1,
	}
	for _, r := range records {
		l.Arena += int64(len(r.Key)+len(r.Value)) + 16
	}
	size, err := l.Size()
	require.NoError(h.t, err)
	var e abi.Encoder
	require.NoError(h.t, e.Begin(h.native.Reserve(int(size)), l, info))
	for i, r := range records {
		require.True(h.t, e.Append(r.Key, r.Value, r.Timestamp))
		require.True(h.t, e.Header("h", []byte("1")))
		e.Source(abi.NoString, 0, uint64(i), 0)
		e.PartitionCount(4)
	}
	return e.Finish()
}

// TestEveryOutputKeepsToTheABI runs every function of the test plugin over the same records, with
// and without soft limits.
func TestEveryOutputKeepsToTheABI(t *testing.T) {
	h := newHost(t)
	var records []abi.Record
	for _, v := range []string{"", "a", "b,c", "12", "ok", "code", "panic", "long", "abc\nEND\nx"} {
		records = append(records, abi.Record{Key: []byte("k"), Value: []byte(v), Timestamp: 5})
	}
	records = append(records, abi.Record{Timestamp: abi.NoTimestamp})
	n := uint32(len(records))
	for _, f := range h.description.Functions {
		for _, soft := range []uint32{0, 1, 3} {
			t.Run(fmt.Sprintf("%s/%d", f.Name, soft), func(t *testing.T) {
				region := h.encode(f.Name, abi.FrameInfo{OutRecordsSoft: soft}, records)
				var first uint32
				var cursor uint64
				for calls := 0; first < n; calls++ {
					require.Less(t, calls, 100)
					out, err := h.process(f.Name, n, first, cursor)
					require.NoError(t, err)
					first = out.Consumed()
					cursor, _ = out.More()
				}
				_, working := abi.Progress(h.native.Reserve(int(region)))
				require.False(t, working, "the progress cell is empty after a call")
			})
		}
	}
}

func TestCallsThatCannotBeMade(t *testing.T) {
	h := newHost(t)
	status := func(function, first uint32) abi.CallStatus {
		ptr := h.native.Process(function, first, 0)
		var out abi.Output
		err := out.Decode(h.native.Memory(), ptr,
			abi.Call{Role: abi.RoleTransform, First: first, Count: first + 1}, abi.DefaultLimits())
		var refused *abi.CallError
		require.ErrorAs(t, err, &refused)
		require.NotEmpty(t, refused.Text)
		return refused.Status
	}
	i, _ := h.function("forward")
	h.encode("forward", abi.FrameInfo{}, nil)
	require.Equal(t, abi.CallNoFunction, status(9999, 0))
	require.Equal(t, abi.CallBadFrame, status(i, 7))
	clear(h.native.Reserve(8))
	require.Equal(t, abi.CallBadFrame, status(i, 0))
	require.NotNil(t, h.native.Open([]byte(`{"rate": -1}`)))
	require.Equal(t, abi.CallInternal, status(i, 0))
}

// TestGoldenFrames reads the frames of abi/testdata with the function "dump", which tells what it
// sees. Records of unknown kinds have no output.
func TestGoldenFrames(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "abi", "testdata", "frames", "*.frame"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".frame")
		t.Run(name, func(t *testing.T) {
			frame, err := os.ReadFile(file)
			require.NoError(t, err)
			b, err := os.ReadFile(strings.TrimSuffix(file, ".frame") + ".json")
			require.NoError(t, err)
			var story goldenStory
			require.NoError(t, json.Unmarshal(b, &story))
			h := newHost(t)
			copy(h.native.Reserve(len(frame)), frame)
			out, err := h.process("dump", uint32(len(story.Records)), 0, 0)
			if story.Error != "" {
				requireRefused(t, out, err)
				return
			}
			require.NoError(t, err)
			var got []string
			for i := range out.Len() {
				var e abi.Entry
				out.Read(i, &e)
				got = append(got, string(e.Value))
			}
			require.Equal(t, story.tell(), got)
		})
	}
}

// FuzzFrame gives arbitrary bytes to the SDK as a frame. It may refuse them or fail records, and
// must neither crash nor answer with anything that a host would not believe.
func FuzzFrame(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "..", "abi", "testdata", "frames", "*.frame"))
	require.NoError(f, err)
	for _, file := range files {
		frame, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(frame, uint32(0))
	}
	f.Fuzz(func(t *testing.T, frame []byte, first uint32) {
		h := newHost(t)
		copy(h.native.Reserve(len(frame)), frame)
		count := uint32(0)
		if len(frame) >= abi.FrameHeaderSize {
			count = binary.LittleEndian.Uint32(frame[abi.FrameOffCount:])
		}
		if first > count {
			return // the host never asks so
		}
		_, err := h.process("dump", count, first, 0)
		var refused *abi.CallError
		require.True(t, err == nil || errors.As(err, &refused), "%v", err)
	})
}

// requireRefused accepts that the SDK refuses the call or fails the records that lie: ranges of
// records are checked when they are read.
func requireRefused(t *testing.T, out *abi.Output, err error) {
	t.Helper()
	var refused *abi.CallError
	var lied *abi.FrameError
	if err != nil {
		require.True(t, errors.As(err, &refused) || errors.As(err, &lied), "%v", err)
		return
	}
	failed := 0
	for i := range out.Len() {
		var e abi.Entry
		out.Read(i, &e)
		if e.Status == abi.StatusError {
			failed++
		}
	}
	require.NotZero(t, failed)
}

type goldenStory struct {
	Error   string
	Records []struct {
		Kind       int
		Key, Value *string
		Timestamp  *string `json:"timestamp_ms"`
		Headers    []struct{ Key, Value *string }
		Source     *struct {
			Split   string
			Hi      string `json:"position_hi"`
			Lo      string `json:"position_lo"`
			Ordinal string
		}
		KeyGroup       *uint32 `json:"key_group"`
		SchemaID       *uint32 `json:"schema_id"`
		PartitionCount *uint32 `json:"partition_count"`
	}
}

// tell words the records as the function "dump" does.
func (s goldenStory) tell() []string {
	show := func(h *string) string {
		if h == nil {
			return "null"
		}
		return "x" + *h
	}
	var out []string
	for _, r := range s.Records {
		if r.Kind != 0 {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "key %s value %s", show(r.Key), show(r.Value))
		if r.Timestamp != nil {
			fmt.Fprintf(&b, " at %s", *r.Timestamp)
		}
		for _, h := range r.Headers {
			fmt.Fprintf(&b, " header %s %s", show(h.Key), show(h.Value))
		}
		if r.Source != nil {
			fmt.Fprintf(&b, " from %s %s %s %s", r.Source.Split, r.Source.Hi, r.Source.Lo,
				r.Source.Ordinal)
		}
		for _, n := range []*uint32{r.KeyGroup, r.SchemaID, r.PartitionCount} {
			if n != nil {
				fmt.Fprintf(&b, " %d", *n)
			}
		}
		out = append(out, b.String())
	}
	return out
}

// has reports whether a frame has a column: a function that reads one that is not there panics.
func has(read func()) (ok bool) {
	defer func() { ok = recover() == nil }()
	read()
	return true
}

// dump tells everything it sees of a record.
func dump(_ context, r record, out emitter) error {
	show := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return "x" + hex.EncodeToString(b)
	}
	b := fmt.Appendf(nil, "key %s value %s", show(r.Key()), show(r.Value()))
	if ms, ok := r.Timestamp(); ok {
		b = fmt.Appendf(b, " at %d", ms)
	}
	if has(func() { r.HeaderCount() }) {
		for i := range r.HeaderCount() {
			k, v := r.HeaderAt(i)
			b = fmt.Appendf(b, " header %s %s", show(k), show(v))
		}
	}
	if has(func() { r.Origin() }) {
		o := r.Origin()
		b = fmt.Appendf(b, " from %s %d %d %d", o.Split, o.PositionHi, o.PositionLo, o.Ordinal)
	}
	if has(func() { r.KeyGroup() }) {
		b = fmt.Appendf(b, " %d", r.KeyGroup())
	}
	if has(func() { r.SchemaID() }) {
		b = fmt.Appendf(b, " %d", r.SchemaID())
	}
	if has(func() { r.PartitionCount() }) {
		b = fmt.Appendf(b, " %d", r.PartitionCount())
	}
	out.Value(b)
	return nil
}

// TestNothingAllocatesPerRecord calls the SDK as a host does, with a batch that needs no second
// call, and counts what Go allocates (S1).
func TestNothingAllocatesPerRecord(t *testing.T) {
	var records []abi.Record
	for i := range 512 {
		v := fmt.Appendf(nil, "value-%d", i%10)
		records = append(records, abi.Record{Key: []byte("key"), Value: v, Timestamp: int64(i)})
	}
	for _, name := range []string{
		"forward", "emit_upper", "swap", "place", "time", "add_header", "first_ok", "by_four", "by_value",
		"drop_all",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			i, _ := h.function(name)
			h.encode(name, abi.FrameInfo{}, records)
			h.native.Process(i, 0, 0)
			require.Zero(t, testing.AllocsPerRun(5, func() { h.native.Process(i, 0, 0) }))
		})
	}
}

func BenchmarkProcess(b *testing.B) {
	value := []byte(strings.Repeat("abcdefghij", 10))
	var records []abi.Record
	for range 2048 {
		records = append(records, abi.Record{Key: []byte("key"), Value: value, Timestamp: 1})
	}
	for _, name := range []string{"forward", "emit_upper", "by_value"} {
		b.Run(name, func(b *testing.B) {
			h := newHost(b)
			i, _ := h.function(name)
			h.encode(name, abi.FrameInfo{}, records)
			b.ReportAllocs()
			for b.Loop() {
				h.native.Process(i, 0, 0)
			}
			ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(len(records))
			b.ReportMetric(ns, "ns/record")
		})
	}
}
