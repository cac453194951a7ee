package socket

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRow(t *testing.T) {
	const end = -time.Second // stands for no further attempt
	for _, c := range []struct {
		name   string
		row    row
		worked string // one letter per connection: y worked, n did not
		want   []time.Duration
	}{
		{"one attempt", row{max: 1, base: time.Second}, "y", []time.Duration{end}},
		{"doubling up to the cap", row{base: 10 * time.Second}, "nnnn", []time.Duration{
			10 * time.Second, 20 * time.Second, 30 * time.Second, 30 * time.Second}},
		{"three in a row", row{max: 3, base: time.Second}, "nnn", []time.Duration{
			time.Second, 2 * time.Second, end}},
		{"work begins a new row", row{max: 3, base: time.Second}, "nnynyynn", []time.Duration{
			time.Second, 2 * time.Second, time.Second, 2 * time.Second, time.Second, time.Second,
			2 * time.Second, end}},
		{"a first wait above the cap", row{base: time.Minute}, "nn", []time.Duration{
			time.Minute, time.Minute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.row.random = func() float64 { return 0 }
			for i, letter := range c.worked {
				again, wait := c.row.ended(letter == 'y')
				if !again {
					wait = end
				}
				require.Equal(t, c.want[i], wait, "connection %d", i)
			}
		})
	}
}

func TestRowShortensWaitsByChance(t *testing.T) {
	for _, c := range []struct {
		random float64
		want   time.Duration
	}{{0, 100 * time.Millisecond}, {0.5, 75 * time.Millisecond}, {1, 50 * time.Millisecond}} {
		t.Run(fmt.Sprint(c.random), func(t *testing.T) {
			r := row{base: 100 * time.Millisecond, random: func() float64 { return c.random }}
			_, wait := r.ended(false)
			require.Equal(t, c.want, wait)
		})
	}
}
