package guest_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

const (
	roomPages = 512 // of the limit of these tests
	pageSize  = 64 << 10
)

func roomy() guest.Limits { return guest.Limits{MemoryBytes: roomPages * pageSize} }

// TestGrowingMovesNothing: what would be moved, all at once, would keep the collector waiting.
func TestGrowingMovesNothing(t *testing.T) {
	const pages = 16
	page := Join(I32Const(1), []byte{0x40, 0}) // memory.grow
	m, err := load(t, Guest{Process: page, Pages: pages}.Module(), roomy())
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	before := unsafe.SliceData(in.Memory())
	require.Len(t, in.Memory(), pages*pageSize)
	for had := pages; had < roomPages; had++ {
		got, err := in.Process(context.Background(), guest.Call{})
		require.NoError(t, err)
		require.EqualValues(t, had, got)
		require.Len(t, in.Memory(), (had+1)*pageSize)
	}
	require.Equal(t, before, unsafe.SliceData(in.Memory()))
	in.Memory()[roomPages*pageSize-1] = 1
	got, err := in.Process(context.Background(), guest.Call{})
	require.NoError(t, err)
	require.EqualValues(t, uint32(1<<32-1), got, "the limit is the end")
}

// TestMemoryIsGivenBack: at once, by instances that are closed and by those that did not come to
// be.
func TestMemoryIsGivenBack(t *testing.T) {
	ctx := context.Background()
	const instances = 40
	m, err := load(t, Guest{}.Module(), roomy())
	require.NoError(t, err)
	broken := Guest{Data: [][]byte{DataAt(16*pageSize-1, []byte("beyond the end"))}}
	before := virtualBytes(t)
	for range instances {
		in, err := m.Instantiate(ctx, guest.InstanceConfig{})
		require.NoError(t, err)
		require.NotEmpty(t, in.Memory())
		require.NoError(t, in.Close(ctx))
		require.Empty(t, in.Memory())
		require.NoError(t, in.Close(ctx))
		_, err = load(t, broken.Module(), roomy())
		require.Error(t, err)
	}
	require.Less(t, virtualBytes(t), before+instances*roomPages*pageSize/2)
}

// TestMemoryThatIsUsedAgainIsZero: what an instance wrote, the next one does not find.
func TestMemoryThatIsUsedAgainIsZero(t *testing.T) {
	ctx := context.Background()
	page := Join(I32Const(1), []byte{0x40, 0}) // memory.grow
	for name, grown := range map[string]int{"as it began": 0, "grown": 3, "grown to its limit": roomPages} {
		t.Run(name, func(t *testing.T) {
			m, err := load(t, Guest{Process: page, Pages: 16}.Module(), roomy())
			require.NoError(t, err)
			first, err := m.Instantiate(ctx, guest.InstanceConfig{})
			require.NoError(t, err)
			began, at := bytes.Clone(first.Memory()), unsafe.SliceData(first.Memory())
			for range grown {
				_, err := first.Process(ctx, guest.Call{})
				require.NoError(t, err)
			}
			memory := first.Memory()
			for i := range memory {
				memory[i] = 0xa5
			}
			require.NoError(t, first.Close(ctx))

			second := instantiate(t, m, guest.InstanceConfig{})
			require.Equal(t, at, unsafe.SliceData(second.Memory()), "it is the same memory")
			require.True(t, bytes.Equal(began, second.Memory()))
			for range grown {
				_, err := second.Process(ctx, guest.Call{})
				require.NoError(t, err)
			}
			require.Zero(t, bytes.TrimLeft(second.Memory()[len(began):], "\x00"))
		})
	}
}

// virtualBytes is how much of its addresses the process has in use.
func virtualBytes(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), "VmSize:")
	var kib int64
	_, err = fmt.Sscanf(rest, "%d kB", &kib)
	require.NoError(t, err)
	return kib << 10
}
