package parquet

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	parquetformat "github.com/parquet-go/parquet-go/format"

	"github.com/wasmflow/wasmflow/connectors/format"
)

const (
	// rowsAtOnce are taken from the columns at once.
	rowsAtOnce = 64
	// pageValuesMax bounds the values of a page: a few bytes can claim to be endless nulls.
	pageValuesMax = 16 << 20
)

// Reader reads the rows of a file as JSON. It holds one row group at a time, compressed, and the
// pages in which its columns stand.
type Reader struct {
	index *Index
	in    io.ReadCloser // nil without a row group
	at    int64         // in the file
	left  []groupPlace  // row groups that are not begun
	ours  bool          // a writer of this package made the file

	group    groupPlace
	rows     parquet.Rows // of the row group; nil between two
	ended    bool         // all of them are in batch
	groupRow int64        // the next
	batch    []parquet.Row
	next     int // in batch
	json     assembler
}

// NewReader reads the row groups that begin in the bytes from start to end: whoever reads a file in
// parts gets each row once. Rows whose JSON has more than recordBytesMax bytes are
// format.ErrTooLarge. It opens the file once, if at all, and ends with Close.
func NewReader(
	x *Index, open OpenAt, start, end int64, recordBytesMax int,
) (_ *Reader, err error) {
	r := &Reader{index: x}
	r.json.root, r.json.sizeMax = x.root, recordBytesMax
	for _, g := range x.groups {
		if g.begin >= start && g.begin < end {
			r.left = append(r.left, g)
		}
	}
	if len(r.left) > 0 {
		r.at = r.left[0].begin
		if r.in, err = open(r.at); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Next implements format.Reader. There are no keys.
func (r *Reader) Next() (key, value []byte, err error) {
	for r.next == len(r.batch) {
		if err := r.advance(); err != nil {
			return nil, nil, err
		}
	}
	row := r.batch[r.next]
	value, err = r.json.append(row)
	if err != nil {
		return nil, nil, r.told(err)
	}
	r.next++
	r.groupRow++
	return nil, value, nil
}

// told says where in the file something is wrong.
func (r *Reader) told(err error) error {
	return fmt.Errorf("row group %d at byte %d, row %d: %w", r.group.number, r.group.begin,
		r.groupRow, err)
}

// advance takes the next rows of the row group, or begins the next one.
func (r *Reader) advance() error {
	if r.ended { // and its last rows, which point into its pages, were returned
		if err := r.finish(); err != nil {
			return r.told(err)
		}
	}
	if r.rows == nil {
		if len(r.left) == 0 {
			return io.EOF
		}
		r.group, r.left, r.groupRow = r.left[0], r.left[1:], 0
		if err := r.begin(); err != nil {
			return r.told(err)
		}
	}
	if r.batch == nil {
		r.batch = make([]parquet.Row, rowsAtOnce)
	}
	r.batch, r.next = r.batch[:rowsAtOnce], 0
	err := guard(func() error {
		n, err := r.rows.ReadRows(r.batch)
		r.batch = r.batch[:n]
		if errors.Is(err, io.EOF) {
			r.ended, err = true, nil
		}
		return err
	})
	if err != nil {
		r.batch = r.batch[:0]
		return r.told(err)
	}
	if !r.ended && len(r.batch) == 0 {
		return r.told(fmt.Errorf("%w: its columns hold no row", format.ErrDamaged))
	}
	if n := r.groupRow + int64(len(r.batch)); r.ended && n != r.group.rows {
		return r.told(fmt.Errorf("%w: its columns end after %d rows of %d", format.ErrDamaged, n,
			r.group.rows))
	}
	return nil
}

// begin reads the bytes of a row group.
func (r *Reader) begin() (err error) {
	if _, err := io.CopyN(io.Discard, r.in, r.group.begin-r.at); err != nil {
		return endsEarly(err)
	}
	w := r.index.window
	w.begin = r.group.begin
	w.bytes, err = format.ReadBytes(r.in, w.bytes[:0], int(r.group.end-r.group.begin))
	if err != nil {
		return endsEarly(err)
	}
	r.at = r.group.end
	if err := r.checkPages(); err != nil {
		return err
	}
	return guard(func() error {
		r.rows = r.index.file.RowGroups()[r.group.number].Rows()
		return nil
	})
}

// checkPages looks at what the pages of a row group claim to hold: the library takes memory as they
// say.
func (r *Reader) checkPages() error {
	group := &r.index.file.Metadata().RowGroups[r.group.number]
	w, held := r.index.window, int64(0)
	for i := range group.Columns {
		meta := &group.Columns[i].MetaData
		begin, end := chunkPlace(meta)
		var most int64
		err := guard(func() (err error) {
			chunk := w.bytes[begin-w.begin : end-w.begin]
			if r.ours {
				err = checkOurs(chunk, meta)
			}
			if err == nil {
				most, err = checkChunk(chunk, meta.Codec, meta.NumValues)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("column %d at byte %d: %w", i, begin, err)
		}
		if held += most; held > groupBytesMax {
			return fmt.Errorf("%w: the pages of its columns have %d bytes, %d are the most",
				format.ErrTooLarge, held, int64(groupBytesMax))
		}
	}
	return nil
}

// errChecksum is of any page that has one: the library looks at those of values, but not at those of
// dictionaries, nor at headers.
var errChecksum = fmt.Errorf("%w: a page has another checksum", format.ErrDamaged)

// cutPage returns the first page of a column, as it is in the file, and what stands behind it.
func cutPage(chunk []byte) (header parquetformat.PageHeader, page, rest []byte, err error) {
	var protocol thrift.CompactProtocol
	in := protocol.NewReaderFromBytes(chunk)
	if err := thrift.NewDecoder(in).Decode(&header); err != nil {
		return header, nil, nil, err
	}
	chunk = chunk[in.BytesRead():]
	size, expanded := int64(header.CompressedPageSize), header.UncompressedPageSize
	if size < 0 || size > int64(len(chunk)) || expanded < 0 {
		return header, nil, nil, fmt.Errorf("%w: a page of %d bytes, expanded %d, in %d",
			format.ErrDamaged, size, expanded, len(chunk))
	}
	return header, chunk[:size], chunk[size:], nil
}

// checkChunk returns what the dictionary and the largest page of a column take in memory.
func checkChunk(
	chunk []byte, codec parquetformat.CompressionCodec, values int64,
) (int64, error) {
	var dictionary, most int64
	for len(chunk) > 0 && values > 0 {
		header, page, rest, err := cutPage(chunk)
		if err != nil {
			return 0, err
		}
		chunk = rest
		if sum := crc32.ChecksumIEEE(page); header.CRC != 0 && uint32(header.CRC) != sum {
			return 0, errChecksum
		}
		if err := checkExpanded(codec, &header, page); err != nil {
			return 0, err
		}
		expanded := int64(header.UncompressedPageSize)
		n := header.DataPageHeader.V.NumValues
		switch header.Type {
		case parquetformat.DataPage:
		case parquetformat.DataPageV2:
			n = header.DataPageHeaderV2.V.NumValues
		case parquetformat.DictionaryPage:
			dictionary = max(dictionary, expanded)
			continue
		default:
			continue
		}
		if n < 0 || int64(n) > values || n > pageValuesMax {
			return 0, fmt.Errorf("%w: a page of %d values", format.ErrDamaged, n)
		}
		values -= int64(n)
		most = max(most, expanded)
	}
	if values != 0 {
		return 0, fmt.Errorf("%w: %d values are missing", format.ErrDamaged, values)
	}
	return dictionary + most, nil
}

// finish gives the pages of a row group back.
func (r *Reader) finish() error {
	rows := r.rows
	r.rows, r.ended = nil, false
	return guard(rows.Close)
}

// Close closes the file. It is idempotent.
func (r *Reader) Close() error {
	var errs []error
	if r.rows != nil {
		errs = append(errs, r.finish())
	}
	if r.in != nil {
		errs = append(errs, r.in.Close())
		r.in = nil
	}
	return errors.Join(errs...)
}

// guard runs the library on bytes of others: an error of it is one of the file, and so is a panic.
// It has many checks, but not all.
func guard(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", format.ErrDamaged, p)
		}
	}()
	err = run()
	switch {
	case err == nil, errors.Is(err, format.ErrDamaged), errors.Is(err, format.ErrTooLarge):
		return err
	}
	return fmt.Errorf("%w: %v", format.ErrDamaged, err)
}

// endsEarly says what is wrong with a file that ends too early. Other errors stay what they are.
func endsEarly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early", format.ErrDamaged)
	}
	return err
}

var _ format.Reader = (*Reader)(nil)
