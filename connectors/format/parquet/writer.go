package parquet

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/parquet-go/parquet-go"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
)

const (
	// pageBytes is a page before compression: enough to compress well, and little beside a row
	// group even with hundreds of columns.
	pageBytes = 64 << 10
	// dictionaryBytesMax is from where on a column is written without a dictionary: one that is
	// larger has too many values to save anything.
	dictionaryBytesMax = 1 << 20
	// textPageBytes is what the texts of a page may have in all: a page of references to a dictionary
	// is small however large the dictionary became.
	textPageBytes = 1 << 20
	// batchBytes and batchRows are gathered before columns are filled, one after the other.
	batchBytes = 64 << 10
	batchRows  = 256
	// dataPageVersion is the version of pages that every reader knows.
	dataPageVersion = 1
	// pageChunkBytes is by how much the memory of compressed pages grows.
	pageChunkBytes = 32 << 10
)

// Files makes writers of Parquet files of one schema. It is safe for concurrent use.
type Files struct {
	plan    *plan
	options Options
	config  []parquet.WriterOption
	buffers parquet.BufferPool
	memory  memory
	columns func() []byte // as the index of a file has them
}

func newFiles(p *plan, o Options) *Files {
	f := &Files{
		plan: p, options: o, buffers: parquet.NewChunkBufferPool(pageChunkBytes),
		memory: memory{groupMax: int64(o.RowGroupSize)},
	}
	f.config = []parquet.WriterOption{
		p.schema,
		parquet.Compression(codecOf(o.Compression)),
		parquet.PageBufferSize(pageBytes),
		parquet.WriteBufferSize(0), // the stream has a buffer
		parquet.DataPageVersion(dataPageVersion),
		parquet.DataPageStatistics(false), // the index at the end tells the bounds of pages
		parquet.DictionaryMaxBytes(dictionaryBytesMax),
	}
	for _, path := range p.unordered {
		f.config = append(f.config, parquet.SkipPageBounds(path...))
	}
	f.columns = sync.OnceValue(f.readColumns)
	return f
}

// Open implements format.Opener.
func (f *Files) Open(out io.Writer) (format.Writer, error) { return f.begin(out), nil }

func (f *Files) begin(out io.Writer) *writer {
	w := &writer{
		files: f, out: format.NewStream(out), pages: &pages{BufferPool: f.buffers},
		encoder: avro.NewEncoder(f.plan.values, f.options.Values),
		share:   f.memory.enter(),
		texts:   make([]int, f.plan.columns),
	}
	w.shredder.columns = make([][]parquet.Value, f.plan.columns)
	options := append(f.config[:len(f.config):len(f.config)], parquet.ColumnPageBuffers(w.pages))
	w.file = parquet.NewGenericWriter[any](streamWriter{w.out}, options...)
	// A file that fails is given up, not closed.
	runtime.AddCleanup(w, (*share).leave, w.share)
	return w
}

// streamWriter is what the library writes to.
type streamWriter struct{ *format.Stream }

// Write implements io.Writer.
func (s streamWriter) Write(p []byte) (int, error) {
	buf, err := s.Begin()
	if err == nil {
		err = s.End(append(buf, p...))
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// writer writes one file.
type writer struct {
	files    *Files
	out      *format.Stream
	file     *parquet.GenericWriter[any] // into out
	pages    *pages
	share    *share
	encoder  *avro.Encoder
	shredder shredder
	binary   []byte // of the rows that are not in the columns yet
	rows     int    // likewise
	texts    []int  // bytes of texts in the page of a column
	err      error  // the first; it stays (W3)
	closed   bool
}

// errNull is the refusal of a record without a value.
var errNull = errors.New("the value is null; a row of Parquet is a record")

// Append implements format.Writer.
func (w *writer) Append(r *connectors.Record) error {
	switch {
	case w.err != nil:
		return w.err
	case w.closed:
		return format.ErrClosed
	case r.Value == nil:
		return &format.Refusal{Err: errNull}
	}
	begin := len(w.binary)
	var err error
	if w.binary, err = w.encoder.Append(w.binary, r.Value); err != nil {
		return &format.Refusal{Err: err}
	}
	if err := w.shredder.record(w.files.plan.root, w.binary[begin:]); err != nil {
		return w.fail(fmt.Errorf("taking a record apart: %w", err))
	}
	if w.rows++; w.rows < batchRows && len(w.binary) < batchBytes {
		return nil
	}
	return w.fill()
}

// fail keeps the first error.
func (w *writer) fail(err error) error {
	if w.err == nil {
		w.err = err
	}
	return w.err
}

// fill moves what was gathered into the columns, and ends the row group when it is full.
func (w *writer) fill() error {
	if w.err != nil || w.rows == 0 {
		return w.err
	}
	for i, column := range w.file.ColumnWriters() {
		values := w.shredder.columns[i]
		if _, err := column.WriteRowValues(values); err != nil {
			return w.fail(fmt.Errorf("filling column %d: %w", i, err))
		}
		if err := w.endPage(i, column, values); err != nil {
			return err
		}
		clear(values) // they point into memory
		w.shredder.columns[i] = values[:0]
	}
	w.binary, w.shredder.spare, w.rows = w.binary[:0], w.shredder.spare[:0], 0
	held := w.file.Size() - w.out.Size()
	w.share.set(held)
	if w.files.memory.full(held) {
		return w.endGroup()
	}
	return nil
}

// endPage ends the page of a column whose texts are many: a dictionary is looked at only there.
func (w *writer) endPage(i int, column *parquet.ColumnWriter, values []parquet.Value) error {
	for _, v := range values {
		if v.Kind() == parquet.ByteArray {
			w.texts[i] += len(v.ByteArray())
		}
	}
	if w.texts[i] < textPageBytes {
		return nil
	}
	w.texts[i] = 0
	if err := column.Flush(); err != nil {
		return w.fail(fmt.Errorf("ending a page of column %d: %w", i, err))
	}
	return nil
}

// endGroup writes the row group.
func (w *writer) endGroup() error {
	if err := w.file.Flush(); err != nil {
		return w.fail(fmt.Errorf("writing a row group: %w", err))
	}
	clear(w.texts)
	w.pages.bytes = 0
	w.share.set(0)
	return nil
}

// Size implements format.Writer. Of the row group that has not ended it counts the pages that are
// compressed: it is less than what a Flush makes of it, never more.
func (w *writer) Size() int64 { return w.out.Size() + w.pages.bytes }

// Flush implements format.Writer. It ends a row group.
func (w *writer) Flush() error {
	if err := w.fill(); err != nil {
		return err
	}
	if err := w.endGroup(); err != nil {
		return err
	}
	if err := w.out.Flush(); err != nil {
		return w.fail(err)
	}
	return nil
}

// Close implements format.Writer. It writes the index (P4).
func (w *writer) Close() error {
	if w.closed || w.err != nil {
		w.closed = true
		return w.err
	}
	w.closed = true
	defer w.share.leave()
	if err := w.fill(); err != nil {
		return err
	}
	if err := w.file.Close(); err != nil {
		return w.fail(fmt.Errorf("ending the file: %w", err))
	}
	w.pages.bytes = 0
	if err := w.out.Close(); err != nil {
		return w.fail(err)
	}
	return nil
}

var (
	_ format.Opener = (*Files)(nil)
	_ format.Writer = (*writer)(nil)
)
