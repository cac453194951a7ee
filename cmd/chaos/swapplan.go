package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

// marksModule is the plugin that the jobs run: it adds its mark to every record, and turns on the
// host if its bytes say so (marks/marks.c). The command is run from the top of the repository.
const marksModule = "cmd/chaos/marks/marks.wasm"

// ordersHeader is what stands in the module before its orders: a mark, a deed and a number.
const (
	ordersHeader = "orders: 00000000"
	ordersMark   = len("orders: ")
	ordersDeed   = len(ordersHeader)
)

// deed is what a version does to the host.
type deed byte

// The deeds.
const (
	deedNone    deed = 'g'
	deedTrap    deed = 't' // on a record
	deedLie     deed = 'b' // answers with bytes that it does not have
	deedSpin    deed = 's' // loops without end
	deedOpen    deed = 'o' // traps when it is opened
	deedRefuse  deed = 'r' // refuses its configuration
	deedGarbage deed = 0   // is no module
)

// way is one way in which a version is broken.
type way struct {
	name  string
	deeds []deed // one of them, in turns
	// late does it after so many records that the trial is passed.
	late bool
}

// ways are the six.
func ways() []way {
	return []way{
		{"is garbage", []deed{deedGarbage}, false},
		{"traps when it is opened", []deed{deedOpen}, false},
		{"refuses its configuration", []deed{deedRefuse}, false},
		{"traps on a live record in the trial", []deed{deedTrap}, false},
		{"traps after the switch", []deed{deedTrap}, true},
		{"lies or spins after the switch", []deed{deedLie, deedSpin}, true},
	}
}

const (
	// sampleRecords is the size of the trial; an instance that acts later passes it.
	sampleRecords = 100
	// lateRecords is how much later, at most: each task sees more in a few epochs.
	lateRecords = 600
)

// step is one swap of a trial and what is done to the process meanwhile.
type step struct {
	way   *way // nil is a good version
	deed  deed
	after int // records of an instance
	kill  bool
	place string // failpoint to die at; empty is a random moment
}

func (s step) String() string {
	what := "a good version"
	if s.way != nil {
		what = fmt.Sprintf("a version that %s (%c after %d)", s.way.name, s.deed, s.after)
	}
	switch {
	case s.kill && s.place != "":
		what += ", killed at " + s.place
	case s.kill:
		what += ", killed at a random moment"
	}
	return what
}

// planSwaps mixes so many swaps to good and broken versions and so many kills. All six ways come
// equally often, and so do the places of a swap: half of the kills strike there.
func planSwaps(good, broken, kills int, rng *rand.Rand) []step {
	var steps []step
	for range good {
		steps = append(steps, step{deed: deedNone})
	}
	all := ways()
	for i := range broken {
		steps = append(steps, brokenStep(&all[i%len(all)], i/len(all), rng))
	}
	var places []string
	for _, name := range failpoint.Names() {
		if ofSwap(name) {
			places = append(places, name)
		}
	}
	for i := range kills {
		s := step{deed: deedNone, kill: true}
		if i%2 == 0 {
			s.place = places[i/2%len(places)]
		}
		steps = append(steps, s)
	}
	rng.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	return steps
}

func brokenStep(w *way, turn int, rng *rand.Rand) step {
	s := step{way: w, deed: w.deeds[turn%len(w.deeds)]}
	if w.late {
		s.after = 2*sampleRecords + rng.IntN(lateRecords)
	}
	return s
}

// marks makes versions of the plugin and knows them by their digests.
type marks struct {
	module []byte
	at     int               // of the orders
	sha    map[string]string // digest by mark
	bad    map[string]string // what is wrong with a version, by digest
}

func newMarks() (*marks, error) {
	module, err := os.ReadFile(marksModule)
	if err != nil {
		return nil, fmt.Errorf("reading the plugin: %w", err)
	}
	at := bytes.Index(module, []byte(ordersHeader))
	if at < 0 {
		return nil, errors.New("the plugin has no orders")
	}
	return &marks{module, at, map[string]string{}, map[string]string{}}, nil
}

// version returns the module of a step under a mark of its own.
func (m *marks) version(number int, s step) []byte {
	if s.deed == deedGarbage {
		return fmt.Appendf(nil, "garbage %d", number)
	}
	mark := fmt.Sprintf("%08d", number)
	out := bytes.Clone(m.module)
	copy(out[m.at+ordersMark:], mark)
	copy(out[m.at+ordersDeed:], fmt.Sprintf("%c%07d", s.deed, s.after))
	sum := sha256.Sum256(out)
	sha := hex.EncodeToString(sum[:])
	m.sha[mark] = sha
	if s.way != nil {
		m.bad[sha] = s.way.name
	}
	return out
}
