package capture_test

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/capture"
)

// sample is a batch of two records with every part in use.
func sample(t testing.TB) *capture.Batch {
	t.Helper()
	frame := make([]byte, 512)
	var enc abi.Encoder
	require.NoError(t, enc.Begin(frame, abi.Layout{Records: 2, Arena: 16},
		abi.FrameInfo{BatchTime: 7}))
	require.True(t, enc.Append([]byte("k"), []byte("one"), 1))
	require.True(t, enc.Append(nil, []byte("two"), 2))
	frame = frame[:enc.Finish()]
	record := int64(1)
	return &capture.Batch{
		Header: capture.Header{
			Captured: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC),
			Job:      "job", Step: "step", Plugin: "enrich", Function: "f", Role: abi.RoleTransform,
			Module: strings.Repeat("a", 64), ModuleVersion: "1", ABI: "1.0", Rewriter: "1",
			Config: json.RawMessage(`{"limit":5}`),
			Limits: capture.LimitsOf(guest.Limits{
				ModuleBytes: 1, MemoryBytes: 2, TableElements: 3, StackBytes: 4, TimePerBatch: 5,
				TimePerRecord: 6, TimeToStart: 7, LogLines: 8, CompileBytes: 9, CompileTime: 10,
			}, 11, 12),
			Started: 1, Time: 2, Alone: true, Reserved: 1 << 10, FramesBefore: 3,
			Splits: []string{"topic-0"},
			Outcome: capture.Outcome{
				Kind: capture.KindTrap, Call: "wasmflow_process", Text: "unreachable", Limit: "l = 1",
				Output: "o", Trace: "t", Record: &record, Calls: 2, First: 1, Cursor: 9, Fuel: 1234,
				Answer: "b",
			},
		},
		Frame: frame,
		Places: []capture.Place{
			{Split: 0, PositionHi: 1, PositionLo: 2, Ordinal: 3}, {Split: abi.NoString, PositionLo: 4},
		},
	}
}

func encode(t testing.TB, b *capture.Batch) []byte {
	t.Helper()
	data, err := capture.Encode(b)
	require.NoError(t, err)
	return data
}

func TestABatchComesBack(t *testing.T) {
	want := sample(t)
	got, err := capture.Decode(encode(t, want))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, capture.LimitsOf(got.Limits.Guest(), 11, 12), got.Limits)
	require.Equal(t, uint32(11), got.Limits.Answer().Records)
	require.Equal(t, int64(12), got.Limits.Answer().Bytes)
}

func TestFilesThatAreRefused(t *testing.T) {
	whole := encode(t, sample(t))
	edited := func(change func(b *capture.Batch)) []byte {
		b := sample(t)
		change(b)
		return encode(t, b)
	}
	bytes := func(change func(b []byte) []byte) []byte { return change(append([]byte{}, whole...)) }
	const versionAt, headerSizeAt = 8, 12
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "does not begin as one"},
		{"another file", []byte(strings.Repeat("x", 100)), "does not begin as one"},
		{"a later version", bytes(func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[versionAt:], 2)
			return b
		}), "version 2"},
		{"cut", whole[:len(whole)-1], "its parts say"},
		{"longer", bytes(func(b []byte) []byte { return append(b, 0) }), "its parts say"},
		{"sizes of gigabytes", bytes(func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[headerSizeAt:], 1<<32-1)
			return b
		}), "its parts say"},
		{"a flipped bit", bytes(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), "digest"},
		{"no limit", edited(func(b *capture.Batch) { b.Limits.Memory = 0 }), "a limit of 0"},
		{"a stack beyond the engine's", edited(func(b *capture.Batch) { b.Limits.Stack = 1 << 40 }),
			"a limit of 1099511627776"},
		{"a day", edited(func(b *capture.Batch) { b.Limits.TimePerBatch = 24 * time.Hour }),
			"a limit of 24h"},
		{"no role", edited(func(b *capture.Batch) { b.Role = "mapper" }), `role "mapper"`},
		{"no failure", edited(func(b *capture.Batch) { b.Outcome.Kind = capture.KindAnswered }),
			`outcome "answered"`},
		{"a long text", edited(func(b *capture.Batch) { b.Outcome.Trace = strings.Repeat("x", 1<<20) }),
			"a text of 1048576 bytes"},
		{"a region too small", edited(func(b *capture.Batch) { b.Reserved = 8 }), "a region of 8 bytes"},
		{"a split that is not there", edited(func(b *capture.Batch) { b.Places[1].Split = 1 }),
			"split 1 of 1"},
		{"no frame", edited(func(b *capture.Batch) { b.Frame = nil }), "less than a header"},
		{"a place too few", edited(func(b *capture.Batch) { b.Places = b.Places[:1] }),
			"a frame of 2 records with the places of 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := capture.Decode(tt.data)
			require.ErrorContains(t, err, tt.want)
			if tt.name == "a later version" {
				require.ErrorIs(t, err, capture.ErrVersion)
			} else {
				require.ErrorIs(t, err, capture.ErrFormat)
			}
		})
	}
}

// FuzzDecode holds that what is decoded is what encodes to the same batch.
func FuzzDecode(f *testing.F) {
	f.Add(encode(f, sample(f)))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := capture.Decode(data)
		if err != nil {
			return
		}
		again, err := capture.Encode(b)
		require.NoError(t, err)
		twice, err := capture.Decode(again)
		require.NoError(t, err)
		require.Equal(t, b.Frame, twice.Frame)
		require.Equal(t, b.Places, twice.Places)
	})
}

// FuzzDecodeHeader is FuzzDecode behind the digest: only the header is the fuzzer's.
func FuzzDecodeHeader(f *testing.F) {
	whole := sample(f)
	header, err := json.Marshal(whole.Header)
	require.NoError(f, err)
	f.Add(header)
	f.Fuzz(func(t *testing.T, header []byte) {
		var h capture.Header
		if json.Unmarshal(header, &h) != nil {
			return
		}
		data, err := capture.Encode(&capture.Batch{
			Header: h, Frame: whole.Frame, Places: whole.Places,
		})
		if err != nil {
			return
		}
		b, err := capture.Decode(data)
		if err != nil {
			return
		}
		require.True(t, b.Role.Supported())
		require.GreaterOrEqual(t, int(b.Reserved), len(b.Frame))
		for _, p := range b.Places {
			require.True(t, p.Split == abi.NoString || int(p.Split) < len(b.Splits))
		}
	})
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func folder(dir string, filesMax int, bytesMax int64) *capture.Folder {
	settings := capture.Settings{Dir: dir, FilesMax: filesMax, BytesMax: bytesMax}
	return capture.NewFolder(settings, "enrich")
}

func TestTheOldestCapturesGoFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "captures", "job")
	b := sample(t)
	size := int64(len(encode(t, b)))
	write := func(f *capture.Folder, second int) string {
		b := sample(t)
		b.Captured = time.Date(2030, 1, 1, 0, 0, second, 0, time.UTC)
		path, err := f.Write(b, "")
		require.NoError(t, err)
		return filepath.Base(path)
	}
	f := folder(dir, 2, 1<<20)
	first, second := write(f, 1), write(f, 2)
	require.Equal(t, "enrich-20300101T000001.000000000.wfb", first)
	other := filepath.Join(dir, "enrich-other-20300101T000000.000000000.wfb")
	require.NoError(t, os.WriteFile(other, nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "enrich-notes.wfb"), nil, 0o600))
	third := write(f, 3)
	require.ElementsMatch(t,
		[]string{second, third, filepath.Base(other), "enrich-notes.wfb"}, names(t, dir),
		"files of others stay")
	require.NotContains(t, names(t, dir), first)

	// The same moment is another name.
	again := write(f, 3)
	require.NotEqual(t, third, again)
	require.Contains(t, names(t, dir), third)

	// Bytes bound, too; what a killed process left counts and goes.
	require.NoError(t, os.WriteFile(filepath.Join(dir, first+".part"), make([]byte, size), 0o600))
	fourth := write(folder(dir, 100, size+size/2), 4)
	require.ElementsMatch(t, []string{fourth, filepath.Base(other), "enrich-notes.wfb"}, names(t, dir))
}

func TestACaptureIsPrivateAndWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "captures")
	f := folder(dir, 3, 1<<20)
	path, err := f.Write(sample(t), "")
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	info, err = os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = capture.Decode(data)
	require.NoError(t, err)

	other := sample(t)
	other.FramesBefore = 0
	replaced, err := f.Write(other, path)
	require.NoError(t, err)
	require.Equal(t, path, replaced)
	require.Len(t, names(t, dir), 1)
	data, err = os.ReadFile(path)
	require.NoError(t, err)
	b, err := capture.Decode(data)
	require.NoError(t, err)
	require.Zero(t, b.FramesBefore)
}

func TestWhatCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := folder(filepath.Join(file, "captures"), 1, 1<<20).Write(sample(t), "")
	require.ErrorContains(t, err, "making the folder of captured batches")

	dir := t.TempDir()
	_, err = folder(dir, 1, 100).Write(sample(t), "")
	require.ErrorIs(t, err, capture.ErrTooLarge)
	require.Empty(t, names(t, dir))

	require.NoError(t, os.Chmod(dir, 0o750))
	_, err = folder(dir, 1, 1<<20).Write(sample(t), "")
	require.ErrorIs(t, err, capture.ErrOpenFolder)
	require.ErrorContains(t, err, dir+" has mode 0750; chmod it to 0700, or name another one")
	require.Empty(t, names(t, dir))
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o750), info.Mode().Perm(), "it stays as it was")
	require.NoError(t, os.Chmod(dir, 0o700))
	_, err = folder(dir, 1, 1<<20).Write(sample(t), "")
	require.NoError(t, err, "a private folder of the user")
}
