package bucketing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Versions of Committable.Data: 1 is base, root, target and token data as uvarint length and bytes,
// with the numbers between them as uvarints, in the order of encode. 2 has what a hold says behind
// it. A sink that holds nothing back writes 1.
const (
	committableVersion uint16 = 1
	heldVersion        uint16 = 2
)

// inputsMax bounds what a committable may say it was joined from.
const inputsMax = 1 << 20

// committable is what finishes one part in any process. It carries the base path it was written
// under, so that output decided before the job file changed its path is still published there.
type committable struct {
	base    string // the key path: a path or a URL
	root    string // the same inside its file system
	records uint64
	token   filesystem.Token
	hold    *hold // nil in version 1
}

// hold is what a committable says of a part that is held back, or was.
type hold struct {
	kept   bool     // it stays held after the epoch that names it
	form   string   // parts of one form may be joined
	since  int64    // when the oldest of its records became durable, Unix milliseconds
	tier   int      // how often its records were joined and held again
	inputs []string // names of the parts that it was joined from
	until  int64    // when the time of the bucket is over, Unix milliseconds; 0 is unknown
	mark   bool     // it is no part but the mark of a bucket, since its last part
}

// Bits of what version 2 says first.
const (
	saysKept = 1 << iota
	saysMark
)

// version returns the version that encode writes.
func (c committable) version() uint16 {
	if c.hold == nil {
		return committableVersion
	}
	return heldVersion
}

func (c committable) encode() []byte {
	var p []byte
	text := func(s []byte) {
		p = binary.AppendUvarint(p, uint64(len(s)))
		p = append(p, s...)
	}
	text([]byte(c.base))
	text([]byte(c.root))
	p = binary.AppendUvarint(p, c.records)
	p = binary.AppendUvarint(p, uint64(c.token.Version))
	text([]byte(c.token.Target))
	p = binary.AppendUvarint(p, uint64(c.token.Size))
	text(c.token.Data)
	if h := c.hold; h != nil {
		bits := uint64(0)
		if h.kept {
			bits |= saysKept
		}
		if h.mark {
			bits |= saysMark
		}
		p = binary.AppendUvarint(p, bits)
		text([]byte(h.form))
		p = binary.AppendUvarint(p, uint64(max(h.since, 0)))
		p = binary.AppendUvarint(p, uint64(max(h.until, 0)))
		p = binary.AppendUvarint(p, uint64(h.tier))
		p = binary.AppendUvarint(p, uint64(len(h.inputs)))
		for _, name := range h.inputs {
			text([]byte(name))
		}
	}
	return p
}

// decode reads what encode wrote, and refuses everything else.
func decode(c checkpoint.Committable) (committable, error) {
	var out committable
	err := out.read(c)
	if err != nil {
		return out, fmt.Errorf("reading committable of sink %s, task %d, epoch %d: %w",
			c.Sink, c.Task, c.Epoch, err)
	}
	return out, nil
}

func (c *committable) read(from checkpoint.Committable) error {
	if from.Version < committableVersion || from.Version > heldVersion {
		if from.Version > heldVersion {
			return fmt.Errorf("version %d: %w", from.Version, checkpoint.ErrNewerFormat)
		}
		return fmt.Errorf("version %d: %w", from.Version, checkpoint.ErrCorrupt)
	}
	r := reader{rest: from.Data}
	c.base = string(r.text())
	c.root = string(r.text())
	c.records = r.number(math.MaxUint64)
	c.token.Version = uint16(r.number(math.MaxUint16))
	c.token.Target = string(r.text())
	c.token.Size = int64(r.number(math.MaxInt64))
	c.token.Data = slices.Clone(r.text())
	if from.Version == heldVersion {
		c.hold = r.hold()
	}
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.rest))
	}
	if r.err != nil {
		return fmt.Errorf("%w: %w", checkpoint.ErrCorrupt, r.err)
	}
	return nil
}

// hold reads what version 2 adds.
func (r *reader) hold() *hold {
	bits := r.number(saysKept | saysMark)
	h := &hold{kept: bits&saysKept != 0, mark: bits&saysMark != 0, form: string(r.text())}
	h.since = int64(r.number(math.MaxInt64))
	h.until = int64(r.number(math.MaxInt64))
	h.tier = int(r.number(math.MaxUint8))
	n := r.number(inputsMax)
	for range n {
		if r.err != nil {
			break
		}
		h.inputs = append(h.inputs, string(r.text()))
	}
	return h
}

// reader takes values off the front; its first error stays.
type reader struct {
	rest []byte
	err  error
}

var errCut = errors.New("it ends early")

func (r *reader) number(limit uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	switch {
	case r.err != nil:
		return 0
	case n <= 0:
		r.err = errCut
		return 0
	case v > limit:
		r.err = fmt.Errorf("%d is above %d", v, limit)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() []byte {
	n := r.number(math.MaxInt64)
	if r.err == nil && n > uint64(len(r.rest)) {
		r.err = errCut
	}
	if r.err != nil {
		return nil
	}
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}
