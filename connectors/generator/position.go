package generator

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// formatVersion is the version of every position of this source. It fixes splitCount and
// blockLen: with other values old positions would mean other records.
const formatVersion = 1

const (
	// splitCount bounds the number of tasks that can share the work. More splits would only
	// make every manifest longer.
	splitCount = 64
	// blockLen is how many records of a split follow each other. It is short so that small
	// counts spread over tasks, too, and long enough that choosing the next block costs little.
	blockLen = 16
)

// firstOf returns the first sequence number of split i.
func firstOf(i int) uint64 { return uint64(i) * blockLen }

// ownerOf returns the split that seq belongs to.
func ownerOf(seq uint64) int { return int(seq / blockLen % splitCount) }

// after returns the sequence number that follows seq in its split.
func after(seq uint64) uint64 {
	if (seq+1)%blockLen != 0 {
		return seq + 1
	}
	return seq + 1 + (splitCount-1)*blockLen
}

func encode(n uint64) checkpoint.Position {
	return checkpoint.Position{Version: formatVersion, Data: binary.AppendUvarint(nil, n)}
}

// checkVersion refuses a position whose form this source does not know.
func checkVersion(version uint16) error {
	switch {
	case version > formatVersion:
		return fmt.Errorf("version %d, known is %d: %w",
			version, formatVersion, checkpoint.ErrNewerFormat)
	case version < formatVersion:
		return fmt.Errorf("version %d: %w", version, ErrPosition)
	}
	return nil
}

func decode(p checkpoint.Position) (uint64, error) {
	if err := checkVersion(p.Version); err != nil {
		return 0, err
	}
	n, size := binary.Uvarint(p.Data)
	if size <= 0 || size != len(p.Data) {
		return 0, fmt.Errorf("%x: %w", p.Data, ErrPosition)
	}
	return n, nil
}

// newSplit returns split i at its start.
func newSplit(i int) checkpoint.Split {
	return checkpoint.Split{ID: strconv.Itoa(i), Position: encode(firstOf(i))}
}

// parseID returns the number of a split, or false for a name this source never gave.
func parseID(id string) (int, bool) {
	i, err := strconv.Atoi(id)
	return i, err == nil && i >= 0 && i < splitCount && strconv.Itoa(i) == id
}

// parseSplit returns the next sequence number of s.
func parseSplit(s checkpoint.Split) (uint64, error) {
	i, ok := parseID(s.ID)
	if !ok {
		return 0, connectors.Permanent(fmt.Errorf("restoring split %q: %w", s.ID, ErrPosition))
	}
	next, err := decode(s.Position)
	if err != nil {
		return 0, connectors.Permanent(fmt.Errorf("restoring split %s: %w", s.ID, err))
	}
	if ownerOf(next) != i || next > math.MaxInt64 {
		return 0, connectors.Permanent(fmt.Errorf("restoring split %s: %d: %w",
			s.ID, next, ErrPosition))
	}
	return next, nil
}
