package abi

// Ordinals name a record below its source position: 0 at the source, then derived from the parent's
// ordinal, the function and the index under the parent. The same input through the same functions
// always has the same ordinals, so ids made from (split, position, ordinal) survive a replay.

const (
	fnvOffset64  = 0xcbf29ce484222325
	fnvPrime64   = 0x100000001b3
	goldenGamma  = 0x9e3779b97f4a7c15
	mixMultiply1 = 0xff51afd7ed558ccd
	mixMultiply2 = 0xc4ceb9fe1a85ec53
)

// FunctionSeed hashes a function's name for Ordinal: 64-bit FNV-1a of its bytes, then mix. A caller
// computes it once per function.
func FunctionSeed(function string) uint64 {
	h := uint64(fnvOffset64)
	for i := range len(function) {
		h ^= uint64(function[i])
		h *= fnvPrime64
	}
	return mix(h)
}

// Ordinal returns the ordinal of the record at index among the outputs that the function with the
// given seed made of the record whose ordinal is parent. Two children of one parent never share an
// ordinal but for the one value that hashes to 0, which is moved aside: 0 means "straight from the
// source".
func Ordinal(parent, seed, index uint64) uint64 {
	h := mix(mix(parent+seed) ^ (index+1)*goldenGamma)
	if h == 0 {
		return goldenGamma
	}
	return h
}

// mix is the 64-bit finalizer of MurmurHash3.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= mixMultiply1
	h ^= h >> 33
	h *= mixMultiply2
	h ^= h >> 33
	return h
}
