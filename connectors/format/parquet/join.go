package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	parquetformat "github.com/parquet-go/parquet-go/format"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// wholeBytesMax is a file that is read at once when it is joined: to go to its end and back costs
// more than to read what lies between.
const wholeBytesMax = 1 << 20

// Kind implements format.Joiner: the columns, as the index of a file has them, the codec, and how
// large row groups are. How JSON becomes values is no part of it: a file does not show it.
func (f *Files) Kind() []byte {
	return fmt.Appendf(f.columns(), "\n%s %d", f.options.Compression, f.options.RowGroupSize)
}

// readColumns returns the columns of files of f, as the index of one without rows has them.
func (f *Files) readColumns() []byte {
	var empty bytes.Buffer
	err := f.begin(&empty).Close()
	var x *Index
	if err == nil {
		x, err = ReadIndex(int64(empty.Len()), format.InMemory(empty.Bytes()).OpenAt)
	}
	var columns []byte
	if err == nil {
		columns, err = encodeColumns(x)
	}
	if err != nil {
		panic(fmt.Sprintf("parquet: a file of no rows: %v", err)) // it was written just now
	}
	return columns[:len(columns):len(columns)]
}

// encodeColumns returns the columns of a file in a form that can be compared.
func encodeColumns(x *Index) ([]byte, error) {
	return thrift.Marshal(new(thrift.CompactProtocol),
		&parquetformat.FileMetaData{Schema: x.file.Metadata().Schema})
}

// Join implements format.Joiner. Rows are read and written again, column by column, without being
// made records: row groups of small files would stay small.
func (f *Files) Join(out io.Writer) (format.Joining, error) {
	return &joining{writer: f.begin(out)}, nil
}

// joining writes the rows of files into another one. Beside what its writer holds (P2) there is one
// row group in memory, of a file that such a writer made.
type joining struct {
	writer *writer
	leaves []*column // of every file
}

// Add implements format.Joining.
func (j *joining) Add(in format.File) error {
	if j.writer.err != nil {
		return j.writer.err
	}
	if err := j.add(in.Size(), in.OpenAt); err != nil {
		return j.writer.fail(err)
	}
	return nil
}

func (j *joining) add(size int64, open OpenAt) (err error) {
	if size <= wholeBytesMax {
		content, err := readTail(size, size, open)
		if err != nil {
			return fmt.Errorf("reading the file: %w", err)
		}
		open = format.InMemory(content).OpenAt
	}
	x, err := ReadIndex(size, open)
	if err == nil {
		err = j.check(x)
	}
	if err != nil {
		return notOurs(err)
	}
	if j.leaves == nil {
		j.leaves = x.root.leaves(nil)
	}
	const noJSON = 0
	r, err := NewReader(x, open, 0, size, noJSON)
	if err != nil {
		return err
	}
	r.ours = true
	defer func() { err = errors.Join(err, r.Close()) }()
	return j.copyRows(r)
}

// notOurs makes what a reader of any file could not read a fault of this one: its writer is known.
func notOurs(err error) error {
	if errors.Is(err, format.ErrUnsupported) || errors.Is(err, format.ErrTooLarge) {
		return fmt.Errorf("%w: %w", format.ErrDamaged, err)
	}
	return err
}

// check refuses a file of another kind, and one whose index does not tell of all its rows.
func (j *joining) check(x *Index) error {
	columns, err := encodeColumns(x)
	if err != nil {
		return fmt.Errorf("%w: its schema: %v", format.ErrDamaged, err)
	}
	f := j.writer.files
	if !bytes.Equal(columns, f.columns()) {
		return fmt.Errorf("%w: its schema is not that of the file it goes to", format.ErrDamaged)
	}
	meta, rows := x.file.Metadata(), int64(0)
	codec := codecOf(f.options.Compression).CompressionCodec()
	for i := range meta.RowGroups {
		group := &meta.RowGroups[i]
		rows += group.NumRows
		for k := range group.Columns {
			if has := group.Columns[k].MetaData.Codec; has != codec {
				return fmt.Errorf("%w: row group %d is compressed with %s, not with %s",
					format.ErrDamaged, i, has, codec)
			}
		}
	}
	if rows != meta.NumRows {
		return fmt.Errorf("%w: its row groups have %d rows of %d", format.ErrDamaged, rows,
			meta.NumRows)
	}
	return nil
}

// copyRows writes all rows of r. The values of a batch point into its pages, so they are in the
// columns of the new file before the next one is read.
func (j *joining) copyRows(r *Reader) error {
	for {
		err := r.advance()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return notOurs(err)
		}
		for _, row := range r.batch {
			if err := j.deal(row); err != nil {
				return r.told(err)
			}
			r.groupRow++
		}
		r.next = len(r.batch)
		j.writer.rows += len(r.batch)
		if err := j.writer.fill(); err != nil {
			return err
		}
	}
}

// deal puts the values of a row into the columns. They are checked first, because the library takes
// what it is given: every column has a value in every row, or says on which level there is none.
func (j *joining) deal(row parquet.Row) error {
	columns, begun := j.writer.shredder.columns, 0
	for _, v := range row {
		c, again := v.Column(), v.RepetitionLevel() > 0
		if !again {
			begun++
		}
		if c != begun-1 || c < 0 || c >= len(columns) {
			return errLevels
		}
		leaf, level := j.leaves[c], v.DefinitionLevel()
		if v.RepetitionLevel() > leaf.rep || level > leaf.def || v.IsNull() != (level < leaf.def) {
			return errLevels
		}
		columns[c] = append(columns[c], v)
	}
	if begun != len(columns) {
		return errLevels
	}
	return nil
}

// Close implements format.Joining.
func (j *joining) Close() error { return j.writer.Close() }

var (
	_ format.Joiner  = (*Files)(nil)
	_ format.Joining = (*joining)(nil)
)
