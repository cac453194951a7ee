package json

import (
	"math"
	"strconv"
)

// Kind is what a Value is.
type Kind uint8

// Kinds of values. Missing is the kind of the zero Value and of a member that is not there.
const (
	Missing Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String returns the kind's name as messages use it.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "a boolean"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Array:
		return "an array"
	case Object:
		return "an object"
	}
	return "missing"
}

// SyntaxError is what Parse returns for bytes that are not JSON.
type SyntaxError struct {
	Offset int // byte of the document where it stopped being JSON
	Text   string
}

func (e *SyntaxError) Error() string {
	return "json: " + e.Text + " at byte " + strconv.Itoa(e.Offset)
}

// node is one value of the document. Nodes stand in document order; an object's members are pairs
// of a String node and a value.
type node struct {
	off, end uint32 // raw text; of strings without the quotes
	next     uint32 // index of the node behind this value and all it contains
	kind     Kind
	escaped  bool // of strings: there is a backslash
}

// Parser parses documents one after the other and reuses its memory. The zero value is ready. It
// is not safe for concurrent use.
type Parser struct {
	data    []byte
	nodes   []node
	stack   []uint32 // open containers
	scratch []byte   // strings without their escapes
}

// Parse parses one document and returns its value. The parser keeps data and does not change it;
// values of the document before become invalid.
func (p *Parser) Parse(data []byte) (Value, error) {
	p.data, p.nodes, p.stack = data, p.nodes[:0], p.stack[:0]
	p.scratch = p.scratch[:0]
	if uint64(len(data)) >= math.MaxUint32 {
		return Value{}, &SyntaxError{0, "document above 4 GiB"}
	}
	i := 0
	for {
		var err error
		if i, err = p.open(i); err != nil {
			return Value{}, err
		}
		more, err := false, error(nil)
		if i, more, err = p.close(i); err != nil {
			return Value{}, err
		}
		if !more {
			break
		}
	}
	if i = skipSpace(data, i); i != len(data) {
		return Value{}, &SyntaxError{i, "bytes after the document"}
	}
	return Value{p, 0}, nil
}

// open reads a value, and when it is a container that is not empty, the values it begins with, down
// to the first that is complete.
func (p *Parser) open(i int) (int, error) {
	for {
		i = skipSpace(p.data, i)
		if i >= len(p.data) {
			return i, &SyntaxError{i, "unexpected end"}
		}
		c := p.data[i]
		if c != '{' && c != '[' {
			return p.scalar(i, c)
		}
		kind, closing := Object, byte('}')
		if c == '[' {
			kind, closing = Array, ']'
		}
		p.stack = append(p.stack, uint32(len(p.nodes)))
		p.nodes = append(p.nodes, node{off: uint32(i), kind: kind})
		i = skipSpace(p.data, i+1)
		if i < len(p.data) && p.data[i] == closing {
			return i, nil // close ends it
		}
		if kind == Object {
			var err error
			if i, err = p.key(i); err != nil {
				return i, err
			}
		}
	}
}

// close reads what follows a complete value: the ends of containers, and the comma that says that
// another value follows.
func (p *Parser) close(i int) (int, bool, error) {
	for len(p.stack) > 0 {
		i = skipSpace(p.data, i)
		if i >= len(p.data) {
			return i, false, &SyntaxError{i, "unexpected end"}
		}
		top := p.stack[len(p.stack)-1]
		object := p.nodes[top].kind == Object
		c := p.data[i]
		i++
		switch {
		case c == '}' && object, c == ']' && !object:
			p.nodes[top].end = uint32(i)
			p.nodes[top].next = uint32(len(p.nodes))
			p.stack = p.stack[:len(p.stack)-1]
		case c == ',' && object:
			i, err := p.key(skipSpace(p.data, i))
			return i, true, err
		case c == ',':
			return i, true, nil
		default:
			return i, false, &SyntaxError{i - 1, "expected a comma or the end of " +
				p.nodes[top].kind.String()}
		}
	}
	return i, false, nil
}

// key reads a member's name and the colon.
func (p *Parser) key(i int) (int, error) {
	if i >= len(p.data) {
		return i, &SyntaxError{i, "unexpected end"}
	}
	if p.data[i] != '"' {
		return i, &SyntaxError{i, "expected a member name"}
	}
	i, err := p.string(i)
	if err != nil {
		return i, err
	}
	i = skipSpace(p.data, i)
	if i >= len(p.data) || p.data[i] != ':' {
		return i, &SyntaxError{i, "expected a colon"}
	}
	return i + 1, nil
}

func (p *Parser) scalar(i int, c byte) (int, error) {
	switch c {
	case '"':
		return p.string(i)
	case 't':
		return p.literal(i, "true", Bool)
	case 'f':
		return p.literal(i, "false", Bool)
	case 'n':
		return p.literal(i, "null", Null)
	}
	return p.number(i)
}

func (p *Parser) add(off, end int, kind Kind, escaped bool) {
	p.nodes = append(p.nodes, node{
		off: uint32(off), end: uint32(end), next: uint32(len(p.nodes) + 1), kind: kind,
		escaped: escaped,
	})
}

func (p *Parser) literal(i int, text string, kind Kind) (int, error) {
	end := i + len(text)
	if end > len(p.data) || string(p.data[i:end]) != text {
		return i, &SyntaxError{i, "expected " + text}
	}
	p.add(i, end, kind, false)
	return end, nil
}

func (p *Parser) number(start int) (int, error) {
	d, i := p.data, start
	if d[i] == '-' {
		i++
	}
	switch {
	case i >= len(d):
		return i, &SyntaxError{i, "unexpected end"}
	case d[i] == '0':
		i++
	case d[i] >= '1' && d[i] <= '9':
		i = skipDigits(d, i)
	default:
		return i, &SyntaxError{i, "expected a value"}
	}
	if i < len(d) && d[i] == '.' {
		j := skipDigits(d, i+1)
		if j == i+1 {
			return j, &SyntaxError{j, "expected a digit"}
		}
		i = j
	}
	if i < len(d) && (d[i] == 'e' || d[i] == 'E') {
		i++
		if i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		j := skipDigits(d, i)
		if j == i {
			return j, &SyntaxError{j, "expected a digit"}
		}
		i = j
	}
	p.add(start, i, Number, false)
	return i, nil
}

// string reads a string whose opening quote is at start.
func (p *Parser) string(start int) (int, error) {
	d, i := p.data, start+1
	escaped := false
	for {
		i = plain(d, i)
		if i >= len(d) {
			return i, &SyntaxError{i, "unexpected end of a string"}
		}
		switch d[i] {
		case '"':
			p.add(start+1, i, String, escaped)
			return i + 1, nil
		case '\\':
			escaped = true
			n := escapeLen(d[i:])
			if n == 0 {
				return i, &SyntaxError{i, "unknown escape"}
			}
			i += n
		default:
			return i, &SyntaxError{i, "control character in a string"}
		}
	}
}

// escapeLen returns the length of the escape that d begins with, 0 if it is none.
func escapeLen(d []byte) int {
	if len(d) < 2 {
		return 0
	}
	switch d[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(d[2:]); ok {
			return 6
		}
	}
	return 0
}

func hex4(d []byte) (rune, bool) {
	if len(d) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range d[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func skipSpace(d []byte, i int) int {
	for i < len(d) && (d[i] == ' ' || d[i] == '\n' || d[i] == '\r' || d[i] == '\t') {
		i++
	}
	return i
}

func skipDigits(d []byte, i int) int {
	for i < len(d) && d[i] >= '0' && d[i] <= '9' {
		i++
	}
	return i
}
