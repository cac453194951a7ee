package avro

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"
)

// AppendDecimal appends a number of digits whose last scale ones are a fraction. It is in two's
// complement, the highest byte first.
func AppendDecimal(dst, unscaled []byte, scale int) []byte {
	var digits [24]byte
	var text []byte
	negative := len(unscaled) > 0 && unscaled[0]&0x80 != 0
	if len(unscaled) <= 8 {
		x := int64(0)
		if negative {
			x = -1
		}
		for _, b := range unscaled {
			x = x<<8 | int64(b)
		}
		u := uint64(x)
		if negative {
			u = -u
		}
		text = strconv.AppendUint(digits[:0], u, 10)
	} else {
		x := new(big.Int).SetBytes(unscaled)
		if negative {
			x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(unscaled))))
		}
		text = x.Abs(x).Append(digits[:0], 10)
	}
	if negative {
		dst = append(dst, '-')
	}
	if len(text) <= scale {
		dst = append(dst, '0', '.')
		for range scale - len(text) {
			dst = append(dst, '0')
		}
		return append(dst, text...)
	}
	dst = append(dst, text[:len(text)-scale]...)
	if scale > 0 {
		dst = append(append(dst, '.'), text[len(text)-scale:]...)
	}
	return dst
}

// decimalText is the text of a decimal, taken apart.
type decimalText struct {
	negative bool
	digits   []byte // without the point
	fraction int    // how many of them stand behind it
}

// splitDecimal takes a decimal apart. The digits are appended to dst.
func splitDecimal(dst, text []byte) (d decimalText, err error) {
	d.digits = dst
	point := false
	for i, c := range text {
		switch {
		case c == '-' && i == 0:
			d.negative = true
		case c == '.' && !point && len(d.digits) > 0:
			point = true
		case c >= '0' && c <= '9':
			d.digits = append(d.digits, c)
			if point {
				d.fraction++
			}
		default:
			return d, fmt.Errorf("want a decimal without an exponent, not %.40q", text)
		}
	}
	if len(d.digits) == 0 {
		return d, fmt.Errorf("want a decimal, not %.40q", text)
	}
	return d, nil
}

// decimalDigitsMax bounds the text of a decimal: reading more takes time that grows with the
// square.
const decimalDigitsMax = 1000

// appendUnscaled appends the unscaled value of a number's text, big-endian in two's complement and
// as short as can be. digits is memory to work in, handed back.
func appendUnscaled(dst, digits, text []byte, n *node) (out, memory []byte, err error) {
	if len(text) > decimalDigitsMax {
		return nil, digits, fmt.Errorf("a decimal of %d bytes is too long", len(text))
	}
	d, err := splitDecimal(digits[:0], text)
	if err != nil {
		return nil, d.digits, err
	}
	for ; d.fraction > n.scale; d.fraction-- {
		if d.digits[len(d.digits)-1] != '0' {
			return nil, d.digits, fmt.Errorf(
				"%.40q has more digits after the point than the schema's %d", text, n.scale)
		}
		d.digits = d.digits[:len(d.digits)-1]
	}
	for ; d.fraction < n.scale; d.fraction++ {
		d.digits = append(d.digits, '0')
	}
	used := bytes.TrimLeft(d.digits, "0")
	if len(used) > n.digits {
		return nil, d.digits, fmt.Errorf("%.40q has more digits than the schema's %d", text, n.digits)
	}
	if len(used) > int64Digits {
		return appendBig(dst, used, d.negative), d.digits, nil
	}
	x := int64(0)
	for _, c := range used {
		x = x*10 + int64(c-'0')
	}
	if d.negative {
		x = -x
	}
	size := 1
	for x>>(8*size-1) != 0 && x>>(8*size-1) != -1 {
		size++
	}
	for i := size - 1; i >= 0; i-- {
		dst = append(dst, byte(x>>(8*i)))
	}
	return dst, d.digits, nil
}

// int64Digits is the number of digits that 64 bits hold whatever they are.
const int64Digits = 18

func appendBig(dst, digits []byte, negative bool) []byte {
	x, _ := new(big.Int).SetString(string(digits), 10)
	size := x.BitLen()/8 + 1
	if negative {
		x.Neg(x)
		size = new(big.Int).Not(x).BitLen()/8 + 1
		x.Add(x, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return append(dst, x.FillBytes(make([]byte, size))...)
}
