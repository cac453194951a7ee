package measure

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []int64
		want   int64
	}{
		{"odd", []int64{5, -1, 3}, 3},
		{"even takes the higher", []int64{4, 1, 2, 3}, 3},
		{"one", []int64{7}, 7},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Median(c.values)) })
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{4, 1, 3, 2}
	require.Equal(t, 1.0, Quantile(values, 0))
	require.Equal(t, 4.0, Quantile(values, 0.99))
	require.Equal(t, 4.0, Quantile(values, 1))
	require.Equal(t, []float64{4, 1, 3, 2}, values, "the figures stay as they were")
}

// TestRatioIsTakenPairByPair: the median of the ratios, not the ratio of the medians.
func TestRatioIsTakenPairByPair(t *testing.T) {
	require.Equal(t, 2.0, Ratio([]float64{2, 30, 4}, []float64{1, 10, 4}))
}
