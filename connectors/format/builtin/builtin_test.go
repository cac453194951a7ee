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

// TestTables opens every row with its defaults, and with options of another.
func TestTables(t *testing.T) {
	require.Equal(t, []string{
		"avro", "bytes", "csv", "json", "json-key-value", "json-schema", "protobuf", "string",
	}, check(t, builtin.Deserializers()))
	require.Equal(t, []string{
		"avro", "bytes", "csv", "envelope", "json", "json-key-value", "json-schema", "protobuf",
		"string",
	}, check(t, builtin.Serializers()))
}

type closer interface{ Close() error }

func check[T closer](t *testing.T, table []builtin.Function[T]) (names []string) {
	t.Helper()
	type other struct{ connectors.FunctionOptions }
	for _, f := range table {
		names = append(names, f.Name)
		require.NotEmpty(t, f.Doc)
		defaults := []connectors.FunctionOptions{nil}
		if needsSchema(f.Name) {
			defaults = nil
		}
		if f.NewOptions != nil {
			var p connectors.Problems
			f.NewOptions().Validate(&p)
			if needsSchema(f.Name) {
				require.Len(t, p.List, 1)
				require.Equal(t, "schema_file", p.List[0].Key)
				_, err := f.Open(t.Context(), connectors.FunctionContext{}, nil)
				require.ErrorContains(t, err, "it has no schema")
			} else {
				require.Empty(t, p.List)
				defaults = append(defaults, f.NewOptions())
			}
		}
		for _, o := range defaults {
			opened, err := f.Open(t.Context(), connectors.FunctionContext{}, o)
			require.NoError(t, err)
			require.NoError(t, opened.Close())
		}
		_, err := f.Open(t.Context(), connectors.FunctionContext{}, other{})
		require.ErrorContains(t, err, "opening format "+f.Name)
	}
	return names
}

// needsSchema tells the functions whose defaults do not do.
func needsSchema(name string) bool {
	return name == "avro" || name == "protobuf" || name == "json-schema"
}

// TestFunctionsKeepRecords checks what all functions owe a record: everything but the value stays,
// faults name their record, nulls stay nulls, and the input is not touched.
func TestFunctionsKeepRecords(t *testing.T) {
	type call func(ctx context.Context, in, out *connectors.Batch, f *connectors.Faults) error
	calls := map[string]call{}
	for _, d := range builtin.Deserializers() {
		if needsSchema(d.Name) || d.Name == "json-key-value" {
			continue // that one reads keys, too
		}
		f, err := d.Open(t.Context(), connectors.FunctionContext{}, nil)
		require.NoError(t, err)
		calls["deserializer "+d.Name] = f.Deserialize
	}
	for _, s := range builtin.Serializers() {
		if needsSchema(s.Name) || s.Name == "envelope" || s.Name == "json-key-value" {
			continue // the last two look at all of a record
		}
		f, err := s.Open(t.Context(), connectors.FunctionContext{}, nil)
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
		if needsSchema(d.Name) {
			continue
		}
		value, options := text, connectors.FunctionOptions(nil)
		if d.Name == "csv" {
			value, options = row, o
		}
		b.Run(d.Name, func(b *testing.B) {
			f, err := d.Open(b.Context(), connectors.FunctionContext{}, options)
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
