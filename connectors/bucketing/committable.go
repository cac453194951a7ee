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

// committableVersion is the version of Committable.Data: 1 is base, root, target and token data as
// uvarint length and bytes, with the numbers between them as uvarints, in the order of encode.
const committableVersion uint16 = 1

// committable is what finishes one part in any process. It carries the base path it was written
// under, so that output decided before the job file changed its path is still published there.
type committable struct {
	base    string // the key path: a path or a URL
	root    string // the same inside its file system
	records uint64
	token   filesystem.Token
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
	if from.Version != committableVersion {
		if from.Version > committableVersion {
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
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.rest))
	}
	if r.err != nil {
		return fmt.Errorf("%w: %w", checkpoint.ErrCorrupt, r.err)
	}
	return nil
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
