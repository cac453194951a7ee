package parquet

import (
	"encoding/binary"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	parquetformat "github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// TestPagesThatExpandAreRefused: a few bytes that claim to become gigabytes take no memory.
func TestPagesThatExpandAreRefused(t *testing.T) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	plain := make([]byte, 1000)
	small := encoder.EncodeAll(plain, nil)
	require.NoError(t, encoder.Close())
	// A frame of one segment whose content has 8 bytes of length, and no block.
	bomb := binary.LittleEndian.AppendUint64([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0}, 8<<30)
	block := snappy.Encode(nil, plain)
	lie := append(binary.AppendUvarint(nil, 4<<30-1), block...)
	for name, tt := range map[string]struct {
		codec parquetformat.CompressionCodec
		page  []byte
		size  int32
		want  error
	}{
		"zstd":              {parquetformat.Zstd, small, 1000, nil},
		"zstd, short":       {parquetformat.Zstd, small, 999, format.ErrTooLarge},
		"zstd bomb":         {parquetformat.Zstd, bomb, 1000, format.ErrTooLarge},
		"zstd of no kind":   {parquetformat.Zstd, []byte("no frame at all"), 1000, format.ErrDamaged},
		"snappy":            {parquetformat.Snappy, block, 1000, nil},
		"snappy bomb":       {parquetformat.Snappy, lie, 1000, format.ErrTooLarge},
		"snappy of no kind": {parquetformat.Snappy, []byte{0xff}, 1000, format.ErrDamaged},
		"nothing":           {parquetformat.Snappy, nil, 0, nil},
	} {
		for _, kind := range []parquetformat.PageType{
			parquetformat.DataPage, parquetformat.DataPageV2, parquetformat.DictionaryPage,
		} {
			t.Run(name+" "+kind.String(), func(t *testing.T) {
				header := parquetformat.PageHeader{Type: kind, UncompressedPageSize: tt.size}
				require.ErrorIs(t, checkExpanded(tt.codec, &header, tt.page), tt.want)
			})
		}
	}
}

// TestLevelsBeyondAPageAreRefused: they stand before what is compressed.
func TestLevelsBeyondAPageAreRefused(t *testing.T) {
	header := parquetformat.PageHeader{Type: parquetformat.DataPageV2, UncompressedPageSize: 10}
	header.DataPageHeaderV2.V.DefinitionLevelsByteLength = 11
	require.ErrorIs(t, checkExpanded(parquetformat.Snappy, &header, make([]byte, 20)),
		format.ErrDamaged)
}
