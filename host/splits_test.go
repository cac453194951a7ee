package host

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// placingSource places splits whose id begins with "p" on the task named by the second byte.
type placingSource struct{ connectors.Source }

func (placingSource) AssignTask(id string, n int) (int, bool) {
	if id[0] != 'p' {
		return 0, false
	}
	return int(id[1]-'0') % n, true
}

func splitsNamed(ids ...string) []checkpoint.Split {
	out := make([]checkpoint.Split, len(ids))
	for i, id := range ids {
		out[i] = checkpoint.Split{ID: id}
	}
	return out
}

func TestSplitPoolHandsOutOnDemand(t *testing.T) {
	p := newSplitPool(nil, 2)
	p.adopt(connectors.Enumeration{Found: splitsNamed("a", "b", "c"), Done: true})
	require.Equal(t, splitsNamed("a"), p.next(0))
	require.Empty(t, p.next(0), "nothing more while the first is on its way")
	require.Equal(t, splitsNamed("b"), p.next(1))
	p.added(0)
	require.Empty(t, p.next(0), "a busy reader gets nothing")
	p.ended(1)
	require.Empty(t, p.next(1), "an end told before the splits arrived is stale")
	p.added(1)
	p.ended(1)
	require.Equal(t, splitsNamed("c"), p.next(1))
	p.added(1)
	require.False(t, p.finished())
	p.ended(0)
	p.ended(1)
	require.True(t, p.finished())
}

func TestSplitPoolPlacesAtOnce(t *testing.T) {
	p := newSplitPool(placingSource{}, 2)
	p.adopt(connectors.Enumeration{Found: splitsNamed("p0", "p1", "p2", "d")})
	require.Equal(t, splitsNamed("d", "p0", "p2", "p1"), p.unassigned())
	require.Equal(t, splitsNamed("p0", "p2"), p.next(0))
	p.added(0)
	p.adopt(connectors.Enumeration{Found: splitsNamed("p4"), Done: true})
	require.Equal(t, splitsNamed("p4"), p.next(0), "placed splits do not wait for the end")
	require.Equal(t, splitsNamed("p1"), p.next(1))
	require.Equal(t, splitsNamed("d"), p.unassigned())
}

func TestSplitPoolSpreadsManySmallSplits(t *testing.T) {
	p := newSplitPool(nil, 2)
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprint(i))
	}
	p.adopt(connectors.Enumeration{Found: splitsNamed(ids...), Done: true})
	got, rounds := 0, 0
	for !p.finished() {
		for task := range 2 {
			n := len(p.next(task))
			require.LessOrEqual(t, n, splitsPerHandoutMax)
			got += n
			p.added(task)
			p.ended(task)
		}
		rounds++
	}
	require.Equal(t, 1000, got)
	require.Less(t, rounds, 50)
}
