package layout_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/sdk/go/internal/layout"
)

// field is a struct, or a field of one: its size or offset here and in the ABI.
type field struct {
	name string
	got  uintptr
	want int
}

func frameHeaderFields() []field {
	var fh layout.FrameHeader
	return []field{
		{"FrameHeader", unsafe.Sizeof(fh), abi.FrameHeaderSize},
		{"FrameHeader.Magic", unsafe.Offsetof(fh.Magic), abi.FrameOffMagic},
		{"FrameHeader.HeaderSize", unsafe.Offsetof(fh.HeaderSize), abi.FrameOffHeaderSize},
		{"FrameHeader.FrameSize", unsafe.Offsetof(fh.FrameSize), abi.FrameOffFrameSize},
		{"FrameHeader.Count", unsafe.Offsetof(fh.Count), abi.FrameOffCount},
		{"FrameHeader.CoreOffset", unsafe.Offsetof(fh.CoreOffset), abi.FrameOffCoreOffset},
		{"FrameHeader.CoreStride", unsafe.Offsetof(fh.CoreStride), abi.FrameOffCoreStride},
		{"FrameHeader.ColumnsOffset", unsafe.Offsetof(fh.ColumnsOffset), abi.FrameOffColumnsOffset},
		{"FrameHeader.ColumnsCount", unsafe.Offsetof(fh.ColumnsCount), abi.FrameOffColumnsCount},
		{"FrameHeader.StringsOffset", unsafe.Offsetof(fh.StringsOffset), abi.FrameOffStringsOffset},
		{"FrameHeader.StringsCount", unsafe.Offsetof(fh.StringsCount), abi.FrameOffStringsCount},
		{"FrameHeader.ArenaOffset", unsafe.Offsetof(fh.ArenaOffset), abi.FrameOffArenaOffset},
		{"FrameHeader.ArenaSize", unsafe.Offsetof(fh.ArenaSize), abi.FrameOffArenaSize},
		{"FrameHeader.BatchTime", unsafe.Offsetof(fh.BatchTime), abi.FrameOffBatchTime},
		{"FrameHeader.Watermark", unsafe.Offsetof(fh.Watermark), abi.FrameOffWatermark},
		{"FrameHeader.OutRecordsSoft", unsafe.Offsetof(fh.OutRecordsSoft),
			abi.FrameOffOutRecordsSoft},
		{"FrameHeader.OutBytesSoft", unsafe.Offsetof(fh.OutBytesSoft), abi.FrameOffOutBytesSoft},
		{"FrameHeader.Progress", unsafe.Offsetof(fh.Progress), abi.FrameOffProgress},
		{"FrameHeader.Flags", unsafe.Offsetof(fh.Flags), abi.FrameOffFlags},
		{"FrameHeader.Seed", unsafe.Offsetof(fh.Seed), abi.FrameOffSeed},
		{"FrameHeader.Reserved", unsafe.Offsetof(fh.Reserved), abi.FrameOffReserved},
	}
}

func coreInFields() []field {
	var ci layout.CoreIn
	return []field{
		{"CoreIn", unsafe.Sizeof(ci), abi.CoreInSize},
		{"CoreIn.Kind", unsafe.Offsetof(ci.Kind), abi.CoreInOffKind},
		{"CoreIn.Flags", unsafe.Offsetof(ci.Flags), abi.CoreInOffFlags},
		{"CoreIn.Input", unsafe.Offsetof(ci.Input), abi.CoreInOffInput},
		{"CoreIn.Reserved", unsafe.Offsetof(ci.Reserved), abi.CoreInOffReserved},
		{"CoreIn.KeyOff", unsafe.Offsetof(ci.KeyOff), abi.CoreInOffKeyOff},
		{"CoreIn.KeyLen", unsafe.Offsetof(ci.KeyLen), abi.CoreInOffKeyLen},
		{"CoreIn.ValueOff", unsafe.Offsetof(ci.ValueOff), abi.CoreInOffValueOff},
		{"CoreIn.ValueLen", unsafe.Offsetof(ci.ValueLen), abi.CoreInOffValueLen},
		{"CoreIn.Timestamp", unsafe.Offsetof(ci.Timestamp), abi.CoreInOffTimestamp},
	}
}

func outputHeaderFields() []field {
	var oh layout.OutputHeader
	return []field{
		{"OutputHeader", unsafe.Sizeof(oh), abi.OutputHeaderSize},
		{"OutputHeader.Size", unsafe.Offsetof(oh.Size), abi.OutputOffSize},
		{"OutputHeader.Status", unsafe.Offsetof(oh.Status), abi.OutputOffStatus},
		{"OutputHeader.Consumed", unsafe.Offsetof(oh.Consumed), abi.OutputOffConsumed},
		{"OutputHeader.Flags", unsafe.Offsetof(oh.Flags), abi.OutputOffFlags},
		{"OutputHeader.Cursor", unsafe.Offsetof(oh.Cursor), abi.OutputOffCursor},
		{"OutputHeader.Count", unsafe.Offsetof(oh.Count), abi.OutputOffCount},
		{"OutputHeader.CorePtr", unsafe.Offsetof(oh.CorePtr), abi.OutputOffCorePtr},
		{"OutputHeader.CoreStride", unsafe.Offsetof(oh.CoreStride), abi.OutputOffCoreStride},
		{"OutputHeader.ColumnsPtr", unsafe.Offsetof(oh.ColumnsPtr), abi.OutputOffColumnsPtr},
		{"OutputHeader.ColumnsCount", unsafe.Offsetof(oh.ColumnsCount), abi.OutputOffColumnsCount},
		{"OutputHeader.StringsPtr", unsafe.Offsetof(oh.StringsPtr), abi.OutputOffStringsPtr},
		{"OutputHeader.StringsCount", unsafe.Offsetof(oh.StringsCount), abi.OutputOffStringsCount},
		{"OutputHeader.ErrorPtr", unsafe.Offsetof(oh.ErrorPtr), abi.OutputOffErrorPtr},
		{"OutputHeader.ErrorLen", unsafe.Offsetof(oh.ErrorLen), abi.OutputOffErrorLen},
		{"OutputHeader.Reserved", unsafe.Offsetof(oh.Reserved), abi.OutputOffReserved},
	}
}

func coreOutFields() []field {
	var co layout.CoreOut
	return []field{
		{"CoreOut", unsafe.Sizeof(co), abi.CoreOutSize},
		{"CoreOut.Kind", unsafe.Offsetof(co.Kind), abi.CoreOutOffKind},
		{"CoreOut.Status", unsafe.Offsetof(co.Status), abi.CoreOutOffStatus},
		{"CoreOut.Flags", unsafe.Offsetof(co.Flags), abi.CoreOutOffFlags},
		{"CoreOut.Parent", unsafe.Offsetof(co.Parent), abi.CoreOutOffParent},
		{"CoreOut.KeyPtr", unsafe.Offsetof(co.KeyPtr), abi.CoreOutOffKeyPtr},
		{"CoreOut.KeyLen", unsafe.Offsetof(co.KeyLen), abi.CoreOutOffKeyLen},
		{"CoreOut.ValuePtr", unsafe.Offsetof(co.ValuePtr), abi.CoreOutOffValuePtr},
		{"CoreOut.ValueLen", unsafe.Offsetof(co.ValueLen), abi.CoreOutOffValueLen},
		{"CoreOut.Output", unsafe.Offsetof(co.Output), abi.CoreOutOffOutput},
		{"CoreOut.Reserved", unsafe.Offsetof(co.Reserved), abi.CoreOutOffReserved},
		{"CoreOut.Reserved4", unsafe.Offsetof(co.Reserved4), abi.CoreOutOffReserved4},
	}
}

func entries() []field {
	return []field{
		{"Column", unsafe.Sizeof(layout.Column{}), abi.ColumnEntrySize},
		{"String", unsafe.Sizeof(layout.String{}), abi.StringEntrySize},
	}
}

func TestLayoutIsThatOfTheABI(t *testing.T) {
	for _, table := range [][]field{
		frameHeaderFields(), coreInFields(), outputHeaderFields(), coreOutFields(), entries(),
	} {
		for _, f := range table {
			require.EqualValues(t, f.want, f.got, f.name)
		}
	}
}

func TestNumbersAreThoseOfTheABI(t *testing.T) {
	require.EqualValues(t, abi.FrameMagic, layout.Magic)
	require.Equal(t, abi.NoTimestamp, layout.NoTimestamp)
	require.Equal(t, abi.NoProgress, layout.NoProgress)
	require.Equal(t, abi.NoString, layout.NoString)
	require.Equal(t, abi.NoPartition, layout.NoPartition)
	require.Equal(t, abi.NullLength, layout.NullLength)
	for want, got := range map[abi.Column]int{
		abi.ColumnHeaders: layout.ColumnHeaders, abi.ColumnHeaderEntries: layout.ColumnHeaderEntries,
		abi.ColumnSource: layout.ColumnSource, abi.ColumnKeyGroup: layout.ColumnKeyGroup,
		abi.ColumnSchemaID:       layout.ColumnSchemaID,
		abi.ColumnPartitionCount: layout.ColumnPartitionCount,
		abi.ColumnTimestamp:      layout.ColumnTimestamp, abi.ColumnTarget: layout.ColumnTarget,
		abi.ColumnPartition: layout.ColumnPartition, abi.ColumnBucket: layout.ColumnBucket,
		abi.ColumnError: layout.ColumnError,
	} {
		require.EqualValues(t, want, got, want.String())
	}
	for want, got := range map[abi.Status]int{
		abi.StatusOK: layout.StatusOK, abi.StatusDrop: layout.StatusDrop,
		abi.StatusError: layout.StatusError, abi.StatusEndOfStream: layout.StatusEndOfStream,
	} {
		require.EqualValues(t, want, got)
	}
	for want, got := range map[abi.OutFlags]int{
		abi.OutSameKey: layout.OutSameKey, abi.OutSameValue: layout.OutSameValue,
		abi.OutSameHeaders: layout.OutSameHeaders, abi.OutSameTimestamp: layout.OutSameTimestamp,
		abi.OutNullKey: layout.OutNullKey, abi.OutNullValue: layout.OutNullValue,
	} {
		require.EqualValues(t, want, got)
	}
	for want, got := range map[abi.CallStatus]int{
		abi.CallOK: layout.CallOK, abi.CallBadFrame: layout.CallBadFrame,
		abi.CallNoFunction: layout.CallNoFunction, abi.CallInternal: layout.CallInternal,
	} {
		require.EqualValues(t, want, got)
	}
	require.EqualValues(t, abi.InNullKey, layout.InNullKey)
	require.EqualValues(t, abi.InNullValue, layout.InNullValue)
	require.EqualValues(t, abi.OutputMore, layout.OutputMore)
	require.EqualValues(t, abi.KindData, layout.KindData)
}
