package sequencefile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// Kind implements format.Joiner: classes and compression, as a header has them.
func (f *Format) Kind() []byte { return f.appendHead(nil) }

// Join implements format.Joiner. Records and blocks are copied as they are. Markers between records
// stand where the writer of one long file would put them: many short files have none to keep.
func (f *Format) Join(out io.Writer) (format.Joining, error) {
	w, err := f.begin(out)
	if err != nil {
		return nil, err
	}
	return &joining{
		writer: w, head: f.Kind(), in: bufio.NewReaderSize(nil, readBufferBytes),
	}, nil
}

// joining copies the records or blocks of files into another one.
type joining struct {
	*writer
	head []byte // of every file
	in   *bufio.Reader
	from [syncBytes]byte // marker of the file that is copied
}

// Add implements format.Joining.
func (j *joining) Add(in format.File) error {
	j.in.Reset(in)
	head := make([]byte, len(j.head))
	if _, err := io.ReadFull(j.in, head); err != nil {
		return fmt.Errorf("reading the header: %w", damaged(err))
	}
	if !bytes.Equal(head, j.head) {
		return fmt.Errorf("%w: its classes or compression are not those of the file it goes to",
			format.ErrDamaged)
	}
	if _, err := io.ReadFull(j.in, j.from[:]); err != nil {
		return fmt.Errorf("reading the header: %w", damaged(err))
	}
	copyNext := j.copyRecord
	if j.format.block {
		copyNext = j.copyBlock
	}
	for {
		_, err := j.in.Peek(1)
		if err == io.EOF {
			return nil // between two records or blocks (Q4)
		}
		if err == nil {
			err = copyNext()
		}
		if err != nil {
			return err
		}
	}
}

// copyRecord copies a record, or passes a marker.
func (j *joining) copyRecord() error {
	size, err := readUint32(j.in)
	if err != nil {
		return damaged(err)
	}
	if size == syncEscape {
		return j.passSync()
	}
	keySize, err := readUint32(j.in)
	if err != nil {
		return damaged(err)
	}
	if keySize > size || size > math.MaxInt32 {
		return fmt.Errorf("%w: a key of %d bytes in a record of %d", format.ErrDamaged, keySize, size)
	}
	buf, err := j.Begin()
	if err != nil {
		return err
	}
	buf, j.lastSync = j.appendDueSync(buf)
	buf = binary.BigEndian.AppendUint32(buf, size)
	if err := j.End(binary.BigEndian.AppendUint32(buf, keySize)); err != nil {
		return err
	}
	return j.Copy(j.in, int64(size))
}

func (j *joining) copyBlock() error {
	escape, err := readUint32(j.in)
	if err != nil {
		return damaged(err)
	}
	if escape != syncEscape {
		return fmt.Errorf("%w: a block without a sync marker", format.ErrDamaged)
	}
	if err := j.passSync(); err != nil {
		return err
	}
	buf, err := j.Begin()
	if err == nil {
		err = j.End(j.appendSync(buf))
	}
	if err != nil {
		return err
	}
	if _, err := j.copyVInt(); err != nil { // the count of records
		return err
	}
	for range 4 { // lengths of keys, keys, lengths of values, values
		size, err := j.copyVInt()
		if err != nil {
			return err
		}
		if err := j.Copy(j.in, size); err != nil {
			return err
		}
	}
	return nil
}

func (j *joining) passSync() error {
	var sync [syncBytes]byte
	if _, err := io.ReadFull(j.in, sync[:]); err != nil {
		return damaged(err)
	}
	if sync != j.from {
		return fmt.Errorf("%w: a sync marker is not that of the file", format.ErrDamaged)
	}
	return nil
}

// copyVInt copies a count or a length and returns it.
func (j *joining) copyVInt() (int64, error) {
	n, err := readVInt(j.in)
	if err != nil {
		return 0, damaged(err)
	}
	if n < 0 {
		return 0, fmt.Errorf("%w: a block with a length of %d", format.ErrDamaged, n)
	}
	buf, err := j.Begin()
	if err == nil {
		err = j.End(appendVInt(buf, n))
	}
	return n, err
}

var (
	_ format.Joiner  = (*Format)(nil)
	_ format.Joining = (*joining)(nil)
)
