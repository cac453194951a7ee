package keyed_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/jsonlines"
	"github.com/wasmflow/wasmflow/connectors/format/keyed"
	"github.com/wasmflow/wasmflow/connectors/format/text"
)

// twice makes two records of each, as a guest may: with ordinals of its own.
type twice struct {
	connectors.Serializer
	connectors.Deserializer
	closed bool
}

func (f *twice) Serialize(_ context.Context, in, out *connectors.Batch,
	faults *connectors.Faults) error {
	out.Splits = append(out.Splits, in.Splits...)
	for i, r := range in.Records {
		if string(r.Value) == "refused" {
			faults.Add(connectors.Fault{Index: i, Text: "no"})
			continue
		}
		for n := range uint64(2) {
			r.Ordinal = 100 + n
			*out.Append() = r
		}
	}
	return nil
}

func (f *twice) Deserialize(ctx context.Context, in, out *connectors.Batch,
	faults *connectors.Faults) error {
	return f.Serialize(ctx, in, out, faults)
}

func (f *twice) Ended() []string { return []string{"s"} }

func (f *twice) Close() error {
	f.closed = true
	return errors.New("closing")
}

func json() *jsonlines.Checker { return jsonlines.NewChecker(jsonlines.NewOptions()) }

// batch has records with the keys and values; null is nil.
func batch(pairs ...[2]string) *connectors.Batch {
	b := &connectors.Batch{}
	for i, p := range pairs {
		r := b.Append()
		if p[0] != "null" {
			r.Key = []byte(p[0])
		}
		if p[1] != "null" {
			r.Value = []byte(p[1])
		}
		r.Split, r.Position.Lo = b.SplitIndex("s"), uint64(i)
	}
	return b
}

func pairsOf(b *connectors.Batch) (out [][2]string) {
	for _, r := range b.Records {
		p := [2]string{"null", "null"}
		if r.Key != nil {
			p[0] = string(r.Key)
		}
		if r.Value != nil {
			p[1] = string(r.Value)
		}
		out = append(out, p)
	}
	return out
}

func TestDeserialize(t *testing.T) {
	in := batch([2]string{"1", "x"}, [2]string{"{", "x"}, [2]string{"null", "refused"},
		[2]string{"2", "null"}, [2]string{"}", "refused"})
	d := keyed.NewDeserializer(json(), &twice{})
	var out connectors.Batch
	var faults connectors.Faults
	for range 2 { // the second call re-uses what the first left
		out.Reset()
		faults.Reset()
		require.NoError(t, d.Deserialize(t.Context(), in, &out, &faults))
		require.Equal(t, [][2]string{{"1", "x"}, {"1", "x"}, {"2", "null"}, {"2", "null"}}, pairsOf(&out))
		require.Equal(t, []connectors.Fault{
			{Index: 1, Function: "json", Text: "in the key: no JSON at byte 1: want a member name"},
			{Index: 2, Text: "no"},
			{Index: 4, Function: "json", Text: "in the key: no JSON at byte 0: want a value"},
		}, faults.List)
	}
	require.Equal(t, [2]string{"{", "x"}, pairsOf(in)[1]) // K3
	require.Equal(t, []string{"s"}, d.Ended())
}

func TestKeysAlone(t *testing.T) {
	in := batch([2]string{"1", "x"}, [2]string{"{", "x"}, [2]string{"null", "null"})
	var out connectors.Batch
	var faults connectors.Faults
	d := keyed.NewDeserializer(json(), nil)
	require.NoError(t, d.Deserialize(t.Context(), in, &out, &faults))
	require.Equal(t, [][2]string{{"1", "x"}, {"null", "null"}}, pairsOf(&out))
	require.Equal(t, 1, faults.List[0].Index)
	require.Empty(t, d.Ended())
	require.NoError(t, d.Close())
	out.Reset()
	faults.Reset()
	s := keyed.NewSerializer(json(), nil)
	require.NoError(t, s.Serialize(t.Context(), in, &out, &faults))
	require.Equal(t, [][2]string{{"1", "x"}, {"null", "null"}}, pairsOf(&out))
	require.Equal(t, 1, faults.List[0].Index)
	require.NoError(t, s.Close())
}

func TestSerialize(t *testing.T) {
	in := batch([2]string{"1", "x"}, [2]string{"2", "refused"}, [2]string{"{", "y"}, [2]string{"3",
		"z"})
	s := keyed.NewSerializer(json(), &twice{})
	var out connectors.Batch
	var faults connectors.Faults
	require.NoError(t, s.Serialize(t.Context(), in, &out, &faults))
	require.Equal(t, [][2]string{{"1", "x"}, {"1", "x"}, {"3", "z"}, {"3", "z"}}, pairsOf(&out))
	require.Equal(t, []connectors.Fault{ // one for the parent, though it had two children
		{Index: 1, Text: "no"},
		{Index: 2, Function: "json", Text: "in the key: no JSON at byte 1: want a member name"},
	}, faults.List)
}

// TestExactParent names the record itself where a function of values makes one of each: two records
// may have one place, when an earlier function made them.
func TestExactParent(t *testing.T) {
	in := batch([2]string{"1", "x"}, [2]string{"{", "y"})
	in.Records[1].Position, in.Records[1].Ordinal = in.Records[0].Position, 5
	var out connectors.Batch
	var faults connectors.Faults
	s := keyed.NewSerializer(json(), text.Pass{})
	require.NoError(t, s.Serialize(t.Context(), in, &out, &faults))
	require.Equal(t, 1, faults.List[0].Index)
}

func TestClosesBoth(t *testing.T) {
	a, b := &twice{}, &twice{}
	require.ErrorContains(t, keyed.NewDeserializer(a, b).Close(), "closing\nclosing")
	require.True(t, a.closed && b.closed)
	a, b = &twice{}, &twice{}
	require.ErrorContains(t, keyed.NewSerializer(a, b).Close(), "closing\nclosing")
	require.True(t, a.closed && b.closed)
}
