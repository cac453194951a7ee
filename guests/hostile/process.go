package hostile

import "slices"

// lies are functions that answer a call with an output that is not one.
func lies() []Fixture {
	answers := within("lies.wasm",
		slices.Concat(liesOfHeaders(), liesOfEntries(), liesOfColumns()))
	for i := range answers {
		if answers[i].Fate == "" {
			answers[i].Fate = EndsTheCall
		}
	}
	return append(answers, own([]Fixture{
		{Name: "garbage-after-growth", Fate: EndsTheCall, Text: "size 2779096485",
			Does: "grows its memory, fills it with garbage and returns its address"},
		{Name: "shared-headers-for-ever", Fate: CostsItsRecord, Text: "makes more than",
			Does: "goes on with the record for ever and gives it 1 MiB of headers each time"},
	}, "f0")...)
}

func liesOfHeaders() []Fixture {
	return []Fixture{
		{Name: "honest", Fate: CostsNothing, Does: "answers as it should: what the lies are made of"},
		{Name: "address_zero", Text: "process returned address 0", Does: "returns address 0"},
		{Name: "address_unaligned", Text: "not aligned to 8", Does: "returns an odd address"},
		{Name: "address_outside", Text: "beyond memory",
			Does: "returns an address whose header would end behind 32 bits"},
		{Name: "address_at_the_end", Text: "beyond memory",
			Does: "returns an address with 8 bytes of memory behind it"},
		{Name: "header_size", Text: "ends beyond memory", Does: "has a header of 4 GiB"},
		{Name: "header_flags", Text: "flags 0x80 are not known", Does: "sets a flag nobody knows"},
		{Name: "header_reserved", Text: "reserved field is", Does: "writes to a reserved field"},
		{Name: "call_refused", Text: "the guest could not read the frame",
			Does: "refuses the call with a text that clears the terminal"},
		{Name: "call_status", Text: "guest call status 77", Does: "refuses the call for no known reason"},
		{Name: "call_text_outside", Text: "ends beyond memory",
			Does: "refuses the call with a text beyond its memory"},
		{Name: "call_text_size", Text: "above 65536", Does: "refuses the call with a text of 1 MiB"},
		{Name: "consumed_beyond", Text: "consumed 4 is outside [0, 3]",
			Does: "consumes one record more than there are"},
		{Name: "consumed_most", Text: "consumed 4294967295 is outside",
			Does: "consumes 2^32-1 records"},
		{Name: "consumed_nothing", Text: "no record consumed", Does: "consumes nothing, for ever"},
		{Name: "more_of_nothing", Text: "more of record 3 of 3",
			Does: "has more of a record that is not there"},
		{Name: "more_without_output", Text: "without any output",
			Does: "has more of a record, for ever, and never any of it"},
		{Name: "more_again", Text: "consumed 0 is outside [1, 3]",
			Does: "has more of the first record when it is asked for the second"},
		{Name: "count_most", Text: "above the limit", Does: "answers with 2^32-1 records"},
		{Name: "core_outside", Text: "beyond 1048576 bytes", Does: "has its entries behind 32 bits"},
		{Name: "core_unaligned", Text: "not aligned to 8", Does: "has its entries at an odd address"},
		{Name: "core_stride", Text: "beyond 1048576 bytes", Does: "has its entries 4 GiB apart"},
		{Name: "core_overlap", Text: "stride 8", Does: "has entries that overlap"},
	}
}

func liesOfEntries() []Fixture {
	return []Fixture{
		{Name: "value_outside", Text: "value of 64 bytes at 1048544",
			Does: "has a value that ends behind its memory"},
		{Name: "key_overflow", Text: "key of 32 bytes at 4294967280",
			Does: "has a key that ends at address 16, in 32 bits"},
		{Name: "value_most", Text: "value of 4294967295 bytes",
			Does: "has a value of 2^32-1 bytes from address 1"},
		{Name: "bytes_shared", Text: "bytes of output are above the limit",
			Does: "has 300 values that are all of its memory: 300 MiB out of one"},
		{Name: "parent_outside", Text: "parent 7 is outside [0, 2]",
			Does: "answers for a record that is not there"},
		{Name: "parents_backwards", Text: "not in order",
			Does: "answers from the last record to the first"},
		{Name: "kind_unknown", Text: "kind 1 is not offered", Does: "answers with a timer"},
		{Name: "status_unknown", Text: "status 9 is not known", Does: "has an entry of no known status"},
		{Name: "flags_unknown", Text: "flags 0x8000 are not known", Does: "sets a flag nobody knows"},
		{Name: "null_and_same", Text: "both null and same",
			Does: "has a key that is null and the parent's"},
		{Name: "output_unknown", Text: "output 5 of a function with 0",
			Does: "answers to an output it has not"},
		{Name: "reserved_entry", Text: "reserved fields are not 0", Does: "writes to a reserved field"},
		{Name: "error_beside", Text: "beside another entry", Does: "answers for a record and fails it"},
		{Name: "ok_after_error", Text: "which has ended", Does: "fails a record and answers for it"},
		{Name: "ends_the_split", Text: "end of stream from a transform",
			Does: "ends the split, which only deserializers may"},
	}
}

func liesOfColumns() []Fixture {
	return []Fixture{
		{Name: "columns_most", Text: "4294967295 columns are above 64", Does: "has 2^32-1 columns"},
		{Name: "columns_outside", Text: "output column directory",
			Does: "has its columns behind 32 bits"},
		{Name: "column_twice", Text: "stands twice", Does: "has the same column twice"},
		{Name: "column_short", Text: "2 values for 3 entries", Does: "has a column that is too short"},
		{Name: "column_outside", Text: "output column timestamp", Does: "has a column behind 32 bits"},
		{Name: "column_stride", Text: "output column timestamp: stride 0",
			Does: "has a column whose values all stand in one place"},
		{Name: "partition_negative", Text: "partition -2 is negative", Does: "asks for partition -2"},
		{Name: "strings_most", Text: "strings are above the limit", Does: "has 2^32-1 strings"},
		{Name: "string_outside", Text: "output string 0",
			Does: "has a string that ends behind its memory"},
		{Name: "target_unknown", Text: "string 9 of 1", Does: "names a target it has not"},
		{Name: "headers_outside", Text: "output column headers 0: entries [4294967295, +2)",
			Does: "has headers 2^32-1 and 2^32"},
		{Name: "headers_shared", Text: "bytes of output are above the limit",
			Does: "has 50 headers of all of its memory and gives them to each record"},
		{Name: "header_outside", Text: "output column header_entries",
			Does: "has a header behind its memory"},
		{Name: "error_text_outside", Text: "error text of 64 bytes at 1048544",
			Does: "fails a record with a text that ends behind its memory"},
		{Name: "error_text_size", Text: "error text of 65537 bytes is above 65536",
			Does: "fails a record with a text of more than 64 KiB"},
	}
}

// records are functions that work as they should, until they meet a record that begins with "trap".
func records() []Fixture {
	return within("records.wasm", append(traps(), floods()...))
}

func traps() []Fixture {
	return []Fixture{
		{Name: "trap", Fate: CostsItsRecord, Text: "trapped: unreachable",
			Does: "traps, when it has answered already"},
		{Name: "out_of_bounds", Fate: CostsItsRecord, Text: "trapped: out of bounds memory access",
			Does: "reads beyond its memory"},
		{Name: "recurse", Fate: CostsItsRecord,
			Text: "trapped: out of stack: it calls too deep (limits.stack = ",
			Does: "calls itself without end"},
		{Name: "exit_three", Fate: CostsItsRecord, Text: "trapped: exit with code 3",
			Does: "ends its process, as it thinks"},
		{Name: "exit_zero", Fate: CostsItsRecord, Text: "trapped: exit with code 0",
			Does: "ends its process and says all is well"},
		{Name: "log_outside", Fate: CostsItsRecord, Text: "wasmflow.log: 64 bytes at address 4294967280",
			Does: "has the host log what lies behind its memory"},
		{Name: "metric_name", Fate: CostsItsRecord, Text: "is not a name",
			Does: "counts under a name with labels in it"},
		{Name: "grow_and_trap", Fate: CostsItsRecord, Text: "trapped: unreachable",
			Does: "takes all memory it can get, then traps"},
		{Name: "blame_first", Fate: CostsItsRecord, Text: "trapped: unreachable",
			Does: "traps and blames the first record"},
		{Name: "blame_last", Fate: CostsItsRecord, Text: "trapped: unreachable",
			Does: "traps and blames the last record"},
		{Name: "blame_nobody", Fate: EndsTheCall, Text: "its progress cell names no record",
			Does: "traps and has cleared the progress cell"},
		{Name: "blame_stranger", Fate: EndsTheCall, Text: "its progress cell names no record",
			Does: "traps and blames a record that is not there"},
		{Name: "spin", Fate: CostsItsRecord, Text: "trapped: out of time",
			Does: "loops without end"},
	}
}

func floods() []Fixture {
	return []Fixture{
		{Name: "continue_for_ever", Fate: CostsItsRecord, Text: "makes more than",
			Does: "has always more to say of the record"},
		{Name: "grow", Fate: CostsNothing, Does: "takes all memory it can get, then goes on"},
		{Name: "scribble", Fate: CostsNothing, Does: "overwrites the frame it was given"},
		{Name: "log_flood", Fate: CostsNothing, Does: "logs 100,000 lines of terminal sequences"},
		{Name: "metric_flood", Fate: CostsNothing, Does: "makes up 100,000 names of metrics"},
		{Name: "metric_tide", Fate: CostsItsRecord, Text: "trapped: unreachable",
			Does: "makes up names of metrics in each of the instances its traps lead to"},
		{Name: "write_flood", Fate: CostsNothing,
			Does: "writes 1 GiB of empty lines to standard error, in one call and out of 1 MiB"},
		{Name: "random_flood", Fate: CostsNothing, Does: "asks for 16 MiB of randomness at once"},
		{Name: "sleep", Fate: CostsNothing, Does: "sleeps a thousand times as long as clocks can tell"},
		{Name: "swell", Fate: EndsTheCall, Text: "taking the output of a batch of 3 records",
			Does: "answers every record with 12 MiB, each call within its limits"},
	}
}

// escapes are functions that look for a way out of the sandbox. There is none, so each passes its
// records on; with what it found it would fail them.
func escapes() []Fixture {
	list := within("escape.wasm", []Fixture{
		{Name: "files", Does: "opens, lists, makes and removes files"},
		{Name: "descriptors", Does: "reads and writes descriptors it was not given"},
		{Name: "environment", Does: "reads the environment and the arguments"},
		{Name: "network", Does: "accepts, sends and receives on whatever may be a socket"},
		{Name: "time_of_day", Does: "looks for a clock that goes while it works"},
		{Name: "pointers", Does: "has the host write where its memory has ended"},
		{Name: "secrets", Does: "plants a secret in its memory, or seeks that of another"},
	})
	for i := range list {
		list[i].Fate = CostsNothing
	}
	return list
}
