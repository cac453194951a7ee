package guest

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
)

// Seed keys a guest's randomness for one call.
type Seed [32]byte

// Word is the part of the seed that stands in a frame, for guests that import no randomness.
func (s *Seed) Word() uint64 { return binary.LittleEndian.Uint64(s[:]) }

// SeedKey names what a function instance is: its seeds derive from it.
type SeedKey [32]byte

// NewSeedKey derives the key of a function in a job.
func NewSeedKey(job, function string) SeedKey {
	h := sha256.New()
	h.Write([]byte("wasmflow random v1\x00"))
	var size [8]byte
	for _, s := range [...]string{job, function} {
		binary.LittleEndian.PutUint64(size[:], uint64(len(s)))
		h.Write(size[:])
		h.Write([]byte(s))
	}
	return SeedKey(h.Sum(nil))
}

// Call derives the seed of a call from the place of the first record it handles, and of the cursor
// where that record is continued, so that a new instance in place of an old one draws the same
// numbers for the same records, and not those it drew for others. It does not allocate for split
// names up to 256 bytes.
func (k *SeedKey) Call(split string, positionHi, positionLo, ordinal, cursor uint64) Seed {
	var buf [32 + 4*8 + 256]byte
	b := append(buf[:0], k[:]...)
	b = binary.LittleEndian.AppendUint64(b, positionHi)
	b = binary.LittleEndian.AppendUint64(b, positionLo)
	b = binary.LittleEndian.AppendUint64(b, ordinal)
	b = binary.LittleEndian.AppendUint64(b, cursor)
	b = append(b, split...)
	return sha256.Sum256(b)
}

// random draws from a seed, which it takes only when something is drawn: most guests never do.
type random struct {
	seed   Seed
	source *rand.ChaCha8 // specified as chacha8rand, hence the same for every Go version
	seeded bool
}

func (r *random) begin(seed Seed) { r.seed, r.seeded = seed, false }

func (r *random) read(p []byte) {
	switch {
	case r.source == nil:
		r.source = rand.NewChaCha8(r.seed)
	case !r.seeded:
		r.source.Seed(r.seed)
	}
	r.seeded = true
	_, _ = r.source.Read(p) // never fails
}

// noRandom is the engine's source, of which nobody draws: guests draw from random. The engine would
// make and seed one of its own for each instance, which takes longer than all the rest of a small one.
type noRandom struct{}

func (noRandom) Read([]byte) (int, error) { return 0, io.EOF }
