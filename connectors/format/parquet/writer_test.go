package parquet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/format"
)

const lineSchema = `{"type": "record", "name": "Line", "fields": [
	{"name": "n", "type": "int"}, {"name": "text", "type": ["null", "string"], "default": null}]}`

func openFiles(t testing.TB, schema string, change ...func(*Options)) *Files {
	t.Helper()
	o := NewOptions()
	o.Values.Schema = schema
	for _, c := range change {
		c(&o)
	}
	var p connectors.Problems
	o.Validate(&p, "")
	require.Empty(t, p.List)
	f, err := Open(t.Context(), connectors.Env{}, o)
	require.NoError(t, err)
	return f
}

func writeFile(t testing.TB, f *Files, values ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := f.Open(&out)
	require.NoError(t, err)
	for _, v := range values {
		require.NoError(t, w.Append(&connectors.Record{Value: v}))
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func lineValues(n int) (values [][]byte) {
	for i := range n {
		values = append(values, fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, i, strings.Repeat("x", i*i)))
	}
	return append(values, []byte(`{"n":-1,"text":null}`))
}

// readLines reads a file of lineSchema with the library's own reader.
func readLines(t testing.TB, content []byte) (values [][]byte) {
	t.Helper()
	type line struct {
		N    int32   `parquet:"n" json:"n"`
		Text *string `parquet:"text,optional" json:"text"`
	}
	r := parquet.NewGenericReader[line](bytes.NewReader(content))
	for {
		var rows [10]line
		n, err := r.Read(rows[:])
		for _, row := range rows[:n] {
			text, err := json.Marshal(row)
			require.NoError(t, err)
			values = append(values, text)
		}
		if err == io.EOF {
			return values
		}
		require.NoError(t, err)
	}
}

func TestWriterConformance(t *testing.T) {
	for _, compression := range Compressions() {
		t.Run(compression, func(t *testing.T) {
			files := openFiles(t, lineSchema, func(o *Options) { o.Compression = compression })
			connectortest.RunFormatWriter(t, connectortest.FormatWriterHarness{
				Values: lineValues(100), Blocks: true, Footer: true,
				Refused: [][]byte{nil, {}, []byte("{"), []byte(`{"text":"no n"}`), []byte("null"),
					[]byte(`{"n":1,"text":"x","more":1}`), []byte(`{"n":3000000000}`)},
				Open: func(t *testing.T, out io.Writer) format.Writer {
					w, err := files.Open(out)
					require.NoError(t, err)
					return w
				},
				Read: func(t *testing.T, stream []byte) [][]byte { return readLines(t, stream) },
			})
		})
	}
}
