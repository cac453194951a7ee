package operator

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPace(t *testing.T) {
	now := time.Unix(0, 0)
	p := newPace(func() time.Time { return now }, 8_000)
	call := func(n int, perRecord time.Duration) {
		p.begin()
		now = now.Add(time.Duration(n) * perRecord)
		p.end(n)
	}
	for range 10 {
		call(p.records, 10*time.Microsecond)
	}
	require.Equal(t, 100, p.records, "a millisecond's worth")
	call(20, time.Nanosecond)
	require.Equal(t, 100, p.records, "a short call says nothing")
	call(p.records, time.Nanosecond)
	require.Equal(t, 200, p.records, "not too much at once")
	call(p.records, 0)
	require.Equal(t, 400, p.records)
	for range 10 {
		call(p.records, time.Nanosecond)
	}
	require.Equal(t, 8_000, p.records)
	for range 20 {
		call(p.records, time.Second)
	}
	require.Equal(t, 1, p.records)

	off := newPace(nil, 8_000)
	off.begin()
	off.end(8_000)
	require.Equal(t, 8_000, off.records)
}

// TestRestEnds: with what is being waited for, and at once where the clock is not looked at.
func TestRestEnds(t *testing.T) {
	now := time.Unix(0, 0)
	p := newPace(func() time.Time { return now }, 1)
	p.begin()
	now = now.Add(time.Hour)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	p.rest(canceled)
	p.rest(t.Context()) // not for an hour
	off := newPace(nil, 1)
	off.rest(t.Context())
}
