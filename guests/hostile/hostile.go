package hostile

import (
	"embed"
	"io/fs"
	"slices"
	"time"
)

//go:embed modules/*.wasm
var modules embed.FS

// Fate is what has to become of a fixture.
type Fate string

// The fates, from the earliest to the latest.
const (
	// RefusedAtLoad: the module is not loaded. Text is part of the reason.
	RefusedAtLoad Fate = "refused at load"
	// RefusedAtOpen: the module loads; making an instance with Config is refused. Text is part of
	// the reason.
	RefusedAtOpen Fate = "refused at open"
	// EndsTheCall: the batch fails as a whole and the instance is thrown away. Text is part of the
	// error.
	EndsTheCall Fate = "ends the call"
	// CostsItsRecord: the records whose value begins with "trap" become faults with Text in them;
	// all others come back as they are.
	CostsItsRecord Fate = "costs its record"
	// CostsNothing: every record comes back as it is.
	CostsNothing Fate = "costs nothing"
)

// What the fates hold for.
const (
	// Records is the size of a batch: the lies among the outputs are made for so many.
	Records = 3
	// OutputRecords and OutputBytes are the limits of a function's output; they are small for
	// the sake of the tests' speed.
	OutputRecords = 1_000
	OutputBytes   = 16 << 20
	// MemoryBytes is the limit of an instance's memory.
	MemoryBytes = 24 << 20
	// The limits of time. They are short for those who never come back.
	TimePerBatch  = 500 * time.Millisecond
	TimePerRecord = 100 * time.Millisecond
	TimeToStart   = time.Second
)

// Fixture is one way of attacking the host.
type Fixture struct {
	// Name is unique.
	Name string
	// Does says how it attacks.
	Does string
	// File is the module's name; several fixtures may share one.
	File string
	// Function is the function to run, a transform; empty where the fixture does not get that far.
	Function string
	// Config is the configuration, JSON; empty for none.
	Config string
	Fate   Fate
	// Text is part of what the user is told.
	Text string
}

// Module returns a copy of the fixture's module.
func (f Fixture) Module() []byte {
	b, err := fs.ReadFile(modules, "modules/"+f.File)
	if err != nil {
		panic(err) // the table names a file that is not embedded; a test looks at all of them
	}
	return b
}

// Fixtures returns all of them.
func Fixtures() []Fixture {
	return slices.Concat(binaries(), strangers(), descriptions(), openings(), lies(), records(),
		escapes())
}

// own fills in what follows from the name for fixtures that have a module of their own.
func own(list []Fixture, function string) []Fixture {
	for i := range list {
		list[i].File = list[i].Name + ".wasm"
		if list[i].Function == "" {
			list[i].Function = function
		}
	}
	return list
}

// within fills in what follows from the name for fixtures that are functions of one module.
func within(file string, list []Fixture) []Fixture {
	for i := range list {
		list[i].File, list[i].Function = file, list[i].Name
	}
	return list
}
