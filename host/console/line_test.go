package console

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// snapshots returns two snapshots, two seconds apart, of a job that is well.
func snapshots() (before, now Snapshot) {
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	before = Snapshot{
		At: start.Add(83 * time.Second), Started: start, State: "running",
		In: 1_000_000, InBytes: 100 << 20, Out: 900_000, Epoch: 40, Lag: -1,
	}
	now = before
	now.At = now.At.Add(2 * time.Second)
	now.In, now.InBytes, now.Out = 3_500_000, 350<<20, 3_300_000
	now.Epoch, now.Age = 42, 400*time.Millisecond
	return before, now
}

func TestLine(t *testing.T) {
	const wide = 200
	for _, c := range []struct {
		name   string
		change func(before, now *Snapshot)
		width  int
		want   string
	}{
		{"well", nil, wide,
			"running | up 1m25s | in 1.2M/s | 125 MiB/s | out 1.2M/s | epoch 42, 0.4s ago"},
		{"with lag in bytes", func(_, now *Snapshot) {
			now.Lag, now.LagUnit = 3<<30+1<<29, "bytes"
		}, wide, "running | up 1m25s | in 1.2M/s | 125 MiB/s | out 1.2M/s | epoch 42, 0.4s ago | lag 3.5 GiB"},
		{"with lag in records", func(_, now *Snapshot) { now.Lag, now.LagUnit = 0, "records" }, wide,
			"running | up 1m25s | in 1.2M/s | 125 MiB/s | out 1.2M/s | epoch 42, 0.4s ago | lag 0 records"},
		{"not well", func(_, now *Snapshot) {
			now.State, now.Skipped, now.Dead, now.Restarts = "restarting", 3, 1200, 2
		}, wide, "restarting | up 1m25s | in 1.2M/s | 125 MiB/s | out 1.2M/s | epoch 42, 0.4s ago | " +
			"refused 1.2k | restarts 2"},
		{"just started", func(before, now *Snapshot) {
			now.State, now.Epoch, now.Started = "starting", 0, now.At
			now.In, now.InBytes, now.Out = before.In, before.InBytes, before.Out
		}, wide, "starting | up 0.0s | in 0/s | 0 B/s | out 0/s | no epoch yet"},
		{"counters that were reset", func(before, now *Snapshot) {
			now.In, now.InBytes, now.Out = 5, 5, 5
		}, wide, "running | up 1m25s | in -/s | - B/s | out -/s | epoch 42, 0.4s ago"},
		{"no time between", func(before, now *Snapshot) { before.At = now.At }, wide,
			"running | up 1m25s | in -/s | - B/s | out -/s | epoch 42, 0.4s ago"},
		{"a clock that ran back", func(_, now *Snapshot) {
			now.At = now.Started.Add(-time.Hour)
		}, wide, "running | up 0.0s | in -/s | - B/s | out -/s | epoch 42, 0.4s ago"},
		{"control characters", func(_, now *Snapshot) { now.State = "run\x1b[2J\n\u00e9" }, wide,
			"run?[2J?? | up 1m25s | in 1.2M/s | 125 MiB/s | out 1.2M/s | epoch 42, 0.4s ago"},
		{"exactly as wide", nil, 76,
			"running | up 1m25s | in 1.2M/s | 125 MiB/s | out 1.2M/s | epoch 42, 0.4s ago"},
		{"one column less", nil, 75,
			"running | in 1.2M/s | 125 MiB/s | out 1.2M/s | epoch 42, 0.4s ago"},
		{"narrow", nil, 40, "running | in 1.2M/s | out 1.2M/s"},
		{"narrow and not well", func(_, now *Snapshot) { now.Dead, now.Restarts = 12, 1 }, 40,
			"running | refused 12 | restarts 1"},
		{"only the state", nil, 12, "running"},
		{"not even that", nil, 4, "runn"},
		{"nothing", nil, 0, ""},
		{"negative", nil, -5, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, now := snapshots()
			if c.change != nil {
				c.change(&before, &now)
			}
			require.Equal(t, c.want, Line(before, now, c.width))
		})
	}
}

// FuzzLine checks L1 for any content and width.
func FuzzLine(f *testing.F) {
	f.Add("running", uint64(1), uint64(1<<60), int64(5), "bytes", int64(-1), 80)
	f.Fuzz(func(t *testing.T, state string, a, b uint64, lag int64, unit string, span int64,
		width int,
	) {
		before := Snapshot{In: a, InBytes: b, Out: a, At: time.Unix(0, 0)}
		now := Snapshot{
			State: state, In: b, InBytes: a, Out: b, Skipped: a, Dead: b, Restarts: int(a), Epoch: a,
			At: time.Unix(0, span), Age: time.Duration(span), Lag: lag, LagUnit: unit,
		}
		line := Line(before, now, width)
		if len(line) > max(width, 0) {
			t.Fatalf("Line() = %q, %d columns, want at most %d", line, len(line), width)
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			t.Fatalf("Line() = %q, no plain ASCII at %d", line, i)
		}
	})
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{count(0), "0"}, {count(0.4), "0"}, {count(999), "999"}, {count(999.4), "999"},
		{count(999.6), "1.0k"}, {count(1000), "1.0k"}, {count(12_345), "12.3k"},
		{count(99_949), "99.9k"}, {count(99_951), "100k"}, {count(123_456), "123k"},
		{count(999_499), "999k"}, {count(999_999), "1.0M"}, {count(1e9), "1.0G"},
		{count(1.8e19), "18.0E"}, {count(1e25), "10000000E"},
		{size(1023), "1023 B"}, {size(1024), "1.0 KiB"}, {size(1023.6 * 1024), "1.0 MiB"},
		{size(5 << 40), "5.0 TiB"},
		{elapsed(0), "0.0s"}, {elapsed(-time.Second), "0.0s"}, {elapsed(9900 * time.Millisecond), "9.9s"},
		{elapsed(9960 * time.Millisecond), "10s"}, {elapsed(59 * time.Second), "59s"},
		{elapsed(59600 * time.Millisecond), "1m00s"},
		{elapsed(time.Minute), "1m00s"}, {elapsed(3599 * time.Second), "59m59s"},
		{elapsed(2*time.Hour + 3*time.Minute), "2h03m"}, {elapsed(98 * time.Hour), "4d02h"},
	} {
		require.Equal(t, c.want, c.got)
	}
}
