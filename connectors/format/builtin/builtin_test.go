package builtin_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/builtin"
	"github.com/wasmflow/wasmflow/connectors/format/csv"
)

// TestTable opens every row with its defaults and with options of another.
func TestTable(t *testing.T) {
	valid := func(t *testing.T, o builtin.Options) {
		var p connectors.Problems
		o.Validate(&p)
		require.Empty(t, p.List)
	}
	names := map[string]bool{}
	for _, d := range builtin.Deserializers() {
		valid(t, d.NewOptions())
		require.NotEmpty(t, d.Doc)
		f, err := d.Open(d.NewOptions())
		require.NoError(t, err)
		require.NoError(t, f.Close())
		_, err = d.Open(csv.NewSerializerOptions())
		require.ErrorContains(t, err, "opening format "+d.Name)
		require.False(t, names[d.Name])
		names[d.Name] = true
	}
	require.Equal(t, map[string]bool{"bytes": true, "csv": true, "json": true, "string": true}, names)
	for _, s := range builtin.Serializers() {
		valid(t, s.NewOptions())
		f, err := s.Open(nil)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		delete(names, s.Name)
	}
	require.Empty(t, names, "what can be read can be written")
}

// TestFunctionsKeepRecords checks what all functions owe a record: everything but the value stays,
// faults name their record, nulls stay nulls, and the input is not touched.
func TestFunctionsKeepRecords(t *testing.T) {
	type call func(ctx context.Context, in, out *connectors.Batch, f *connectors.Faults) error
	calls := map[string]call{}
	for _, d := range builtin.Deserializers() {
		f, err := d.Open(nil)
		require.NoError(t, err)
		calls["deserializer "+d.Name] = f.Deserialize
	}
	for _, s := range builtin.Serializers() {
		f, err := s.Open(nil)
		require.NoError(t, err)
		calls["serializer "+s.Name] = f.Serialize
	}
	for name, f := range calls {
		t.Run(name, func(t *testing.T) {
			var in, out connectors.Batch
			var faults connectors.Faults
			in.SplitIndex("a")
			split, target := in.SplitIndex("b"), in.TargetIndex("topic")
			for i, v := range [][]byte{[]byte(`[1,2]`), nil, []byte("\"\xff"), []byte(`[1,2]`)} {
				*in.Append() = connectors.Record{
					Key: []byte("k"), Value: v, Headers: []connectors.Header{{Key: "h"}},
					Timestamp: int64(i), Position: connectors.Position{Hi: 1, Lo: uint64(i)},
					Ordinal: 7, Split: split, Target: target, Partition: 3, Output: 2,
				}
			}
			before := fmt.Sprintf("%v", in.Records)
			for range 2 { // the second call re-uses what the first left
				out.Reset()
				faults.Reset()
				require.NoError(t, f(t.Context(), &in, &out, &faults))
			}
			require.Equal(t, before, fmt.Sprintf("%v", in.Records))
			require.Equal(t, in.Splits, out.Splits)
			require.Equal(t, in.Targets, out.Targets)
			for _, x := range faults.List {
				require.Equal(t, 2, x.Index)
				require.Contains(t, name, x.Function)
				require.NotEmpty(t, x.Text)
			}
			require.Equal(t, in.Len(), out.Len()+len(faults.List))
			for _, r := range out.Records {
				want := in.Records[r.Position.Lo]
				require.Equal(t, want.Value == nil, r.Value == nil)
				want.Value, r.Value = nil, nil
				require.Equal(t, want, r)
			}
		})
	}
}

func BenchmarkDeserializers(b *testing.B) {
	row := []byte(`alice,/index.html,200,5123,true,"a quoted text, with a comma"`)
	text := []byte(`{"user":"alice","path":"/index.html","status":200,"bytes":5123,"ok":true,"t":"a"}`)
	o := csv.NewDeserializerOptions()
	o.Columns = []string{"user", "path", "status int", "bytes long", "ok boolean", "text string"}
	for _, d := range builtin.Deserializers() {
		value, options := text, d.NewOptions()
		if d.Name == "csv" {
			value, options = row, o
		}
		b.Run(d.Name, func(b *testing.B) {
			f, err := d.Open(options)
			require.NoError(b, err)
			var in, out connectors.Batch
			var faults connectors.Faults
			for range 1024 {
				in.Append().Value = value
			}
			b.ReportAllocs()
			for n := 0; n < b.N; n += in.Len() {
				out.Reset()
				if err := f.Deserialize(b.Context(), &in, &out, &faults); err != nil || len(faults.List) > 0 {
					b.Fatal(err, faults.List)
				}
			}
		})
	}
}
