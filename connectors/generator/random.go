package generator

import "math/bits"

// random is a stream of numbers that belongs to one record: it is made anew from (seed, stream,
// sequence number), so records can be made in any order (N1). The mixing steps are those of
// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
type random struct{ state uint64 }

// gamma is the odd constant by which SplitMix64 steps: 2^64 divided by the golden ratio.
const gamma = 0x9e3779b97f4a7c15

// The streams keep keys and values independent: a change to one template leaves the other alone.
const (
	keyStream   = 1
	valueStream = 2
)

// newRandom returns the numbers of one record. base is baseOf(seed, stream).
func newRandom(base, seq uint64) random { return random{state: mix(base ^ mix(seq+gamma))} }

func baseOf(seed int64, stream uint64) uint64 { return mix(mix(uint64(seed)+gamma) + stream) }

func (r *random) next() uint64 {
	r.state += gamma
	return mix(r.state)
}

// below returns a number below n. The bias of the multiplication, n in 2^64, shows nowhere.
func (r *random) below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.next(), n)
	return hi
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
