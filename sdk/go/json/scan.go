package json

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

const (
	ones      = 0x0101010101010101
	highs     = 0x8080808080808080
	wordBytes = 8
)

// Eight bytes are looked at together. What is found has its high bit set; behind the first such
// byte a subtraction may have borrowed, so only the lowest bit counts.

// special marks what a JSON string cannot hold as it is: quotes, backslashes, control characters.
func special(w uint64) uint64 {
	quote, slash := w^ones*'"', w^ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
}

// plain returns the index of the first special byte at or behind i, len(d) if there is none.
func plain(d []byte, i int) int {
	for i+wordBytes <= len(d) {
		if found := special(binary.LittleEndian.Uint64(d[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
		i += wordBytes
	}
	for i < len(d) && d[i] >= ' ' && d[i] != '"' && d[i] != '\\' {
		i++
	}
	return i
}

// plainASCII is plain that stops at bytes from 0x80, too.
func plainASCII(d []byte, i int) int {
	for i+wordBytes <= len(d) {
		w := binary.LittleEndian.Uint64(d[i:])
		if found := special(w) | w&highs; found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
		i += wordBytes
	}
	for i < len(d) && d[i] >= ' ' && d[i] != '"' && d[i] != '\\' && d[i] < 0x80 {
		i++
	}
	return i
}

// text views b as a string, for callees that keep nothing of it. It and bytesOf are written so
// because unsafe.String and unsafe.Slice make calls to check what holds here anyway.
func text(b []byte) string { return *(*string)(unsafe.Pointer(&b)) }

// bytesOf views s as bytes, for callees that change nothing.
func bytesOf(s string) []byte {
	view := struct {
		data     *byte
		len, cap int
	}{unsafe.StringData(s), len(s), len(s)}
	return *(*[]byte)(unsafe.Pointer(&view))
}
