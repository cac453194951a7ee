package abi

// Bounds that are part of the contract rather than of a plugin's limits.
const (
	// ColumnsMax bounds a column directory: there are few columns, and the directory is walked on
	// every call.
	ColumnsMax = 64
	// ErrorTextBytesMax bounds the text of one record's error: it ends in a header of a dead letter.
	ErrorTextBytesMax = 64 << 10
	// DescriptionBytesMax bounds the JSON of a description.
	DescriptionBytesMax = 1 << 20
	// FunctionsMax bounds the functions of one module, OutputsMax the named outputs of one function.
	FunctionsMax = 256
	OutputsMax   = 64
	// capabilitiesMax bounds the capabilities a description asks for: seven are specified.
	capabilitiesMax = 64
	// problemsMax bounds the problems of one description that are told: a screenful.
	problemsMax = 20
	// NameBytesMax bounds the name of a plugin, function or output: they become parts of metrics
	// and file names.
	NameBytesMax = 64
)

// Limits cap what one output may hold. They guard the host's memory, so they count what the host
// would copy: ranges that overlap are counted as often as they are named.
type Limits struct {
	// Records caps the entries of one output.
	Records uint32
	// Strings caps its string table.
	Strings uint32
	// Headers caps the headers of all its entries together.
	Headers uint32
	// Bytes caps keys, values, headers, strings and error texts together. What an entry shares with
	// its parent is not counted: the host copies nothing for it.
	Bytes int64
}

// DefaultLimits are wide enough for every honest guest at the default batch: the soft limits of a
// frame end a call long before.
func DefaultLimits() Limits {
	return Limits{Records: 1 << 20, Strings: 1 << 16, Headers: 1 << 20, Bytes: 256 << 20}
}
