package main

import (
	"bytes"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
)

// codeMalformed is the code of every failure of this plugin.
const codeMalformed = 1

// What can be wrong with a line. They are made once: a job may see many bad lines.
var (
	errClient   = wasmflow.Fail(codeMalformed, "client: missing")
	errUser     = wasmflow.Fail(codeMalformed, "user: missing")
	errBracket  = wasmflow.Fail(codeMalformed, "time: not in square brackets")
	errTime     = wasmflow.Fail(codeMalformed, "time: not like 10/Oct/2000:13:55:36 -0700")
	errRequest  = wasmflow.Fail(codeMalformed, "request: not in double quotes")
	errStatus   = wasmflow.Fail(codeMalformed, "status: not a number from 100 to 599")
	errBytes    = wasmflow.Fail(codeMalformed, "bytes: neither a number nor '-'")
	errReferrer = wasmflow.Fail(codeMalformed, "referrer: not in double quotes")
	errAgent    = wasmflow.Fail(codeMalformed, "user agent: not in double quotes")
)

// line is a parsed line. Its slices refer to the line or to scratch; nil is what the line leaves
// out with '-' or by ending.
type line struct {
	client, user     []byte
	seconds          int64 // since 1970, UTC
	method, protocol []byte
	path, query      []byte
	status           int
	statusText       []byte
	bytes            int64
	referrer, agent  []byte

	rest    []byte
	scratch []byte // quoted fields without their escapes
}

func (l *line) parse(text []byte) error {
	*l = line{rest: text, scratch: l.scratch[:0]}
	if l.client = l.word(); len(l.client) == 0 {
		return errClient
	}
	l.word() // the identity of RFC 1413, which nobody asks for
	if l.user = l.word(); len(l.user) == 0 {
		return errUser
	}
	l.user = given(l.user)
	if err := l.parseTime(); err != nil {
		return err
	}
	request, ok := l.quoted()
	if !ok {
		return errRequest
	}
	l.parseRequest(request)
	if err := l.parseNumbers(); err != nil {
		return err
	}
	if len(l.rest) == 0 {
		return nil
	}
	if l.referrer, ok = l.quoted(); !ok {
		return errReferrer
	}
	l.referrer = given(l.referrer)
	if l.agent, ok = l.quoted(); !ok {
		return errAgent
	}
	l.agent = given(l.agent)
	return nil
}

// given returns nil for the dash that stands for "nothing".
func given(text []byte) []byte {
	if len(text) == 1 && text[0] == '-' {
		return nil
	}
	return text
}

// word takes what stands before the next space.
func (l *line) word() []byte {
	i := bytes.IndexByte(l.rest, ' ')
	if i < 0 {
		w := l.rest
		l.rest = nil
		return w
	}
	w := l.rest[:i]
	l.rest = l.rest[i+1:]
	return w
}

// quoted takes a field in double quotes and the space behind it.
func (l *line) quoted() ([]byte, bool) {
	if len(l.rest) == 0 || l.rest[0] != '"' {
		return nil, false
	}
	text := l.rest[1:]
	end := bytes.IndexByte(text, '"')
	if end < 0 {
		return nil, false
	}
	if i := bytes.IndexByte(text[:end], '\\'); i >= 0 {
		return l.unescaped(i + 1)
	}
	l.rest = bytes.TrimPrefix(text[end+1:], []byte{' '})
	return text[:end], true
}

// unescaped is quoted for a field that has its first backslash at i.
func (l *line) unescaped(i int) ([]byte, bool) {
	start := len(l.scratch)
	l.scratch = append(l.scratch, l.rest[1:i]...)
	for i < len(l.rest) {
		c := l.rest[i]
		i++
		switch {
		case c == '"':
			l.rest = bytes.TrimPrefix(l.rest[i:], []byte{' '})
			return l.scratch[start:len(l.scratch):len(l.scratch)], true
		case c == '\\' && i < len(l.rest):
			i += l.escape(l.rest[i:])
		default:
			l.scratch = append(l.scratch, c)
		}
	}
	return nil, false
}

// escape appends what the text behind a backslash stands for and returns its length. What is no
// escape of a log is kept as it is.
func (l *line) escape(text []byte) int {
	switch c := text[0]; c {
	case '"', '\\':
		l.scratch = append(l.scratch, c)
	case 'n':
		l.scratch = append(l.scratch, '\n')
	case 'r':
		l.scratch = append(l.scratch, '\r')
	case 't':
		l.scratch = append(l.scratch, '\t')
	case 'x':
		if len(text) >= 3 {
			high, ok1 := hexDigit(text[1])
			low, ok2 := hexDigit(text[2])
			if ok1 && ok2 {
				l.scratch = append(l.scratch, high<<4|low)
				return 3
			}
		}
		l.scratch = append(l.scratch, '\\', c)
	default:
		l.scratch = append(l.scratch, '\\', c)
	}
	return 1
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// parseRequest takes "GET /path?query HTTP/1.1" apart. What is not a request (a TLS handshake sent
// to a plain port, say) is the path as a whole.
func (l *line) parseRequest(request []byte) {
	if request = given(request); request == nil {
		return
	}
	first, last := bytes.IndexByte(request, ' '), bytes.LastIndexByte(request, ' ')
	target := request
	if first > 0 {
		l.method, target = request[:first], request[first+1:]
		if last > first && bytes.HasPrefix(request[last+1:], []byte("HTTP/")) {
			target, l.protocol = request[first+1:last], request[last+1:]
		}
	}
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		l.path, l.query = target[:i], target[i+1:]
		return
	}
	l.path = target
}

func (l *line) parseNumbers() error {
	l.statusText = l.word()
	status, ok := number(l.statusText)
	if !ok || len(l.statusText) != 3 || status < 100 || status > 599 {
		return errStatus
	}
	l.status = int(status)
	size := l.word()
	if len(size) == 1 && size[0] == '-' {
		return nil
	}
	if l.bytes, ok = number(size); !ok {
		return errBytes
	}
	return nil
}

// numberDigitsMax keeps a number inside 64 bits.
const numberDigitsMax = 18

func number(text []byte) (n int64, ok bool) {
	if len(text) == 0 || len(text) > numberDigitsMax {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
