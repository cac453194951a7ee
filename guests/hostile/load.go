package hostile

// binaries are modules that are dangerous to read or to compile.
func binaries() []Fixture {
	return own([]Fixture{
		{Name: "locals", Fate: RefusedAtLoad, Text: "locals of a function",
			Does: "declares 2^32-1 locals in 32 bytes; the engine's decoder believes it"},
		{Name: "types", Fate: RefusedAtLoad, Text: "types",
			Does: "announces 2^32-1 types in 16 bytes"},
		{Name: "parameters", Fate: RefusedAtLoad, Text: "parameters",
			Does: "announces a type of 2^32-1 parameters"},
		{Name: "functions", Fate: RefusedAtLoad, Text: "functions",
			Does: "announces 2^32-1 functions"},
		{Name: "data-segments", Fate: RefusedAtLoad, Text: "data segments",
			Does: "announces 2^32-1 data segments"},
		{Name: "name-length", Fate: RefusedAtLoad, Text: "an import's module of 4294967295 bytes",
			Does: "has an import with a name of 2^32-1 bytes"},
		{Name: "section-length", Fate: RefusedAtLoad, Text: "a section of 4294967295 bytes",
			Does: "has a section that ends 4 GiB behind the file"},
		{Name: "branch-table", Fate: RefusedAtLoad, Text: "branch targets",
			Does: "announces a branch table of 2^32-1 labels"},
		{Name: "table-size", Fate: RefusedAtLoad, Text: "tables of 4294967295 elements",
			Does: "starts with a table of 2^32-1 elements"},
		{Name: "table-growth", Fate: RefusedAtLoad, Text: "grows tables",
			Does: "grows a table without a maximum"},
		{Name: "memory-minimum", Fate: RefusedAtLoad, Text: "starts with 4194304 KiB of memory",
			Does: "starts with 4 GiB of memory"},
		{Name: "two-memories", Fate: RefusedAtLoad, Text: `"multiple memories" is not enabled`,
			Does: "has two memories, of which the limit would bound one"},
		{Name: "shared-memory", Fate: RefusedAtLoad, Text: `"threads" is not enabled`,
			Does: "shares its memory, in which it could wait for ever"},
		{Name: "start-function", Fate: RefusedAtLoad, Text: "has a start function",
			Does: "loops without end in its start function"},
		{Name: "unbalanced", Fate: RefusedAtLoad, Text: "is not valid",
			Does: "takes operands from an empty stack"},
		{Name: "truncated", Fate: RefusedAtLoad, Text: "is malformed",
			Does: "ends in the middle of its code"},
	}, "")
}

// strangers are modules that are well made and no guests, or guests of another host.
func strangers() []Fixture {
	return own([]Fixture{
		{Name: "component", Fate: RefusedAtLoad, Text: "component, not a core module",
			Does: "is a component"},
		{Name: "no-abi", Fate: RefusedAtLoad, Text: "does not export wasmflow_abi_v1",
			Does: "exports nothing of the ABI"},
		{Name: "abi-v2", Fate: RefusedAtLoad, Text: "speaks guest ABI v2, this wasmflow speaks v1",
			Does: "speaks another major of the ABI only"},
		{Name: "abi-minor", Fate: RefusedAtLoad, Text: "needs guest ABI 1.4294967295",
			Does: "needs a minor of the ABI that will never be"},
		{Name: "unknown-import", Fate: RefusedAtLoad, Text: "imports env.system",
			Does: "imports a function that the host does not have"},
		{Name: "import-type", Fate: RefusedAtLoad, Text: "the host offers (i32, i32, i32) -> ()",
			Does: "imports log with another signature, to call it with another stack"},
		{Name: "imported-memory", Fate: RefusedAtLoad, Text: "imports the memory env.memory",
			Does: "wants to be given its memory"},
	}, "")
}

// descriptions are modules that lie, or flood, when they are asked what they are.
func descriptions() []Fixture {
	return own([]Fixture{
		{Name: "describe-text", Fate: RefusedAtLoad, Text: "describes itself wrongly",
			Does: "describes itself in prose, with sequences for terminals"},
		{Name: "describe-outside", Fate: RefusedAtLoad, Text: "beyond the memory",
			Does: "has its description end beyond its memory, and beyond 32 bits"},
		{Name: "describe-size", Fate: RefusedAtLoad, Text: "the limit is 1048576",
			Does: "has a description of 4 GiB"},
		{Name: "describe-depth", Fate: RefusedAtLoad, Text: "describes itself wrongly",
			Does: "has a description of 500,000 nested arrays"},
		{Name: "describe-outputs", Fate: RefusedAtLoad, Text: "100000 are above 64",
			Does: "describes a function of 100,000 outputs"},
		{Name: "describe-functions", Fate: RefusedAtLoad, Text: "262145 are above 256",
			Does: "describes 262,145 functions, each with several faults to report"},
		{Name: "describe-columns", Fate: RefusedAtLoad, Text: "131073 are above 64",
			Does: "asks for 131,073 columns"},
		{Name: "describe-trap", Fate: RefusedAtLoad, Text: "trapped in wasmflow_describe",
			Does: "traps when it is asked what it is"},
		{Name: "describe-loop", Fate: RefusedAtLoad,
			Text: "trapped in wasmflow_describe: out of time",
			Does: "loops without end when it is asked what it is"},
		{Name: "initialize-loop", Fate: RefusedAtLoad, Text: "trapped in _initialize: out of time",
			Does: "loops without end in _initialize"},
	}, "")
}

// openings are modules that misbehave when they are given a region or their configuration.
func openings() []Fixture {
	return own([]Fixture{
		{Name: "refuses-config", Fate: RefusedAtOpen, Text: "config.rate: must be below 100",
			Does:   "does not like its configuration, and says which field",
			Config: `{"rate":1000}`},
		{Name: "refusal-outside", Fate: RefusedAtOpen, Text: "beyond the memory",
			Does: "refuses with a text that lies beyond its memory"},
		{Name: "refusal-size", Fate: RefusedAtOpen, Text: "the limit is 65536",
			Does: "refuses with a text of 1 MiB"},
		{Name: "open-trap", Fate: RefusedAtOpen, Text: "trapped in wasmflow_open",
			Does: "traps when it is opened"},
		{Name: "reserve-nothing", Fate: RefusedAtOpen, Text: "cannot reserve memory",
			Does: "has no memory for its configuration"},
		{Name: "reserve-outside", Fate: RefusedAtOpen, Text: "beyond the memory",
			Does: "reserves a region that ends beyond its memory"},
		{Name: "reserve-unaligned", Fate: RefusedAtOpen, Text: "not aligned to 8",
			Does: "reserves a region that is not aligned"},
	}, "")
}
