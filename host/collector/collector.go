package collector

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// usualPercent lets the heap triple between two collections, as GOGC does, which overrules
	// it. Records are garbage within milliseconds, so a collection costs what lives beside them and
	// should be rare. What lives is bounded by the buffers of a job: tens of megabytes for one
	// between Kafka topics.
	usualPercent = 200
	// floorBytes is the heap below which nothing is collected. Every collection keeps all
	// pipelines of the process waiting for a moment, however little lives, and a plugin that traps
	// at every record makes garbage by the gigabyte a second: in a heap of a few megabytes it would
	// cost the other pipelines a fifth of their time.
	floorBytes = 64 << 20
	// smallestBytes is the heap that Go starts from at 100 percent; the percentage scales it.
	smallestBytes = 4 << 20
	// liveMetric is what the last collection left.
	liveMetric = "/gc/heap/live:bytes"
)

// Tune has Go's collector run as suits a process of jobs, until stop is called, unless the
// environment chooses.
func Tune(lookupEnv func(string) (string, bool)) (stop func()) {
	if _, chosen := lookupEnv("GOGC"); chosen {
		return func() {}
	}
	t := &tuner{percent: percentFor(0)}
	before := debug.SetGCPercent(t.percent)
	t.await()
	return func() { t.stop(before) }
}

// tuner sets the percentage anew after every collection, as what lives demands.
type tuner struct {
	mu      sync.Mutex // held while the percentage is set, so that none is set after the end
	percent int
	stopped bool
}

// stop ends the tuner and leaves the percentage that was there before it.
func (t *tuner) stop(before int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	debug.SetGCPercent(before)
}

// await has the tuner adjust after the next collection, which finds the mark dead.
func (t *tuner) await() {
	mark := new(*tuner) // a pointer has its memory for itself, as small numbers do not
	runtime.AddCleanup(mark, (*tuner).adjust, t)
}

func (t *tuner) adjust() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	live := []metrics.Sample{{Name: liveMetric}}
	metrics.Read(live)
	// To set the percentage stops the world, so it is set where that changes something.
	if percent := percentFor(live[0].Value.Uint64()); percent != t.percent {
		t.percent = percent
		debug.SetGCPercent(percent)
	}
	t.await()
}

// percentFor is the percentage at which a heap of which so many bytes live is collected at
// floorBytes, or when it has tripled. It is rounded, so as to be the same for about the same.
func percentFor(live uint64) int {
	const step = 50
	most := floorBytes / smallestBytes * 100
	if live <= smallestBytes {
		return most
	}
	percent := int(100*floorBytes/live) - 100
	return min(max(percent/step*step, usualPercent), most)
}
