package file

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// proofBytesMax is how many bytes prove that a file is the one that was read: enough for the time
// stamp of a log line.
const proofBytesMax = 64

// identityBytesMax bounds an identity in a decoded position.
const identityBytesMax = 1 << 10

// tailPosition is the place in a followed path. The files that stand under the path one after the
// other are its generations; (generation, offset) is the position of a record.
type tailPosition struct {
	path       string
	generation uint64
	offset     int64 // of the first byte that is in no record yet
	identity   string
	modTime    int64      // Unix nanoseconds, as last seen
	proofBytes int        // so many bytes before offset, or from 0 on when offset is 0,
	proofSum   uint64     // have this hash; none when the file was empty
	ended      bool       // the generation is read to its end, the next one is awaited
	earlier    []readFile // read before, but not older than this one; at most earlierMax
}

// earlierMax bounds readFiles in a position: that many rotations within one tick of the clock of
// the file system, or while a writer holds on to a file that was rotated away.
const earlierMax = 64

// readFile is a file that was read to its end, for the case that its time does not tell.
type readFile struct {
	modTime    int64 // Unix nanoseconds
	offset     int64 // where it ended
	proofBytes int   // as in a tailPosition
	proofSum   uint64
}

// asPosition returns the end of the file.
func (r readFile) asPosition() tailPosition {
	return tailPosition{offset: r.offset, proofBytes: r.proofBytes, proofSum: r.proofSum}
}

// earlierThan returns the files up to p that are not older than a file of the given time.
func (p tailPosition) earlierThan(modTime int64) []readFile {
	var out []readFile
	for _, r := range p.earlier {
		if r.modTime >= modTime {
			out = append(out, r)
		}
	}
	if p.offset > 0 && p.modTime >= modTime {
		out = append(out, readFile{p.modTime, p.offset, p.proofBytes, p.proofSum})
	}
	return out[max(len(out)-earlierMax, 0):]
}

// proveBy takes bytes of the file as the proof.
func (p *tailPosition) proveBy(b []byte) { p.proofBytes, p.proofSum = len(b), sumOf(b) }

// proofAt returns where the bytes of the proof begin.
func (p tailPosition) proofAt() int64 { return max(p.offset-int64(p.proofBytes), 0) }

// sumOf hashes bytes of a file. It guards against mistakes, not against malice.
func sumOf(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b)
	return h.Sum64()
}

func (p tailPosition) encode() checkpoint.Position {
	b := make([]byte, 0, 64+len(p.path)+len(p.identity))
	if len(p.earlier) > 0 {
		b = append(b, kindTailEarlier)
	} else {
		b = append(b, kindTail)
	}
	b = appendString(b, p.path)
	b = binary.AppendUvarint(b, p.generation)
	b = binary.AppendUvarint(b, uint64(p.offset))
	b = appendString(b, p.identity)
	b = binary.AppendVarint(b, p.modTime)
	b = binary.AppendUvarint(b, uint64(p.proofBytes))
	b = binary.AppendUvarint(b, p.proofSum)
	b = appendBool(b, p.ended)
	if len(p.earlier) > 0 {
		b = binary.AppendUvarint(b, uint64(len(p.earlier)))
	}
	for _, r := range p.earlier {
		b = binary.AppendVarint(b, r.modTime)
		b = binary.AppendUvarint(b, uint64(r.offset))
		b = binary.AppendUvarint(b, uint64(r.proofBytes))
		b = binary.AppendUvarint(b, r.proofSum)
	}
	return checkpoint.Position{Version: positionVersion, Data: b}
}

func decodeTail(p checkpoint.Position) (tailPosition, error) {
	kind := kindTail
	if len(p.Data) > 0 && p.Data[0] == kindTailEarlier {
		kind = kindTailEarlier
	}
	d, err := newDecoder(p, kind)
	if err != nil {
		return tailPosition{}, err
	}
	out := tailPosition{
		path: d.string(pathBytesMax), generation: d.uvarint(), offset: d.length(),
		identity: d.string(identityBytesMax), modTime: d.varint(),
	}
	proof := d.length()
	out.proofSum = d.uvarint()
	out.ended = d.bool()
	if kind == kindTailEarlier {
		out.earlier = d.readFiles()
	}
	if err := d.finish(); err != nil {
		return tailPosition{}, err
	}
	if out.path == "" || proof > proofBytesMax ||
		out.offset > 0 && proof > out.offset {
		return tailPosition{}, fmt.Errorf("%w: %q at %d.%d with a proof of %d",
			checkpoint.ErrCorrupt, out.path, out.generation, out.offset, proof)
	}
	out.proofBytes = int(proof)
	return out, nil
}

// readFiles reads what a position knows of earlier files.
func (d *decoder) readFiles() []readFile {
	n := d.uvarint()
	if n == 0 || n > earlierMax {
		d.fail("number of earlier files is out of range")
	}
	var out []readFile
	for ; n > 0 && d.err == nil; n-- {
		r := readFile{modTime: d.varint(), offset: d.length()}
		proof := d.length()
		r.proofSum = d.uvarint()
		if r.offset == 0 || proof > min(proofBytesMax, r.offset) {
			d.fail("proof of an earlier file is out of range")
		}
		r.proofBytes = int(proof)
		out = append(out, r)
	}
	return out
}
