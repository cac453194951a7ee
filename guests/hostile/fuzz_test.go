package hostile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/guests/hostile"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest/specimens"
)

// seedBytesMax is the size of modules to begin with: of large ones the fuzzer changes places that
// do not matter.
const seedBytesMax = 2 << 10

// FuzzLoad gives bytes the whole life of a plugin: reader, pre-pass, rewriter, engine, description,
// configuration, records. Whatever they are, the host answers with a reason that is fit for a
// terminal.
func FuzzLoad(f *testing.F) {
	for _, fixture := range hostile.Fixtures() {
		if module := fixture.Module(); len(module) <= seedBytesMax {
			f.Add(module)
		}
	}
	corpus := specimens.All()
	slices.SortFunc(corpus, func(a, b specimens.Specimen) int {
		return strings.Compare(a.Name, b.Name)
	})
	for i, s := range corpus {
		// They come in rows of likes.
		if i%8 == 0 && len(s.Module) <= seedBytesMax {
			f.Add(s.Module)
		}
	}
	rt, err := guest.NewRuntime(guest.Config{Now: now})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, module []byte) {
		told := live(t, rt, module, corpusLimits(""))
		requirePrintable(t, told)
		require.Less(t, len(told), messageBytesMax)
	})
}
