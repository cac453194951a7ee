package sequencefile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/compress"
)

const (
	// escapeBytes is the length of what stands before a marker, in the place of a record's length.
	escapeBytes = 4
	// readBufferBytes is read at once.
	readBufferBytes = 128 << 10
	// headerStringBytesMax bounds the names of classes and the texts of the metadata.
	headerStringBytesMax = 1 << 20
	// numberBytesMax is the length of the longest number in text.
	numberBytesMax = len("-9223372036854775808")
	// metadataMax bounds the entries of the metadata.
	metadataMax = 10_000
	// blockBytesExtra is what a column of a block may have beyond one record of the largest size:
	// writers may be told to make larger blocks than Hadoop's one megabyte.
	blockBytesExtra = 64 << 20
)

// Header is what a file says of itself.
type Header struct {
	KeyClass, ValueClass string // Java's names
	Codec                string // Java's name, or "" without compression
	Block                bool
	Metadata             [][2]string // in the order of the file
}

// Reader is a format.Reader of a SequenceFile.
type Reader struct {
	in             *format.Input
	end            int64 // markers from there on are another reader's
	ended          bool  // such a marker was met
	marked         bool  // the marker of the next block is read
	header         Header
	key, value     class
	pool           *compress.Pool // nil without compression
	sync           [syncBytes]byte
	recordBytesMax int

	record, expanded     []byte               // memory of a record
	keyDigits, valDigits [numberBytesMax]byte // memory of numbers
	block                block
}

// block is what is not read yet of a block.
type block struct {
	records                      int
	keyLens, keys, valLens, vals []byte
	memory                       [4][]byte // of the columns
}

// NewReader reads the header of a file. Records that need more than recordBytesMax bytes are
// format.ErrTooLarge.
func NewReader(in io.Reader, recordBytesMax int) (*Reader, error) {
	r := &Reader{
		in: format.NewInput(in, readBufferBytes), end: math.MaxInt64,
		recordBytesMax: recordBytesMax,
	}
	if err := r.readHeader(); err != nil {
		return nil, fmt.Errorf("reading the header: %w", damaged(err))
	}
	return r, nil
}

// Header returns what the file says of itself.
func (r *Reader) Header() Header { return r.header }

// Within restricts the reader, before its first record, to what stands behind the markers that begin
// in the bytes from start to end: whoever reads a file in parts gets each record once. Records
// before the first marker are of the part that begins with the file. open opens the file at an
// offset; it is called at most once.
func (r *Reader) Within(start, end int64, open func(offset int64) (io.Reader, error)) error {
	r.end = end
	if start == 0 {
		return nil
	}
	marker := binary.BigEndian.AppendUint32(nil, syncEscape)
	inside, err := r.in.Enter(append(marker, r.sync[:]...), start, end, open)
	r.ended, r.marked = !inside, inside
	return err
}

func (r *Reader) readHeader() error {
	var head [len(magic) + 1]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return err
	}
	switch {
	case string(head[:len(magic)]) != magic:
		return fmt.Errorf("%w: it begins with %q", format.ErrDamaged, head[:])
	case head[len(magic)] != version:
		return fmt.Errorf("%w: it has version %d, known is %d", format.ErrUnsupported,
			head[len(magic)], version)
	}
	var err error
	if r.header.KeyClass, err = r.string(); err != nil {
		return err
	}
	if r.header.ValueClass, err = r.string(); err != nil {
		return err
	}
	var flags [2]byte
	if _, err := io.ReadFull(r.in, flags[:]); err != nil {
		return err
	}
	if flags[0] > 1 || flags[1] > flags[0] {
		return fmt.Errorf("%w: its marks of compression are %x", format.ErrDamaged, flags)
	}
	r.header.Block = flags[1] == 1
	if flags[0] == 1 {
		if r.header.Codec, err = r.string(); err != nil {
			return err
		}
	}
	if err := r.readMetadata(); err != nil {
		return err
	}
	if _, err := io.ReadFull(r.in, r.sync[:]); err != nil {
		return err
	}
	return r.resolve(flags[0] == 1)
}

// resolve finds what the names of the header mean.
func (r *Reader) resolve(compressed bool) error {
	for _, c := range []struct {
		name string
		into *class
	}{{r.header.KeyClass, &r.key}, {r.header.ValueClass, &r.value}} {
		var known bool
		if *c.into, known = classOf(func(x class) bool { return x.java == c.name }); !known {
			return fmt.Errorf("%w: its class %q is not one of NullWritable, BytesWritable, Text, "+
				"IntWritable and LongWritable", format.ErrUnsupported, c.name)
		}
	}
	if !compressed {
		return nil
	}
	codec, known := codecOf(func(x codec) bool { return x.java == r.header.Codec })
	if !known {
		return fmt.Errorf("%w: its codec %q is not known", format.ErrUnsupported, r.header.Codec)
	}
	r.pool = compress.NewPool(codec.form)
	return nil
}

func (r *Reader) readMetadata() error {
	n, err := r.uint32()
	if err != nil {
		return err
	}
	if n > metadataMax {
		return fmt.Errorf("%w: metadata of %d entries", format.ErrDamaged, n)
	}
	for range n {
		var pair [2]string
		for i := range pair {
			if pair[i], err = r.string(); err != nil {
				return err
			}
		}
		r.header.Metadata = append(r.header.Metadata, pair)
	}
	return nil
}

// Next implements format.Reader.
func (r *Reader) Next() (key, value []byte, err error) {
	if r.header.Block {
		key, value, err = r.nextOfBlock()
	} else {
		key, value, err = r.nextRecord()
	}
	if err != nil {
		return nil, nil, err
	}
	if key, err = r.key.read(r.keyDigits[:0], key); err != nil {
		return nil, nil, fmt.Errorf("reading a key: %w", err)
	}
	if value, err = r.value.read(r.valDigits[:0], value); err != nil {
		return nil, nil, fmt.Errorf("reading a value: %w", err)
	}
	return key, value, nil
}

// nextRecord returns the serialised key and value of a record that stands by itself.
func (r *Reader) nextRecord() (key, value []byte, err error) {
	size, err := r.length()
	if err != nil {
		return nil, nil, err
	}
	keySize, err := r.uint32()
	if err != nil {
		return nil, nil, damaged(err)
	}
	switch {
	case int64(size) > int64(r.recordBytesMax):
		return nil, nil, fmt.Errorf("%w: a record of %d bytes", format.ErrTooLarge, size)
	case keySize > size:
		return nil, nil, fmt.Errorf("%w: a key of %d bytes in a record of %d",
			format.ErrDamaged, keySize, size)
	}
	if r.record, err = format.ReadBytes(r.in, r.record[:0], int(size)); err != nil {
		return nil, nil, damaged(err)
	}
	key, value = r.record[:keySize:keySize], r.record[keySize:]
	if r.pool != nil {
		if r.expanded, err = r.expand(r.expanded[:0], value, r.recordBytesMax); err != nil {
			return nil, nil, err
		}
		value = r.expanded
	}
	return key, value, nil
}

// length returns the length of the next record and passes the markers before it.
func (r *Reader) length() (uint32, error) {
	if r.ended {
		return 0, io.EOF
	}
	if _, err := r.in.Peek(1); err != nil {
		return 0, err // the end, between two records (Q4)
	}
	for {
		n, err := r.uint32()
		if err != nil || n != syncEscape {
			return n, damaged(err)
		}
		if r.ended = r.in.Offset()-escapeBytes >= r.end; r.ended {
			return 0, io.EOF
		}
		if err := r.checkSync(); err != nil {
			return 0, err
		}
		if _, err := r.in.Peek(1); err != nil {
			return 0, err // the end, behind a marker
		}
	}
}

func (r *Reader) checkSync() error {
	var sync [syncBytes]byte
	if _, err := io.ReadFull(r.in, sync[:]); err != nil {
		return damaged(err)
	}
	if sync != r.sync {
		return fmt.Errorf("%w: a sync marker is not that of the file", format.ErrDamaged)
	}
	return nil
}

// nextOfBlock returns the serialised key and value of a record in a block.
func (r *Reader) nextOfBlock() (key, value []byte, err error) {
	b := &r.block
	for b.records == 0 {
		if err := r.readBlock(); err != nil {
			return nil, nil, err
		}
	}
	if key, err = cut(&b.keyLens, &b.keys); err != nil {
		return nil, nil, err
	}
	if value, err = cut(&b.valLens, &b.vals); err != nil {
		return nil, nil, err
	}
	if len(key)+len(value) > r.recordBytesMax {
		return nil, nil, fmt.Errorf("%w: a record of %d bytes", format.ErrTooLarge, len(key)+len(value))
	}
	if b.records--; b.records == 0 {
		if n := len(b.keyLens) + len(b.keys) + len(b.valLens) + len(b.vals); n > 0 {
			return nil, nil, fmt.Errorf("%w: %d bytes too many in a block", format.ErrDamaged, n)
		}
	}
	return key, value, nil
}

// cut takes the next bytes of a column, whose length is the next of lens.
func cut(lens, column *[]byte) ([]byte, error) {
	n, rest, err := cutVInt(*lens)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(*column)) {
		return nil, fmt.Errorf("%w: a length of %d among %d bytes", format.ErrDamaged, n, len(*column))
	}
	out := (*column)[:n:n]
	*lens, *column = rest, (*column)[n:]
	return out, nil
}

// blockMarker passes the marker before a block.
func (r *Reader) blockMarker() error {
	if r.ended {
		return io.EOF
	}
	if r.marked {
		r.marked = false
		return nil
	}
	if _, err := r.in.Peek(1); err != nil {
		return err // the end, between two blocks (Q4)
	}
	if r.ended = r.in.Offset() >= r.end; r.ended {
		return io.EOF
	}
	escape, err := r.uint32()
	if err != nil {
		return damaged(err)
	}
	if escape != syncEscape {
		return fmt.Errorf("%w: a block without a sync marker", format.ErrDamaged)
	}
	return r.checkSync()
}

func (r *Reader) readBlock() error {
	if err := r.blockMarker(); err != nil {
		return err
	}
	records, err := r.vint()
	if err != nil {
		return damaged(err)
	}
	b := &r.block
	for i, column := range []*[]byte{&b.keyLens, &b.keys, &b.valLens, &b.vals} {
		if b.memory[i], err = r.column(b.memory[i]); err != nil {
			return err
		}
		*column = b.memory[i]
	}
	// Every length takes a byte at least.
	if records < 0 || records > int64(len(b.keyLens)) {
		return fmt.Errorf("%w: a block of %d records with %d bytes of lengths", format.ErrDamaged,
			records, len(b.keyLens))
	}
	b.records = int(records)
	return nil
}

func (r *Reader) column(memory []byte) ([]byte, error) {
	n, err := r.vint()
	if err != nil {
		return nil, damaged(err)
	}
	sizeMax := min(r.recordBytesMax, math.MaxInt32) + blockBytesExtra
	if n < 0 || n > int64(sizeMax) {
		return nil, fmt.Errorf("%w: a column of %d bytes", format.ErrTooLarge, n)
	}
	if r.record, err = format.ReadBytes(r.in, r.record[:0], int(n)); err != nil {
		return nil, damaged(err)
	}
	return r.expand(memory[:0], r.record, sizeMax)
}

func (r *Reader) expand(dst, src []byte, sizeMax int) ([]byte, error) {
	out, err := r.pool.Expand(dst, src, sizeMax)
	switch {
	case errors.Is(err, compress.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", format.ErrTooLarge, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", format.ErrDamaged, err)
	}
	return out, nil
}

func (r *Reader) uint32() (uint32, error) { return readUint32(r.in) }

func readUint32(in io.Reader) (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(in, b[:])
	return binary.BigEndian.Uint32(b[:]), err
}

func (r *Reader) vint() (int64, error) { return readVInt(r.in.Reader) }

func readVInt(in *bufio.Reader) (int64, error) {
	first, err := in.ReadByte()
	if err != nil {
		return 0, err
	}
	var b [8]byte
	n := vintBytes(int8(first))
	_, err = io.ReadFull(in, b[:n])
	return vint(int8(first), b[:n]), err
}

func (r *Reader) string() (string, error) {
	n, err := r.vint()
	if err != nil {
		return "", err
	}
	if n < 0 || n > headerStringBytesMax {
		return "", fmt.Errorf("%w: a text of %d bytes in the header", format.ErrDamaged, n)
	}
	b, err := format.ReadBytes(r.in, nil, int(n))
	return string(b), err
}

var _ format.Reader = (*Reader)(nil)
