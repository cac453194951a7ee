package file

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

func TestLagCountsWhatIsBehindThePositions(t *testing.T) {
	at := func(p rangePosition) checkpoint.Split {
		p.path, p.size = "/in/a", 100
		return checkpoint.Split{ID: "a", Position: p.encode()}
	}
	s := &Source{cfg: SourceConfig{Mode: modeOnce}}
	tests := []struct {
		name   string
		splits []checkpoint.Split
		want   int64
	}{
		{"nothing left", nil, 0},
		{"a range that was begun",
			[]checkpoint.Split{at(rangePosition{start: 20, end: 60, next: 45})}, 15},
		{"a record beyond the end of its range",
			[]checkpoint.Split{at(rangePosition{end: 60, next: 70})}, 0},
		{"a compressed file that was not begun",
			[]checkpoint.Split{at(rangePosition{end: endUnknown})}, 100},
		{"a compressed file, decompressed beyond its size",
			[]checkpoint.Split{at(rangePosition{end: endUnknown, next: 500})}, 0},
		{"all together", []checkpoint.Split{
			at(rangePosition{end: 60}), at(rangePosition{start: 60, end: 100, next: 60}),
		}, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, unit, err := s.Lag(t.Context(), tt.splits)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			require.Equal(t, "bytes", unit)
		})
	}
	newer := []checkpoint.Split{{ID: "x", Position: checkpoint.Position{Version: 99}}}
	_, _, err := s.Lag(t.Context(), newer)
	require.ErrorIs(t, err, checkpoint.ErrNewerFormat)
}
