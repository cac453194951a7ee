package task

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

// placedWriter notes where records went. Its topics have different numbers of partitions.
type placedWriter struct {
	memoryWriter
	partitions map[string]int32
	placed     []string
}

func (w *placedWriter) Partitions(_ context.Context, target string) (int32, error) {
	return w.partitions[target], nil
}

func (w *placedWriter) Write(_ context.Context, b *connectors.Batch) error {
	for i := range b.Records {
		r := &b.Records[i]
		place := fmt.Sprintf("%s/%d=%s", b.TargetOf(r), r.Partition, r.Value)
		if len(b.Carriers) > 0 {
			place += fmt.Sprint(" by ", b.Carriers[i])
		}
		w.placed = append(w.placed, place)
	}
	return nil
}

// byLength places a record by the length of its value and refuses the value "bad".
type byLength struct{ closed int }

func (p *byLength) Partition(_ context.Context, in *connectors.Batch, partitions int32, out []int32,
	faults *connectors.Faults,
) error {
	for i := range in.Records {
		if string(in.Records[i].Value) == "bad" {
			out[i] = connectors.NoPartition
			faults.Add(connectors.Fault{Index: i, Text: "has no place"})
			continue
		}
		out[i] = int32(len(in.Records[i].Value)) % partitions
	}
	return nil
}

func (p *byLength) Close() error { p.closed++; return nil }

func TestAFunctionPlacesRecordsByTheirTarget(t *testing.T) {
	w := &placedWriter{partitions: map[string]int32{"": 4, "narrow": 2}}
	p, counters := &byLength{}, &Counters{}
	s := NewSinkStage("out", nil, Policy{Action: ActionSkip}, counters)
	s.SetWriter(w)
	require.NoError(t, s.SetPartitioner(p))

	b := &connectors.Batch{}
	for i, value := range []string{"a", "bad", "ccc", "ddd", "eeeee"} {
		r := b.Append()
		r.Value = []byte(value)
		b.Carriers = append(b.Carriers, i)
		if value == "ddd" {
			r.Target = b.TargetIndex("narrow")
		}
	}
	require.NoError(t, s.push(t.Context(), b))
	require.Equal(t, []string{"/1=a by 0", "/3=ccc by 2", "narrow/1=ddd by 3", "/1=eeeee by 4"},
		w.placed)
	for i := range b.Records {
		require.Equal(t, connectors.NoPartition, b.Records[i].Partition, "C3")
	}
	c := counters.Load()
	require.Equal(t, []uint64{5, 4, 1}, []uint64{c.In, c.Out, c.Skipped})
	require.NoError(t, s.close())
	require.Equal(t, 1, p.closed)
}

func TestAPartitionerNeedsAWriterThatCountsPartitions(t *testing.T) {
	s := NewSinkStage("out", nil, Policy{Action: ActionFail}, &Counters{})
	s.SetWriter(&memoryWriter{})
	require.ErrorContains(t, s.SetPartitioner(&byLength{}), "out cannot tell how many partitions")
}
