package protobuf

import (
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Bounds of one message.
const (
	depthMax     = 300      // that of JSON texts
	jsonBytesMax = 64 << 20 // of the JSON that a message becomes
)

var errLarge = errors.New("its JSON is larger than 64 MiB")

// form is how messages look in JSON.
type form struct {
	protoNames bool // names as in the schema instead of in camel case
	defaults   bool // fields that have their default value stand there, too
	drop       bool // fields that the message lacks are left out instead of refused
}

// appendJSON appends the JSON of a message in binary form.
func (f *form) appendJSON(dst, data []byte, m *message) ([]byte, error) {
	x := dynamicpb.NewMessage(m.descriptor)
	read := proto.UnmarshalOptions{RecursionLimit: depthMax, Resolver: m.types}
	if err := read.Unmarshal(data, x); err != nil {
		return dst, plainly(err)
	}
	write := protojson.MarshalOptions{
		UseProtoNames: f.protoNames, EmitDefaultValues: f.defaults, Resolver: m.types,
	}
	start := len(dst)
	out, err := write.MarshalAppend(dst, x)
	switch {
	case err != nil:
		return dst, plainly(err)
	case len(out)-start > jsonBytesMax:
		return dst, errLarge
	}
	return out[:start+compact(out[start:])], nil
}

// compact takes the spaces out of JSON that stand outside of strings, and returns its new length:
// the library puts some there in some builds (P1).
func compact(text []byte) int {
	n, quoted := 0, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '\\':
			text[n], text[n+1] = c, text[i+1]
			n, i = n+2, i+1
			continue
		case c == '"':
			quoted = !quoted
		case c == ' ' && !quoted:
			continue
		}
		text[n] = c
		n++
	}
	return n
}

// appendBinary appends the binary form of a message in JSON.
func (f *form) appendBinary(dst, text []byte, m *message) ([]byte, error) {
	x := dynamicpb.NewMessage(m.descriptor)
	read := protojson.UnmarshalOptions{
		DiscardUnknown: f.drop, Resolver: m.types, RecursionLimit: depthMax,
	}
	if err := read.Unmarshal(text, x); err != nil {
		return dst, plainly(err)
	}
	out, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(dst, x)
	if err != nil {
		return dst, plainly(err)
	}
	return out, nil
}
