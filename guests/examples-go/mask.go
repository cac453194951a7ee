package main

import (
	"bytes"
	"strconv"
	"strings"
)

func mask(_ context, r record, out emitter) error {
	// Hiding an address makes it longer by three bytes at most.
	value := r.Value()
	room := len(value) + 3*bytes.Count(value, []byte("@"))
	hidden, addresses := maskAddresses(out.Buffer(room), value)
	numbers := maskNumbers(hidden)
	if addresses+numbers == 0 {
		out.Forward()
		return nil
	}
	e := out.Value(hidden)
	e.Header("masked", strconv.AppendInt(out.Buffer(20), int64(addresses+numbers), 10))
	return nil
}

// maskAddresses appends text to dst with the addresses hidden, and counts them.
func maskAddresses(dst, text []byte) ([]byte, int) {
	n, done := 0, 0
	for at := 0; at < len(text); at++ {
		if text[at] != '@' {
			continue
		}
		from, to := at, at+1
		for from > done && isLocal(text[from-1]) {
			from--
		}
		for to < len(text) && isDomain(text[to]) {
			to++
		}
		for to > at+1 && (text[to-1] == '.' || text[to-1] == '-') {
			to--
		}
		if from == at || bytes.LastIndexByte(text[at+1:to], '.') < 1 {
			continue
		}
		dst = append(append(dst, text[done:from+1]...), "***"...)
		dst = append(dst, text[at:to]...)
		n, done, at = n+1, to, to-1
	}
	return append(dst, text[done:]...), n
}

// maskNumbers hides the numbers of text in place, and counts them.
func maskNumbers(text []byte) (n int) {
	const digitsMin, digitsMax, shown = 12, 19, 4
	for from := 0; from < len(text); from++ {
		if !isDigit(text[from]) {
			continue
		}
		digits, to := 0, from
		for to < len(text) {
			if isDigit(text[to]) {
				digits++
			} else if text[to] != ' ' && text[to] != '-' || to+1 == len(text) || !isDigit(text[to+1]) {
				break
			}
			to++
		}
		if digits >= digitsMin && digits <= digitsMax {
			n++
			for i := from; digits > shown; i++ {
				if isDigit(text[i]) {
					text[i] = '*'
					digits--
				}
			}
		}
		from = to
	}
	return n
}

func isLocal(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("._+-", c) >= 0
}

func isDomain(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' || c == '-' }
