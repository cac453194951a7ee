package file

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// positionVersion is the version of the positions and enumerator states this package writes.
const positionVersion = 1

// pathBytesMax bounds a path in a decoded position: four times what Linux allows.
const pathBytesMax = 16 << 10

// Kinds of positions, the first byte of the data.
const (
	kindRange byte = 1 // a range of a file, read once
	kindTail  byte = 2 // a file that is followed
	kindSeen  byte = 3 // enumerator state of continuous mode
	kindPaths byte = 4 // enumerator state of tail mode
	kindOnce  byte = 5 // enumerator state of once mode: the listing was made

	kindTailEarlier byte = 6 // a file that is followed, with what was read before it
)

// endUnknown is the end of a range whose length is not known: a compressed file.
const endUnknown = math.MaxInt64

// rangePosition is the place in a split of once and continuous mode. Offsets count bytes of the
// file, or bytes after decompression.
type rangePosition struct {
	path     string
	start    int64 // first byte of the range
	end      int64 // a record that begins before it belongs to the range
	next     int64 // where the next record begins; equal to start when none was read
	size     int64 // bytes of the file when it was found
	modTime  int64 // Unix nanoseconds when it was found
	identity string
}

func (p rangePosition) encode() checkpoint.Position {
	b := make([]byte, 0, 64+len(p.path)+len(p.identity))
	b = append(b, kindRange)
	b = appendString(b, p.path)
	for _, n := range [...]int64{p.start, p.end, p.next, p.size} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendVarint(b, p.modTime)
	b = appendString(b, p.identity)
	return checkpoint.Position{Version: positionVersion, Data: b}
}

func decodeRange(p checkpoint.Position) (rangePosition, error) {
	d, err := newDecoder(p, kindRange)
	if err != nil {
		return rangePosition{}, err
	}
	out := rangePosition{
		path:  d.string(pathBytesMax),
		start: d.length(), end: d.length(), next: d.length(), size: d.length(),
		modTime: d.varint(), identity: d.string(pathBytesMax),
	}
	if err := d.finish(); err != nil {
		return rangePosition{}, err
	}
	if out.path == "" || out.start >= out.end || out.next < out.start {
		return rangePosition{}, fmt.Errorf("%w: range %d-%d at %d of %q",
			checkpoint.ErrCorrupt, out.start, out.end, out.next, out.path)
	}
	return out, nil
}

// pathEscaper keeps the marks of splitID out of the path, so that two splits never share an ID.
var pathEscaper = strings.NewReplacer("%", "%25", "#", "%23")

// splitID names a split: the path, the first byte of its range when it is not the first of the
// file, and in continuous mode the version of the file, because a changed file is read again.
func splitID(path string, start int64, version string) string {
	id := path
	if strings.ContainsAny(path, "%#") {
		id = pathEscaper.Replace(path)
	}
	if start == 0 && version == "" {
		return id
	}
	id += "#" + strconv.FormatInt(start, 10)
	if version != "" {
		id += "@" + version
	}
	return id
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// decoder reads a position. The first error sticks; values after it are zero.
type decoder struct {
	in  []byte
	err error
}

// newDecoder checks version and kind and returns a decoder of what follows.
func newDecoder(p checkpoint.Position, kind byte) (*decoder, error) {
	if p.Version > positionVersion {
		return nil, fmt.Errorf("position of version %d, known is %d: %w",
			p.Version, positionVersion, checkpoint.ErrNewerFormat)
	}
	if p.Version == 0 || len(p.Data) == 0 {
		return nil, fmt.Errorf("position of version %d and %d bytes: %w",
			p.Version, len(p.Data), checkpoint.ErrCorrupt)
	}
	if p.Data[0] != kind {
		return nil, fmt.Errorf("position of kind %d, want %d: %w", p.Data[0], kind, ErrOtherMode)
	}
	return &decoder{in: p.Data[1:]}, nil
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", checkpoint.ErrCorrupt, what)
	}
	d.in = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.in)
	if n <= 0 {
		d.fail("number is cut short or too large")
		return 0
	}
	d.in = d.in[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.in)
	if n <= 0 {
		d.fail("number is cut short or too large")
		return 0
	}
	d.in = d.in[n:]
	return v
}

func (d *decoder) bool() bool {
	if len(d.in) == 0 || d.in[0] > 1 {
		d.fail("truth value is neither 0 nor 1")
		return false
	}
	v := d.in[0] == 1
	d.in = d.in[1:]
	return v
}

// length reads a number of bytes or an offset.
func (d *decoder) length() int64 {
	v := d.uvarint()
	if v > math.MaxInt64 {
		d.fail("offset does not fit 63 bits")
		return 0
	}
	return int64(v)
}

func (d *decoder) string(bytesMax int) string {
	n := d.uvarint()
	if n > uint64(bytesMax) || n > uint64(len(d.in)) {
		d.fail("string is longer than what is left")
		return ""
	}
	s := string(d.in[:n])
	d.in = d.in[n:]
	return s
}

// finish returns the first error, or one when bytes are left over.
func (d *decoder) finish() error {
	if d.err == nil && len(d.in) > 0 {
		d.fail(fmt.Sprintf("%d bytes left over", len(d.in)))
	}
	return d.err
}
