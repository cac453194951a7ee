package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	parquetformat "github.com/parquet-go/parquet-go/format"

	"github.com/wasmflow/wasmflow/connectors/format"
)

const (
	magic = "PAR1"
	// encryptedMagic is at the end of a file whose index is encrypted.
	encryptedMagic = "PARE"
	// tailBytes is read of the end of a file at once: the index of most is smaller.
	tailBytes = 64 << 10
	// footBytes is the length of the index's own length, and of what ends a file.
	footBytes = 8
	// indexBytesMax bounds an index, which is held in memory: a thousand columns in a hundred row
	// groups take twenty megabytes.
	indexBytesMax = 64 << 20
	// groupBytesMax bounds the bytes of a row group, which is held in memory as it is in the file;
	// and so it bounds the largest pages of its columns, expanded.
	groupBytesMax = 1 << 30
)

// OpenAt opens a file at an offset.
type OpenAt func(offset int64) (io.ReadCloser, error)

// Index is what the end of a file says of it. One Reader reads with it.
type Index struct {
	file   *parquet.File
	window *window
	root   *column
	groups []groupPlace
}

// groupPlace is where a row group stands.
type groupPlace struct {
	number     int // in the file
	begin, end int64
	rows       int64
}

// ReadIndex reads the index of a file of size bytes. What is no Parquet is format.ErrDamaged.
func ReadIndex(size int64, open OpenAt) (*Index, error) {
	x, err := readIndex(size, open)
	if err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	return x, nil
}

func readIndex(size int64, open OpenAt) (*Index, error) {
	tail, err := readTail(size, tailBytes, open)
	if err != nil {
		return nil, err
	}
	if len(tail) < footBytes {
		return nil, fmt.Errorf("%w: it has %d bytes", format.ErrDamaged, size)
	}
	switch end := string(tail[len(tail)-len(magic):]); end {
	case magic:
	case encryptedMagic:
		return nil, fmt.Errorf("%w: it is encrypted", format.ErrUnsupported)
	default:
		return nil, fmt.Errorf("%w: it ends with %q, not with %s", format.ErrDamaged, end, magic)
	}
	length := int64(binary.LittleEndian.Uint32(tail[len(tail)-footBytes:])) + footBytes
	switch {
	case length > size-int64(len(magic)):
		return nil, fmt.Errorf("%w: an index of %d bytes", format.ErrDamaged, length)
	case length > indexBytesMax:
		return nil, fmt.Errorf("%w: an index of %d bytes", format.ErrTooLarge, length)
	case length > int64(len(tail)):
		if tail, err = readTail(size, length, open); err != nil {
			return nil, err
		}
	}
	x := &Index{window: &window{begin: size - int64(len(tail)), bytes: tail}}
	err = guard(func() (err error) {
		x.file, err = parquet.OpenFile(x.window, size, parquet.SkipMagicBytes(true),
			parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		return err
	})
	if err != nil {
		return nil, err
	}
	meta := x.file.Metadata()
	if x.root, err = newColumns(meta.Schema); err != nil {
		return nil, err
	}
	return x, x.place(meta, size)
}

// readTail returns up to n bytes of the end of a file.
func readTail(size, n int64, open OpenAt) ([]byte, error) {
	n = min(n, size)
	in, err := open(size - n)
	if err != nil {
		return nil, err
	}
	tail, err := format.ReadBytes(in, nil, int(n))
	if err != nil {
		err = endsEarly(err)
	}
	if closed := in.Close(); err == nil {
		err = closed
	}
	return tail, err
}

// place finds out where the row groups stand.
func (x *Index) place(meta *parquetformat.FileMetaData, size int64) error {
	for i := range meta.RowGroups {
		group := &meta.RowGroups[i]
		at := groupPlace{number: i, begin: size, rows: group.NumRows}
		if at.rows < 0 {
			return fmt.Errorf("%w: row group %d has %d rows", format.ErrDamaged, i, at.rows)
		}
		for k := range group.Columns {
			begin, end := chunkPlace(&group.Columns[k].MetaData)
			if begin < int64(len(magic)) || end < begin || end > size {
				return fmt.Errorf("%w: column %d of row group %d at bytes %d to %d of %d",
					format.ErrDamaged, k, i, begin, end, size)
			}
			// The library has found as many columns in every row group.
			if err := readable(&group.Columns[k], &meta.RowGroups[0].Columns[k]); err != nil {
				return err
			}
			at.begin, at.end = min(at.begin, begin), max(at.end, end)
		}
		if at.end-at.begin > groupBytesMax {
			return fmt.Errorf("%w: row group %d has %d bytes, %d are the most", format.ErrTooLarge, i,
				at.end-at.begin, int64(groupBytesMax))
		}
		x.groups = append(x.groups, at)
	}
	slices.SortStableFunc(x.groups, func(a, b groupPlace) int {
		return int(min(max(a.begin-b.begin, -1), 1))
	})
	for i := 1; i < len(x.groups); i++ {
		if x.groups[i].begin < x.groups[i-1].end {
			return fmt.Errorf("%w: its row groups overlap", format.ErrUnsupported)
		}
	}
	return nil
}

// readable refuses columns that the library does not read, or reads wrong: from pages that others
// compressed with LZ4 it was seen to make other values, without an error, and it expects that a
// column is compressed as it is in the first row group.
func readable(chunk, first *parquetformat.ColumnChunk) error {
	if chunk.FilePath != "" {
		return fmt.Errorf("%w: its columns are in other files", format.ErrUnsupported)
	}
	name := strings.Join(chunk.MetaData.PathInSchema, ".")
	if chunk.MetaData.Codec != first.MetaData.Codec {
		return fmt.Errorf("%w: column %s is compressed with %s and elsewhere with %s",
			format.ErrUnsupported, name, first.MetaData.Codec, chunk.MetaData.Codec)
	}
	switch codec := chunk.MetaData.Codec; codec {
	case parquetformat.Uncompressed, parquetformat.Snappy, parquetformat.Gzip, parquetformat.Brotli,
		parquetformat.Zstd:
		return nil
	default:
		return fmt.Errorf("%w: column %s is compressed with %s; none, snappy, gzip, brotli and zstd can "+
			"be read", format.ErrUnsupported, name, codec)
	}
}

// chunkPlace returns where the bytes of a column stand.
func chunkPlace(c *parquetformat.ColumnMetaData) (begin, end int64) {
	begin = c.DataPageOffset
	if c.DictionaryPageOffset != 0 {
		begin = c.DictionaryPageOffset
	}
	return begin, begin + c.TotalCompressedSize
}

// window is the part of a file that is in memory, which is all that the library gets to see.
type window struct {
	begin int64
	bytes []byte
}

// ReadAt implements io.ReaderAt.
func (w *window) ReadAt(p []byte, offset int64) (int, error) {
	if offset < w.begin || offset-w.begin > int64(len(w.bytes)) {
		return 0, fmt.Errorf("%w: byte %d is looked for among those from %d to %d", format.ErrDamaged,
			offset, w.begin, w.begin+int64(len(w.bytes)))
	}
	return bytes.NewReader(w.bytes).ReadAt(p, offset-w.begin)
}
