package bucketing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFilesPerHour(t *testing.T) {
	apart := func(c *Config) { c.Compact.Tasks = false }
	tests := []struct {
		name   string
		change []func(*Config)
		epoch  time.Duration
		want   float64
		text   string
	}{
		{"apart", nil, time.Second, 8 * 3600, "tasks x 1h / checkpoint.interval = 8 x 1h / 1s"},
		{"joined", []func(*Config){compact(time.Minute)}, time.Second, 60,
			"1 x 1h / the longer of compact.age and checkpoint.interval = 1 x 1h / 1m0s"},
		{"joined by task", []func(*Config){compact(time.Minute), apart}, time.Second, 480,
			"tasks x 1h / the longer of compact.age and checkpoint.interval = 8 x 1h / 1m0s"},
		{"long epochs", []func(*Config){compact(time.Minute)}, time.Hour, 1,
			"1 x 1h / the longer of compact.age and checkpoint.interval = 1 x 1h / 1h0m0s"},
		{"one epoch", nil, 0, 0, "nothing is published before the end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewConfig()
			for _, f := range tt.change {
				f(c)
			}
			files, text := c.FilesPerHour(8, tt.epoch)
			require.InDelta(t, tt.want, files, 0.01)
			require.Equal(t, tt.text, text)
		})
	}
}
