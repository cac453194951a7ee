package operator

import (
	"context"
	"time"
)

const (
	// callTimeTarget is how long a call should take: a running guest holds up the stop of the
	// world that Go's garbage collector asks for.
	callTimeTarget = time.Millisecond
	// paceStep bounds how much a call may differ from the one before in size.
	paceStep = 2
	// restMax bounds the rest after a trap, which is as long as the call that was lost. A new
	// instance, and the memory of the old one, are work for the whole process, so a guest that
	// traps at every record is to leave others half of the time.
	restMax = 5 * time.Millisecond
)

// pace sizes calls in records, so that a guest which takes 20 microseconds for each is not given
// thousands at a time.
type pace struct {
	now     func() time.Time
	records int
	max     int
	began   time.Time
}

func newPace(now func() time.Time, recordsMax int) pace {
	return pace{now: now, records: recordsMax, max: recordsMax}
}

func (p *pace) begin() {
	if p.now != nil {
		p.began = p.now()
	}
}

// end hears that a call over n records, n > 0, has returned.
func (p *pace) end(n int) {
	if p.now == nil {
		return
	}
	took := max(p.now().Sub(p.began), 1)
	want := int(int64(n) * int64(callTimeTarget) / int64(took))
	switch {
	case want < n:
		p.records = max(want, n/paceStep, 1)
	case n == p.records:
		// Only a call of full size says that a larger one would fit.
		p.records = min(want, n*paceStep, p.max)
	}
}

// rest waits for as long as the call took that a trap has just ended.
func (p *pace) rest(ctx context.Context) {
	if p.now == nil {
		return
	}
	t := time.NewTimer(min(p.now().Sub(p.began), restMax))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
