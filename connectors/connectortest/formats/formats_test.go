package formats

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
)

// TestEveryTypeIsReadBack compares with what the library's own reader makes of the rows; other
// programs do in make check-formats.
func TestEveryTypeIsReadBack(t *testing.T) {
	rows := Rows(300)
	var out bytes.Buffer
	file := File{Format: "parquet", Compression: "zstd"}
	require.NoError(t, Encode(t.Context(), &out, file, rows))
	type inner struct {
		Value int32   `parquet:"value" json:"value"`
		Word  *string `parquet:"word,optional" json:"word"`
	}
	type outer struct {
		Inner *inner  `parquet:"inner,optional" json:"inner"`
		Many  []inner `parquet:"many,list" json:"many"`
	}
	type row struct {
		N           int64            `parquet:"n" json:"n"`
		Bytes       []byte           `parquet:"bytes" json:"bytes"`
		Enum        string           `parquet:"enum" json:"enum"`
		MaybeLong   *int64           `parquet:"maybe_long,optional" json:"maybe_long"`
		MaybeString *string          `parquet:"maybe_string,optional" json:"maybe_string"`
		Array       []int32          `parquet:"array,list" json:"array"`
		Map         map[string]int64 `parquet:"map" json:"map"`
		Record      inner            `parquet:"record" json:"record"`
		MaybeRecord *outer           `parquet:"maybe_record,optional" json:"maybe_record"`
	}
	got, err := parquet.Read[row](bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	require.Len(t, got, len(rows))
	for i := range rows {
		var want row
		require.NoError(t, json.Unmarshal(rows[i], &want))
		if len(want.Bytes) == 0 {
			want.Bytes, got[i].Bytes = nil, nil
		}
		require.Equal(t, want, got[i], "row %d", i)
	}
}
