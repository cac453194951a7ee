package operator_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/operator"
)

const (
	// benchRecords is the size of the batches that are measured.
	benchRecords = 2_048
	// allocRuns is how many batches are watched for allocations.
	allocRuns = 40
)

func benchBatch() *connectors.Batch {
	return batch(repeat(benchRecords, strings.Repeat("abcdefghij", 10))...)
}

// TestNothingIsAllocatedPerBatch holds O5 for each role.
func TestNothingIsAllocatedPerBatch(t *testing.T) {
	ctx := context.Background()
	in, out, faults := benchBatch(), &connectors.Batch{}, &connectors.Faults{}
	for i := range in.Records {
		in.Records[i].Headers = []connectors.Header{{Key: "h", Value: []byte("v")}}
		in.Records[i].Value = append([]byte("header "), in.Records[i].Value...)
	}
	records := map[string]func() error{}
	for _, name := range []string{"upper", "forward", "script"} {
		tr := transform(t, config(name))
		records[name] = func() error { out.Reset(); return tr.Transform(ctx, in, out, faults) }
	}
	p, err := operator.NewPartitioner(ctx, config("length"))
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	choice := make([]int32, in.Len())
	records["length"] = func() error { return p.Partition(ctx, in, 7, choice, faults) }

	b, err := operator.NewBucketAssigner(ctx, config("first"))
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	var buckets connectors.Buckets
	records["first"] = func() error { return b.Assign(ctx, in, &buckets, faults) }

	for name, call := range records {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				require.NoError(t, call(), "warming up")
			}
			// The average over runs is rounded down: the race detector allocates now and then on
			// its own, but not once a batch.
			allocs := testing.AllocsPerRun(allocRuns, func() { err = errors.Join(err, call()) })
			require.NoError(t, err)
			require.Zero(t, allocs, "allocations for a batch of %d records", benchRecords)
		})
	}
}

// BenchmarkTransform measures a record of 100 bytes through a Go guest that makes upper case of
// it, and through one that leaves it as it is: the difference to the latter is the guest's loop.
func BenchmarkTransform(b *testing.B) {
	ctx := context.Background()
	for _, name := range []string{"upper", "forward"} {
		b.Run(name, func(b *testing.B) {
			tr := transform(b, config(name))
			in, out, faults := benchBatch(), &connectors.Batch{}, &connectors.Faults{}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%benchRecords == 0 {
					out.Reset()
					if err := tr.Transform(ctx, in, out, faults); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
