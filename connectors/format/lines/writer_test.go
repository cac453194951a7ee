package lines_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/lines"
)

func values(texts ...string) (out [][]byte) {
	for _, s := range texts {
		out = append(out, []byte(s))
	}
	return out
}

// many are values that fill the buffer several times.
func many(form string) (out [][]byte) {
	for i := range 3000 {
		out = append(out, fmt.Appendf(nil, form, i, strings.Repeat("x", i%97)))
	}
	return out
}

func readLines(_ *testing.T, stream []byte) (out [][]byte) {
	for line := range bytes.Lines(stream) {
		out = append(out, bytes.TrimSuffix(line, []byte("\n")))
	}
	return out
}

func readRows(t *testing.T, stream []byte) (out [][]byte) {
	r := csv.NewReader(bytes.NewReader(stream))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	require.NoError(t, err)
	for _, row := range rows {
		value, err := json.Marshal(row)
		require.NoError(t, err)
		out = append(out, value)
	}
	return out
}

func TestWriterConformance(t *testing.T) {
	for name, h := range map[string]connectortest.FormatWriterHarness{
		lines.Text: {
			Values:  append(many("%d %s"), values("", "x\ry", "\xff")...),
			Refused: [][]byte{nil}, Read: readLines,
		},
		lines.JSON: {
			Values:  append(many(`{"n":%d,"s":"%s"}`), values("1", `"a"`, "[null]")...),
			Refused: append(values("", "{", "1 2"), nil), Read: readLines,
		},
		lines.CSV: {
			Values:  append(many(`["%d","%s"]`), values(`["a,b","\"","c\nd"," ",""]`)...),
			Refused: append(values("", "1", "{", `{"a":null}`, `[null]`), nil), Read: readRows,
		},
	} {
		h.Open = func(t *testing.T, out io.Writer) format.Writer {
			o := lines.Defaults()
			o.Format = name
			w, err := lines.NewWriter(out, o)
			require.NoError(t, err)
			return w
		}
		t.Run(name, func(t *testing.T) { connectortest.RunFormatWriter(t, h) })
	}
}
