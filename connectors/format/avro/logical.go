package avro

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/twmb/avro"
)

// logical is what a type stands for.
type logical uint8

const (
	plain logical = iota
	date
	timeMillis
	timeMicros
	timestamp      // with a zone; the unit is in digits
	localTimestamp // without one
	decimal
	uuidFixed
	duration
)

// Units of a day and below.
const (
	daySeconds = 86400
	nanoDigits = 9
)

// logicalOf returns what n stands for. A logical type that does not fit its type means nothing, as
// the specification says.
func logicalOf(k kind, n *avro.SchemaNode) logical {
	switch {
	case k == kindInt && n.LogicalType == "date":
		return date
	case k == kindInt && n.LogicalType == "time-millis":
		return timeMillis
	case k == kindLong && n.LogicalType == "time-micros":
		return timeMicros
	case k == kindLong && fractionDigits(n.LogicalType, "timestamp-") > 0:
		return timestamp
	case k == kindLong && fractionDigits(n.LogicalType, "local-timestamp-") > 0:
		return localTimestamp
	case (k == kindBytes || k == kindFixed) && n.LogicalType == "decimal" && n.Precision > 0:
		return decimal
	case k == kindFixed && n.LogicalType == "uuid" && n.Size == 16:
		return uuidFixed
	case k == kindFixed && n.LogicalType == "duration" && n.Size == 12:
		return duration
	}
	return plain
}

// fractionDigits returns the digits of a second's fraction in the unit of a logical type, or 0.
func fractionDigits(name, prefix string) int {
	switch name {
	case prefix + "millis":
		return 3
	case prefix + "micros":
		return 6
	case prefix + "nanos":
		return nanoDigits
	}
	return 0
}

var pow10 = [...]int64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// appendDigits appends x with at least width digits.
func appendDigits(dst []byte, x int64, width int) []byte {
	var buf [20]byte
	digits := strconv.AppendInt(buf[:0], x, 10)
	for range width - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// appendDate appends the date so many days after 1970-01-01. A year that four digits do not hold
// has a sign, as ISO 8601 has it.
func appendDate(dst []byte, days int64) []byte {
	// Counted in eras of 400 years from 0000-03-01, so that leap days come last.
	z := days + 719468
	era := floorDiv(z, 146097)
	ofEra := z - era*146097
	yearOfEra := (ofEra - ofEra/1460 + ofEra/36524 - ofEra/146096) / 365
	year := yearOfEra + era*400
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := (5*ofYear + 2) / 153
	day := ofYear - (153*m+2)/5 + 1
	month := m + 3
	if m >= 10 {
		month = m - 9
		year++
	}
	switch {
	case year < 0:
		dst, year = append(dst, '-'), -year
	case year > 9999:
		dst = append(dst, '+')
	}
	dst = append(appendDigits(dst, year, 4), '-')
	dst = append(appendDigits(dst, month, 2), '-')
	return appendDigits(dst, day, 2)
}

// daysOf is the inverse of appendDate. ok is false for a day that its month does not have.
func daysOf(year, month, day int64) (days int64, ok bool) {
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, false
	}
	y, m := year, month-3
	if month <= 2 {
		y, m = year-1, month+9
	}
	era := floorDiv(y, 400)
	yearOfEra := y - era*400
	ofYear := (153*m+2)/5 + day - 1
	days = era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + ofYear - 719468
	var buf [24]byte
	var want [24]byte
	text := appendDate(buf[:0], days)
	exact := appendDigits(append(appendDigits(want[:0], month, 2), '-'), day, 2)
	return days, string(text[len(text)-len(exact):]) == string(exact)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// appendClock appends a time of day in units of 10^-digits seconds.
func appendClock(dst []byte, units int64, digits int) []byte {
	seconds := units / pow10[digits]
	dst = append(appendDigits(dst, seconds/3600, 2), ':')
	dst = append(appendDigits(dst, seconds/60%60, 2), ':')
	dst = append(appendDigits(dst, seconds%60, 2), '.')
	return appendDigits(dst, units%pow10[digits], digits)
}

// appendTimestamp appends an instant in units of 10^-digits seconds.
func appendTimestamp(dst []byte, units int64, digits int) []byte {
	perDay := daySeconds * pow10[digits]
	days := floorDiv(units, perDay)
	dst = append(appendDate(dst, days), 'T')
	return appendClock(dst, units-days*perDay, digits)
}

var errFormat = errors.New("it has another form")

// scanner reads the parts of a text of a date or a time.
type scanner struct {
	in  []byte
	bad bool
}

// number reads exactly width digits.
func (s *scanner) number(width int) (x int64) {
	if len(s.in) < width {
		s.bad = true
		return 0
	}
	for _, c := range s.in[:width] {
		if c < '0' || c > '9' {
			s.bad = true
			return 0
		}
		x = x*10 + int64(c-'0')
	}
	s.in = s.in[width:]
	return x
}

func (s *scanner) mark(c byte) {
	if len(s.in) == 0 || s.in[0] != c {
		s.bad = true
		return
	}
	s.in = s.in[1:]
}

func (s *scanner) next(c byte) bool {
	if len(s.in) > 0 && s.in[0] == c {
		s.in = s.in[1:]
		return true
	}
	return false
}

// yearDigitsMax bounds a year: 64 bits of milliseconds end in year 292278994.
const yearDigitsMax = 9

func (s *scanner) date() int64 {
	negative := s.next('-')
	width := 4
	if negative || s.next('+') {
		for width < len(s.in) && width < yearDigitsMax && s.in[width] != '-' {
			width++
		}
	}
	year := s.number(width)
	if negative {
		year = -year
	}
	s.mark('-')
	month := s.number(2)
	s.mark('-')
	days, ok := daysOf(year, month, s.number(2))
	s.bad = s.bad || !ok
	return days
}

// clock reads a time of day with up to digits digits of a fraction, in its units.
func (s *scanner) clock(digits int) int64 {
	hours := s.number(2)
	s.mark(':')
	minutes := s.number(2)
	s.mark(':')
	seconds := s.number(2)
	if hours > 23 || minutes > 59 || seconds > 59 {
		s.bad = true
	}
	units := (hours*3600 + minutes*60 + seconds) * pow10[digits]
	if s.next('.') {
		n := 0
		for n < len(s.in) && s.in[n] >= '0' && s.in[n] <= '9' {
			n++
		}
		// Digits that the unit does not hold would be lost.
		if n == 0 || n > digits {
			s.bad = true
			return 0
		}
		units += s.number(n) * pow10[digits-n]
	}
	return units
}

// zone reads Z or a distance to UTC, in seconds.
func (s *scanner) zone() int64 {
	if s.next('Z') {
		return 0
	}
	sign := int64(1)
	if !s.next('+') {
		sign = -1
		s.mark('-')
	}
	hours := s.number(2)
	s.mark(':')
	minutes := s.number(2)
	if hours > 23 || minutes > 59 {
		s.bad = true
	}
	return sign * (hours*3600 + minutes*60)
}

func (s *scanner) end() error {
	if s.bad || len(s.in) > 0 {
		return errFormat
	}
	return nil
}

func parseDate(text []byte) (int64, error) {
	s := scanner{in: text}
	days := s.date()
	return days, s.end()
}

func parseClock(text []byte, digits int) (int64, error) {
	s := scanner{in: text}
	units := s.clock(digits)
	return units, s.end()
}

func parseTimestamp(text []byte, digits int, local bool) (int64, error) {
	s := scanner{in: text}
	days := s.date()
	s.mark('T')
	units := s.clock(digits)
	shift := int64(0)
	if !local {
		shift = s.zone()
	}
	if err := s.end(); err != nil {
		return 0, err
	}
	perDay := daySeconds * pow10[digits]
	units -= shift * pow10[digits]
	// The first day begins before what 64 bits hold, so its time is taken from the day after.
	if days < 0 {
		days, units = days+1, units-perDay
	}
	if days > math.MaxInt64/perDay || days < math.MinInt64/perDay {
		return 0, errors.New("it is out of range")
	}
	base := days * perDay
	if units > 0 && base > math.MaxInt64-units || units < 0 && base < math.MinInt64-units {
		return 0, errors.New("it is out of range")
	}
	return base + units, nil
}

// appendDecimal appends a number of digits whose last scale ones are a fraction.
func appendDecimal(dst, unscaled []byte, scale int) []byte {
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

const hexDigits = "0123456789abcdef"

func appendUUID(dst, b []byte) []byte {
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

// appendDuration appends months, days and milliseconds, which are counted apart.
func appendDuration(dst, b []byte) []byte {
	months, days := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	millis := binary.LittleEndian.Uint32(b[8:])
	dst = strconv.AppendUint(append(dst, 'P'), uint64(months), 10)
	dst = strconv.AppendUint(append(dst, 'M'), uint64(days), 10)
	dst = strconv.AppendUint(append(dst, 'D', 'T'), uint64(millis/1000), 10)
	return append(appendDigits(append(dst, '.'), int64(millis%1000), 3), 'S')
}

// parseDuration reads what appendDuration writes.
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
