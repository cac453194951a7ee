package wasmflow_test

import (
	"bytes"
	"fmt"
	"testing"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func init() {
	wasmflow.Transform("example_words", words)
}

// words drops comments, refuses what it does not understand and splits the rest.
func words(_ *wasmflow.Context, r wasmflow.Record, out *wasmflow.Emitter) error {
	line := r.Value()
	if bytes.HasPrefix(line, []byte("#")) {
		return nil
	}
	if len(line) == 0 {
		return wasmflow.Fail(1, "the line is empty")
	}
	for _, word := range bytes.Fields(line) {
		out.Value(word) // a part of the record: not copied
	}
	return nil
}

// A transform makes 0 to n records of each record.
func ExampleTransform() {
	g := sdktest.Open(&testing.T{}, "")
	out := g.Run("example_words", sdktest.Value("# comment"), sdktest.Value("two words"),
		sdktest.Value(""))
	for _, line := range sdktest.Values(out) {
		fmt.Println(line)
	}
	// Output:
	// two
	// words
	// error: the line is empty
}
