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
	scratch []byte // strings without their escapes
}

// noNode is the parent of the document's value.
const noNode = math.MaxUint32

// Parse parses one document and returns its value. The parser keeps data and does not change it;
// values of the document before become invalid.
func (p *Parser) Parse(data []byte) (Value, error) {
	p.data, p.scratch = data, p.scratch[:0]
	if uint64(len(data)) >= math.MaxUint32 {
		return Value{}, &SyntaxError{0, "document above 4 GiB"}
	}
	i, err := p.parse(data, skipSpace(data, 0))
	if err != nil {
		return Value{}, err
	}
	if i = skipSpace(data, i); i != len(data) {
		return Value{}, &SyntaxError{i, "bytes after the document"}
	}
	return Value{p, 0}, nil
}

// parse reads the value at d[i] and returns where it ends. It is one loop over tokens without
// recursion, and calls nothing for plain strings and structure: a call costs a guest as much as
// scanning some ten bytes. While a container is open, its node's next is the container around it.
func (p *Parser) parse(d []byte, i int) (int, error) {
	nodes := p.nodes[:0]
	top, name := uint32(noNode), false // the innermost open container; a member's name comes next
	for {
		if i >= len(d) {
			return i, &SyntaxError{i, "unexpected end"}
		}
		switch c := d[i]; {
		case c == '"':
			end, escaped := plain(d, i+1), false
			if end == len(d) || d[end] != '"' {
				closing, err := closingQuote(d, end)
				if err != nil {
					return closing, err
				}
				end, escaped = closing, true
			}
			nodes = append(nodes, node{
				off: uint32(i + 1), end: uint32(end), next: uint32(len(nodes) + 1),
				kind: String, escaped: escaped,
			})
			i = end + 1
			if name {
				if i = next(d, i); i >= len(d) || d[i] != ':' {
					return i, expected(d, i, "a colon")
				}
				i, name = next(d, i+1), false
				continue
			}
		case name:
			return i, &SyntaxError{i, "expected a member name"}
		case c == '{', c == '[':
			nodes = append(nodes, node{off: uint32(i), next: top, kind: container(c)})
			top = uint32(len(nodes) - 1)
			i = next(d, i+1)
			if i >= len(d) || d[i] != c+2 { // the closing bracket is two behind the opening one
				name = c == '{'
				continue
			}
		default:
			end, kind, err := scalar(d, i, c)
			if err != nil {
				return end, err
			}
			nodes = append(nodes, node{
				off: uint32(i), end: uint32(end), next: uint32(len(nodes) + 1), kind: kind,
			})
			i = end
		}
		// A value is complete: what ends with it, and whether another one follows.
		for top != noNode {
			i = next(d, i)
			object := nodes[top].kind == Object
			if i < len(d) && d[i] == ',' {
				i, name = next(d, i+1), object
				break
			}
			if i >= len(d) || object != (d[i] == '}') || !object && d[i] != ']' {
				return i, expected(d, i, "a comma or the end of "+nodes[top].kind.String())
			}
			i++
			nodes[top].end = uint32(i)
			nodes[top].next, top = uint32(len(nodes)), nodes[top].next
		}
		if top == noNode {
			p.nodes = nodes
			return i, nil
		}
	}
}

// container returns what an opening bracket opens.
func container(bracket byte) Kind {
	if bracket == '{' {
		return Object
	}
	return Array
}

// expected returns the error of something else at d[i].
func expected(d []byte, i int, what string) error {
	if i >= len(d) {
		return &SyntaxError{i, "unexpected end"}
	}
	return &SyntaxError{i, "expected " + what}
}

// closingQuote returns where a string ends; i is inside it, at a byte that is not plain.
func closingQuote(d []byte, i int) (int, error) {
	for {
		if i >= len(d) {
			return i, &SyntaxError{i, "unexpected end of a string"}
		}
		switch d[i] {
		case '"':
			return i, nil
		case '\\':
			n := escapeLen(d[i:])
			if n == 0 {
				return i, &SyntaxError{i, "unknown escape"}
			}
			i = plain(d, i+n)
		default:
			return i, &SyntaxError{i, "control character in a string"}
		}
	}
}

// scalar reads a value that begins with c and is no string.
func scalar(d []byte, i int, c byte) (int, Kind, error) {
	switch c {
	case 't':
		return literal(d, i, "true", Bool)
	case 'f':
		return literal(d, i, "false", Bool)
	case 'n':
		return literal(d, i, "null", Null)
	}
	end, err := number(d, i)
	return end, Number, err
}

func literal(d []byte, i int, text string, kind Kind) (int, Kind, error) {
	end := i + len(text)
	if end > len(d) || string(d[i:end]) != text {
		return i, kind, &SyntaxError{i, "expected " + text}
	}
	return end, kind, nil
}

func number(d []byte, i int) (int, error) {
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
	return i, nil
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

// next is skipSpace that is not called where there is no space, which is nearly everywhere.
func next(d []byte, i int) int {
	if i < len(d) && d[i] <= ' ' {
		return skipSpace(d, i)
	}
	return i
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
