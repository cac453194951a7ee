package parquet

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

// BenchmarkAppend writes rows of every type, and rows of a number and a text.
func BenchmarkAppend(b *testing.B) {
	schema, row := everything(b)
	for name, tt := range map[string]struct {
		schema string
		row    []byte
	}{
		"everything": {schema, row},
		"line":       {lineSchema, []byte(`{"n":12345,"text":"some text of a line that is written"}`)},
	} {
		b.Run(name, func(b *testing.B) {
			f := openFiles(b, tt.schema, func(o *Options) { o.Compression = "zstd" })
			w := openWriter(b, f, io.Discard)
			record := &connectors.Record{Value: tt.row}
			b.SetBytes(int64(len(tt.row)))
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, w.Append(record))
			}
			require.NoError(b, w.Close())
		})
	}
}

// BenchmarkOpen opens a file of every type, writes one row and closes it: what a small part costs.
func BenchmarkOpen(b *testing.B) {
	schema, row := everything(b)
	f := openFiles(b, schema)
	b.ReportAllocs()
	for b.Loop() {
		w := openWriter(b, f, io.Discard)
		require.NoError(b, w.Append(&connectors.Record{Value: row}))
		require.NoError(b, w.Close())
	}
}
