package guest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasmflow/wasmflow/host/guest/meter"
)

// Metering says whether what guest code costs is bounded.
type Metering string

// The kinds of metering. All but MeteringOn are for measurements of what it costs: without it a
// guest may hold its task, and Go's collector, for ever.
const (
	MeteringOn  Metering = "on"
	MeteringOff Metering = "off"
	// MeteringEngine is the engine's own way to end a call, which asks for the context in every
	// round of a loop.
	MeteringEngine Metering = "engine"
)

// Allowance says what a call may use.
type Allowance int

// The allowances.
const (
	AllowBatch  Allowance = iota // a batch begins: Limits.TimePerBatch
	AllowRecord                  // a record begins that is alone: Limits.TimePerRecord
	AllowRest                    // what the call before has left
	allowStart                   // the instance is made, described, opened: Limits.TimeToStart
)

// fuelPerMillisecond makes fuel of time. It is a constant and not calibrated at start, so that the
// same record meets the same verdict on every machine. Compiled programs spend 8 to 40 million a
// millisecond on the machines it was measured on; it is low, because the clock is there for guests
// that spend it more slowly.
const fuelPerMillisecond = 10_000_000

func fuelFor(d time.Duration) int64 {
	return int64(d/time.Microsecond) * (fuelPerMillisecond / 1000)
}

// hostCallPrice is fuel for a call of the host, hostBytesPerUnit what moves bytes besides.
const (
	hostCallPrice    = 200
	hostBytesPerUnit = 2
)

// budget bounds the calls into one instance: their fuel, their stack, and their time by the clock,
// because fuel is not time where memory is slow.
type budget struct {
	limits *Limits

	fuel, rest, stop, depth api.MutableGlobal

	what  Allowance
	left  int64     // fuel, while no call runs
	until time.Time // when the clock stops the guest
	watch watch
}

func newBudget(mod api.Module, limits *Limits) (*budget, error) {
	b := &budget{limits: limits}
	for name, g := range map[string]*api.MutableGlobal{
		meter.GlobalFuel: &b.fuel, meter.GlobalBudget: &b.rest,
		meter.GlobalStop: &b.stop, meter.GlobalDepth: &b.depth,
	} {
		var ok bool
		if *g, ok = mod.ExportedGlobal(name).(api.MutableGlobal); !ok {
			return nil, fmt.Errorf("attaching the meter: the module has no global %s", name)
		}
	}
	b.watch.flag = b.stop
	return b, nil
}

// grant begins an allowance, which the calls share that follow with AllowRest.
func (b *budget) grant(a Allowance) {
	if a == AllowRest {
		return
	}
	b.what = a
	time, _ := b.limit()
	b.left, b.until = fuelFor(time), now().Add(b.patience())
}

// recordPatience is how many times a record's time passes before the clock ends a record that is
// alone. A batch that the clock ends is run again, piece by piece, so nothing is lost if it was the
// machine that was slow; the verdict on a record alone is final, and should be that of the fuel,
// unless memory really is as slow as that.
const recordPatience = 4

// patience is how long the clock waits.
func (b *budget) patience() time.Duration {
	time, _ := b.limit()
	if b.what == AllowRecord {
		return recordPatience * time
	}
	return time
}

// now is the time the clock's stop goes by. It is no part of what a guest sees.
func now() time.Time { return time.Now() }

// limit returns the time of the running allowance and the name of its setting.
func (b *budget) limit() (time.Duration, string) {
	switch b.what {
	case AllowRecord:
		return b.limits.TimePerRecord, "limits.time_per_record"
	case allowStart:
		return b.limits.TimeToStart, "limits.time_to_start"
	}
	return b.limits.TimePerBatch, "limits.time_per_batch"
}

// enter sets everything the guest is bounded by: what the last call left of it must not leak in.
func (b *budget) enter() {
	fuel := min(b.left, meter.Slice)
	b.fuel.Set(uint64(fuel))
	b.rest.Set(uint64(b.left - fuel))
	b.depth.Set(uint64(uint32(b.limits.StackBytes)))
	b.stop.Set(0)
	b.watch.begin(b.until)
}

// leave notes what a call has left.
func (b *budget) leave() {
	b.watch.end()
	b.left = int64(b.fuel.Get()) + int64(b.rest.Get())
}

// charge takes fuel for what the host does for the guest. It is called from a host function.
func (b *budget) charge(n int64) { b.fuel.Set(uint64(int64(b.fuel.Get()) - n)) }

// exceeded names the limit that ended a call, and says what was wrong, or returns "".
func (b *budget) exceeded(engine string) (limit, reason string) {
	time, setting := b.limit()
	switch {
	case b.stopped():
		return fmt.Sprintf("%s = %v", setting, time),
			fmt.Sprintf("out of time: it still ran after %v", b.patience())
	case int32(uint32(b.depth.Get())) < 0, strings.HasPrefix(engine, engineStackOverflow):
		return fmt.Sprintf("limits.stack = %d", b.limits.StackBytes), "out of stack: it calls too deep"
	case b.left < 0:
		return fmt.Sprintf("%s = %v", setting, time),
			fmt.Sprintf("out of time: it spent the fuel for %v", time)
	}
	return "", ""
}

// stopped reports whether the clock ended the last call.
func (b *budget) stopped() bool { return b.stop.Get() == meter.Stopped }

// spent is the fuel that the calls of the running allowance have taken.
func (b *budget) spent() int64 {
	time, _ := b.limit()
	return fuelFor(time) - b.left
}

// engineStackOverflow is what the engine says where its own bound on the stack is met first, by
// functions with large frames.
const engineStackOverflow = "stack overflow"

// watch stops a call that runs for too long. Its flag is read by the guest at the next slice.
type watch struct {
	flag  api.MutableGlobal
	timer *time.Timer
	mu    struct {
		sync.Mutex
		until time.Time // zero while no call runs
	}
}

func (w *watch) begin(until time.Time) {
	w.mu.Lock()
	w.mu.until = until
	w.mu.Unlock()
	if w.timer == nil {
		// The goroutine of the timer sets a flag and ends.
		w.timer = time.AfterFunc(until.Sub(now()), w.fire)
		return
	}
	w.timer.Reset(until.Sub(now()))
}

func (w *watch) end() {
	w.mu.Lock()
	w.mu.until = time.Time{}
	w.mu.Unlock()
	w.timer.Stop()
}

// fire may come late: (1) the timer of a call fires, (2) the call returns, (3) the next one begins,
// (4) fire runs. It must not stop the next one, so it asks whether the time is really over.
func (w *watch) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if until := w.mu.until; !until.IsZero() && !now().Before(until) {
		w.flag.Set(meter.Stop)
	}
}
