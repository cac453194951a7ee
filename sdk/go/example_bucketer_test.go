package wasmflow_test

import (
	"fmt"
	"testing"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func init() {
	wasmflow.Partitioner("example_partition", byFirstByte)
	wasmflow.Bucketer("example_bucket", firstByte)
}

func byFirstByte(_ *wasmflow.Context, r wasmflow.Record, partitions int) (int, error) {
	return int(r.Value()[0]) % partitions, nil
}

func firstByte(_ *wasmflow.Context, r wasmflow.Record, dst []byte) ([]byte, error) {
	return append(append(dst, "first="...), r.Value()[0]), nil
}

// A bucketer names a folder, a partitioner a partition.
func ExampleBucketer() {
	g := sdktest.Open(&testing.T{}, "")
	records := []sdktest.Record{sdktest.Value("ab"), sdktest.Value("ba")}
	fmt.Println(g.RunBucketer("example_bucket", records...))
	fmt.Println(g.RunPartitioner("example_partition", 4, records...))
	// Output:
	// [first=a first=b]
	// [1 2]
}
