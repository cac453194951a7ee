package main

import (
	"encoding/binary"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
)

func init() {
	wasmflow.Plugin("uppercase", "1.0.0")
	wasmflow.Transform("uppercase", uppercase,
		wasmflow.Doc("turns the ASCII letters of values to upper case"))
}

func main() {}

func uppercase(_ *wasmflow.Context, r wasmflow.Record, out *wasmflow.Emitter) error {
	value := r.Value()
	if value == nil {
		out.Forward()
		return nil
	}
	upper := out.Buffer(len(value))[:len(value)]
	toUpper(upper, value)
	out.Value(upper)
	return nil
}

// toUpper writes src to dst, which is as long, in upper case: eight bytes at a time, because a loop
// over single bytes is most of what a guest in Go spends here.
func toUpper(dst, src []byte) {
	for len(src) >= 8 && len(dst) >= 8 {
		binary.LittleEndian.PutUint64(dst, upper8(binary.LittleEndian.Uint64(src)))
		dst, src = dst[8:], src[8:]
	}
	for i, c := range src {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst[i] = c
	}
}

// upper8 turns those of eight bytes to upper case that are 'a' to 'z'.
func upper8(w uint64) uint64 {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	low := w &^ high
	fromA := low + (0x80-'a')*ones    // the high bit of each byte says: at least 'a'
	aboveZ := low + (0x80-'z'-1)*ones // the high bit of each byte says: above 'z'
	letters := fromA &^ aboveZ &^ w & high
	return w - letters>>2 // 0x80 >> 2 is the distance from 'a' to 'A'
}
