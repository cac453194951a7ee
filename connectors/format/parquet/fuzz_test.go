package parquet

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// everything returns a schema of every type, and a row.
func everything(t testing.TB) (schema string, row []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "connectortest", "formats", "everything.avsc"))
	require.NoError(t, err)
	row, err = os.ReadFile(filepath.Join("testdata", "everything.json"))
	require.NoError(t, err)
	return string(text), row
}

// FuzzSchema holds that any text ends in columns that a file can have, which is read and joined, or
// in an error.
func FuzzSchema(f *testing.F) {
	schema, _ := everything(f)
	f.Add(false, schema)
	f.Add(false, lineSchema)
	f.Add(true, orderSchema)
	f.Add(true, `{"$ref":"#/$defs/a","$defs":{"a":{"properties":{"x":{"$ref":"#/$defs/a"}}}}}`)
	f.Fuzz(func(t *testing.T, isJSON bool, text string) {
		if len(text) > 1<<13 {
			return
		}
		o := NewOptions()
		if isJSON {
			o.SchemaType = JSONSchema
		}
		p, err := o.parse(text)
		if err != nil {
			return
		}
		files := newFiles(p, o)
		file := writeFile(t, files)
		opened, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
		require.NoError(t, err)
		require.Zero(t, opened.NumRows())
		require.NotEmpty(t, files.Kind())
		_, err = joinFiles(t, files, format.InMemory(file))
		require.NoError(t, err)
	})
}

// FuzzRow holds that any text is refused, or becomes a row that a reader gets.
func FuzzRow(f *testing.F) {
	schema, row := everything(f)
	f.Add(row)
	o := NewOptions()
	p, err := o.parse(schema)
	require.NoError(f, err)
	files := newFiles(p, o)
	f.Fuzz(func(t *testing.T, value []byte) {
		var out bytes.Buffer
		w, err := files.Open(&out)
		require.NoError(t, err)
		want := int64(0)
		if err := w.Append(&connectors.Record{Value: value}); err == nil {
			want = 1
		}
		require.NoError(t, w.Close())
		file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
		require.NoError(t, err)
		require.Equal(t, want, file.NumRows())
		rows := parquet.NewReader(file)
		var row any
		for range want {
			require.NoError(t, rows.Read(&row))
		}
		require.NoError(t, rows.Close())
	})
}
