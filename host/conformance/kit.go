package conformance

import (
	"bytes"

	"github.com/wasmflow/wasmflow/abi"
)

// Group says how much a check matters.
type Group string

// The groups: the core is what an SDK must have; the rest of the kit is more of the ABI; checks
// of any function are made of functions that are not in the kit.
const (
	GroupCore Group = "core"
	GroupWide Group = "wide"
	GroupAny  Group = "any"
)

// Check is one check of the kit.
type Check struct {
	Name  string
	Group Group
	// Function is the function to offer, and Role its role; empty for a check of the guest.
	Function string
	Role     abi.Role
	// Doc tells an author what the function has to do.
	Doc string

	run func(b *bench) error
}

// codeFailed is the code of the failures the kit asks for.
const codeFailed = 7

// Kit returns all checks, the core first.
func Kit() []Check {
	kit := core()
	kit = append(kit, wideStatuses()...)
	kit = append(kit, wideParts()...)
	kit = append(kit, wideWorld()...)
	return append(kit, wideRoles()...)
}

func inCore(name string, role abi.Role, doc string, run func(b *bench) error) Check {
	return Check{Name: name, Group: GroupCore, Function: name, Role: role, Doc: doc, run: run}
}

func wide(name string, role abi.Role, doc string, run func(b *bench) error) Check {
	return Check{Name: name, Group: GroupWide, Function: name, Role: role, Doc: doc, run: run}
}

func core() []Check {
	return []Check{
		{Name: "describe", Group: GroupCore, run: checkDescribe,
			Doc: "gives the same right description in every instance, and reserves memory"},
		inCore("echo", abi.RoleTransform, "forwards every record as it is",
			expect(someMixed, wantSame)),
		inCore("upper", abi.RoleTransform,
			"makes a-z of the value A-Z; all other bytes, and null, stay", expect(someMixed, wantUpper)),
		inCore("drop-odd", abi.RoleTransform,
			"drops records whose value ends in an odd digit, forwards the others",
			expect(someNumbers, wantDropOdd)),
	}
}

func wideStatuses() []Check {
	return []Check{
		wide("fail-odd", abi.RoleTransform, "fails records whose value ends in an odd digit "+
			`with code 7 and text "odd", forwards the others`, expect(someNumbers, wantFailOdd)),
		wide("crash-odd", abi.RoleTransform, "panics, or raises, or traps, saying "+
			`"an odd record", for records whose value ends in an odd digit, forwards the others`,
			expect(someNumbers, wantCrashOdd)),
		wide("hoard", abi.RoleTransform, "for records whose value ends in an odd digit, asks the "+
			"language for more memory than there is (3 GiB, or what comes nearest) and fails, or "+
			"panics, with a text about memory or allocation; forwards the others", checkHoard),
		wide("repeat", abi.RoleTransform, "makes of value N the records with values 0 to N-1, "+
			"and returns in between where a soft limit is passed", expect(manyNumbers, wantRepeat)),
	}
}

func wideParts() []Check {
	return []Check{
		{Name: "large", Group: GroupWide, Function: "upper", Role: abi.RoleTransform,
			Doc: "upper of values above a MiB", run: expect(someLarge, wantUpper)},
		wide("swap", abi.RoleTransform, "swaps key and value", expect(someMixed, wantSwap)),
		wide("nulls", abi.RoleTransform, "makes of a null key or value an empty one, and of an "+
			"empty one null", expect(someMixed, wantNulls)),
		wide("headers", abi.RoleTransform, `adds the header "count" with the number of `+
			"headers; reads the column headers", expect(someMixed, wantHeaders)),
		wide("edit-headers", abi.RoleTransform, `removes the headers "a", gives the headers `+
			`"empty" the record's value, keeps the others, in order; reads the column headers`,
			expect(someMixed, wantEditHeaders)),
		wide("origin", abi.RoleTransform, "makes of the value SPLIT/HIGH/LOW/ORDINAL; reads "+
			"the column source", expect(someMixed, wantOrigin)),
		wide("restamp", abi.RoleTransform, "adds 1 to the timestamp; none becomes 0",
			expect(someMixed, wantRestamp)),
		wide("route", abi.RoleTransform, `sends records whose value ends in an odd digit to `+
			`its named output "odd"; gives all the target "t-VALUE" and partition VALUE`,
			expect(someNumbers, wantRoute)),
	}
}

func wideWorld() []Check {
	return []Check{
		wide("clock", abi.RoleTransform, "makes of the value the time, by the language's own "+
			"clock, in milliseconds since 1970", expect(someWords, wantClock)),
		wide("sleep", abi.RoleTransform, "sleeps for as many seconds as the value says, by "+
			"the language's own means, and makes of the value the milliseconds that passed",
			expect(someSeconds, wantSleep)),
		wide("random", abi.RoleTransform, "makes of the value 16 random bytes in hexadecimal, "+
			"by the language's own means", checkRandom),
		wide("log", abi.RoleTransform, `logs the value at level info and adds 1 to the counter `+
			`"logged"; then fails records whose value ends in an odd digit, forwards the others`, checkLog),
		wide("metrics", abi.RoleTransform, `adds the value to the counter "sum", sets the gauge `+
			`"last" to it and observes it in the histogram "seen"; then fails records whose value `+
			"ends in an odd digit, forwards the others", checkMetrics),
		wide("greet", abi.RoleTransform, `puts the text of the configuration's "greeting", by `+
			`default "hello ", before the value; an empty one is refused with field "greeting"`, checkGreet),
		wide("settings", abi.RoleTransform, `makes of the value "times=TIMES loud=LOUD", by the `+
			`configuration's integer "times", by default 1, and boolean "loud", by default false; `+
			"other types, and fields of other names, are refused with the field", checkSettings),
	}
}

func wideRoles() []Check {
	return []Check{
		wide("lines", abi.RoleDeserializer, "makes a record of each line that is not empty; a "+
			`value "END" is the end of its split`, checkLines),
		wide("pair", abi.RoleSerializer, "makes of key and value the value KEY=VALUE, with a "+
			"null key; null counts as empty", expect(someMixed, wantPair)),
		wide("length", abi.RolePartitioner, "chooses the value's length modulo the number of "+
			"partitions; an empty value leaves the choice to the sink, null fails with code 7 and text "+
			`"null"`,
			expect(nullAndWords, wantLength)),
		wide("initial", abi.RoleBucketer, `names the bucket "initial=" and the value's first `+
			`byte; null and empty fail with code 7 and text "empty"`, expect(nullAndWords, wantInitial)),
	}
}

func someMixed(b *bench) [][]byte { return b.mixed(60) }
func someNumbers(*bench) [][]byte { return numbers(40) }
func manyNumbers(*bench) [][]byte { return texts("0", "1", "50000", "2", "0", "20000", "3") }
func someWords(*bench) [][]byte   { return texts("a", "word", "", "\u00c5ngstr\u00f6m", "a b") }
func someSeconds(*bench) [][]byte { return texts("0", "1", "3600") }

// someLarge holds values that no frame of the usual size has room for.
func someLarge(*bench) [][]byte {
	const aboveMiB = 1<<20 + 3
	return [][]byte{[]byte("a"), bytes.Repeat([]byte("lorem ipsum "), aboveMiB/12+1), []byte("z")}
}

func nullAndWords(*bench) [][]byte { return append(texts("a", "bee", "", "sea"), nil, []byte("d")) }
