package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/compress"
)

const (
	// readBufferBytes is read from a file at once.
	readBufferBytes = 128 << 10
	// headerBytesMax bounds a key or a value of a file's header, of which the schema is the longest.
	headerBytesMax = 16 << 20
	// headerPairsMax bounds the pairs of a file's header.
	headerPairsMax = 10_000
	// blockBytesExtra is what a block may have beyond one record of the largest size.
	blockBytesExtra = 64 << 20
)

// FileReader reads the records of an object container file as JSON, in order.
type FileReader struct {
	in             *format.Input
	end            int64 // markers from there on are another reader's
	ended          bool  // the last marker was one of them
	read           *read
	codec          containerCodec
	pool           *compress.Pool // nil without compression
	sync           [syncBytes]byte
	recordBytesMax int

	d        decoder // d.in is what is not read yet of a block
	records  int64   // left in the block
	raw      []byte
	expanded []byte
}

// NewFileReader reads the header of a file. With tagged a union is an object whose member is named
// after the branch. Records whose JSON has more than recordBytesMax bytes are format.ErrTooLarge.
func NewFileReader(in io.Reader, tagged bool, recordBytesMax int) (*FileReader, error) {
	r := &FileReader{
		in: format.NewInput(in, readBufferBytes), end: math.MaxInt64,
		recordBytesMax: recordBytesMax,
	}
	if err := r.readHeader(tagged); err != nil {
		return nil, fmt.Errorf("reading the header: %w", endsEarly(err))
	}
	return r, nil
}

// endsEarly says what is wrong with a file that ends too early. Other errors stay what they are.
func endsEarly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early", format.ErrDamaged)
	}
	return err
}

func (r *FileReader) readHeader(tagged bool) error {
	var magic [len(containerMagic)]byte
	if _, err := io.ReadFull(r.in, magic[:]); err != nil {
		return err
	}
	if string(magic[:]) != containerMagic {
		return fmt.Errorf("%w: it begins with %q", format.ErrDamaged, magic[:])
	}
	meta, err := r.metadata()
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(r.in, r.sync[:]); err != nil {
		return err
	}
	name, given := meta["avro.codec"]
	if !given {
		name = "null"
	}
	known := false
	for _, c := range containerCodecs() {
		if c.avro == name {
			r.codec, known = c, true
		}
	}
	if !known {
		return fmt.Errorf("%w: its codec %q is not known", format.ErrUnsupported, name)
	}
	if r.codec.form != 0 {
		r.pool = compress.NewPool(r.codec.form)
	}
	schema, err := parseAlone(meta["avro.schema"])
	if err == nil {
		r.read, err = resolve(schema, nil, tagged)
	}
	if err != nil {
		// Not wrapped: text that ends early is not a file that ends early.
		return fmt.Errorf("%w: %v", format.ErrDamaged, err)
	}
	return nil
}

// metadata reads the map of the header.
func (r *FileReader) metadata() (map[string]string, error) {
	out := map[string]string{}
	for {
		n, err := r.long()
		if err != nil || n == 0 {
			return out, err
		}
		if n < 0 { // the size of the block follows
			n = -n
			if _, err := r.long(); err != nil {
				return nil, err
			}
		}
		if n < 0 || int64(len(out))+n > headerPairsMax {
			return nil, fmt.Errorf("%w: a header of %d pairs", format.ErrDamaged, n)
		}
		for range n {
			var pair [2]string
			for i := range pair {
				size, err := r.long()
				if err != nil {
					return nil, err
				}
				if size < 0 || size > headerBytesMax {
					return nil, fmt.Errorf("%w: %d bytes in the header", format.ErrDamaged, size)
				}
				b, err := format.ReadBytes(r.in, nil, int(size))
				if err != nil {
					return nil, err
				}
				pair[i] = string(b)
			}
			out[pair[0]] = pair[1]
		}
	}
}

// Next implements format.Reader. There are no keys.
func (r *FileReader) Next() (key, value []byte, err error) {
	for r.records == 0 {
		if err := r.readBlock(); err != nil {
			return nil, nil, err
		}
	}
	r.d.out, r.d.depth = r.d.out[:0], 0
	switch err := r.d.value(r.read); {
	case errors.Is(err, errLarge):
		return nil, nil, fmt.Errorf("%w: %w", format.ErrTooLarge, err)
	case err != nil:
		return nil, nil, fmt.Errorf("%w: reading a record: %w", format.ErrDamaged, err)
	}
	if len(r.d.out) > r.recordBytesMax {
		return nil, nil, fmt.Errorf("%w: a record of %d bytes", format.ErrTooLarge, len(r.d.out))
	}
	if r.records--; r.records == 0 && len(r.d.in) > 0 {
		return nil, nil, fmt.Errorf("%w: %d bytes too many in a block", format.ErrDamaged, len(r.d.in))
	}
	return nil, r.d.out, nil
}

// Within restricts the reader, before its first record, to the blocks whose marker begins in the
// bytes from start to end: whoever reads a file in parts gets each record once. The first block is
// of the part that begins with the file. open opens the file at an offset; it is called at most once.
func (r *FileReader) Within(
	start, end int64, open func(offset int64) (io.Reader, error),
) error {
	r.end = end
	if start == 0 {
		return nil
	}
	inside, err := r.in.Enter(r.sync[:], start, end, open)
	r.ended = !inside
	return err
}

func (r *FileReader) readBlock() error {
	if r.ended {
		return io.EOF
	}
	if _, err := r.in.Peek(1); err != nil {
		return err // the end, between two blocks
	}
	records, err := r.long()
	if err != nil {
		return endsEarly(err)
	}
	size, err := r.long()
	if err != nil {
		return endsEarly(err)
	}
	sizeMax := min(r.recordBytesMax, math.MaxInt32) + blockBytesExtra
	switch {
	case records < 0 || size < 0:
		return fmt.Errorf("%w: a block of %d records in %d bytes", format.ErrDamaged, records, size)
	case size > int64(sizeMax):
		return fmt.Errorf("%w: a block of %d bytes", format.ErrTooLarge, size)
	}
	if r.raw, err = format.ReadBytes(r.in, r.raw[:0], int(size)); err != nil {
		return endsEarly(err)
	}
	var sync [syncBytes]byte
	if _, err := io.ReadFull(r.in, sync[:]); err != nil {
		return endsEarly(err)
	}
	if sync != r.sync {
		return fmt.Errorf("%w: a sync marker is not that of the file", format.ErrDamaged)
	}
	r.ended = r.in.Offset()-syncBytes >= r.end
	if r.d.in, err = r.expand(r.raw, sizeMax); err != nil {
		return err
	}
	// A record may take no bytes, and then the count is all there is of it.
	if records > int64(len(r.d.in)) && (len(r.d.in) > 0 || records > idleItemsMax) {
		return fmt.Errorf("%w: a block of %d records in %d bytes", format.ErrDamaged, records,
			len(r.d.in))
	}
	if records == 0 && len(r.d.in) > 0 {
		return fmt.Errorf("%w: a block of %d bytes without records", format.ErrDamaged, len(r.d.in))
	}
	r.records = records
	return nil
}

// expand returns what a block was made of.
func (r *FileReader) expand(raw []byte, sizeMax int) ([]byte, error) {
	if r.pool == nil {
		return raw, nil
	}
	sum := raw
	if r.codec.form == compress.Snappy {
		if len(raw) < snappySumBytes {
			return nil, fmt.Errorf("%w: a block without its checksum", format.ErrDamaged)
		}
		raw, sum = raw[:len(raw)-snappySumBytes], raw[len(raw)-snappySumBytes:]
	}
	out, err := r.pool.Expand(r.expanded[:0], raw, sizeMax)
	switch {
	case errors.Is(err, compress.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", format.ErrTooLarge, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", format.ErrDamaged, err)
	case r.codec.form == compress.Snappy && crc32.ChecksumIEEE(out) != binary.BigEndian.Uint32(sum):
		return nil, fmt.Errorf("%w: a block does not fit its checksum", format.ErrDamaged)
	}
	r.expanded = out
	return out, nil
}

// long reads a number of the file.
func (r *FileReader) long() (int64, error) { return readLong(r.in) }

func readLong(in io.ByteReader) (int64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(v>>1) ^ -int64(v&1), nil
		}
	}
	return 0, fmt.Errorf("%w: a number of too many bytes", format.ErrDamaged)
}

var _ format.Reader = (*FileReader)(nil)
