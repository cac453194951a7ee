package connectors_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

func TestRewindTakesBackWhatCameSince(t *testing.T) {
	var b connectors.Batch
	kept := b.Alloc(100)
	copy(kept, "kept")
	m := b.Mark(96)
	require.Equal(t, 100, b.ArenaBytes())

	// Twice the same bytes, larger than what is left of a block: the second time finds the memory
	// of the first.
	const size = 1 << 20
	first := b.Alloc(size)
	b.Alloc(100)
	b.Rewind(m)
	require.Equal(t, 4, b.ArenaBytes())
	second := b.Alloc(size)
	require.Same(t, &first[0], &second[0])
	copy(second, bytes.Repeat([]byte("x"), size))
	require.Equal(t, "kept", string(kept[:4]))
	require.Equal(t, 4+size, b.ArenaBytes())
}
