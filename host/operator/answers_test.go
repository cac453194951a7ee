package operator_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/operator"
)

func TestPartitioner(t *testing.T) {
	ctx := context.Background()
	p, err := operator.NewPartitioner(ctx, config("length"))
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()

	in := batch("", "a", "ab", "any", "bad", "n", "trap", "abcd", "abcdefgh")
	out, faults := make([]int32, in.Len()), &connectors.Faults{}
	require.NoError(t, p.Partition(ctx, in, 7, out, faults))
	require.Equal(t, []int32{0, 1, 2, -1, -1, -1, -1, 4, 1}, out)
	require.Equal(t, []connectors.Fault{
		{Index: 4, Code: 7, Text: "no partition for bad", Function: "length", Module: plugin.SHA256()},
		{Index: 5, Text: "partition 7 of 7", Function: "length", Module: plugin.SHA256()},
		{Index: 6, Text: "trapped: exit with code 3", Function: "length",
			Module: plugin.SHA256(), Trap: true},
	}, faults.List)

	require.NoError(t, p.Partition(ctx, in, 3, out, &connectors.Faults{}), "another topic")
	require.Equal(t, []int32{0, 1, 2, -1, -1, -1, -1, 1, 2}, out)

	require.ErrorContains(t, p.Partition(ctx, in, 3, out[:2], faults), "9 records into 2 places")
	require.ErrorContains(t, p.Partition(ctx, in, 0, out, faults), "0 partitions")
}

func TestBucketAssigner(t *testing.T) {
	ctx := context.Background()
	b, err := operator.NewBucketAssigner(ctx, config("first"))
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()

	var out connectors.Buckets
	faults := &connectors.Faults{}
	in := batch("apple", "bee", "ant", "bad", "", "long", "cat", "bat")
	require.NoError(t, b.Assign(ctx, in, &out, faults))
	require.Equal(t, []string{"letter=a", "letter=b", "letter=c"}, out.Names)
	none := connectors.NoBucket
	require.Equal(t, []uint32{0, 1, 0, none, none, none, 2, 1}, out.Index)
	require.Equal(t, []connectors.Fault{
		{Index: 3, Code: 7, Text: "no bucket for bad", Function: "first", Module: plugin.SHA256()},
		{Index: 4, Text: "empty", Function: "first", Module: plugin.SHA256()},
		{Index: 5, Text: "bucket name of 2000 bytes, the limit is 1024", Function: "first",
			Module: plugin.SHA256()},
	}, faults.List)

	// Names are one dictionary over all frames of a batch.
	in = batch(repeat(50_000, "%")...)
	require.NoError(t, b.Assign(ctx, in, &out, &connectors.Faults{}))
	require.Len(t, out.Names, 10)
	require.Len(t, out.Index, in.Len())
	for i := range in.Records {
		require.Equal(t, "letter="+string(in.Records[i].Value[0]), out.Names[out.Index[i]])
	}
}

func TestSerializer(t *testing.T) {
	ctx := context.Background()
	s, err := operator.NewSerializer(ctx, config("quote"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	in := batch("a\n", "x", "b")
	in.Records[1].Value = nil
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	require.NoError(t, s.Serialize(ctx, in, out, faults))
	require.Equal(t, result{[]string{`0:"a\n"`, `2:"b"`}, []string{"1 0 nothing to quote"}},
		describe(t, in, out, faults))
	require.Nil(t, out.Records[0].Key)
}

func TestDeserializer(t *testing.T) {
	ctx := context.Background()
	d, err := operator.NewDeserializer(ctx, config("lines"))
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	deserialize := func(in *connectors.Batch) []string {
		out, faults := &connectors.Batch{}, &connectors.Faults{}
		require.NoError(t, d.Deserialize(ctx, in, out, faults))
		require.Empty(t, faults.List)
		var list []string
		for i := range out.Records {
			list = append(list, out.Splits[out.Records[i].Split]+":"+string(out.Records[i].Value))
		}
		return list
	}
	in := batch("a\nb\n", "", "c")
	require.Equal(t, []string{"s:a", "s:b", "s:c"}, deserialize(in))
	require.Empty(t, d.Ended())

	in = batch("a", "b", "END", "c", "d")
	in.Splits = []string{"s", "other"}
	in.Records[3].Split = 1
	require.Equal(t, []string{"s:a", "s:b", "other:c"}, deserialize(in),
		"what stands behind the end of its split is left out")
	require.Equal(t, []string{"s"}, d.Ended())

	require.Empty(t, deserialize(batch("e")), "also in later batches")
	require.Empty(t, d.Ended())
	in = batch("f", strings.Repeat("g", 10))
	in.Splits = []string{"other"}
	require.Len(t, deserialize(in), 2)
}
