package registry

import (
	"encoding/binary"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// magic is the first byte of a message whose schema stands in a registry.
const magic = 0

// headerBytes is the length of the header: magic and the id.
const headerBytes = 5

// Split returns the id of a message's schema and what follows. The error is a *format.Refusal.
func Split(message []byte) (id uint32, rest []byte, err error) {
	switch {
	case len(message) == 0:
		return 0, nil, format.Refuse("the message is empty; want byte 0 and the id of a schema")
	case message[0] != magic:
		return 0, nil, format.Refuse("the message begins with byte %#02x, not with byte 0 and the id of "+
			"a schema; if it has no such header, leave registry out", message[0])
	case len(message) < headerBytes:
		return 0, nil, format.Refuse("the message ends within the id of its schema")
	}
	return binary.BigEndian.Uint32(message[1:]), message[headerBytes:], nil
}

// AppendHeader appends what stands before a message whose schema has the id.
func AppendHeader(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, magic), id)
}

// indexesMax bounds the path of a message in its file: types nest no deeper.
const indexesMax = 64

// SplitIndexes returns the path of a Protobuf message in the file that holds it, and what follows.
// The path is appended to dst. The error is a *format.Refusal.
func SplitIndexes(dst []int, message []byte) (path []int, rest []byte, err error) {
	n, size := binary.Varint(message)
	if size <= 0 {
		return nil, nil, format.Refuse("the message ends within the path of its type")
	}
	message = message[size:]
	if n == 0 { // short for the first message of the file
		return append(dst, 0), message, nil
	}
	if n < 0 || n > indexesMax {
		return nil, nil, format.Refuse("the path of the message's type has %d steps", n)
	}
	for range n {
		x, size := binary.Varint(message)
		if size <= 0 {
			return nil, nil, format.Refuse("the message ends within the path of its type")
		}
		if x < 0 || x > 1<<20 {
			return nil, nil, format.Refuse("the path of the message's type holds %d", x)
		}
		dst, message = append(dst, int(x)), message[size:]
	}
	return dst, message, nil
}

// AppendIndexes appends the path of a message in its file.
func AppendIndexes(dst []byte, path []int) []byte {
	if len(path) == 1 && path[0] == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(len(path)))
	for _, x := range path {
		dst = binary.AppendVarint(dst, int64(x))
	}
	return dst
}
