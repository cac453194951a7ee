package sequencefile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// Classes of keys and values, as job files name them.
const (
	Null  = "null"
	Bytes = "bytes"
	Text  = "text"
	Int   = "int"
	Long  = "long"
)

// Errors of a record.
var (
	errNull   = errors.New("it is null, which only the class null can hold")
	errUTF8   = errors.New("it is not UTF-8; write it with the class bytes")
	errNumber = errors.New("it is no decimal number of the class")
	errLarge  = errors.New("it is larger than 2 GiB, which no SequenceFile can hold")
)

// class is a Writable class. Its append adds the serialised form of a key or value to dst; its
// read does the reverse, into memory that dst begins with.
type class struct {
	name, java string
	append     func(dst, raw []byte) ([]byte, error)
	read       func(dst, in []byte) (out []byte, err error)
}

// classes returns the table of classes.
func classes() []class {
	return []class{
		{Null, "org.apache.hadoop.io.NullWritable", appendNull, readNull},
		{Bytes, "org.apache.hadoop.io.BytesWritable", appendBytes, readBytes},
		{Text, "org.apache.hadoop.io.Text", appendText, readText},
		{Int, "org.apache.hadoop.io.IntWritable", appendInt, readInt},
		{Long, "org.apache.hadoop.io.LongWritable", appendLong, readLong},
	}
}

// Classes returns the names of the classes.
func Classes() (names []string) {
	for _, c := range classes() {
		names = append(names, c.name)
	}
	return names
}

func classOf(is func(class) bool) (class, bool) {
	for _, c := range classes() {
		if is(c) {
			return c, true
		}
	}
	return class{}, false
}

func appendNull(dst, _ []byte) ([]byte, error) { return dst, nil }

func readNull(_, in []byte) ([]byte, error) {
	if len(in) > 0 {
		return nil, fmt.Errorf("%w: a null of %d bytes", format.ErrDamaged, len(in))
	}
	return nil, nil
}

func appendBytes(dst, raw []byte) ([]byte, error) {
	switch {
	case raw == nil:
		return dst, errNull
	case len(raw) > recordBytesLimit:
		return dst, errLarge
	}
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(raw))), raw...), nil
}

func readBytes(_, in []byte) ([]byte, error) {
	if len(in) < 4 || int64(binary.BigEndian.Uint32(in)) != int64(len(in)-4) {
		return nil, fmt.Errorf("%w: bytes with another length than their record", format.ErrDamaged)
	}
	return in[4:], nil
}

func appendText(dst, raw []byte) ([]byte, error) {
	switch {
	case raw == nil:
		return dst, errNull
	case len(raw) > recordBytesLimit:
		return dst, errLarge
	case !utf8.Valid(raw):
		return dst, errUTF8
	}
	return append(appendVInt(dst, int64(len(raw))), raw...), nil
}

func readText(_, in []byte) ([]byte, error) {
	n, rest, err := cutVInt(in)
	if err != nil {
		return nil, err
	}
	if n != int64(len(rest)) {
		return nil, fmt.Errorf("%w: text with another length than its record", format.ErrDamaged)
	}
	return rest, nil
}

func number(raw []byte, bits int) (int64, error) {
	if raw == nil {
		return 0, errNull
	}
	n, err := strconv.ParseInt(string(raw), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errNumber, err)
	}
	return n, nil
}

func appendInt(dst, raw []byte) ([]byte, error) {
	n, err := number(raw, 32)
	if err != nil {
		return dst, err
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
}

func readInt(dst, in []byte) ([]byte, error) {
	if len(in) != 4 {
		return nil, fmt.Errorf("%w: an int of %d bytes", format.ErrDamaged, len(in))
	}
	return strconv.AppendInt(dst, int64(int32(binary.BigEndian.Uint32(in))), 10), nil
}

func appendLong(dst, raw []byte) ([]byte, error) {
	n, err := number(raw, 64)
	if err != nil {
		return dst, err
	}
	return binary.BigEndian.AppendUint64(dst, uint64(n)), nil
}

func readLong(dst, in []byte) ([]byte, error) {
	if len(in) != 8 {
		return nil, fmt.Errorf("%w: a long of %d bytes", format.ErrDamaged, len(in))
	}
	return strconv.AppendInt(dst, int64(binary.BigEndian.Uint64(in)), 10), nil
}

// A VInt is one byte, or a byte that tells sign and length and then the number, which is inverted
// when it is negative.
const (
	vintSmallest = -112 // that one byte can hold
	vintNegative = -120 // the first byte of a longer negative number is below it
)

func appendVInt(dst []byte, v int64) []byte {
	if v >= vintSmallest && v <= math.MaxInt8 {
		return append(dst, byte(v))
	}
	mark := int8(vintSmallest)
	if v < 0 {
		v, mark = ^v, vintNegative
	}
	n := 0
	for rest := v; rest > 0; rest >>= 8 {
		n++
	}
	dst = append(dst, byte(mark-int8(n)))
	for n--; n >= 0; n-- {
		dst = append(dst, byte(v>>(8*n)))
	}
	return dst
}

// vintBytes returns how many bytes follow the first one of a VInt.
func vintBytes(first int8) int {
	switch {
	case first >= vintSmallest:
		return 0
	case first < vintNegative:
		return vintNegative - int(first)
	}
	return vintSmallest - int(first)
}

func vint(first int8, rest []byte) int64 {
	if first >= vintSmallest {
		return int64(first)
	}
	var v int64
	for _, b := range rest {
		v = v<<8 | int64(b)
	}
	if first < vintNegative {
		v = ^v
	}
	return v
}

func cutVInt(in []byte) (v int64, rest []byte, err error) {
	if len(in) == 0 || len(in) <= vintBytes(int8(in[0])) {
		return 0, nil, fmt.Errorf("%w: a number is cut short", format.ErrDamaged)
	}
	first := int8(in[0])
	n := 1 + vintBytes(first)
	return vint(first, in[1:n]), in[n:], nil
}
