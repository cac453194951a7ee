package parquet

import (
	"fmt"
	"hash/crc32"

	parquetformat "github.com/parquet-go/parquet-go/format"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// checkOurs compares the pages of a column that a writer of this package made with what the index
// says of them. A header has no checksum: with one bit of it changed, references to a dictionary
// were seen to be read as values.
func checkOurs(chunk []byte, meta *parquetformat.ColumnMetaData) error {
	type kind struct {
		page     parquetformat.PageType
		encoding parquetformat.Encoding
	}
	pages := map[kind]int32{}
	for _, s := range meta.EncodingStats {
		pages[kind{s.PageType, s.Encoding}] += s.Count
	}
	expanded := int64(0)
	for len(chunk) > 0 {
		header, page, rest, err := cutPage(chunk)
		if err != nil {
			return err
		}
		if uint32(header.CRC) != crc32.ChecksumIEEE(page) {
			return errChecksum
		}
		k := kind{header.Type, header.DataPageHeader.V.Encoding}
		if header.Type == parquetformat.DictionaryPage {
			k.encoding = header.DictionaryPageHeader.V.Encoding
		}
		pages[k]--
		expanded += int64(len(chunk)-len(page)-len(rest)) + int64(header.UncompressedPageSize)
		chunk = rest
	}
	if expanded != meta.TotalUncompressedSize {
		return fmt.Errorf("%w: its pages have %d bytes, expanded, not %d", format.ErrDamaged, expanded,
			meta.TotalUncompressedSize)
	}
	for k, n := range pages {
		if n != 0 {
			return fmt.Errorf("%w: %d more pages of %s in %s are in the index than there are",
				format.ErrDamaged, n, k.page, k.encoding)
		}
	}
	return nil
}
