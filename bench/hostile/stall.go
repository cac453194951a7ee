package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	// stallTime is how long a guest is watched, stallNap how long the goroutine sleeps that watches,
	// and collectEvery the time between two collections.
	stallTime    = 100 * time.Millisecond
	stallNap     = 200 * time.Microsecond
	collectEvery = 2 * time.Millisecond
)

// stalls is what the rest of a process sees of a guest.
type stalls struct {
	// Naps is how much longer than it wanted a goroutine slept while Go collected garbage.
	Naps []time.Duration
	// Stop is the longest that a collection took to stop the world, as Go counted it.
	Stop time.Duration
	// Collections is how often the world was stopped for one.
	Collections uint64
}

// stallsOf runs calls for some time, while one goroutine collects garbage and another wants to run.
func stallsOf(call func()) (stalls, error) {
	before, err := stops()
	if err != nil {
		return stalls{}, err
	}
	end := time.Now().Add(stallTime)
	collected, watched := make(chan struct{}), make(chan []time.Duration)
	go func() { // until the time is over
		defer close(collected)
		for time.Now().Before(end) {
			runtime.GC()
			time.Sleep(collectEvery)
		}
	}()
	go func() { // until the time is over
		var naps []time.Duration
		for now := time.Now(); now.Before(end); {
			time.Sleep(stallNap)
			then := time.Now()
			naps, now = append(naps, max(then.Sub(now)-stallNap, 0)), then
		}
		watched <- naps
	}()
	for time.Now().Before(end) {
		call()
	}
	s := stalls{Naps: <-watched}
	<-collected
	after, err := stops()
	if err != nil {
		return stalls{}, err
	}
	for i, n := range after.Counts {
		if n -= before.Counts[i]; n > 0 {
			s.Collections += n
			s.Stop = bucketEnd(after.Buckets, i)
		}
	}
	return s, nil
}

// stops reads Go's count of how long it took to stop the world for a collection.
func stops() (metrics.Float64Histogram, error) {
	const name = "/sched/pauses/stopping/gc:seconds"
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return metrics.Float64Histogram{}, fmt.Errorf("reading %s: this Go does not have it", name)
	}
	return *sample[0].Value.Float64Histogram(), nil
}

// bucketEnd is the longest time that counts for a bucket; the last one has no end.
func bucketEnd(bounds []float64, bucket int) time.Duration {
	end := bounds[bucket+1]
	if math.IsInf(end, 1) {
		end = bounds[bucket]
	}
	return time.Duration(end * float64(time.Second))
}
