package wasmflow_test

import (
	"fmt"
	"testing"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func init() {
	wasmflow.Deserializer("example_bytes", splitBytes)
}

// splitBytes may make very many records of one message: it stops where the host wants the output,
// and goes on from the cursor.
func splitBytes(ctx *wasmflow.Context, r wasmflow.Record, out *wasmflow.Emitter) error {
	message := r.Value()
	for i := int(ctx.Cursor()); i < len(message); i++ {
		if out.Full() {
			out.Continue(uint64(i))
			return nil
		}
		out.Value(message[i : i+1])
	}
	return nil
}

func ExampleEmitter_Continue() {
	g := sdktest.Open(&testing.T{}, "")
	g.SoftRecords = 2
	fmt.Println(sdktest.Values(g.Run("example_bytes", sdktest.Value("abcde"))), g.Calls)
	// Output: [a b c d e] 3
}
