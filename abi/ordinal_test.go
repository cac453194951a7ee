package abi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrdinalsAreDistinct(t *testing.T) {
	seen := map[uint64]bool{0: true}
	for _, name := range []string{"", "a", "b", "enrich"} {
		seed := FunctionSeed(name)
		for parent := range uint64(50) {
			for index := range uint64(50) {
				o := Ordinal(parent, seed, index)
				require.False(t, seen[o], "%s %d %d", name, parent, index)
				seen[o] = true
			}
		}
	}
}

func TestPack(t *testing.T) {
	ptr, size := Unpack(Pack(0xdeadbeef, 42))
	require.EqualValues(t, 0xdeadbeef, ptr)
	require.EqualValues(t, 42, size)
}
