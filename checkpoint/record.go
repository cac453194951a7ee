package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// recordMagic is the first word of every durable record, for people and for file(1).
const recordMagic = "wasmflow"

// recordHeaderBytesMax bounds the header line: the four words need about a hundred bytes.
const recordHeaderBytesMax = 256

// EncodeRecord frames a body for durable storage: one header line that says what it is, in which
// version and with which checksum, then the body. A person reads it with any pager.
//
//	wasmflow manifest 1 sha256=9f86d0...
//	{"kind":"epoch",...}
func EncodeRecord(what string, version int, body []byte) []byte {
	sum := sha256.Sum256(body)
	header := fmt.Sprintf("%s %s %d sha256=%s\n", recordMagic, what, version,
		hex.EncodeToString(sum[:]))
	return append([]byte(header), body...)
}

// DecodeRecord checks the frame of data and returns its version and its body, which aliases data.
// A frame of another kind, a damaged one or a body that does not match its checksum is
// ErrCorrupt; a version above versionMax is ErrNewerFormat.
func DecodeRecord(what string, versionMax int, data []byte) (int, []byte, error) {
	end := bytes.IndexByte(data[:min(len(data), recordHeaderBytesMax)], '\n')
	if end < 0 {
		return 0, nil, fmt.Errorf("%w: no header line", ErrCorrupt)
	}
	words := strings.Split(string(data[:end]), " ")
	if len(words) != 4 || words[0] != recordMagic || words[1] != what {
		return 0, nil, fmt.Errorf("%w: header %q is not that of a %s", ErrCorrupt, data[:end], what)
	}
	version, err := strconv.Atoi(words[2])
	if err != nil || version < 1 || strconv.Itoa(version) != words[2] {
		return 0, nil, fmt.Errorf("%w: version %q is no number", ErrCorrupt, words[2])
	}
	if version > versionMax {
		// Before the checksum: a newer version may have changed that too.
		return 0, nil, fmt.Errorf("%w: %s version %d, this version of wasmflow knows up to %d",
			ErrNewerFormat, what, version, versionMax)
	}
	body := data[end+1:]
	sum := sha256.Sum256(body)
	if words[3] != "sha256="+hex.EncodeToString(sum[:]) {
		return 0, nil, fmt.Errorf("%w: checksum of the content is %x, header says %s",
			ErrCorrupt, sum, words[3])
	}
	return version, body, nil
}
