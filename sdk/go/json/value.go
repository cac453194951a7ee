package json

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Value is a value of a parsed document. The zero Value is Missing; every method works on it.
type Value struct {
	p *Parser
	i uint32
}

func (v Value) node() *node { return &v.p.nodes[v.i] }

// Kind returns what the value is.
func (v Value) Kind() Kind {
	if v.p == nil {
		return Missing
	}
	return v.node().kind
}

// Exists reports whether the value is there, null or not.
func (v Value) Exists() bool { return v.p != nil }

// Raw returns the value's text in the document, a string's with its quotes; nil if Missing.
func (v Value) Raw() []byte {
	if v.p == nil {
		return nil
	}
	n := v.node()
	if n.kind == String {
		return v.p.data[n.off-1 : n.end+1]
	}
	return v.p.data[n.off:n.end]
}

// Get returns the member of an object that the keys lead to: v.Get("a", "b") is member b of member
// a. It is Missing where a step is not an object or has no such member. Of members with the same
// name the first counts.
func (v Value) Get(keys ...string) Value {
	for _, key := range keys {
		v = v.member(key)
	}
	return v
}

func (v Value) member(key string) Value {
	if v.Kind() != Object {
		return Value{}
	}
	nodes := v.p.nodes
	end := nodes[v.i].next
	for i := v.i + 1; i < end; i = nodes[i+1].next {
		n := &nodes[i]
		if !n.escaped {
			if string(v.p.data[n.off:n.end]) == key {
				return Value{v.p, i + 1}
			}
		} else if v.p.named(n, key) {
			return Value{v.p, i + 1}
		}
	}
	return Value{}
}

// named reports whether an escaped name is key, and gives back the memory that it took.
func (p *Parser) named(n *node, key string) bool {
	before := len(p.scratch)
	same := string(p.unescape(n)) == key
	p.scratch = p.scratch[:before]
	return same
}

// Len returns the number of elements of an array or members of an object, 0 for other kinds. It
// walks over them.
func (v Value) Len() int {
	n := 0
	for it := v.Elements(); it.Next(); {
		n++
	}
	return n
}

// Index returns element i of an array, Missing if there is none. It walks to it; use Elements to
// see all.
func (v Value) Index(i int) Value {
	if v.Kind() != Array || i < 0 {
		return Value{}
	}
	for it := v.Elements(); it.Next(); i-- {
		if i == 0 {
			return it.Value()
		}
	}
	return Value{}
}

// Iterator walks over the elements of an array or the members of an object:
//
//	for it := v.Elements(); it.Next(); {
//		use(it.Key(), it.Value())
//	}
type Iterator struct {
	p              *Parser
	at, next, last uint32
	object         bool
}

// Elements returns an iterator that is before the first element; one without elements for kinds
// that have none.
func (v Value) Elements() Iterator {
	kind := v.Kind()
	if kind != Array && kind != Object {
		return Iterator{}
	}
	return Iterator{p: v.p, next: v.i + 1, last: v.node().next, object: kind == Object}
}

// Next steps to the next element and reports whether there is one.
func (it *Iterator) Next() bool {
	if it.next >= it.last {
		return false
	}
	it.at = it.next
	if it.object {
		it.at++
	}
	it.next = it.p.nodes[it.at].next
	return true
}

// Key returns the name of the member the iterator is at, nil in an array. Valid until the next
// Parse.
func (it *Iterator) Key() []byte {
	if !it.object || it.p == nil {
		return nil
	}
	return Value{it.p, it.at - 1}.Bytes()
}

// Value returns the element the iterator is at.
func (it *Iterator) Value() Value { return Value{it.p, it.at} }

// Bytes returns the content of a string without its escapes, nil for other kinds. It refers to the
// document or to memory of the parser. Bytes that are not UTF-8 are returned as they are.
func (v Value) Bytes() []byte {
	if v.Kind() != String {
		return nil
	}
	n := v.node()
	if n.escaped {
		return v.p.unescape(n)
	}
	return v.p.data[n.off:n.end:n.end]
}

// Text returns a copy of the content of a string, "" for other kinds.
func (v Value) Text() string { return string(v.Bytes()) }

// Bool returns the value of a boolean and whether it is one.
func (v Value) Bool() (value, ok bool) {
	if v.Kind() != Bool {
		return false, false
	}
	return v.p.data[v.node().off] == 't', true
}

// Int returns the value of a number and whether it is one without fraction and exponent that fits.
func (v Value) Int() (int64, bool) {
	if v.Kind() != Number {
		return 0, false
	}
	n := v.node()
	return parseInt(v.p.data[n.off:n.end])
}

// parseInt reads the digits of a JSON number. It exists because strconv makes an error, which is an
// allocation, of a number that merely has a fraction.
func parseInt(d []byte) (int64, bool) {
	negative := d[0] == '-'
	if negative {
		d = d[1:]
	}
	var u uint64
	for _, c := range d {
		if c < '0' || c > '9' || u > (1<<63)/10 {
			return 0, false
		}
		u = u*10 + uint64(c-'0')
	}
	if negative {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u < 1<<63
}

// Float returns the value of a number and whether it is one that fits.
func (v Value) Float() (float64, bool) {
	if v.Kind() != Number {
		return 0, false
	}
	n := v.node()
	f, err := strconv.ParseFloat(text(v.p.data[n.off:n.end]), 64)
	return f, err == nil
}

// unescape returns the content of an escaped string in the parser's scratch memory. A slice handed
// out earlier stays whole when the memory grows.
func (p *Parser) unescape(n *node) []byte {
	d := p.data[n.off:n.end]
	start := len(p.scratch)
	out := p.scratch
	for i := 0; i < len(d); {
		j := i
		for j < len(d) && d[j] != '\\' {
			j++
		}
		out = append(out, d[i:j]...)
		if j == len(d) {
			break
		}
		out, i = appendEscape(out, d, j)
	}
	p.scratch = out
	return out[start:len(out):len(out)]
}

// appendEscape appends what the escape at d[i] stands for and returns the index behind it. Halves
// of surrogate pairs that stand alone become U+FFFD.
func appendEscape(out, d []byte, i int) ([]byte, int) {
	switch c := d[i+1]; c {
	case 'b':
		return append(out, '\b'), i + 2
	case 'f':
		return append(out, '\f'), i + 2
	case 'n':
		return append(out, '\n'), i + 2
	case 'r':
		return append(out, '\r'), i + 2
	case 't':
		return append(out, '\t'), i + 2
	case 'u':
		r, _ := hex4(d[i+2:])
		i += 6
		if utf16.IsSurrogate(r) {
			if i+1 < len(d) && d[i] == '\\' && d[i+1] == 'u' {
				low, _ := hex4(d[i+2:])
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					return utf8.AppendRune(out, pair), i + 6
				}
			}
			r = utf8.RuneError
		}
		return utf8.AppendRune(out, r), i
	default: // a quote, a backslash, a slash
		return append(out, c), i + 2
	}
}
