package abi

// Column identifies an optional column of a frame or of an output. The numbers are one name space;
// ids a reader does not know are ignored.
type Column uint32

// Columns of input frames and outputs.
const (
	// ColumnHeaders: per record u32 first, u32 count into ColumnHeaderEntries. Both directions.
	ColumnHeaders Column = 1
	// ColumnHeaderEntries: per header u32 key, u32 key length, u32 value, u32 value length
	// (NullLength = null). Both directions; filled and read together with ColumnHeaders.
	ColumnHeaderEntries Column = 2
)

// Columns of input frames.
const (
	// ColumnSource: per record u32 split (string index, NoString = none), u32 reserved, u64
	// position high, u64 position low, u64 ordinal.
	ColumnSource Column = 3
	// ColumnKeyGroup: per record u32.
	ColumnKeyGroup Column = 4
	// ColumnSchemaID: per record u32.
	ColumnSchemaID Column = 5
	// ColumnPartitionCount: per record u32, the number of partitions to choose from.
	ColumnPartitionCount Column = 6
	// ColumnTimer and ColumnAsync carry what the kinds of the same name need; specified in SPEC.md,
	// never filled by hosts of minor 0.
	ColumnTimer Column = 7
	ColumnAsync Column = 8
)

// Columns of outputs.
const (
	// ColumnTimestamp: per entry i64 milliseconds, NoTimestamp = none; used where OutSameTimestamp
	// is not set.
	ColumnTimestamp Column = 16
	// ColumnTarget: per entry u32 string index, NoString = none. The topic or the like.
	ColumnTarget Column = 17
	// ColumnPartition: per entry i32, NoPartition = none.
	ColumnPartition Column = 18
	// ColumnBucket: per entry u32 string index.
	ColumnBucket Column = 19
	// ColumnError: per entry u32 address, u32 length, u32 code, u32 reserved; read where the status
	// is StatusError.
	ColumnError Column = 20
)

// columnBits is the size of a ColumnSet: known ids are below it.
const columnBits = 32

// stride returns the smallest stride of a known column, 0 for an unknown one.
func (c Column) stride() uint32 {
	switch c {
	case ColumnKeyGroup, ColumnSchemaID, ColumnPartitionCount, ColumnTarget, ColumnPartition,
		ColumnBucket:
		return 4
	case ColumnHeaders, ColumnTimestamp:
		return 8
	case ColumnHeaderEntries, ColumnError, ColumnTimer, ColumnAsync:
		return 16
	case ColumnSource:
		return 32
	}
	return 0
}

// String returns the column's name in descriptions and messages.
func (c Column) String() string {
	switch c {
	case ColumnHeaders:
		return "headers"
	case ColumnHeaderEntries:
		return "header_entries"
	case ColumnSource:
		return "source"
	case ColumnKeyGroup:
		return "key_group"
	case ColumnSchemaID:
		return "schema_id"
	case ColumnPartitionCount:
		return "partition_count"
	case ColumnTimer:
		return "timer"
	case ColumnAsync:
		return "async"
	case ColumnTimestamp:
		return "timestamp"
	case ColumnTarget:
		return "target"
	case ColumnPartition:
		return "partition"
	case ColumnBucket:
		return "bucket"
	case ColumnError:
		return "error"
	}
	return "unknown"
}

// ReadableColumns lists the columns a function may ask for in its description.
func ReadableColumns() []Column {
	return []Column{
		ColumnHeaders, ColumnSource, ColumnKeyGroup, ColumnSchemaID, ColumnPartitionCount,
	}
}

// ColumnSet is a set of known columns.
type ColumnSet uint32

// Columns makes a set.
func Columns(columns ...Column) ColumnSet {
	var s ColumnSet
	for _, c := range columns {
		if c < columnBits {
			s |= 1 << c
		}
	}
	return s
}

// Has reports whether the set contains c.
func (s ColumnSet) Has(c Column) bool { return c < columnBits && s&(1<<c) != 0 }

// With returns the set with c added.
func (s ColumnSet) With(c Column) ColumnSet { return s | Columns(c) }
