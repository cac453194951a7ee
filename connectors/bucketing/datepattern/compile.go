package datepattern

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// PatternBytesMax bounds a pattern: longer than any folder name could be.
const PatternBytesMax = 256

// Pattern is a compiled pattern. It is immutable.
type Pattern struct {
	source string
	parts  []part
	unit   time.Duration // no letter changes within one of these, while the offset stays
}

// part is a run of one letter, or a literal text.
type part struct {
	letter byte // 0: literal
	count  int
	text   string
}

// letters says how often a letter may stand in a row and how long its value stays the same.
var letters = map[byte]struct {
	countMax int
	unit     time.Duration
}{
	'y': {19, day}, 'u': {19, day}, 'M': {5, day}, 'L': {5, day}, 'Q': {3, day}, 'q': {3, day},
	'd': {2, day}, 'D': {3, day}, 'E': {5, day},
	'a': {1, time.Hour}, 'H': {2, time.Hour}, 'k': {2, time.Hour}, 'K': {2, time.Hour},
	'h': {2, time.Hour},
	'm': {2, time.Minute}, 's': {2, time.Second}, 'S': {9, time.Millisecond},
	'A': {19, time.Millisecond}, 'N': {19, time.Millisecond}, 'n': {19, time.Millisecond},
	'X': {3, day}, 'x': {3, day}, 'Z': {3, day},
}

const day = 24 * time.Hour

// refused says why a letter of Java's is not offered and what to write instead.
var refused = map[byte]string{
	'Y': "the week-based year depends on a locale; write y for the year",
	'w': "the week of the year depends on a locale; write D for the day of the year",
	'W': "the week of the month depends on a locale; write d for the day of the month",
	'e': "the number of the day of the week depends on a locale; write E for its name",
	'c': "the number of the day of the week depends on a locale; write E for its name",
	'F': "the week of the month differs between versions of Java; write d for the day",
	'G': "the era is the same for every record; leave it out",
	'V': "names of zones contain slashes; set the zone key instead",
	'v': "names of zones depend on a locale; write X for the offset",
	'z': "names of zones depend on a locale; write X for the offset",
	'O': "the localized offset depends on a locale; write X for the offset",
	'B': "the period of the day depends on a locale; write a for AM or PM",
	'p': "padding is not offered; repeat the letter for leading zeros",
}

// Compile reads a pattern. The error names the letter that is at fault.
func Compile(pattern string) (*Pattern, error) {
	if pattern == "" {
		return nil, fmt.Errorf("pattern is empty; write one such as \"yyyy-MM-dd--HH\"")
	}
	if len(pattern) > PatternBytesMax {
		return nil, fmt.Errorf("pattern of %d bytes is longer than %d", len(pattern), PatternBytesMax)
	}
	p := &Pattern{source: pattern, unit: day}
	for rest := pattern; rest != ""; {
		var err error
		if rest, err = p.next(rest); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	return p, nil
}

// next takes one part off the front of rest.
func (p *Pattern) next(rest string) (string, error) {
	switch c := rest[0]; {
	case c == '\'':
		return p.quoted(rest[1:])
	case strings.IndexByte("[]{}#", c) >= 0:
		return "", fmt.Errorf("%q is reserved; put it in single quotes", c)
	case isLetter(c):
		n := 1
		for n < len(rest) && rest[n] == c {
			n++
		}
		return rest[n:], p.letter(c, n)
	default:
		n := 1
		for n < len(rest) && !isLetter(rest[n]) && strings.IndexByte("'[]{}#", rest[n]) < 0 {
			n++
		}
		p.literal(rest[:n])
		return rest[n:], nil
	}
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// quoted takes a literal whose opening quote is gone already. Nothing between two quotes is one
// quote, and so are two quotes inside a text.
func (p *Pattern) quoted(rest string) (string, error) {
	var text strings.Builder
	for {
		end := strings.IndexByte(rest, '\'')
		if end < 0 {
			return "", fmt.Errorf("a quoted text does not end; close it with a single quote")
		}
		text.WriteString(rest[:end])
		rest = rest[end+1:]
		if !strings.HasPrefix(rest, "'") {
			p.literal(cmp.Or(text.String(), "'"))
			return rest, nil
		}
		text.WriteByte('\'')
		rest = rest[1:]
	}
}

func (p *Pattern) literal(text string) {
	p.parts = append(p.parts, part{text: text})
}

func (p *Pattern) letter(c byte, count int) error {
	known, ok := letters[c]
	if !ok {
		why, reserved := refused[c]
		if !reserved {
			why = "it has no meaning; put it in single quotes"
		}
		return fmt.Errorf("letter %q is not supported: %s", c, why)
	}
	if count > known.countMax {
		return fmt.Errorf("letter %q stands %d times in a row; at most %d are allowed",
			c, count, known.countMax)
	}
	p.unit = min(p.unit, known.unit)
	p.parts = append(p.parts, part{letter: c, count: count})
	return nil
}

// String returns the pattern as it was written.
func (p *Pattern) String() string { return p.source }
