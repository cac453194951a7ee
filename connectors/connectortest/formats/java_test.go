package formats

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "embed"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/files"
)

//go:embed ParquetRows.java
var parquetRows string

// TestJavaReadsOurParquet has parquet-mr read files of every compression, and compares row for row:
// all files in one run, because a virtual machine takes a second to start.
func TestJavaReadsOurParquet(t *testing.T) {
	codecs := map[string]string{"none": "UNCOMPRESSED", "snappy": "SNAPPY", "zstd": "ZSTD"}
	rows := Rows(nullsFrom + groupRows + 100) // three row groups, one of them of nulls
	dir := t.TempDir()
	require.NoError(t, Write(t.Context(), dir, rows))
	var names []string
	var ours []File
	for _, f := range Files() {
		if f.Format == files.Parquet {
			names, ours = append(names, filepath.Join(dir, f.Name)), append(ours, f)
		}
	}
	require.Len(t, names, 2*len(codecs))
	schema, err := avro.ParseSchema(Schema)
	require.NoError(t, err)
	want := make([]any, len(rows))
	for i, row := range rows {
		want[i] = stored(t, schema.Type(), decode(t, string(row)))
	}

	out, err := servers.RunParquet(t.Context(), "ParquetRows", parquetRows, names...)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	require.Len(t, lines, len(names)*(1+len(rows)))
	for file := range slices.Chunk(lines, 1+len(rows)) {
		f := ours[0]
		ours = ours[1:]
		var groups []map[string]struct {
			Codec      string
			Dictionary bool
		}
		require.NoError(t, json.Unmarshal([]byte(file[0]), &groups))
		if f.Joined {
			require.Len(t, groups, 1, "however small the files were")
		} else {
			require.Len(t, groups, 3)
		}
		for _, columns := range groups {
			require.True(t, columns["enum"].Dictionary)
			require.False(t, columns["double"].Dictionary)
			require.Equal(t, codecs[f.Compression], columns["string"].Codec)
		}
		for i, line := range file[1:] {
			require.Equal(t, want[i], decode(t, line), "%s, row %d", f.Name, i)
		}
	}
}

func decode(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&v))
	return v
}

// stored returns what ParquetRows.java prints of a value of a row.
func stored(t *testing.T, typ *avro.Type, v any) any {
	t.Helper()
	switch {
	case typ.Kind == "union":
		if v == nil {
			return nil
		}
		other := slices.IndexFunc(typ.Union, func(b *avro.Type) bool { return b.Kind != "null" })
		return stored(t, typ.Union[other], v)
	case typ.Kind == "record":
		out := map[string]any{}
		for _, f := range typ.Fields {
			out[f.Name] = stored(t, f.Type, v.(map[string]any)[f.Name])
		}
		return out
	case typ.Kind == "array":
		out := []any{}
		for _, item := range v.([]any) {
			out = append(out, stored(t, typ.Items, item))
		}
		return out
	case typ.Kind == "map":
		out := map[string]any{}
		for key, value := range v.(map[string]any) {
			out[hex.EncodeToString([]byte(key))] = stored(t, typ.Items, value)
		}
		return out
	case typ.Logical != "":
		return storedLogical(t, typ, fmt.Sprint(v))
	case typ.Kind == "float":
		return strconv.FormatUint(uint64(math.Float32bits(float32(real(t, v)))), 16)
	case typ.Kind == "double":
		return strconv.FormatUint(math.Float64bits(real(t, v)), 16)
	case typ.Kind == "bytes", typ.Kind == "fixed":
		octets, err := base64.StdEncoding.DecodeString(v.(string))
		require.NoError(t, err)
		return hex.EncodeToString(octets)
	case typ.Kind == "string", typ.Kind == "enum":
		return hex.EncodeToString([]byte(v.(string)))
	}
	return fmt.Sprint(v) // numbers and truth values
}

// real returns a number as JSON has it, or one that JSON has not.
func real(t *testing.T, v any) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	require.NoError(t, err)
	if math.IsNaN(x) {
		return math.Float64frombits(0x7ff8000000000000) // Java's only one
	}
	return x
}

func storedLogical(t *testing.T, typ *avro.Type, text string) string {
	t.Helper()
	switch typ.Logical {
	case "decimal":
		x, ok := new(big.Int).SetString(strings.ReplaceAll(text, ".", ""), 10)
		require.True(t, ok, text)
		return x.String()
	case "uuid":
		return strings.ReplaceAll(text, "-", "")
	case "duration":
		var months, days, seconds, millis uint32
		_, err := fmt.Sscanf(text, "P%dM%dDT%d.%dS", &months, &days, &seconds, &millis)
		require.NoError(t, err)
		b := binary.LittleEndian.AppendUint32(nil, months)
		b = binary.LittleEndian.AppendUint32(b, days)
		return hex.EncodeToString(binary.LittleEndian.AppendUint32(b, seconds*1000+millis))
	case "date":
		at, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		return strconv.FormatInt(at.Unix()/(24*60*60), 10)
	}
	layout := "2006-01-02T15:04:05.999999999"
	if strings.HasPrefix(typ.Logical, "time-") {
		text = "1970-01-01T" + text
	}
	at, err := time.Parse(layout, strings.TrimSuffix(text, "Z"))
	require.NoError(t, err)
	unit := time.Nanosecond
	switch {
	case strings.HasSuffix(typ.Logical, "-millis"):
		unit = time.Millisecond
	case strings.HasSuffix(typ.Logical, "-micros"):
		unit = time.Microsecond
	}
	return strconv.FormatInt(at.UnixNano()/int64(unit), 10)
}
