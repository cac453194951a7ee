package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/parquet-go/parquet-go"
)

// errBinary is a bug of the encoder, whose binary form is read without a doubt.
var errBinary = errors.New("the binary form of a record is not that of its schema")

// shredder takes records apart into the values of columns. The values point into the binary form of
// the records, and into spare.
type shredder struct {
	in      []byte // what is left of a record
	columns [][]parquet.Value
	spare   []byte // decimals that are made wider
}

// record takes one record apart (P1).
func (s *shredder) record(root *shape, binary []byte) error {
	s.in = binary
	if err := s.value(root, 0); err != nil {
		return err
	}
	if len(s.in) > 0 {
		return fmt.Errorf("%w: %d bytes are left", errBinary, len(s.in))
	}
	return nil
}

// value reads a value and puts it, or what stands within it, into its columns. It begins at the
// repetition level.
func (s *shredder) value(n *shape, repetition int) error {
	if n.optional || n.single {
		branch, err := s.long()
		if err != nil {
			return err
		}
		if branch == n.null {
			s.nulls(n, repetition, n.def-1)
			return nil
		}
	}
	switch n.read {
	case readRecord:
		for _, f := range n.fields {
			if err := s.value(f, repetition); err != nil {
				return err
			}
		}
		return nil
	case readList, readMap:
		return s.items(n, repetition)
	}
	v, err := s.leaf(n)
	if err == nil {
		s.put(n.first, v, repetition, n.def)
	}
	return err
}

func (s *shredder) put(column int, v parquet.Value, repetition, definition int) {
	s.columns[column] = append(s.columns[column], v.Level(repetition, definition, column))
}

// nulls puts into every column of n that nothing is there below a level.
func (s *shredder) nulls(n *shape, repetition, definition int) {
	for c := n.first; c < n.last; c++ {
		s.put(c, parquet.Value{}, repetition, definition)
	}
}

// items reads what a list or a map holds.
func (s *shredder) items(n *shape, repetition int) error {
	begun := false
	for {
		count, err := s.long()
		if err != nil {
			return err
		}
		if count < 0 {
			return fmt.Errorf("%w: a block of %d items", errBinary, count)
		}
		if count == 0 {
			break
		}
		for range count {
			for _, f := range n.fields {
				if err := s.value(f, repetition); err != nil {
					return err
				}
			}
			begun, repetition = true, n.rep
		}
	}
	if !begun {
		s.nulls(n, repetition, n.def)
	}
	return nil
}

// leaf reads the value of a column.
func (s *shredder) leaf(n *shape) (v parquet.Value, err error) {
	switch n.read {
	case readBoolean:
		b, err := s.take(1)
		if err != nil {
			return v, err
		}
		return parquet.BooleanValue(b[0] == 1), nil
	case readInt32, readInt64, readEnum:
		x, err := s.long()
		if err != nil {
			return v, err
		}
		return s.integer(n, x)
	case readFloat:
		b, err := s.take(4)
		if err != nil {
			return v, err
		}
		return parquet.FloatValue(math.Float32frombits(binary.LittleEndian.Uint32(b))), nil
	case readDouble:
		b, err := s.take(8)
		if err != nil {
			return v, err
		}
		return parquet.DoubleValue(math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case readFixed:
		b, err := s.take(int64(n.size))
		return parquet.FixedLenByteArrayValue(b), err
	case readDecimal:
		return s.decimal(n)
	}
	b, err := s.bytes()
	return parquet.ByteArrayValue(b), err
}

func (s *shredder) integer(n *shape, x int64) (parquet.Value, error) {
	switch {
	case n.read == readInt32:
		return parquet.Int32Value(int32(x)), nil
	case n.read == readInt64:
		return parquet.Int64Value(x), nil
	case x < 0 || x >= int64(len(n.symbols)):
		return parquet.Value{}, fmt.Errorf("%w: symbol %d of %d", errBinary, x, len(n.symbols))
	}
	return parquet.ByteArrayValue(n.symbols[x]), nil
}

// decimal reads an unscaled number, big-endian in two's complement.
func (s *shredder) decimal(n *shape) (v parquet.Value, err error) {
	var b []byte
	if n.size > 0 {
		b, err = s.take(int64(n.size))
	} else {
		b, err = s.bytes()
	}
	if err != nil {
		return v, err
	}
	fill := byte(0)
	if len(b) > 0 && b[0]&0x80 != 0 {
		fill = 0xff
	}
	if n.decimal == parquet.FixedLenByteArray {
		// What is cut off a longer one repeats the sign: it has no more digits than the schema says.
		b = b[max(len(b)-n.width, 0):]
		from := len(s.spare)
		for range n.width - len(b) {
			s.spare = append(s.spare, fill)
		}
		s.spare = append(s.spare, b...)
		return parquet.FixedLenByteArrayValue(s.spare[from:]), nil
	}
	x := int64(int8(fill))
	for _, digit := range b {
		x = x<<8 | int64(digit)
	}
	if n.decimal == parquet.Int32 {
		return parquet.Int32Value(int32(x)), nil
	}
	return parquet.Int64Value(x), nil
}

func (s *shredder) long() (int64, error) {
	x, n := binary.Varint(s.in)
	if n <= 0 {
		return 0, fmt.Errorf("%w: no number", errBinary)
	}
	s.in = s.in[n:]
	return x, nil
}

func (s *shredder) take(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(s.in)) {
		return nil, fmt.Errorf("%w: %d bytes of %d", errBinary, n, len(s.in))
	}
	b := s.in[:n:n]
	s.in = s.in[n:]
	return b, nil
}

func (s *shredder) bytes() ([]byte, error) {
	n, err := s.long()
	if err != nil {
		return nil, err
	}
	return s.take(n)
}
