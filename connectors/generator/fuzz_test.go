package generator

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

func FuzzPosition(f *testing.F) {
	f.Add("0", uint16(1), []byte{0})
	f.Add("63", uint16(1), number().Encode(firstOf(63)).Data)
	f.Add("1", uint16(1), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add("", uint16(2), []byte{})
	f.Fuzz(func(t *testing.T, id string, version uint16, data []byte) {
		p := checkpoint.Position{Version: version, Data: data}
		next, err := parseSplit(checkpoint.Split{ID: id, Position: p})
		if err != nil {
			require.True(t, errors.Is(err, ErrPosition) ||
				errors.Is(err, checkpoint.ErrNewerFormat), "%v", err)
			return
		}
		i, ok := parseID(id)
		require.True(t, ok)
		require.Equal(t, i, ownerOf(next))
		require.Equal(t, i, ownerOf(after(next)))
		require.Greater(t, after(next), next)
	})
}

// Whatever compiles renders within its bound.
func FuzzTemplate(f *testing.F) {
	f.Add("{seq} {uuid} {now} {int -5 5} {choice a b}", uint64(3))
	f.Add("{{{int -9223372036854775808 9223372036854775807}}", uint64(1<<62))
	f.Add("{int", uint64(0))
	f.Fuzz(func(t *testing.T, s string, seq uint64) {
		c, err := compile(s)
		if err != nil {
			return
		}
		out := c.append(nil, seq, newRandom(baseOf(1, valueStream), seq), []byte(nowLayout))
		require.LessOrEqual(t, len(out), c.lenMax)
		if c.fixed {
			require.Equal(t, string(c.constant), string(out))
		}
		again := c.append(nil, seq, newRandom(baseOf(1, valueStream), seq), []byte(nowLayout))
		require.Equal(t, out, again)
	})
}
