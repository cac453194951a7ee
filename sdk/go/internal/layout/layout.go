package layout

import "math"

// Magic is the first word of an input frame.
const Magic = 0x31424657

// Values that stand for "none".
const (
	NoTimestamp = int64(math.MinInt64)
	NoProgress  = uint32(math.MaxUint32)
	NoString    = uint32(math.MaxUint32)
	NoPartition = int32(-1)
	NullLength  = uint32(math.MaxUint32)
)

// Column ids.
const (
	ColumnHeaders        = 1
	ColumnHeaderEntries  = 2
	ColumnSource         = 3
	ColumnKeyGroup       = 4
	ColumnSchemaID       = 5
	ColumnPartitionCount = 6

	ColumnTimestamp = 16
	ColumnTarget    = 17
	ColumnPartition = 18
	ColumnBucket    = 19
	ColumnError     = 20
)

// KindData is the kind of a core entry that is a record.
const KindData = 0

// Flags of a core entry of an input frame.
const (
	InNullKey   = 1
	InNullValue = 2
)

// Statuses of a core entry of an output.
const (
	StatusOK          = 0
	StatusDrop        = 1
	StatusError       = 2
	StatusEndOfStream = 3
)

// Flags of a core entry of an output.
const (
	OutSameKey       = 1
	OutSameValue     = 2
	OutSameHeaders   = 4
	OutSameTimestamp = 8
	OutNullKey       = 16
	OutNullValue     = 32
)

// Statuses of a call, and the flag of an output header.
const (
	CallOK         = 0
	CallBadFrame   = 1
	CallNoFunction = 2
	CallInternal   = 3

	OutputMore = 1
)

// FrameHeader begins an input frame.
type FrameHeader struct {
	Magic, HeaderSize, FrameSize, Count uint32
	CoreOffset, CoreStride              uint32
	ColumnsOffset, ColumnsCount         uint32
	StringsOffset, StringsCount         uint32
	ArenaOffset, ArenaSize              uint32
	BatchTime, Watermark                int64
	OutRecordsSoft, OutBytesSoft        uint32
	Progress, Flags                     uint32
	Seed, Reserved                      uint64
}

// CoreIn is a record of an input frame.
type CoreIn struct {
	Kind, Flags        uint8
	Input              uint16
	Reserved           uint32
	KeyOff, KeyLen     uint32
	ValueOff, ValueLen uint32
	Timestamp          int64
}

// Column is an entry of a column directory.
type Column struct{ ID, Offset, Stride, Count uint32 }

// String is an entry of a string table.
type String struct{ Off, Len uint32 }

// Headers is an entry of the headers column.
type Headers struct{ First, Count uint32 }

// Header is an entry of the header entries column.
type Header struct{ KeyOff, KeyLen, ValueOff, ValueLen uint32 }

// Source is an entry of the source column.
type Source struct {
	Split, Reserved                 uint32
	PositionHi, PositionLo, Ordinal uint64
}

// Error is an entry of the error column.
type Error struct{ Ptr, Len, Code, Reserved uint32 }

// OutputHeader begins an output.
type OutputHeader struct {
	Size, Status, Consumed, Flags uint32
	Cursor                        uint64
	Count, CorePtr, CoreStride    uint32
	ColumnsPtr, ColumnsCount      uint32
	StringsPtr, StringsCount      uint32
	ErrorPtr, ErrorLen, Reserved  uint32
}

// CoreOut is an entry of an output.
type CoreOut struct {
	Kind, Status       uint8
	Flags              uint16
	Parent             uint32
	KeyPtr, KeyLen     uint32
	ValuePtr, ValueLen uint32
	Output, Reserved   uint16
	Reserved4          uint32
}
