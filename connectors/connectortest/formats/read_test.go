package formats

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/files"
	"github.com/wasmflow/wasmflow/connectors/format/parquet"
)

// TestParquetReadsAsAvroDoes holds that a row read from Parquet is the very JSON that the same row
// read from Avro is: every type, every compression, joined or not.
func TestParquetReadsAsAvroDoes(t *testing.T) {
	const recordBytesMax = 1 << 20
	rows := Rows(nullsFrom + groupRows + 100)
	all := func(r format.Reader) (values []string) {
		for {
			_, value, err := r.Next()
			if err == io.EOF {
				return values
			}
			require.NoError(t, err)
			values = append(values, string(value))
		}
	}
	var out bytes.Buffer
	require.NoError(t, Encode(t.Context(), &out, File{Format: files.Avro, Compression: "none"}, rows))
	r, err := avro.NewFileReader(&out, false, recordBytesMax)
	require.NoError(t, err)
	want := all(r)
	require.Len(t, want, len(rows))
	for _, f := range Files() {
		if f.Format != files.Parquet {
			continue
		}
		var file bytes.Buffer
		require.NoError(t, Encode(t.Context(), &file, f, rows))
		content := file.Bytes()
		open := func(offset int64) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(content[offset:])), nil
		}
		size := int64(len(content))
		index, err := parquet.ReadIndex(size, open)
		require.NoError(t, err)
		r, err := parquet.NewReader(index, open, 0, size, recordBytesMax)
		require.NoError(t, err)
		require.Equal(t, want, all(r), f.Name)
		require.NoError(t, r.Close())
	}
}
