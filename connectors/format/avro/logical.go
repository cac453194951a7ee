package avro

import (
	"errors"
	"math"
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

// AppendDate appends the date so many days after 1970-01-01. A year that four digits do not hold
// has a sign, as ISO 8601 has it.
func AppendDate(dst []byte, days int64) []byte {
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

// daysOf is the inverse of AppendDate. ok is false for a day that its month does not have.
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
	text := AppendDate(buf[:0], days)
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

// AppendClock appends a time of day in units of 10^-digits seconds.
func AppendClock(dst []byte, units int64, digits int) []byte {
	seconds := units / pow10[digits]
	dst = append(appendDigits(dst, seconds/3600, 2), ':')
	dst = append(appendDigits(dst, seconds/60%60, 2), ':')
	dst = append(appendDigits(dst, seconds%60, 2), '.')
	return appendDigits(dst, units%pow10[digits], digits)
}

// AppendTimestamp appends an instant in units of 10^-digits seconds.
func AppendTimestamp(dst []byte, units int64, digits int) []byte {
	perDay := daySeconds * pow10[digits]
	days := floorDiv(units, perDay)
	dst = append(AppendDate(dst, days), 'T')
	return AppendClock(dst, units-days*perDay, digits)
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

// parse reads the text of a time.
func (l logical) parse(text []byte, digits int) (int64, error) {
	switch l {
	case date:
		return parseDate(text)
	case timestamp:
		return parseTimestamp(text, digits, false)
	case localTimestamp:
		return parseTimestamp(text, digits, true)
	default:
		return parseClock(text, digits)
	}
}

func (l logical) what() string {
	switch l {
	case date:
		return "a date"
	case timestamp:
		return "a timestamp"
	case localTimestamp:
		return "a timestamp without a zone"
	default:
		return "a time of a day"
	}
}

func (l logical) example() string {
	switch l {
	case date:
		return `"2019-12-31"`
	case timestamp:
		return `"2019-12-31T23:59:59Z"`
	case localTimestamp:
		return `"2019-12-31T23:59:59"`
	default:
		return `"23:59:59"`
	}
}
