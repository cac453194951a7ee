package generator

import (
	"fmt"
	"math"
	"strconv"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/position"
)

// number is the durable form of every position of this source. Its version fixes splitCount and
// blockLen: with other values old positions would mean other records.
func number() position.Format {
	return position.Format{Version: 1, Count: 1, Invalid: ErrPosition}
}

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

// newSplit returns split i at its start.
func newSplit(i int) checkpoint.Split {
	return checkpoint.Split{ID: strconv.Itoa(i), Position: number().Encode(firstOf(i))}
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
	at, err := number().Decode(s.Position)
	if err != nil {
		return 0, connectors.Permanent(fmt.Errorf("restoring split %s: %w", s.ID, err))
	}
	next := at[0]
	if ownerOf(next) != i || next > math.MaxInt64 {
		return 0, connectors.Permanent(fmt.Errorf("restoring split %s: %d: %w",
			s.ID, next, ErrPosition))
	}
	return next, nil
}
