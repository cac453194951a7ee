package wasmflow_test

import (
	"bytes"
	"fmt"
	"testing"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func init() {
	wasmflow.Transform("example_route", routeLate, wasmflow.Outputs("late"))
}

func routeLate(_ *wasmflow.Context, r wasmflow.Record, out *wasmflow.Emitter) error {
	e := out.Forward()
	if bytes.HasPrefix(r.Value(), []byte("late ")) {
		e.Output("late")
	}
	return nil
}

// A function with named outputs is a router; nothing is copied.
func ExampleOutputs() {
	g := sdktest.Open(&testing.T{}, "")
	for _, o := range g.Run("example_route", sdktest.Value("a"), sdktest.Value("late b")) {
		fmt.Printf("%q to %q\n", o.Value, o.Name)
	}
	// Output:
	// "a" to ""
	// "late b" to "late"
}
