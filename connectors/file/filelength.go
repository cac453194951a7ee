package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// fileLengthVersion is the version of a file sink's Committable.Data: 1 is base, root, target and
// live as uvarint length and bytes, then the length as uvarint.
const fileLengthVersion uint16 = 1

// fileLength says how much of a file is decided.
type fileLength struct {
	base, root   string // the key path, and the same inside its file system
	target, live string
	length       int64

	task  int // of the committable
	epoch checkpoint.Epoch
}

func (l fileLength) encode() []byte {
	var p []byte
	for _, s := range []string{l.base, l.root, l.target, l.live} {
		p = binary.AppendUvarint(p, uint64(len(s)))
		p = append(p, s...)
	}
	return binary.AppendUvarint(p, uint64(l.length))
}

func decodeFileLength(c checkpoint.Committable) (fileLength, error) {
	l := fileLength{task: c.Task, epoch: c.Epoch}
	err := l.read(c)
	if err != nil {
		return l, fmt.Errorf("reading committable of sink %s, task %d, epoch %d: %w",
			c.Sink, c.Task, c.Epoch, err)
	}
	return l, nil
}

var errCut = errors.New("it ends early")

func (l *fileLength) read(c checkpoint.Committable) error {
	switch {
	case c.Version > fileLengthVersion:
		return fmt.Errorf("version %d: %w", c.Version, checkpoint.ErrNewerFormat)
	case c.Version != fileLengthVersion:
		return fmt.Errorf("version %d: %w", c.Version, checkpoint.ErrCorrupt)
	}
	rest := c.Data
	for _, into := range []*string{&l.base, &l.root, &l.target, &l.live} {
		n, k := binary.Uvarint(rest)
		if k <= 0 || n > uint64(len(rest)-k) {
			return fmt.Errorf("%w: %w", checkpoint.ErrCorrupt, errCut)
		}
		*into = string(rest[k : k+int(n)])
		rest = rest[k+int(n):]
	}
	length, k := binary.Uvarint(rest)
	switch {
	case k <= 0 || length > math.MaxInt64:
		return fmt.Errorf("%w: %w", checkpoint.ErrCorrupt, errCut)
	case k < len(rest):
		return fmt.Errorf("%w: %d bytes too many", checkpoint.ErrCorrupt, len(rest)-k)
	}
	l.length = int64(length)
	return nil
}

// liveSuffix ends the names of live files.
const liveSuffix = ".live"

// liveName is the name of a live file: new with every claim and every file of it.
type liveName struct {
	sink   string
	task   int
	claim  uint64
	nonce  string
	number int
}

// String formats n as "<sink>-<task>-<claim>-<nonce>-<number>.live".
func (n liveName) String() string {
	return n.sink + "-" + strconv.Itoa(n.task) + "-" + strconv.FormatUint(n.claim, 10) + "-" +
		n.nonce + "-" + strconv.Itoa(n.number) + liveSuffix
}

// parseLiveName reads a name from its end, since a sink's name may hold dashes, too.
func parseLiveName(name string) (n liveName, ok bool) {
	rest, ok := strings.CutSuffix(name, liveSuffix)
	if !ok {
		return n, false
	}
	fields := strings.Split(rest, "-")
	if len(fields) < 5 {
		return n, false
	}
	last := fields[len(fields)-4:]
	var errTask, errClaim, errNumber error
	n.sink = strings.Join(fields[:len(fields)-4], "-")
	n.task, errTask = strconv.Atoi(last[0])
	n.claim, errClaim = strconv.ParseUint(last[1], 10, 64)
	n.nonce = last[2]
	n.number, errNumber = strconv.Atoi(last[3])
	if errors.Join(errTask, errClaim, errNumber) != nil || n.String() != name {
		return liveName{}, false
	}
	return n, true
}
