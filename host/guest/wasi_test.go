package guest_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

const (
	success, badF, fault, inval, noSys, sPipe = 0, 8, 21, 28, 52, 70

	argAt = 4 << 10 // where tests of WASI put what they pass
	outAt = 8 << 10 // where they want the answer
)

// wasiCall calls one function of WASI with the given instructions for its arguments and returns
// the error number and the guest's memory.
func wasiCall(
	t *testing.T, name string, params []byte, args []byte, memory []byte,
) (errno uint32, mem []byte) {
	t.Helper()
	g := Guest{
		Imports: [][]byte{Import("wasi_snapshot_preview1", name, Func, TypeExtra)},
		Data:    [][]byte{DataAt(argAt, memory)},
		Process: Join(args, Call(0)),
		Type:    Type(params, []byte{I32}),
	}
	m, err := load(t, g.Module(), guest.Limits{})
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	errno, err = in.Process(context.Background(), guest.Call{Time: 5_000_000_000})
	require.NoError(t, err)
	return errno, in.Memory()
}

func TestWASIAnswersWithoutAWorld(t *testing.T) {
	i := func(values ...int32) []byte {
		var code []byte
		for _, v := range values {
			code = append(code, I32Const(v)...)
		}
		return code
	}
	two, three, four := []byte{I32, I32}, []byte{I32, I32, I32}, []byte{I32, I32, I32, I32}
	clockTime, seek := []byte{I32, I64, I32}, []byte{I32, I64, I32, I32}
	vectors, _ := hex.DecodeString("00100000" + "ffff0000" + "0000f07f" + "01000000")
	tests := map[string]struct {
		function string
		params   []byte
		args     []byte
		errno    uint32
		want     string // what stands at outAt, in hexadecimal
	}{
		"no arguments":           {"args_sizes_get", two, i(outAt, outAt+4), success, "0000000000000000"},
		"arguments beyond":       {"args_sizes_get", two, i(-1, outAt), fault, ""},
		"argument list":          {"args_get", two, i(outAt, outAt), success, "ffffffff"},
		"resolution":             {"clock_res_get", two, i(1, outAt), success, "0100000000000000"},
		"resolution of no clock": {"clock_res_get", two, i(4, outAt), inval, ""},
		"real time": {"clock_time_get", clockTime, Join(i(0), I64Const(0), i(outAt)), success,
			"00f2052a01000000"},
		"CPU time": {"clock_time_get", clockTime, Join(i(3), I64Const(0), i(outAt)), success,
			"00f2052a01000000"},
		"no clock": {"clock_time_get", clockTime, Join(i(9), I64Const(0), i(outAt)), inval,
			""},
		"time beyond":  {"clock_time_get", clockTime, Join(i(0), I64Const(0), i(-4)), fault, ""},
		"close stderr": {"fd_close", []byte{I32}, i(2), success, ""},
		"close a file": {"fd_close", []byte{I32}, i(3), badF, ""},
		"seek stdout":  {"fd_seek", seek, Join(i(1), I64Const(0), i(0, outAt)), sPipe, ""},
		"seek a file":  {"fd_seek", seek, Join(i(7), I64Const(0), i(0, outAt)), badF, ""},
		"preopened":    {"fd_prestat_get", two, i(3, outAt), badF, ""},
		"stat stdin": {"fd_fdstat_get", two, i(0, outAt), success,
			"020000000000000002000000000000000000"},
		"stat stdout": {"fd_fdstat_get", two, i(1, outAt), success,
			"020000000000000040000000000000000000"},
		"stat a file": {"fd_fdstat_get", two, i(4, outAt), badF, ""},
		"stat beyond": {"fd_fdstat_get", two, i(0, -8), fault, ""},
		"file stat": {"fd_filestat_get", two, i(1, outAt), success,
			"0000000000000000000000000000000002"},
		"file stat of a file": {"fd_filestat_get", two, i(5, outAt), badF, ""},
		"file stat beyond":    {"fd_filestat_get", two, i(1, -8), fault, ""},
		"read stdin":          {"fd_read", four, i(0, argAt, 1, outAt), success, "00000000"},
		"read stdout":         {"fd_read", four, i(1, argAt, 1, outAt), badF, ""},
		"write stdin":         {"fd_write", four, i(0, argAt, 1, outAt), badF, ""},
		"write":               {"fd_write", four, i(1, argAt, 1, outAt), success, "ffff0000"},
		"write beyond":        {"fd_write", four, i(1, argAt, 2, outAt), fault, ""},
		"vectors beyond":      {"fd_write", four, i(1, -4, 1, outAt), fault, ""},
		"many vectors":        {"fd_write", four, i(1, argAt, 5_000, outAt), inval, ""},
		"raise":               {"proc_raise", []byte{I32}, i(9), noSys, ""},
		"yield":               {"sched_yield", nil, nil, success, ""},
		"random beyond":       {"random_get", two, i(-8, 9), fault, ""},
		"accept":              {"sock_accept", three, i(3, 0, outAt), badF, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			memory := append(make([]byte, 0, 8<<10), vectors...)
			memory = append(memory, make([]byte, outAt-argAt-len(vectors))...)
			memory = append(memory, 0xff, 0xff, 0xff, 0xff)
			errno, mem := wasiCall(t, test.function, test.params, test.args, memory)
			require.Equal(t, test.errno, errno)
			require.Equal(t, test.want, hex.EncodeToString(mem[outAt:outAt+len(test.want)/2]))
		})
	}
}

// subscription is one of poll_oneoff's.
func subscription(userdata uint64, tag byte, id uint32, timeout uint64, absolute bool) []byte {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint64(b, userdata)
	b[8] = tag
	binary.LittleEndian.PutUint32(b[16:], id)
	binary.LittleEndian.PutUint64(b[24:], timeout)
	if absolute {
		b[40] = 1
	}
	return b
}

func TestPoll(t *testing.T) {
	const now, read, write = 5_000_000_000, 1, 2
	type event struct {
		userdata uint64
		errno    uint16
		kind     byte
	}
	tests := map[string]struct {
		subscriptions [][]byte
		want          []event
	}{
		"earliest of two": {
			[][]byte{subscription(1, 0, 1, 900, false), subscription(2, 0, 1, 800, false)},
			[]event{{2, success, 0}}},
		"two at once": {
			[][]byte{subscription(1, 0, 1, 800, false), subscription(2, 0, 0, now+800, true)},
			[]event{{1, success, 0}, {2, success, 0}}},
		"in the past": {
			[][]byte{subscription(1, 0, 1, 800, false), subscription(2, 0, 1, 17, true)},
			[]event{{2, success, 0}}},
		"output is ready": {
			[][]byte{subscription(1, 0, 1, 800, false), subscription(2, write, 1, 0, false)},
			[]event{{2, success, write}}},
		"input is at its end": {[][]byte{subscription(2, read, 0, 0, false)},
			[]event{{2, success, read}}},
		"no such file": {
			[][]byte{subscription(1, read, 9, 0, false), subscription(2, write, 0, 0, false)},
			[]event{{1, badF, read}, {2, badF, write}}},
		"no such clock": {[][]byte{subscription(1, 0, 9, 5, false)}, []event{{1, inval, 0}}},
		"no such kind":  {[][]byte{subscription(1, 3, 0, 5, false)}, []event{{1, inval, 3}}},
		"beyond the end of time": {
			[][]byte{subscription(1, 0, 1, 1<<64-1, false)}, []event{{1, success, 0}}},
	}
	params := []byte{I32, I32, I32, I32}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			args := Join(I32Const(argAt), I32Const(outAt),
				I32Const(int32(len(test.subscriptions))), I32Const(outAt-8))
			errno, mem := wasiCall(t, "poll_oneoff", params, args, Join(test.subscriptions...))
			require.Zero(t, errno)
			require.Equal(t, len(test.want), int(binary.LittleEndian.Uint32(mem[outAt-8:])))
			for i, want := range test.want {
				b := mem[outAt+32*i:]
				require.Equal(t, want, event{binary.LittleEndian.Uint64(b),
					binary.LittleEndian.Uint16(b[8:]), b[10]})
			}
		})
	}
	for name, args := range map[string][]int32{
		"nothing":         {argAt, outAt, 0, outAt, inval},
		"too much":        {argAt, outAt, 2_000, outAt, inval},
		"beyond":          {-40, outAt, 1, outAt, fault},
		"events beyond":   {argAt, -8, 1, outAt, fault},
		"count of events": {argAt, outAt, 1, -1, fault},
	} {
		t.Run(name, func(t *testing.T) {
			code := Join(I32Const(args[0]), I32Const(args[1]), I32Const(args[2]), I32Const(args[3]))
			errno, _ := wasiCall(t, "poll_oneoff", params, code, nil)
			require.Equal(t, uint32(args[4]), errno)
		})
	}
}

// TestWritesAreShort: vectors that overlap make a GiB out of a MiB.
func TestWritesAreShort(t *testing.T) {
	const vectors = 1_024
	var table []byte
	for range vectors {
		table = binary.LittleEndian.AppendUint32(table, 0)
		table = binary.LittleEndian.AppendUint32(table, 1<<20)
	}
	args := Join(I32Const(1), I32Const(argAt), I32Const(vectors), I32Const(32<<10))
	errno, mem := wasiCall(t, "fd_write", []byte{I32, I32, I32, I32}, args, table)
	require.EqualValues(t, success, errno)
	require.EqualValues(t, 64<<10, binary.LittleEndian.Uint32(mem[32<<10:]))
}
