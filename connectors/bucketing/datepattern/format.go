package datepattern

import (
	"slices"
	"strconv"
	"time"
)

// Append appends t, in its own location, to dst.
func (p *Pattern) Append(dst []byte, t time.Time) []byte {
	for i := range p.parts {
		if part := &p.parts[i]; part.letter == 0 {
			dst = append(dst, part.text...)
		} else {
			dst = part.append(dst, t)
		}
	}
	return dst
}

// Span returns the longest known range [from, until) of milliseconds since the Unix epoch that
// holds t and in which Append gives the same text. The zone's offset is constant in it, too.
func (p *Pattern) Span(t time.Time) (from, until int64) {
	_, offsetSeconds := t.Zone()
	offset := int64(offsetSeconds) * 1000
	unit := p.unit.Milliseconds()
	at := t.UnixMilli()
	within := (at + offset) % unit
	if within < 0 { // before 1970 the remainder counts backwards
		within += unit
	}
	from, until = at-within, at-within+unit
	begin, end := t.ZoneBounds()
	if !begin.IsZero() {
		from = max(from, begin.UnixMilli())
	}
	if !end.IsZero() {
		until = min(until, end.UnixMilli())
	}
	return from, until
}

func (f *part) append(dst []byte, t time.Time) []byte {
	switch f.letter {
	case 'y', 'u':
		return f.appendYear(dst, t.Year())
	case 'M', 'L':
		return f.appendName(dst, int(t.Month()), t.Month().String())
	case 'E':
		return f.appendName(dst, -1, t.Weekday().String())
	case 'Q', 'q':
		return f.appendQuarter(dst, (int(t.Month())+2)/3)
	case 'd':
		return f.appendNumber(dst, int64(t.Day()))
	case 'D':
		return f.appendNumber(dst, int64(t.YearDay()))
	case 'a':
		return append(dst, [...]string{"AM", "PM"}[t.Hour()/12]...)
	case 'H':
		return f.appendNumber(dst, int64(t.Hour()))
	case 'k':
		return f.appendNumber(dst, int64((t.Hour()+23)%24+1))
	case 'K':
		return f.appendNumber(dst, int64(t.Hour()%12))
	case 'h':
		return f.appendNumber(dst, int64((t.Hour()+11)%12+1))
	case 'm':
		return f.appendNumber(dst, int64(t.Minute()))
	case 's':
		return f.appendNumber(dst, int64(t.Second()))
	case 'S':
		return f.appendFraction(dst, t.Nanosecond())
	case 'n':
		return f.appendNumber(dst, int64(t.Nanosecond()))
	case 'A':
		return f.appendNumber(dst, nanoOfDay(t)/int64(time.Millisecond))
	case 'N':
		return f.appendNumber(dst, nanoOfDay(t))
	default:
		_, offset := t.Zone()
		return f.appendOffset(dst, offset)
	}
}

func nanoOfDay(t time.Time) int64 {
	seconds := int64(t.Hour())*3600 + int64(t.Minute())*60 + int64(t.Second())
	return seconds*int64(time.Second) + int64(t.Nanosecond())
}

// appendNumber pads to the count of letters.
func (f *part) appendNumber(dst []byte, v int64) []byte {
	return appendPadded(dst, v, f.count)
}

func appendPadded(dst []byte, v int64, width int) []byte {
	if v < 0 {
		dst, v = append(dst, '-'), -v
	}
	var digits [20]byte
	number := strconv.AppendInt(digits[:0], v, 10)
	for range width - len(number) {
		dst = append(dst, '0')
	}
	return append(dst, number...)
}

// appendYear follows Java: two letters are the last two digits, four and more announce a longer
// year with a plus sign, and the year of the era counts 1 BC as 1.
func (f *part) appendYear(dst []byte, year int) []byte {
	if f.letter == 'y' && year <= 0 {
		year = 1 - year
	}
	if f.count == 2 {
		return appendPadded(dst, int64((year%100+100)%100), 2)
	}
	before := len(dst)
	dst = appendPadded(dst, int64(year), f.count)
	if f.count >= 4 && year > 0 && len(dst)-before > f.count {
		dst = slices.Insert(dst, before, '+')
	}
	return dst
}

// appendName writes a month or a day of the week. The number is used for one and two letters.
func (f *part) appendName(dst []byte, number int, name string) []byte {
	switch {
	case f.count <= 2 && number >= 0:
		return f.appendNumber(dst, int64(number))
	case f.count == 4:
		return append(dst, name...)
	case f.count == 5:
		return append(dst, name[0])
	default:
		return append(dst, name[:3]...)
	}
}

func (f *part) appendQuarter(dst []byte, quarter int) []byte {
	if f.count == 3 {
		dst = append(dst, 'Q')
		return strconv.AppendInt(dst, int64(quarter), 10)
	}
	return f.appendNumber(dst, int64(quarter))
}

func (f *part) appendFraction(dst []byte, nanos int) []byte {
	var digits [9]byte
	return append(dst, appendPadded(digits[:0], int64(nanos), 9)[:f.count]...)
}

// appendOffset writes an offset in seconds. One letter X or x writes minutes only where there are
// some; Z never shortens.
func (f *part) appendOffset(dst []byte, seconds int) []byte {
	if f.letter == 'X' && seconds == 0 {
		return append(dst, 'Z')
	}
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	hours, minutes := seconds/3600, seconds/60%60
	dst = appendPadded(append(dst, sign), int64(hours), 2)
	if f.letter != 'Z' && f.count == 1 && minutes == 0 {
		return dst
	}
	if f.letter != 'Z' && f.count == 3 {
		dst = append(dst, ':')
	}
	return appendPadded(dst, int64(minutes), 2)
}
