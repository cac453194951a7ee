package host

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRestartStrategies(t *testing.T) {
	type failure struct {
		ran, at time.Duration // how long the attempt ran, and when it failed
		wait    time.Duration
		restart bool
	}
	s := time.Second
	tests := []struct {
		name     string
		strategy restarter
		failures []failure
	}{
		{"none never restarts", noRestart{}, []failure{{s, s, 0, false}}},
		{"fixed-delay counts over the life of the job", &fixedDelay{attempts: 2, delay: s},
			[]failure{{s, s, s, true}, {3600 * s, 3601 * s, s, true}, {s, 3602 * s, 0, false}}},
		{"exponential-delay grows to its maximum and starts anew after a good run",
			&exponentialDelay{initial: s, max: 5 * s, reset: 60 * s, multiplier: 2,
				rng: rand.New(rand.NewPCG(1, 1))},
			[]failure{
				{s, s, s, true}, {s, 2 * s, 2 * s, true}, {s, 3 * s, 4 * s, true},
				{s, 4 * s, 5 * s, true}, {s, 5 * s, 5 * s, true}, {60 * s, 65 * s, s, true},
			}},
		{"failure-rate forgets what left the interval",
			&failureRate{failures: 2, interval: 10 * s, delay: s},
			[]failure{
				{s, 0, s, true}, {s, 9 * s, s, true}, {s, 11 * s, s, true},
				{s, 12 * s, 0, false},
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			zero := time.Unix(1_000_000, 0)
			for i, f := range tt.failures {
				now := zero.Add(f.at)
				wait, ok := tt.strategy.next(now.Add(-f.ran), now)
				require.Equal(t, f.restart, ok, "failure %d", i)
				require.Equal(t, f.wait, wait, "failure %d", i)
			}
		})
	}
}

func TestExponentialDelayJitterStaysInItsShare(t *testing.T) {
	e := &exponentialDelay{
		initial: time.Second, max: time.Second, reset: time.Hour, multiplier: 2, jitter: 0.1,
		rng: rand.New(rand.NewPCG(7, 7)),
	}
	seen := map[time.Duration]bool{}
	for range 100 {
		d, ok := e.next(time.Time{}, time.Time{})
		require.True(t, ok)
		require.GreaterOrEqual(t, d, 900*time.Millisecond)
		require.LessOrEqual(t, d, 1100*time.Millisecond)
		seen[d] = true
	}
	require.Greater(t, len(seen), 10)
}
