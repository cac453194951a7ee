package wasm

// Bounds on what one module may hold. Each is several times what the largest compiled program
// met so far needs (a Python interpreter of 14 MiB), and small enough that the engine's decoder
// stays within a few hundred MiB, since it allocates 24 to 100 bytes for items that take one to
// three bytes in the file.
const (
	// SizeMax is the default bound on a module's size in bytes.
	SizeMax = 32 << 20

	typesMax     = 20_000 // the engine compiles an entry trampoline for each
	paramsMax    = 1_000  // the bound browsers use, for parameters and for results
	importsMax   = 1_000
	functionsMax = 200_000
	tablesMax    = 100
	globalsMax   = 100_000
	exportsMax   = 50_000
	segmentsMax  = 100_000 // of elements, and of data
	elementsMax  = 1 << 20 // in all element segments together

	// LocalsMax is the bound on the locals of one function, without its parameters.
	LocalsMax = 50_000

	bodySizeMax = 8 << 20
	// nestingMax is high because Go's compiler opens one block for each call a function may be
	// resumed at; the walk keeps a frame of one byte per level.
	nestingMax     = 50_000
	branchTableMax = 65_520 // the bound browsers use

	customNameMax   = 1_024
	customCountMax  = 10_000
	memoryPagesMax  = 65_536
	preambleSize    = 8
	pageSize        = 65_536
	noIndex         = ^uint32(0)
	leb32BytesMax   = 5
	leb64BytesMax   = 10
	leb33BytesMax   = 5
	signBit         = 0x40
	continuationBit = 0x80
)

// PageSize is the size of a page of linear memory in bytes.
const PageSize = pageSize
