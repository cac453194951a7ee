package wasmflow_test

import (
	"fmt"
	"testing"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/json"
	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func init() {
	wasmflow.Transform("example_country", country)
}

// parser is kept, because it reuses its memory.
var parser json.Parser

func country(_ *wasmflow.Context, r wasmflow.Record, out *wasmflow.Emitter) error {
	v, err := parser.Parse(r.Value())
	if err != nil {
		return err
	}
	w := json.NewWriter(out.Buffer(64))
	w.BeginObject()
	w.Key("country")
	w.StringBytes(v.Get("customer", "country").Bytes())
	w.EndObject()
	out.Value(w.Bytes())
	return nil
}

// What is appended to a Buffer and emitted is not copied again.
func ExampleEmitter_Buffer() {
	g := sdktest.Open(&testing.T{}, "")
	out := g.Run("example_country", sdktest.Value(`{"id":1,"customer":{"country":"de"}}`),
		sdktest.Value(`{"id":`))
	for _, line := range sdktest.Values(out) {
		fmt.Println(line)
	}
	// Output:
	// {"country":"de"}
	// error: json: unexpected end at byte 6
}
