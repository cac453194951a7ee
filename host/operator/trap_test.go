package operator_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
	"github.com/wasmflow/wasmflow/host/operator"
)

const exitText = "trapped: exit with code 9"

func TestTrapsCostTheirRecordOnly(t *testing.T) {
	tests := map[string]struct {
		values  []string
		records []string
		faults  []string
	}{
		"first": {[]string{"exit", "echo", "echo"}, []string{"1:echo", "2:echo"},
			[]string{"0 trap 0 " + exitText}},
		"middle": {[]string{"echo", "exit", "echo"}, []string{"0:echo", "2:echo"},
			[]string{"1 trap 0 " + exitText}},
		"last": {[]string{"echo", "echo", "exit"}, []string{"0:echo", "1:echo"},
			[]string{"2 trap 0 " + exitText}},
		"alone": {[]string{"exit"}, nil, []string{"0 trap 0 " + exitText}},
		"all": {[]string{"exit", "exit", "exit"}, nil,
			[]string{"0 trap 0 " + exitText, "1 trap 0 " + exitText, "2 trap 0 " + exitText}},
		"with faults around": {[]string{"fail a", "echo", "exit", "fail b", "echo", "exit", "fail c"},
			[]string{"1:echo", "4:echo"},
			[]string{"0 42 a", "2 trap 0 " + exitText, "3 42 b", "5 trap 0 " + exitText, "6 42 c"}},
		"by history, innocent alone": {[]string{"exit-third", "exit-third", "exit-third", "echo"},
			[]string{"0:exit-third", "1:exit-third", "2:exit-third", "3:echo"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := run(t, transform(t, config("script")), batch(test.values...))
			require.Equal(t, test.records, got.records)
			require.Equal(t, test.faults, got.faults)
		})
	}
}

func TestTheCulpritRunsInAFreshInstance(t *testing.T) {
	tr := transform(t, config("script"))
	got := run(t, tr, batch("seen", "seen", "exit", "seen"))
	require.Equal(t, []string{"0:1", "1:2", "3:3"}, got.records,
		"those before ran again in the instance that goes on with those behind")
	require.Equal(t, []string{"4"}, values(run(t, tr, batch("seen")).records))

	tr = transform(t, config("script"))
	got = run(t, tr, batch("seen", "seen", "exit-third", "seen"))
	require.Equal(t, []string{"0:1", "1:2", "2:exit-third", "3:2"}, got.records,
		"the instance of the verdict goes on, for it is alive")
	require.Empty(t, got.faults)
}

func values(records []string) []string {
	out := make([]string, len(records))
	for i, r := range records {
		_, _ = fmt.Sscanf(r, "0:%s", &out[i])
	}
	return out
}

func TestAGuestThatRunsOutOfMemoryIsReplaced(t *testing.T) {
	got := run(t, transform(t, config("script")), batch("echo", "eat", "echo"))
	require.Equal(t, []string{"0:echo", "2:echo"}, got.records)
	require.Len(t, got.faults, 1)
	require.Contains(t, got.faults[0], "1 trap 0 trapped: unreachable: ")
	require.Contains(t, got.faults[0], "out of memory")
}

// TestRandomTraps compares whatever traps with a run in which each record is alone.
func TestRandomTraps(t *testing.T) {
	const seed = 11
	random := rand.New(rand.NewPCG(seed, seed))
	verbs := []string{"echo", "echo", "echo", "drop", "fail x", "exit", "many 3", "exit-third",
		"many-fail", "many-exit", "split a b"}
	for round := range 3 {
		var list []string
		for range 1 + random.IntN(25) {
			list = append(list, verbs[random.IntN(len(verbs))])
		}
		cfg := config("script")
		cfg.Limits.FrameRecords = 1
		cfg.Replace = func() bool { return true }
		want := run(t, transform(t, cfg), batch(list...))

		cfg = config("script")
		cfg.Limits.FrameRecords = 1 + random.IntN(20)
		cfg.Replace = func() bool { return random.IntN(4) == 0 }
		require.Equal(t, want, run(t, transform(t, cfg), batch(list...)), "round %d: %q", round, list)
	}
}

func TestEffectsOfATrapAreAppliedOnce(t *testing.T) {
	var l logs
	cfg := config("script")
	cfg.Logger = l.logger(slog.LevelInfo)
	run(t, transform(t, cfg), batch("log one", "exit", "log two", "exit", "log three"))
	for _, line := range []string{"msg=one", "msg=two", "msg=three", "guest trapped"} {
		require.Equal(t, 1, count(l.String(), line), "%q in %s", line, l.String())
	}
	require.Contains(t, l.String(), `record="s 0/1"`)
	require.Contains(t, l.String(), plugin.SHA256())
}

func count(s, part string) (n int) {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			n++
		}
	}
	return n
}

// output is a data segment with an output header and one entry at OutputAt, for guests made by
// hand. With entries = 0 it consumes the only record and drops it.
func output(change func(header, entry []byte)) []byte {
	header, entry := make([]byte, abi.OutputHeaderSize), make([]byte, abi.CoreOutSize)
	put32(header, abi.OutputOffSize, abi.OutputHeaderSize)
	put32(header, abi.OutputOffConsumed, 1)
	put32(header, abi.OutputOffCount, 1)
	put32(header, abi.OutputOffCorePtr, OutputAt+abi.OutputHeaderSize)
	put32(header, abi.OutputOffCoreStride, abi.CoreOutSize)
	entry[abi.CoreOutOffFlags] = byte(abi.OutSameKey | abi.OutSameValue)
	change(header, entry)
	return DataAt(OutputAt, append(header, entry...))
}

func put32(b []byte, at int, v uint32) {
	b[at], b[at+1], b[at+2], b[at+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}

func TestGuestsThatLie(t *testing.T) {
	tests := map[string]struct {
		process []byte
		change  func(header, entry []byte)
		want    string
	}{
		"honest":         {I32Const(OutputAt), func(_, _ []byte) {}, ""},
		"address 0":      {I32Const(0), func(_, _ []byte) {}, "process returned address 0"},
		"address beyond": {I32Const(-8), func(_, _ []byte) {}, "is beyond memory"},
		"no progress": {I32Const(OutputAt),
			func(h, _ []byte) { put32(h, abi.OutputOffConsumed, 0); put32(h, abi.OutputOffCount, 0) },
			"no record consumed"},
		"more than there is": {I32Const(OutputAt),
			func(h, _ []byte) { put32(h, abi.OutputOffConsumed, 2) }, "consumed 2 is outside [0, 1]"},
		"a billion entries": {I32Const(OutputAt),
			func(h, _ []byte) { put32(h, abi.OutputOffCount, 1_000_000_000) }, "above the limit"},
		"value beyond memory": {I32Const(OutputAt), func(_, e []byte) {
			e[abi.CoreOutOffFlags] = byte(abi.OutSameKey)
			put32(e, abi.CoreOutOffValuePtr, 1<<32-4)
			put32(e, abi.CoreOutOffValueLen, 8)
		}, "ends beyond memory"},
		"parent of nobody": {I32Const(OutputAt),
			func(_, e []byte) { put32(e, abi.CoreOutOffParent, 1) }, "parent 1 is outside"},
		"output of nobody": {I32Const(OutputAt),
			func(_, e []byte) { e[abi.CoreOutOffOutput] = 1 }, "output 1 of a function with 0"},
		"call refused": {I32Const(OutputAt),
			func(h, _ []byte) { put32(h, abi.OutputOffStatus, 3) }, "stopped on an error of its own"},
		"trap without a name": {Unreachable(), func(_, _ []byte) {}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := module(t, Guest{Process: test.process, Data: [][]byte{output(test.change)}}.Module())
			cfg := config("f0")
			cfg.Module = m
			tr := transform(t, cfg)
			out, faults := &connectors.Batch{}, &connectors.Faults{}
			err := tr.Transform(context.Background(), batch("v"), out, faults)
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				require.ErrorContains(t, err, "running f0 of hand.wasm: ")
				return
			}
			require.NoError(t, err)
			require.Equal(t, 1, out.Len()+len(faults.List))
		})
	}
}

func TestHostChecksThePartition(t *testing.T) {
	// The one column of the output says partition 4.
	const columnAt = 2 << 10
	column := make([]byte, abi.ColumnEntrySize+4)
	put32(column, 0, uint32(abi.ColumnPartition))
	put32(column, 4, columnAt+abi.ColumnEntrySize)
	put32(column, 8, 4)
	put32(column, 12, 1)
	put32(column, 16, 4)
	answer := output(func(h, _ []byte) {
		put32(h, abi.OutputOffColumnsPtr, columnAt)
		put32(h, abi.OutputOffColumnsCount, 1)
	})
	ctx := context.Background()
	cfg := config("f0")
	cfg.Module = module(t, Guest{Description: DescriptionOf("partitioner"),
		Process: I32Const(OutputAt), Data: [][]byte{answer, DataAt(columnAt, column)}}.Module())
	p, err := operator.NewPartitioner(ctx, cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	out, faults := make([]int32, 1), &connectors.Faults{}
	require.NoError(t, p.Partition(ctx, batch("a"), 5, out, faults))
	require.Equal(t, []int32{4}, out)
	require.Empty(t, faults.List)
	require.NoError(t, p.Partition(ctx, batch("a"), 4, out, faults))
	require.Equal(t, []int32{connectors.NoPartition}, out)
	require.Equal(t, "partition 4 of 4 partitions", faults.List[0].Text)
}

func TestATrapWithoutACulpritIsAnError(t *testing.T) {
	progress := func(record int32) []byte {
		return Join(Store32(RegionAt+abi.FrameOffProgress, record), Unreachable())
	}
	for name, process := range map[string][]byte{
		"none": Unreachable(), "out of range": progress(7), "negative": progress(-2),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config("f0")
			cfg.Module = module(t, Guest{Process: process}.Module())
			tr := transform(t, cfg)
			err := tr.Transform(context.Background(), batch("a", "b"), &connectors.Batch{},
				&connectors.Faults{})
			require.ErrorContains(t, err, "its progress cell names no record")
			var trap *guest.TrapError
			require.True(t, errors.As(err, &trap))

			faults := &connectors.Faults{}
			require.NoError(t, tr.Transform(context.Background(), batch("a"), &connectors.Batch{}, faults),
				"the next batch has a new instance, and with one record there is no doubt")
			require.Len(t, faults.List, 1)
			require.Equal(t, "trapped: unreachable", faults.List[0].Text)
		})
	}
}

// TestAGuestThatAlwaysTraps names the first record whatever it is given.
func TestAGuestThatAlwaysTraps(t *testing.T) {
	cfg := config("f0")
	cfg.Module = module(t, Guest{
		Process: Join(Store32(RegionAt+abi.FrameOffProgress, 0), Unreachable())}.Module())
	faults := &connectors.Faults{}
	in := batch(repeat(50, "%")...)
	tr := transform(t, cfg)
	require.NoError(t, tr.Transform(context.Background(), in, &connectors.Batch{}, faults))
	require.Len(t, faults.List, 50)
}

func TestAGuestThatCannotReserve(t *testing.T) {
	// open reserves 2 bytes; frames get nothing.
	reserve := Join([]byte{0x20, 0}, I32Const(2), []byte{0x4b, 0x04, I32}, I32Const(0),
		[]byte{0x05}, I32Const(RegionAt), []byte{0x0b})
	cfg := config("f0")
	cfg.Module = module(t, Guest{Reserve: reserve}.Module())
	err := transform(t, cfg).Transform(context.Background(), batch("a", "b"),
		&connectors.Batch{}, &connectors.Faults{})
	require.ErrorIs(t, err, guest.ErrNoMemory)
	require.ErrorContains(t, err, "no room in the guest")
}
