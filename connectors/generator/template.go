package generator

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// segmentKind tells what a segment of a template appends.
type segmentKind uint8

const (
	literal segmentKind = iota
	sequence
	uuid
	now
	integer
	choice
)

// segment is one piece of a compiled template.
type segment struct {
	kind   segmentKind
	text   []byte   // of a literal
	low    int64    // of an integer: the smallest value
	span   uint64   // of an integer: how far the largest lies above low
	words  [][]byte // of a choice
	lenMax int
}

// template is a compiled template. It is immutable.
type template struct {
	segments []segment
	lenMax   int
	// constant is the whole value when there is no placeholder; every record then points at it.
	constant []byte
	fixed    bool
	clock    bool // {now} occurs
}

const (
	sequenceLenMax = 20 // digits of 2^64-1
	uuidLen        = 36
	// nowLayout has a fixed width, so that output sorts by time.
	nowLayout = "2006-01-02T15:04:05.000Z"
)

// compile reads the template s. A brace opens a placeholder when a lower-case letter follows it,
// which never happens in JSON, so JSON needs no escapes; "{{" is a brace in any case.
func compile(s string) (*template, error) {
	t := &template{}
	var text []byte
	flush := func() {
		if len(text) > 0 {
			t.segments = append(t.segments, segment{text: text, lenMax: len(text)})
			text = nil
		}
	}
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "{{"):
			text = append(text, '{')
			i += 2
		case s[i] == '{' && i+1 < len(s) && s[i+1] >= 'a' && s[i+1] <= 'z':
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("placeholder at byte %d has no closing brace; "+
					"write {{ for a brace", i)
			}
			seg, err := placeholder(s[i+1 : i+end])
			if err != nil {
				return nil, err
			}
			flush()
			t.segments = append(t.segments, seg)
			i += end + 1
		default:
			text = append(text, s[i])
			i++
		}
	}
	flush()
	t.finish()
	return t, nil
}

// finish derives what Poll needs to know of the whole template.
func (t *template) finish() {
	t.fixed = true
	for i := range t.segments {
		t.lenMax += t.segments[i].lenMax
		t.clock = t.clock || t.segments[i].kind == now
		t.fixed = t.fixed && t.segments[i].kind == literal
	}
	if t.fixed {
		t.constant = []byte{}
		for i := range t.segments {
			t.constant = append(t.constant, t.segments[i].text...)
		}
	}
}

// placeholder reads what stands between the braces.
func placeholder(s string) (segment, error) {
	fields := strings.Fields(s)
	name, args := fields[0], fields[1:]
	switch name {
	case "seq", "uuid", "now":
		if len(args) > 0 {
			return segment{}, fmt.Errorf("{%s}: %s takes no argument", s, name)
		}
	}
	switch name {
	case "seq":
		return segment{kind: sequence, lenMax: sequenceLenMax}, nil
	case "uuid":
		return segment{kind: uuid, lenMax: uuidLen}, nil
	case "now":
		return segment{kind: now, lenMax: len(nowLayout)}, nil
	case "int":
		return integerOf(s, args)
	case "choice":
		return choiceOf(s, args)
	}
	return segment{}, fmt.Errorf("{%s}: %q is no placeholder; there are seq, uuid, now, "+
		"int, choice, and {{ for a brace", s, name)
}

func integerOf(s string, args []string) (segment, error) {
	if len(args) != 2 {
		return segment{}, fmt.Errorf("{%s}: want two bounds, as in {int 1 6}", s)
	}
	low, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return segment{}, fmt.Errorf("{%s}: %q is no 64-bit integer", s, args[0])
	}
	high, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return segment{}, fmt.Errorf("{%s}: %q is no 64-bit integer", s, args[1])
	}
	if low > high {
		return segment{}, fmt.Errorf("{%s}: %d lies above %d", s, low, high)
	}
	width := max(len(strconv.FormatInt(low, 10)), len(strconv.FormatInt(high, 10)))
	return segment{kind: integer, low: low, span: uint64(high) - uint64(low), lenMax: width}, nil
}

func choiceOf(s string, args []string) (segment, error) {
	if len(args) == 0 {
		return segment{}, fmt.Errorf("{%s}: want words to choose from, as in {choice yes no}", s)
	}
	seg := segment{kind: choice}
	for _, a := range args {
		seg.words = append(seg.words, []byte(a))
		seg.lenMax = max(seg.lenMax, len(a))
	}
	return seg, nil
}

// append appends the record of seq to dst. clock is the formatted time.
func (t *template) append(dst []byte, seq uint64, r random, clock []byte) []byte {
	for i := range t.segments {
		s := &t.segments[i]
		switch s.kind {
		case literal:
			dst = append(dst, s.text...)
		case sequence:
			dst = strconv.AppendUint(dst, seq, 10)
		case uuid:
			dst = appendUUID(dst, r.next(), r.next())
		case now:
			dst = append(dst, clock...)
		case integer:
			dst = strconv.AppendInt(dst, int64(uint64(s.low)+s.draw(&r)), 10)
		case choice:
			dst = append(dst, s.words[r.below(uint64(len(s.words)))]...)
		}
	}
	return dst
}

// draw returns a number from 0 to s.span, both included.
func (s *segment) draw(r *random) uint64 {
	if s.span == math.MaxUint64 {
		return r.next()
	}
	return r.below(s.span + 1)
}

// appendUUID appends a version 4 UUID made of 128 bits.
func appendUUID(dst []byte, hi, lo uint64) []byte {
	var b [16]byte
	for i := range 8 {
		b[i] = byte(hi >> (56 - 8*i))
		b[8+i] = byte(lo >> (56 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [uuidLen]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return append(dst, out[:]...)
}
