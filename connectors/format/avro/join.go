package avro

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// Kind implements format.Joiner: codec and schema, as a header has them.
func (f *Files) Kind() []byte { return f.head }

// Join implements format.Joiner. Blocks are copied as they are, with the marker of the new file.
func (f *Files) Join(out io.Writer) (format.Joining, error) {
	s, sync, err := f.begin(out)
	if err != nil {
		return nil, err
	}
	return &joining{
		Stream: s, files: f, in: bufio.NewReaderSize(nil, readBufferBytes), to: sync,
	}, nil
}

// joining copies the blocks of files into another one.
type joining struct {
	*format.Stream
	files    *Files
	in       *bufio.Reader
	from, to [syncBytes]byte // markers of the file that is copied, and of the new one
}

// Add implements format.Joining.
func (j *joining) Add(in format.File) error {
	j.in.Reset(in)
	head := make([]byte, len(j.files.head))
	if _, err := io.ReadFull(j.in, head); err != nil {
		return fmt.Errorf("reading the header: %w", endsEarly(err))
	}
	if !bytes.Equal(head, j.files.head) {
		return fmt.Errorf("%w: its schema or codec is not that of the file it goes to",
			format.ErrDamaged)
	}
	if _, err := io.ReadFull(j.in, j.from[:]); err != nil {
		return fmt.Errorf("reading the header: %w", endsEarly(err))
	}
	for {
		_, err := j.in.Peek(1)
		if err == io.EOF {
			return nil // between two blocks
		}
		if err == nil {
			err = j.copyBlock()
		}
		if err != nil {
			return err
		}
	}
}

func (j *joining) copyBlock() error {
	records, err := readLong(j.in)
	if err != nil {
		return endsEarly(err)
	}
	size, err := readLong(j.in)
	if err != nil {
		return endsEarly(err)
	}
	if records < 0 || size < 0 || records == 0 && size > 0 && j.files.pool == nil {
		return fmt.Errorf("%w: a block of %d records in %d bytes", format.ErrDamaged, records, size)
	}
	buf, err := j.Begin()
	if err == nil {
		err = j.End(binary.AppendVarint(binary.AppendVarint(buf, records), size))
	}
	if err == nil {
		err = j.Copy(j.in, size)
	}
	if err != nil {
		return err
	}
	var sync [syncBytes]byte
	if _, err := io.ReadFull(j.in, sync[:]); err != nil {
		return endsEarly(err)
	}
	if sync != j.from {
		return fmt.Errorf("%w: a sync marker is not that of the file", format.ErrDamaged)
	}
	if buf, err = j.Begin(); err != nil {
		return err
	}
	return j.End(append(buf, j.to[:]...))
}

var (
	_ format.Joiner  = (*Files)(nil)
	_ format.Joining = (*joining)(nil)
)
