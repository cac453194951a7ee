package operator_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/operator"
)

func TestTransformKeepsWhatTheGuestKeeps(t *testing.T) {
	in := batch("echo", "header new", "bare", "empty", "null", "route ab", "describe")
	in.Targets = []string{"first"}
	for i := range in.Records {
		in.Records[i].Headers = []connectors.Header{{Key: "h", Value: []byte("v")}, {Key: "n"}}
		in.Records[i].Position.Hi = 5
		in.Records[i].Target = 1
		in.Records[i].Partition = 3
		in.Records[i].Ordinal = 17
	}
	in.Records[4].Key = nil
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	cfg := config("script")
	cfg.Step = "enrich"
	require.NoError(t, transform(t, cfg).Transform(context.Background(), in, out, faults))
	require.Empty(t, faults.List)
	require.Equal(t, []string{"s"}, out.Splits)
	require.Equal(t, 7, out.Len())
	for i := range out.Records {
		r, p := &out.Records[i], &in.Records[i]
		require.Equal(t, p.Position, r.Position)
		require.Zero(t, r.Split)
		require.Equal(t, abi.Ordinal(17, abi.FunctionSeed("enrich"), 0), r.Ordinal)
	}
	at := func(i int) *connectors.Record { return &out.Records[i] }
	require.Equal(t, in.Records[0].Value, at(0).Value)
	require.Same(t, &in.Records[0].Value[0], &at(0).Value[0], "nothing is copied")
	require.Equal(t, in.Records[0].Headers, at(0).Headers)
	require.Equal(t, int64(1_000), at(0).Timestamp)
	require.Equal(t, "first", out.TargetOf(at(0)))
	require.Equal(t, int32(3), at(0).Partition)

	require.Equal(t, []connectors.Header{{Key: "h", Value: []byte("v")}, {Key: "n"},
		{Key: "added", Value: []byte("new")}, {Key: "null"}}, at(1).Headers)

	require.Nil(t, at(2).Key)
	require.Empty(t, at(2).Headers)
	require.Equal(t, connectors.NoTimestamp, at(2).Timestamp)

	require.NotNil(t, at(3).Key)
	require.Empty(t, at(3).Key)
	require.NotNil(t, at(3).Value)
	require.Empty(t, at(3).Value)

	require.Nil(t, at(4).Key)
	require.Nil(t, at(4).Value)

	require.Equal(t, "topic-ab", out.TargetOf(at(5)))
	require.Equal(t, int32(2), at(5).Partition)
	require.Equal(t, int64(99), at(5).Timestamp)

	require.Equal(t, `s 5/6/17 ts=1006,true h="v",false n="",true`, string(at(6).Value))
}

func TestOutputOutlivesTheGuest(t *testing.T) {
	in := batch(repeat(3_000, "split left-% right-% left-%")...)
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	tr, err := operator.NewTransform(context.Background(), config("script"))
	require.NoError(t, err)
	require.NoError(t, tr.Transform(context.Background(), in, out, faults))
	other := &connectors.Batch{}
	next := batch(repeat(3_000, "split x%")...)
	require.NoError(t, tr.Transform(context.Background(), next, other, faults))
	require.NoError(t, tr.Close())
	require.NoError(t, tr.Close(), "Close is idempotent")
	require.Equal(t, 9_000, out.Len())
	for i := range out.Records {
		r := &out.Records[i]
		want := [3]string{"left-%d", "right-%d", "left-%d"}[i%3]
		require.Equal(t, fmt.Sprintf(want, i/3), string(r.Value))
		require.Equal(t, [3]uint16{1, 2, 1}[i%3], r.Output)
		require.Equal(t, ordinal("script", uint64(i%3)), r.Ordinal)
	}
}

func TestFaultsLeaveNeighboursAlone(t *testing.T) {
	tr := transform(t, config("script"))
	got := run(t, tr, batch("echo", "fail no luck", "echo", "panic at the disco", "drop", "fly",
		"echo", "fail \x1b[2J\xff"))
	require.Equal(t, []string{"0:echo", "2:echo", "6:echo"}, got.records)
	require.Len(t, got.faults, 4)
	require.Equal(t, "1 42 no luck", got.faults[0])
	require.Contains(t, got.faults[1], "3 0 panic: at the disco")
	require.Equal(t, `5 0 unknown verb "fly"`, got.faults[2])
	require.Equal(t, "7 42  [2J ", got.faults[3], "fit for a terminal and for a header")
}

func TestAnEmptyBatchMakesNothing(t *testing.T) {
	require.Equal(t, result{}, run(t, transform(t, config("upper")), batch()))
}

func TestContinuedRecords(t *testing.T) {
	tr := transform(t, config("script"))
	const n = 80_000
	in := batch("echo", fmt.Sprintf("many %d", n), "echo")
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	require.NoError(t, tr.Transform(context.Background(), in, out, faults))
	require.Empty(t, faults.List)
	require.Equal(t, n+2, out.Len())
	for i := range n {
		r := &out.Records[i+1]
		require.Equal(t, fmt.Sprint(i), string(r.Value))
		require.Equal(t, ordinal("script", uint64(i)), r.Ordinal, "numbered over all calls")
	}

	got := run(t, tr, batch("echo", "many-fail", "echo", "many-exit", "echo"))
	require.Equal(t, []string{"0:echo", "2:echo", "4:echo"}, got.records, "O2")
	require.Equal(t, []string{"1 0 failed later on", "3 trap 0 trapped: exit with code 9"}, got.faults)
}

// TestCarriersStayBehind: one that went on would keep all alive that was fetched with it.
func TestCarriersStayBehind(t *testing.T) {
	in := batch("echo", "drop", "echo")
	in.Carriers = []any{0, 1, 2}
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	require.NoError(t, transform(t, config("script")).Transform(context.Background(), in, out, faults))
	require.Len(t, out.Records, 2)
	require.Empty(t, out.Carriers)
}

func TestARecordCannotMakeTooMuch(t *testing.T) {
	cfg := config("script")
	cfg.Limits = operator.Limits{OutputBytes: 8 << 20}
	got := run(t, transform(t, cfg), batch("echo", "forever", "echo", "fail x", "echo"))
	require.Equal(t, []string{"0:echo", "2:echo", "4:echo"}, got.records)
	require.Equal(t, []string{"1 0 makes more than 1048576 records or 8388608 bytes " +
		"(limits.output_records, limits.output_bytes)", "3 42 x"},
		got.faults)

	cfg.Limits = operator.Limits{OutputRecords: 40_000}
	got = run(t, transform(t, cfg), batch("many 100000", "echo"))
	require.Equal(t, []string{"1:echo"}, got.records)
	require.Equal(t, []string{"0 0 makes more than 40000 records or 268435456 bytes " +
		"(limits.output_records, limits.output_bytes)"}, got.faults)
}

// TestManyRecordsMakeTooMuch: what is taken back of one is there for the next.
func TestManyRecordsMakeTooMuch(t *testing.T) {
	cfg := config("script")
	cfg.Limits = operator.Limits{OutputBytes: 2 << 20}
	in := batch("echo", "forever", "forever", "echo", "forever", "forever", "forever", "echo")
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	require.NoError(t, transform(t, cfg).Transform(context.Background(), in, out, faults))
	require.Len(t, faults.List, 5)
	require.Equal(t, []string{"0:echo", "3:echo", "7:echo"}, describe(t, in, out, faults).records)
	require.Less(t, out.ArenaBytes(), 6<<20, "of five that have made 2 MiB each, and a call more")
}

func TestABatchCannotMakeTooMuch(t *testing.T) {
	cfg := config("script")
	cfg.Limits = operator.Limits{OutputRecords: 1_000, FrameRecords: 1}
	tr := transform(t, cfg)
	got := run(t, tr, batch("many 600", "many 600", "many 600"))
	require.Len(t, got.records, 1_800)

	out, faults := &connectors.Batch{}, &connectors.Faults{}
	err := tr.Transform(context.Background(), batch(repeat(4, "many 600")...), out, faults)
	require.ErrorContains(t, err, "taking the output of a batch of 4 records: it is above the "+
		"limit of 2000 records or 536870912 bytes; make job.batch smaller")
	require.Empty(t, faults.List)
}

func TestRecordsOfEverySize(t *testing.T) {
	var values []string
	sizes := []int{0, 1, 100, 5_000, 200_000, 300_000, 3_000_000, 1, 255 << 10, 256 << 10, 0}
	for _, n := range sizes {
		values = append(values, strings.Repeat("a", n))
	}
	values = append(values, repeat(10_000, "small-%")...)
	got := run(t, transform(t, config("upper")), batch(values...))
	require.Empty(t, got.faults)
	require.Len(t, got.records, len(values))
	for i, v := range values {
		require.Equal(t, fmt.Sprintf("%d:%s", i, strings.ToUpper(v)), got.records[i])
	}
}

func TestARecordLargerThanTheGuestsMemory(t *testing.T) {
	got := run(t, transform(t, config("upper")),
		batch("a", strings.Repeat("x", 70<<20), "b", strings.Repeat("y", 40<<20), "c"))
	require.Equal(t, []string{"0:A", "2:B", "4:C"}, got.records)
	require.Len(t, got.faults, 2)
	require.Contains(t, got.faults[0],
		"does not fit into the guest's memory of 67108864 bytes (limits.memory)")
}

func TestConfigAndRoleAreChecked(t *testing.T) {
	ctx := context.Background()
	cfg := config("prefix")
	cfg.PluginConfig = []byte(`{"prefix":"-- "}`)
	require.Equal(t, []string{"0:-- a"}, run(t, transform(t, cfg), batch("a")).records)

	cfg.PluginConfig = []byte(`{"prefix":""}`)
	_, err := operator.NewTransform(ctx, cfg)
	var refused *guest.RefusedError
	require.True(t, errors.As(err, &refused), "%v", err)
	require.ErrorContains(t, err, "config.prefix: must not be empty")

	_, err = operator.NewTransform(ctx, config("first"))
	require.ErrorContains(t, err, `function "first" is a bucketer, here a transform is needed`)
	_, err = operator.NewTransform(ctx, config("missing"))
	require.ErrorContains(t, err, `has no function "missing"`)
	_, err = operator.NewPartitioner(ctx, config("upper"))
	require.ErrorContains(t, err, "here a partitioner is needed")
	_, err = operator.NewDeserializer(ctx, config("upper"))
	require.ErrorContains(t, err, "here a deserializer is needed")
	_, err = operator.NewSerializer(ctx, config("upper"))
	require.ErrorContains(t, err, "here a serializer is needed")
	_, err = operator.NewBucketAssigner(ctx, config("upper"))
	require.ErrorContains(t, err, "here a bucketer is needed")
}

func TestClockAndRandomFollowTheBatch(t *testing.T) {
	a, b := transform(t, config("script")), transform(t, config("script"))
	in := batch("clock", "random")
	want := run(t, a, in)
	require.Equal(t, "0:12:30:00.000", want.records[0])
	require.Equal(t, want, run(t, a, in), "a replay draws the same")
	require.Equal(t, want, run(t, b, in), "in every instance")

	cfg := config("script")
	cfg.Job = "other"
	require.NotEqual(t, want.records[1], run(t, transform(t, cfg), in).records[1])
	later := batch("clock", "random")
	later.Records[0].Position.Lo = 100
	later.Records[1].Position.Lo = 101
	require.NotEqual(t, want.records[1][2:], run(t, a, later).records[1][4:])
}

func TestEffectsOfRecordsThatFailAreDropped(t *testing.T) {
	var l logs
	cfg := config("script")
	cfg.Logger = l.logger(slog.LevelInfo)
	run(t, transform(t, cfg), batch("log one", "log fail", "log three"))
	require.Contains(t, l.String(), `msg=one`)
	require.Contains(t, l.String(), `msg=three`)
	require.NotContains(t, l.String(), `msg=fail`)
}

func TestReplaceGivesANewInstance(t *testing.T) {
	frames := 0
	cfg := config("count")
	cfg.Limits.FrameRecords = 2
	cfg.Replace = func() bool { frames++; return frames == 3 }
	got := run(t, transform(t, cfg), batch("", "", "", "", "", "", ""))
	require.Equal(t, []string{"0:1", "1:2", "2:3", "3:4", "4:1", "5:2", "6:3"}, got.records)
	require.Equal(t, 4, frames)
}

func TestCanceledContextEndsABatch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := transform(t, config("upper")).Transform(ctx, batch("a"), &connectors.Batch{},
		&connectors.Faults{})
	require.ErrorIs(t, err, context.Canceled)
}
