package parquet

import (
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
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

// BenchmarkJoin joins files of some hundred rows; bytes are those of the files.
func BenchmarkJoin(b *testing.B) {
	schema, row := everything(b)
	for name, tt := range map[string]struct {
		schema string
		row    func(i int) []byte
	}{
		"everything": {schema, func(int) []byte { return row }},
		"line": {lineSchema, func(i int) []byte {
			return fmt.Appendf(nil, `{"n":%d,"text":"some text of line %d"}`, i, i)
		}},
	} {
		for _, compression := range Compressions() {
			b.Run(name+"/"+compression, func(b *testing.B) {
				f := openFiles(b, tt.schema, func(o *Options) { o.Compression = compression })
				var rows [][]byte
				for i := range 500 {
					rows = append(rows, tt.row(i))
				}
				part := writeFile(b, f, rows...)
				j, err := f.Join(io.Discard)
				require.NoError(b, err)
				b.SetBytes(int64(len(part)))
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, j.Add(format.InMemory(part)))
				}
				require.NoError(b, j.Close())
			})
		}
	}
}
