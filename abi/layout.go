package abi

import "math"

// FrameMagic is the first word of an input frame: "WFB1" read as little-endian bytes.
const FrameMagic = 0x31424657

// Sizes of the fixed structures, in bytes. Strides in a frame may be larger: a reader steps by the
// stride it is told and reads the fields it knows.
const (
	Alignment        = 8
	FrameHeaderSize  = 96
	CoreInSize       = 32
	ColumnEntrySize  = 16
	StringEntrySize  = 8
	OutputHeaderSize = 64
	CoreOutSize      = 32
)

// Byte offsets of the fields of an input frame header.
const (
	FrameOffMagic          = 0
	FrameOffHeaderSize     = 4
	FrameOffFrameSize      = 8
	FrameOffCount          = 12
	FrameOffCoreOffset     = 16
	FrameOffCoreStride     = 20
	FrameOffColumnsOffset  = 24
	FrameOffColumnsCount   = 28
	FrameOffStringsOffset  = 32
	FrameOffStringsCount   = 36
	FrameOffArenaOffset    = 40
	FrameOffArenaSize      = 44
	FrameOffBatchTime      = 48
	FrameOffWatermark      = 56
	FrameOffOutRecordsSoft = 64
	FrameOffOutBytesSoft   = 68
	FrameOffProgress       = 72
	FrameOffFlags          = 76
	FrameOffSeed           = 80
	FrameOffReserved       = 88
)

// Byte offsets of the fields of a core entry of an input frame.
const (
	CoreInOffKind      = 0
	CoreInOffFlags     = 1
	CoreInOffInput     = 2
	CoreInOffReserved  = 4
	CoreInOffKeyOff    = 8
	CoreInOffKeyLen    = 12
	CoreInOffValueOff  = 16
	CoreInOffValueLen  = 20
	CoreInOffTimestamp = 24
)

// Byte offsets of the fields of an output header.
const (
	OutputOffSize         = 0
	OutputOffStatus       = 4
	OutputOffConsumed     = 8
	OutputOffFlags        = 12
	OutputOffCursor       = 16
	OutputOffCount        = 24
	OutputOffCorePtr      = 28
	OutputOffCoreStride   = 32
	OutputOffColumnsPtr   = 36
	OutputOffColumnsCount = 40
	OutputOffStringsPtr   = 44
	OutputOffStringsCount = 48
	OutputOffErrorPtr     = 52
	OutputOffErrorLen     = 56
	OutputOffReserved     = 60
)

// Byte offsets of the fields of a core entry of an output.
const (
	CoreOutOffKind      = 0
	CoreOutOffStatus    = 1
	CoreOutOffFlags     = 2
	CoreOutOffParent    = 4
	CoreOutOffKeyPtr    = 8
	CoreOutOffKeyLen    = 12
	CoreOutOffValuePtr  = 16
	CoreOutOffValueLen  = 20
	CoreOutOffOutput    = 24
	CoreOutOffReserved  = 26
	CoreOutOffReserved4 = 28
)

// Values that stand for "none".
const (
	NoTimestamp = int64(math.MinInt64) // also: no watermark
	NoProgress  = uint32(math.MaxUint32)
	NoString    = uint32(math.MaxUint32)
	NoPartition = int32(-1)
	NullLength  = uint32(math.MaxUint32) // length of a header value that is null
)

// Kind tells what a core entry is.
type Kind uint8

// Kinds of core entries. A host of minor 0 sends and accepts KindData only; a guest ignores entries
// whose kind it does not know.
const (
	KindData          Kind = 0
	KindTimer         Kind = 1
	KindWatermark     Kind = 2
	KindAsyncResponse Kind = 3
	KindEndOfSplit    Kind = 4
)

// Flags of a core entry of an input frame.
const (
	InNullKey   uint8 = 1
	InNullValue uint8 = 2
)

// Status tells what became of the parent of an output entry.
type Status uint8

// Statuses of an output entry.
const (
	// StatusOK: the entry is a record.
	StatusOK Status = 0
	// StatusDrop: the parent is left out on purpose; same as no entry at all.
	StatusDrop Status = 1
	// StatusError: the parent could not be handled; code and text stand in the error column.
	StatusError Status = 2
	// StatusEndOfStream: the deserializer wants no more records of this split.
	StatusEndOfStream Status = 3

	statusMax = StatusEndOfStream
)

// OutFlags are the flags of an output entry: what it shares with its parent and what is null.
type OutFlags uint16

// Flags of an output entry.
const (
	OutSameKey       OutFlags = 1
	OutSameValue     OutFlags = 2
	OutSameHeaders   OutFlags = 4
	OutSameTimestamp OutFlags = 8
	OutNullKey       OutFlags = 16
	OutNullValue     OutFlags = 32

	outFlagsKnown = OutSameKey | OutSameValue | OutSameHeaders | OutSameTimestamp |
		OutNullKey | OutNullValue
)

// Has reports whether all flags of f are set.
func (o OutFlags) Has(f OutFlags) bool { return o&f == f }

// Flags of an output header.
const (
	// OutputMore: the record at `consumed` has more output; call again with that record and the
	// cursor.
	OutputMore uint32 = 1

	outputFlagsKnown = OutputMore
)

// CallStatus is the status word of an output header: what became of the call as a whole.
type CallStatus uint32

// Statuses of a call. Anything but CallOK means that no entry of the output counts.
const (
	CallOK CallStatus = 0
	// CallBadFrame: the guest could not read the frame.
	CallBadFrame CallStatus = 1
	// CallNoFunction: the guest has no function of that index.
	CallNoFunction CallStatus = 2
	// CallInternal: the guest's SDK broke a promise of its own.
	CallInternal CallStatus = 3
)

// align rounds n up to the alignment of frames.
func align(n int64) int64 { return (n + Alignment - 1) &^ (Alignment - 1) }
