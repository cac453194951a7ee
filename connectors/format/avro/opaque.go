package avro

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
)

const hexDigits = "0123456789abcdef"

// AppendUUID appends the text of 16 bytes.
func AppendUUID(dst, b []byte) []byte {
	for i, x := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[x>>4], hexDigits[x&15])
	}
	return dst
}

func parseUUID(dst, text []byte) ([]byte, error) {
	if len(text) != 36 {
		return nil, errFormat
	}
	high := -1
	for i, c := range text {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return nil, errFormat
			}
			continue
		}
		x, err := strconv.ParseUint(string(c), 16, 8)
		if err != nil {
			return nil, errFormat
		}
		if high < 0 {
			high = int(x)
			continue
		}
		dst, high = append(dst, byte(high)<<4|byte(x)), -1
	}
	return dst, nil
}

// AppendDuration appends months, days and milliseconds, which are counted apart: 12 bytes, the
// lowest first.
func AppendDuration(dst, b []byte) []byte {
	months, days := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	millis := binary.LittleEndian.Uint32(b[8:])
	dst = strconv.AppendUint(append(dst, 'P'), uint64(months), 10)
	dst = strconv.AppendUint(append(dst, 'M'), uint64(days), 10)
	dst = strconv.AppendUint(append(dst, 'D', 'T'), uint64(millis/1000), 10)
	return append(appendDigits(append(dst, '.'), int64(millis%1000), 3), 'S')
}

// parseDuration reads what AppendDuration writes.
func parseDuration(dst, text []byte) ([]byte, error) {
	s := scanner{in: text}
	s.mark('P')
	months := s.count('M')
	days := s.count('D')
	s.mark('T')
	seconds := s.count('.')
	millis := s.number(3)
	s.mark('S')
	if err := s.end(); err != nil {
		return nil, err
	}
	total := seconds*1000 + millis
	if months > math.MaxUint32 || days > math.MaxUint32 || total > math.MaxUint32 {
		return nil, errors.New("it is out of range")
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(months))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(days))
	return binary.LittleEndian.AppendUint32(dst, uint32(total)), nil
}

// count reads digits up to the mark.
func (s *scanner) count(mark byte) int64 {
	n := 0
	for n < len(s.in) && n < 10 && s.in[n] != mark {
		n++
	}
	if n == 0 {
		s.bad = true
		return 0
	}
	x := s.number(n)
	s.mark(mark)
	return x
}
