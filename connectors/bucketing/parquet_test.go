package bucketing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
)

// parquetPairs reads a file with the library's own reader.
func parquetPairs(t *testing.T, content string) (pairs []string) {
	t.Helper()
	type pair struct {
		Key   int32  `parquet:"key"`
		Value string `parquet:"value"`
	}
	rows, err := parquet.Read[pair](strings.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	for _, row := range rows {
		pairs = append(pairs, fmt.Sprintf(`{"key":%d,"value":"%s"}`, row.Key, row.Value))
	}
	return pairs
}

func parquetWriter(compression string) Writer {
	w := defaultWriter()
	w.Format, w.Compression = "parquet", compression
	return w
}

// compactParquet holds back parts of pairs, of a row each or of a few.
func compactParquet(age time.Duration) func(*Config) {
	return func(c *Config) {
		compact(age)(c)
		c.Writer, c.Schema = parquetWriter("snappy"), keyValueSchema
	}
}

func TestParquetFilesAreReadByOthers(t *testing.T) {
	for _, compression := range []string{"none", "snappy", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			files := writeFormat(t, func(c *Config) {
				c.Writer, c.Schema = parquetWriter(compression), keyValueSchema
			}, pairs())
			var got []string
			for name, content := range files {
				require.True(t, strings.HasSuffix(name, ".parquet"), name)
				got = append(got, parquetPairs(t, content)...)
			}
			require.ElementsMatch(t, pairs(), got)
		})
	}
}

// TestBadRowsOfParquetAreFaults holds that a row which does not fit is told with its place, and
// that the part has all others.
func TestBadRowsOfParquetAreFaults(t *testing.T) {
	j := newJob(t, func(c *Config) {
		c.Bucketer, c.Writer = Bucketer{}, parquetWriter("zstd")
		c.Schema = `{"type":"object","required":["key","value"],"properties":{
			"key":{"type":"integer","format":"int32"},"value":{"type":"string"}}}`
		c.Writer.Parquet.SchemaType = "json-schema"
	}).start(1)
	j.write(0, append(pairs(), "no JSON", `{"key":"text","value":"x"}`)...).checkpoint().close()
	require.Len(t, j.files(), 1)
	for _, content := range j.files() {
		require.Equal(t, pairs(), parquetPairs(t, content))
	}
	require.Len(t, j.Faults, 2)
	require.Contains(t, j.Faults[1], "at key: want an integer for int")
}

func TestKeysOfParquet(t *testing.T) {
	var w Writer
	require.NoError(t, w.UnmarshalTOML(map[string]any{
		"format": "parquet", "compression": "snappy", "schema_type": "json-schema",
		"row_group_size": "8MiB", "unknown_fields": "drop",
	}))
	require.EqualValues(t, 8<<20, w.Parquet.RowGroupSize)
	require.Equal(t, "json-schema", w.Parquet.SchemaType)
	require.NoError(t, w.UnmarshalTOML(map[string]any{"row_group_size": int64(1 << 21)}))
	require.EqualValues(t, 2<<20, w.Parquet.RowGroupSize)
	for want, v := range map[string]any{
		`row_group_size: "much" is no size`: "much", "row_group_size: want a size such as": 1.5,
	} {
		require.ErrorContains(t, w.UnmarshalTOML(map[string]any{"row_group_size": v}), want)
	}
}
