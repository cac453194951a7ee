package sequencefile

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// FuzzJoin holds that joining loses nothing: whatever is taken for a file reads the same when it is
// joined, and what cannot be read to its end cannot be read then either.
func FuzzJoin(f *testing.F) {
	kinds := []Options{
		{KeyClass: Null, ValueClass: Text, Compression: None, CompressBy: ByRecord},
		{KeyClass: Long, ValueClass: Text, Compression: "deflate", CompressBy: ByRecord},
		{KeyClass: Long, ValueClass: Text, Compression: "snappy", CompressBy: ByBlock},
	}
	for _, o := range kinds {
		files, err := New(o)
		require.NoError(f, err)
		var out bytes.Buffer
		w, err := files.Open(&out)
		require.NoError(f, err)
		for _, value := range []string{"a", "", "third"} {
			require.NoError(f, w.Append(&connectors.Record{Key: []byte("7"), Value: []byte(value)}))
		}
		require.NoError(f, w.Close())
		f.Add(out.Bytes())
		// A file may end with a marker.
		f.Add(append(out.Bytes(), append([]byte{0xff, 0xff, 0xff, 0xff}, out.Bytes()[:16]...)...))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, o := range kinds {
			var out bytes.Buffer
			j, err := newFormat(t, o).Join(&out)
			require.NoError(t, err)
			if j.Add(format.InMemory(file)) != nil {
				continue
			}
			require.NoError(t, j.Close())
			want, problem := readUntil(file)
			got, err := readUntil(out.Bytes())
			require.Equal(t, want, got)
			require.Equal(t, problem == nil, err == nil, "%v, %v", problem, err)
		}
	})
}

// readUntil returns the records of a file up to its end or to what is wrong with it.
func readUntil(file []byte) (out []pair, err error) {
	r, err := NewReader(bytes.NewReader(file), testRecordBytesMax)
	for err == nil {
		var key, value []byte
		if key, value, err = r.Next(); err == nil {
			out = append(out, pair{bytes.Clone(key), bytes.Clone(value)})
		}
	}
	if err == io.EOF {
		err = nil
	}
	return out, err
}
