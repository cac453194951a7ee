package jsontext

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// depthMax bounds nesting: deeper texts are attacks, and a parser further on may recurse.
const depthMax = 300

// Error says where a text stops being JSON.
type Error struct {
	Offset int
	Text   string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("no JSON at byte %d: %s", e.Offset, e.Text) }

// Check returns what is wrong with text as one JSON value in UTF-8 (RFC 8259), or nil.
func Check(text []byte) error {
	c := checker{in: text}
	if c.space(); !c.value(0) {
		return &Error{c.at, c.what}
	}
	if c.space(); c.at < len(text) {
		return &Error{c.at, "something follows the value"}
	}
	if !utf8.Valid(text) {
		return &Error{len(text), "it is not all UTF-8"}
	}
	return nil
}

// Kind returns the first byte of a valid JSON value: '{', '[', '"', 't', 'f', 'n', '-' or a digit.
func Kind(text []byte) byte {
	c := checker{in: text}
	c.space()
	return text[c.at]
}

// checker walks over a text. Every step reports whether what it looked for is there; at then
// points behind it, otherwise at the trouble.
type checker struct {
	in   []byte
	at   int
	what string
}

func (c *checker) fail(what string) bool {
	c.what = what
	return false
}

// peek returns the next byte, or 0 at the end: no token of JSON holds one.
func (c *checker) peek() byte {
	if c.at < len(c.in) {
		return c.in[c.at]
	}
	return 0
}

func (c *checker) space() {
	for c.at < len(c.in) {
		switch c.in[c.at] {
		case ' ', '\t', '\r', '\n':
			c.at++
		default:
			return
		}
	}
}

func (c *checker) value(depth int) bool {
	if depth > depthMax {
		return c.fail("it is nested too deeply")
	}
	switch b := c.peek(); b {
	case '{':
		return c.object(depth)
	case '[':
		return c.array(depth)
	case '"':
		return c.text()
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	default:
		return c.number()
	}
}

func (c *checker) word(w string) bool {
	if !bytes.HasPrefix(c.in[c.at:], []byte(w)) {
		return c.fail("want " + w)
	}
	c.at += len(w)
	return true
}

func (c *checker) object(depth int) bool {
	c.at++
	if c.space(); c.peek() == '}' {
		c.at++
		return true
	}
	for {
		if c.peek() != '"' {
			return c.fail("want a member name")
		}
		if !c.text() {
			return false
		}
		if c.space(); c.peek() != ':' {
			return c.fail("want a colon")
		}
		c.at++
		if c.space(); !c.value(depth + 1) {
			return false
		}
		c.space()
		switch c.peek() {
		case ',':
			c.at++
			c.space()
		case '}':
			c.at++
			return true
		default:
			return c.fail("want a comma or a closing brace")
		}
	}
}

func (c *checker) array(depth int) bool {
	c.at++
	if c.space(); c.peek() == ']' {
		c.at++
		return true
	}
	for {
		if !c.value(depth + 1) {
			return false
		}
		c.space()
		switch c.peek() {
		case ',':
			c.at++
			c.space()
		case ']':
			c.at++
			return true
		default:
			return c.fail("want a comma or a closing bracket")
		}
	}
}

func (c *checker) text() bool {
	for c.at++; ; {
		// A local loop over the bytes that need no thought: most of any text.
		rest := c.in[c.at:]
		i := 0
		for i < len(rest) && rest[i] >= ' ' && rest[i] != '"' && rest[i] != '\\' {
			i++
		}
		c.at += i
		if i == len(rest) {
			return c.fail("a string does not end")
		}
		switch rest[i] {
		case '"':
			c.at++
			return true
		case '\\':
			if c.at++; !c.escape() {
				return false
			}
			c.at++
		default:
			return c.fail("a control character stands in a string")
		}
	}
}

// escape checks what follows a backslash and stands on its last byte.
func (c *checker) escape() bool {
	switch c.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			c.at++
			switch b := c.peek(); {
			case b >= '0' && b <= '9', b >= 'a' && b <= 'f', b >= 'A' && b <= 'F':
			default:
				return c.fail("want four hexadecimal digits")
			}
		}
		return true
	}
	return c.fail("that is no escape")
}

func (c *checker) number() bool {
	if c.peek() == '-' {
		c.at++
	}
	switch b := c.peek(); {
	case b == '0':
		c.at++
	case !c.digits():
		return c.fail("want a value")
	}
	if c.peek() == '.' {
		c.at++
		if !c.digits() {
			return c.fail("want a digit")
		}
	}
	if b := c.peek(); b == 'e' || b == 'E' {
		c.at++
		if b := c.peek(); b == '+' || b == '-' {
			c.at++
		}
		if !c.digits() {
			return c.fail("want a digit")
		}
	}
	return true
}

func (c *checker) digits() bool {
	from := c.at
	for b := c.peek(); b >= '0' && b <= '9'; b = c.peek() {
		c.at++
	}
	return c.at > from
}
