package main

import (
	"bytes"

	"github.com/wasmflow/wasmflow/sdk/go/json"
)

// entry is a line of an access log, taken apart.
type entry struct {
	client, user, time, method, path, query, status, size []byte // query is nil without a '?'
}

func accessLog(_ context, r record, out emitter) error {
	var e entry
	if !e.parse(r.Value()) {
		return errLine
	}
	if dropped(e.path) {
		return nil
	}
	class := e.status[0]
	w := json.NewWriter(out.Buffer(len(r.Value()) + 160))
	w.BeginObject()
	w.Key("client")
	w.StringBytes(e.client)
	w.Key("user")
	if string(e.user) == "-" {
		w.Null()
	} else {
		w.StringBytes(e.user)
	}
	w.Key("time")
	w.StringBytes(e.time)
	w.Key("method")
	w.StringBytes(e.method)
	w.Key("path")
	w.StringBytes(e.path)
	w.Key("query")
	if e.query == nil {
		w.Null()
	} else {
		w.StringBytes(e.query)
	}
	w.Key("status")
	w.Raw(e.status)
	w.Key("class")
	w.String(string(class) + "xx")
	w.Key("bytes")
	w.Raw(e.size)
	w.Key("error")
	w.Bool(class >= '4')
	w.EndObject()
	out.Value(w.Bytes()).Key(e.client)
	return nil
}

// parse takes a line apart and reports whether it is one.
func (e *entry) parse(line []byte) bool {
	for _, c := range line {
		if c < 0x20 || c > 0x7e || c == '\\' {
			return false
		}
	}
	rest, ok := line, true
	word := func(until string) []byte {
		before, after, found := bytes.Cut(rest, []byte(until))
		ok = ok && found && len(before) > 0
		rest = after
		return before
	}
	plain := func(until string) []byte {
		w := word(until)
		ok = ok && !bytes.ContainsAny(w, " \"")
		return w
	}
	e.client = plain(" ")
	plain(" ")
	e.user = plain(" ")
	ok = ok && len(rest) > 0 && rest[0] == '['
	if !ok {
		return false
	}
	rest = rest[1:]
	e.time = word("]")
	if !ok || !bytes.HasPrefix(rest, []byte(` "`)) {
		return false
	}
	rest = rest[2:]
	e.method = plain(" ")
	e.path = plain(" ")
	plain(`" `)
	e.status = plain(" ")
	if !ok || !e.hasStatus() {
		return false
	}
	e.path, e.query, ok = bytes.Cut(e.path, []byte("?"))
	if !ok {
		e.query = nil
	}
	return e.sized(rest)
}

func (e *entry) hasStatus() bool {
	s := e.status
	return len(s) == 3 && s[0] >= '1' && s[0] <= '5' && isDigit(s[1]) && isDigit(s[2])
}

// sized takes the number of bytes, without zeros before it.
func (e *entry) sized(text []byte) bool {
	const digitsMax = 15
	if string(text) == "-" {
		e.size = []byte("0")
		return true
	}
	if len(text) == 0 || len(text) > digitsMax {
		return false
	}
	for _, c := range text {
		if !isDigit(c) {
			return false
		}
	}
	for len(text) > 1 && text[0] == '0' {
		text = text[1:]
	}
	e.size = text
	return true
}
