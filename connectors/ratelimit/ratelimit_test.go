package ratelimit_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/ratelimit"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// run comes back whenever it is told to and returns how many events it got within span.
func run(b *ratelimit.Bucket, perCall int, span time.Duration) (events, calls int) {
	now := start
	for now.Sub(start) < span {
		n, wait := b.Take(now, perCall)
		events += n
		calls++
		now = now.Add(wait)
	}
	return events, calls
}

func TestBucketKeepsTheRateWithoutDrift(t *testing.T) {
	for _, c := range []struct {
		name      string
		perSecond float64
		span      time.Duration
		want      int
	}{
		{"whole nanoseconds", 1000, 10 * time.Second, 10_000},
		{"a third of a second", 3, time.Hour, 10_800},
		{"period that no nanosecond divides", 7, time.Hour, 25_200},
		{"less than one a second", 0.3, 100 * time.Second, 30},
		{"many", 99_991, time.Second, 99_991},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, calls := run(ratelimit.NewBucket(c.perSecond), 1, c.span)
			require.Equal(t, c.want, got)
			// One call that takes and one that is told to wait: no spinning (R3).
			require.LessOrEqual(t, calls, 2*c.want)
		})
	}
}

func TestBucketHandsOutWhatBecameDue(t *testing.T) {
	b := ratelimit.NewBucket(100)
	n, _ := b.Take(start, 10)
	require.Equal(t, 1, n, "the first event is due at once")
	n, wait := b.Take(start, 10)
	require.Equal(t, 0, n)
	require.Equal(t, 10*time.Millisecond, wait)
	n, _ = b.Take(start.Add(wait-1), 10)
	require.Equal(t, 0, n, "not a nanosecond early")
	n, _ = b.Take(start.Add(55*time.Millisecond), 10)
	require.Equal(t, 5, n)
	n, _ = b.Take(start.Add(250*time.Millisecond), 8)
	require.Equal(t, 8, n, "no more than asked for")
	n, _ = b.Take(start.Add(250*time.Millisecond), 100)
	require.Equal(t, 12, n)
}

func TestBucketReturn(t *testing.T) {
	b := ratelimit.NewBucket(10)
	n, _ := b.Take(start.Add(time.Second), 5)
	require.Equal(t, 1, n)
	n, _ = b.Take(start.Add(1500*time.Millisecond), 100)
	require.Equal(t, 5, n)
	b.Return(2)
	n, _ = b.Take(start.Add(1500*time.Millisecond), 100)
	require.Equal(t, 2, n)
}

func TestBucketForgetsLongPauses(t *testing.T) {
	b := ratelimit.NewBucket(10)
	n, _ := b.Take(start, 1)
	require.Equal(t, 1, n)
	n, _ = b.Take(start.Add(900*time.Millisecond), 100)
	require.Equal(t, 9, n, "a short pause is made up for")
	n, _ = b.Take(start.Add(time.Hour), 1000)
	require.Equal(t, 11, n, "of a long one only the last second")
}

func TestBucketChargeRunsIntoDebt(t *testing.T) {
	b := ratelimit.NewBucket(100)
	require.Equal(t, 10*time.Second, b.Charge(start, 1000))
	n, wait := b.Take(start.Add(4*time.Second), 1)
	require.Equal(t, 0, n)
	require.Equal(t, 6*time.Second, wait)
	require.Zero(t, b.Charge(start.Add(10*time.Second), 0))
}

func TestBucketBearsAClockThatStepsBack(t *testing.T) {
	b := ratelimit.NewBucket(10)
	_, _ = b.Take(start, 1)
	n, wait := b.Take(start.Add(-time.Second), 5)
	require.Equal(t, 0, n)
	require.Equal(t, 1100*time.Millisecond, wait)
}

func TestBucketIsSharedFairly(t *testing.T) {
	b := ratelimit.NewBucket(1000)
	_, _ = b.Take(start, 1)
	now := start.Add(time.Second)
	var got [8]int
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			for {
				n, _ := b.Take(now, 3)
				if n == 0 {
					return
				}
				got[i] += n
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range got {
		sum += n
	}
	require.Equal(t, 1000, sum)
}

func TestLimiter(t *testing.T) {
	for _, c := range []struct {
		name           string
		records, bytes float64
		n, size        int
		want           time.Duration
	}{
		{"no bound", 0, 0, 1_000_000, 1 << 40, 0},
		{"records", 1000, 0, 500, 1 << 30, 500 * time.Millisecond},
		{"bytes", 0, 1 << 20, 7, 1 << 21, 2 * time.Second},
		{"the tighter one decides: bytes", 1000, 1000, 100, 3000, 3 * time.Second},
		{"the tighter one decides: records", 10, 1000, 100, 3000, 10 * time.Second},
		{"slow beyond the range of durations", 1e-9, 0, 1 << 40, 0, 1<<63 - 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := ratelimit.New(c.records, c.bytes)
			require.Equal(t, c.want, l.Take(start, c.n, c.size))
		})
	}
}

func TestLimiterSumsToTheRate(t *testing.T) {
	l := ratelimit.New(1000, 0)
	now, sum := start, 0
	for now.Sub(start) < time.Minute {
		sum += 37
		now = now.Add(l.Take(now, 37, 0))
	}
	require.InDelta(t, 60_000, sum, 37)
}

func TestLimiterBatchMax(t *testing.T) {
	for _, c := range []struct {
		name                     string
		records, bytes           float64
		wantRecords, wantPayload int
	}{
		{"no bound", 0, 0, 4096, 1 << 20},
		{"a tenth of a second of records", 1000, 0, 100, 1 << 20},
		{"a tenth of a second of bytes", 0, 1 << 20, 4096, 104857},
		{"never below one", 0.5, 0.5, 1, 1},
		{"never above what was asked for", 1e12, 1e15, 4096, 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, b := ratelimit.New(c.records, c.bytes).BatchMax(4096, 1<<20)
			require.Equal(t, c.wantRecords, r)
			require.Equal(t, c.wantPayload, b)
		})
	}
}

func BenchmarkLimiterTake(b *testing.B) {
	l := ratelimit.New(1e9, 1e12)
	b.ReportAllocs()
	for b.Loop() {
		l.Take(start, 4096, 1<<20)
	}
}
