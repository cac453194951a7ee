package measure

import (
	"slices"
	"time"
)

// Number is what figures are made of.
type Number interface {
	int64 | float64 | time.Duration
}

// Median returns the middle value; of an even number the higher of both. values are not changed.
func Median[T Number](values []T) T { return Quantile(values, 0.5) }

// Quantile returns the value below which a share q of the values lies, 0 <= q <= 1. values are not
// changed, and there is at least one.
func Quantile[T Number](values []T, q float64) T {
	s := slices.Clone(values)
	slices.Sort(s)
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

// Ratio returns the median of x over base, taken pair by pair.
func Ratio(x, base []float64) float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] / base[i]
	}
	return Median(out)
}
