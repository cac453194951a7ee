package parquet

import (
	"fmt"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	parquetformat "github.com/parquet-go/parquet-go/format"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// checkExpanded refuses a page whose compressed bytes begin by claiming another length than its
// header: the library takes memory as they say, and the bounds are held against the header.
func checkExpanded(
	codec parquetformat.CompressionCodec, header *parquetformat.PageHeader, page []byte,
) error {
	size := int64(header.UncompressedPageSize)
	if header.Type == parquetformat.DataPageV2 { // its levels stand before the values, as they are
		v2 := &header.DataPageHeaderV2.V
		levels := int64(v2.RepetitionLevelsByteLength) + int64(v2.DefinitionLevelsByteLength)
		if v2.RepetitionLevelsByteLength < 0 || v2.DefinitionLevelsByteLength < 0 ||
			levels > min(int64(len(page)), size) {
			return fmt.Errorf("%w: levels of %d bytes in a page of %d", format.ErrDamaged, levels, size)
		}
		if v2.IsCompressed.Valid && !v2.IsCompressed.V {
			return nil
		}
		page, size = page[levels:], size-levels
	}
	if len(page) == 0 {
		return nil
	}
	claims := uint64(0)
	switch codec {
	case parquetformat.Snappy:
		n, err := snappy.DecodedLen(page)
		if err != nil {
			return fmt.Errorf("%w: a page in Snappy: %v", format.ErrDamaged, err)
		}
		claims = uint64(n)
	case parquetformat.Zstd:
		var frame zstd.Header
		if err := frame.Decode(page); err != nil {
			return fmt.Errorf("%w: a page in Zstandard: %v", format.ErrDamaged, err)
		}
		claims = frame.FrameContentSize // 0 where it does not tell
	}
	if claims > uint64(size) {
		return fmt.Errorf("%w: a page of %d bytes claims to expand to %d, its header says %d",
			format.ErrTooLarge, len(page), claims, size)
	}
	return nil
}
