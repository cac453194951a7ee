package uppercasec_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
)

func instantiate(t testing.TB) *guest.Instance {
	t.Helper()
	ctx := context.Background()
	in, err := upperModule.Instantiate(ctx, guest.InstanceConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, in.Close(ctx)) })
	return in
}

// write encodes values as a frame.
func write(t testing.TB, in *guest.Instance, info abi.FrameInfo, values ...string) {
	t.Helper()
	layout := abi.Layout{Records: len(values)}
	for _, v := range values {
		layout.Arena += int64(len(v))
	}
	size, err := layout.Size()
	require.NoError(t, err)
	region, err := in.Reserve(context.Background(), size)
	require.NoError(t, err)
	var enc abi.Encoder
	require.NoError(t, enc.Begin(region, layout, info))
	for _, v := range values {
		require.True(t, enc.Append(nil, []byte(v), abi.NoTimestamp))
	}
	enc.Finish()
}

// process is one call; it returns the values of the output, which has to be right.
func process(
	t testing.TB, in *guest.Instance, first, count uint32,
) (values []string, consumed uint32) {
	t.Helper()
	ptr, err := in.Process(context.Background(), guest.Call{First: first})
	require.NoError(t, err)
	var out abi.Output
	require.NoError(t, out.Decode(in.Memory(), ptr,
		abi.Call{Role: abi.RoleTransform, First: first, Count: count}, abi.DefaultLimits()))
	_, more := out.More()
	require.False(t, more)
	var e abi.Entry
	for i := range out.Len() {
		out.Read(i, &e)
		require.Equal(t, abi.StatusOK, e.Status)
		require.True(t, e.Flags.Has(abi.OutSameKey|abi.OutSameHeaders|abi.OutSameTimestamp))
		values = append(values, string(e.Value))
	}
	return values, out.Consumed()
}

func TestSoftLimitsEndACall(t *testing.T) {
	plenty := uint32(1 << 20)
	tests := map[string]struct {
		records, bytes uint32
		want           []string // of the first call
	}{
		"none met": {plenty, plenty, []string{"AA", "BB", "CC", "DD"}},
		"records":  {3, plenty, []string{"AA", "BB", "CC"}},
		"bytes":    {plenty, 4, []string{"AA", "BB"}},
		"within":   {plenty, 3, []string{"AA", "BB"}},
		"zero":     {0, 0, []string{"AA"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := instantiate(t)
			write(t, in, abi.FrameInfo{OutRecordsSoft: test.records, OutBytesSoft: test.bytes},
				"aa", "bb", "cc", "dd")
			values, consumed := process(t, in, 0, 4)
			require.Equal(t, test.want, values)
			require.EqualValues(t, len(test.want), consumed)
			for consumed < 4 {
				var next []string
				next, consumed = process(t, in, consumed, 4)
				values = append(values, next...)
			}
			require.Equal(t, []string{"AA", "BB", "CC", "DD"}, values, "the rest comes on demand")
		})
	}
}

func TestFirst(t *testing.T) {
	in := instantiate(t)
	write(t, in, abi.FrameInfo{OutRecordsSoft: 9, OutBytesSoft: 99}, "a", "b", "c")
	for first, want := range [][]string{{"A", "B", "C"}, {"B", "C"}, {"C"}, nil} {
		values, consumed := process(t, in, uint32(first), 3)
		require.Equal(t, want, values)
		require.EqualValues(t, 3, consumed)
	}
}

func TestProgressCell(t *testing.T) {
	in := instantiate(t)
	write(t, in, abi.FrameInfo{OutRecordsSoft: 9, OutBytesSoft: 99}, "a", "b")
	process(t, in, 0, 2)
	_, ok := abi.Progress(in.Region())
	require.False(t, ok, "no record is worked on after the call")
}

func TestRefusedCalls(t *testing.T) {
	tests := map[string]struct {
		call guest.Call
		want string
	}{
		"no such function":   {guest.Call{Function: 1}, "no such function"},
		"function far away":  {guest.Call{Function: 1<<32 - 1}, "no such function"},
		"first beyond count": {guest.Call{First: 2}, "first is above the number of records"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := instantiate(t)
			write(t, in, abi.FrameInfo{}, "a")
			requireRefused(t, in, test.call, test.want)
		})
	}
}

func requireRefused(t *testing.T, in *guest.Instance, call guest.Call, want string) {
	t.Helper()
	ptr, err := in.Process(context.Background(), call)
	require.NoError(t, err)
	var out abi.Output
	one := abi.Call{Role: abi.RoleTransform, Count: 1}
	err = out.Decode(in.Memory(), ptr, one, abi.DefaultLimits())
	var refused *abi.CallError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Text, want)
}

// story is the part of a golden frame's description that matters here; abi/testdata/README.md
// explains it.
type story struct {
	Error   string
	Records []struct {
		Kind  abi.Kind
		Value *string
	}
}

// TestGoldenFrames reads every frame of the ABI's vectors.
func TestGoldenFrames(t *testing.T) {
	const dir = "../../abi/testdata/frames"
	frames, err := filepath.Glob(filepath.Join(dir, "*.frame"))
	require.NoError(t, err)
	require.NotEmpty(t, frames)
	for _, path := range frames {
		name := strings.TrimSuffix(filepath.Base(path), ".frame")
		t.Run(name, func(t *testing.T) {
			frame, err := os.ReadFile(path)
			require.NoError(t, err)
			text, err := os.ReadFile(filepath.Join(dir, name+".json"))
			require.NoError(t, err)
			var told story
			require.NoError(t, json.Unmarshal(text, &told))

			in := instantiate(t)
			region, err := in.Reserve(context.Background(), uint32(len(frame)))
			require.NoError(t, err)
			copy(region, frame)
			if told.Error == "" {
				requireStory(t, in, told)
				return
			}
			if name == "hostile-columns" {
				t.Log("the guest reads no columns")
				return
			}
			requireRefused(t, in, guest.Call{}, "")
		})
	}
}

// requireStory requires the values of the data records of a frame, which other kinds are among.
func requireStory(t *testing.T, in *guest.Instance, told story) {
	t.Helper()
	var want []string
	for _, r := range told.Records {
		if r.Kind != abi.KindData {
			continue
		}
		value := ""
		if r.Value != nil {
			b, err := hex.DecodeString(*r.Value)
			require.NoError(t, err)
			value = string(upper(b))
		}
		want = append(want, value)
	}
	count := uint32(len(told.Records))
	var got []string
	for first := uint32(0); first < count; {
		values, consumed := process(t, in, first, count)
		got, first = append(got, values...), consumed
	}
	require.Equal(t, want, got)
}
