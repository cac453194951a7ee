package wasm

import (
	"fmt"
	"unicode/utf8"
)

// reader is a cursor over one range of the file. Its methods do nothing once an error has been
// met; the first error stays. Callers check it before they act on a count.
type reader struct {
	buf []byte // the whole file, so that offsets are those of the file
	pos int
	end int
	err error
}

func (r *reader) left() int { return r.end - r.pos }

func (r *reader) fail(offset int, format string, args ...any) {
	if r.err == nil {
		r.err = &SyntaxError{Offset: offset, What: fmt.Sprintf(format, args...)}
	}
}

func (r *reader) feature(offset int, name string) {
	if r.err == nil {
		r.err = &FeatureError{Offset: offset, Feature: name}
	}
}

func (r *reader) limit(offset int, what string, got, limit uint64) bool {
	if got > limit && r.err == nil {
		r.err = &LimitError{Offset: offset, What: what, Got: got, Max: limit}
	}
	return r.err == nil
}

func (r *reader) byte() byte {
	if r.err != nil {
		return 0
	}
	if r.pos >= r.end {
		r.fail(r.pos, "unexpected end")
		return 0
	}
	b := r.buf[r.pos]
	r.pos++
	return b
}

func (r *reader) skip(n int) {
	if r.err != nil {
		return
	}
	if n > r.left() {
		r.fail(r.pos, "%d bytes wanted, %d left", n, r.left())
		return
	}
	r.pos += n
}

// u32 reads an unsigned number of 32 bits. Padding up to five bytes is legal, linkers leave room
// for relocations that way; a sixth byte or a bit beyond the 32nd is not.
func (r *reader) u32() uint32 {
	// Nearly all numbers of a module fit one byte.
	if r.err == nil && r.pos < r.end && r.buf[r.pos] < continuationBit {
		r.pos++
		return uint32(r.buf[r.pos-1])
	}
	start := r.pos
	var v uint32
	for i := range leb32BytesMax {
		b := r.byte()
		if r.err != nil {
			return 0
		}
		if i == leb32BytesMax-1 && b > 0x0f {
			r.fail(start, "number longer than 32 bits")
			return 0
		}
		v |= uint32(b&0x7f) << (7 * i)
		if b < continuationBit {
			return v
		}
	}
	return 0
}

// signed skips over a signed number of the given width and returns it.
func (r *reader) signed(bits, bytesMax int) int64 {
	start := r.pos
	var v int64
	for i := range bytesMax {
		b := r.byte()
		if r.err != nil {
			return 0
		}
		shift := 7 * i
		v |= int64(b&0x7f) << shift
		if i == bytesMax-1 {
			// The bits beyond the width have to repeat the sign.
			used := bits - shift
			rest := int8(b<<1) >> used
			if b >= continuationBit || (rest != 0 && rest != -1) {
				r.fail(start, "number longer than %d bits", bits)
				return 0
			}
		}
		if b < continuationBit {
			if b&signBit != 0 && shift+7 < 64 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
	return 0
}

func (r *reader) i32() int64 { return r.signed(32, leb32BytesMax) }
func (r *reader) i33() int64 { return r.signed(33, leb33BytesMax) }
func (r *reader) i64() int64 { return r.signed(64, leb64BytesMax) }

// count reads a vector's length and holds it against the bytes left (I1). sizeMin is what one
// entry takes at least.
func (r *reader) count(what string, sizeMin int, limit uint64) int {
	at := r.pos
	n := r.u32()
	if r.err != nil || !r.limit(at, what, uint64(n), limit) {
		return 0
	}
	if uint64(n)*uint64(sizeMin) > uint64(r.left()) {
		r.fail(at, "%d %s announced, %d bytes left", n, what, r.left())
		return 0
	}
	return int(n)
}

// name reads a length and that many bytes of UTF-8. The string is a copy.
func (r *reader) name(what string) string {
	at := r.pos
	n := r.u32()
	if r.err != nil {
		return ""
	}
	if uint64(n) > uint64(r.left()) {
		r.fail(at, "%s of %d bytes announced, %d left", what, n, r.left())
		return ""
	}
	b := r.buf[r.pos : r.pos+int(n)]
	if !utf8.Valid(b) {
		r.fail(at, "%s is not valid UTF-8", what)
		return ""
	}
	r.pos += int(n)
	return string(b)
}

// index reads an index and holds it against the size of its index space (I3).
func (r *reader) index(space string, size int) uint32 {
	at := r.pos
	n := r.u32()
	if r.err == nil && uint64(n) >= uint64(size) {
		r.fail(at, "unknown %s %d of %d", space, n, size)
		return 0
	}
	return n
}

// sub returns a reader for the next n bytes and moves behind them.
func (r *reader) sub(what string, n uint32) reader {
	if r.err == nil && uint64(n) > uint64(r.left()) {
		r.fail(r.pos, "%s of %d bytes announced, %d left", what, n, r.left())
	}
	if r.err != nil {
		return reader{err: r.err}
	}
	s := reader{buf: r.buf, pos: r.pos, end: r.pos + int(n)}
	r.pos = s.end
	return s
}

// done reports an error unless the range was consumed exactly (I2).
func (r *reader) done(what string) error {
	if r.err == nil && r.pos != r.end {
		r.fail(r.pos, "%d bytes left over in %s", r.left(), what)
	}
	return r.err
}

// valueType reads a value type of WebAssembly 2.0 and names the proposal of any other.
func (r *reader) valueType() ValueType {
	at := r.pos
	t := ValueType(r.byte())
	if r.err != nil {
		return 0
	}
	switch t {
	case I32, I64, F32, F64, V128, FuncRef, ExternRef:
		return t
	}
	r.unknownType(at, byte(t))
	return 0
}

func (r *reader) refType() ValueType {
	at := r.pos
	t := r.valueType()
	if r.err == nil && t != FuncRef && t != ExternRef {
		r.fail(at, "%v is not a reference type", t)
	}
	return t
}

func (r *reader) unknownType(at int, b byte) {
	switch b {
	case 0x63, 0x64:
		r.feature(at, "typed function references")
	case 0x69, 0x74:
		r.feature(at, "exception handling")
	case 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73:
		r.feature(at, "garbage collection")
	default:
		r.fail(at, "unknown value type %#x", b)
	}
}
