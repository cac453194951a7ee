package json

import (
	"encoding/binary"
	"unsafe"
)

const (
	ones      = 0x0101010101010101
	highs     = 0x8080808080808080
	wordBytes = 8
)

// plain returns the index of the first byte at or behind i that a JSON string cannot hold as it
// is: a quote, a backslash or a control character; len(d) if there is none.
func plain(d []byte, i int) int {
	for i+wordBytes <= len(d) {
		w := binary.LittleEndian.Uint64(d[i:])
		quote := w ^ (ones * '"')
		slash := w ^ (ones * '\\')
		// Each term sets the high bit of a byte that is zero, zero, below 0x20; a false one can
		// only follow a true one in a higher byte, so "any" is exact.
		found := ((quote - ones) & ^quote) | ((slash - ones) & ^slash) |
			((w - ones*0x20) & ^w)
		if found&highs != 0 {
			break
		}
		i += wordBytes
	}
	for i < len(d) {
		if c := d[i]; c == '"' || c == '\\' || c < 0x20 {
			return i
		}
		i++
	}
	return len(d)
}

// plainASCII is plain that stops at bytes from 0x80, too.
func plainASCII(d []byte, i int) int {
	for i+wordBytes <= len(d) {
		w := binary.LittleEndian.Uint64(d[i:])
		quote := w ^ (ones * '"')
		slash := w ^ (ones * '\\')
		found := ((quote - ones) & ^quote) | ((slash - ones) & ^slash) |
			((w - ones*0x20) & ^w) | w
		if found&highs != 0 {
			break
		}
		i += wordBytes
	}
	for i < len(d) {
		if c := d[i]; c == '"' || c == '\\' || c < 0x20 || c >= 0x80 {
			return i
		}
		i++
	}
	return len(d)
}

// text views b as a string, bytesOf the other way round, for callees that keep and change nothing.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
