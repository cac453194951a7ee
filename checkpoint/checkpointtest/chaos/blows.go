package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Blow is a misfortune of the world around a job.
type Blow struct {
	Name  string
	Times int
	// At is a failpoint at which the run dies before the blow; "" leaves it alive.
	At string
	// Strike does it and puts everything right again before it returns.
	Strike func(ctx context.Context, rng *rand.Rand) error
}

// Progress is implemented by ends that can tell how many records are visible. After each blow the
// job has to get on.
type Progress interface{ Visible() int64 }

const (
	// progressMax bounds the time until a job gets on after a blow: leaders are elected in some
	// seconds, and a restart of the job waits for less.
	progressMax = 2 * time.Minute
	// progressAsk is the pause between two looks.
	progressAsk = 20 * time.Millisecond
)

// blows strikes running jobs, in random order. A run bears several of them, and may be killed after
// each.
func (r *Runner) blows(ctx context.Context) (err error) {
	var order []Blow
	for _, b := range r.cfg.Blows {
		for range b.Times {
			order = append(order, b)
		}
	}
	r.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	var p *process
	defer func() {
		if p != nil {
			r.kill(p)
		}
	}()
	count := map[string]int{}
	for _, b := range order {
		if b.At != "" && p != nil {
			r.kill(p)
			p = nil
		}
		if p, err = r.bear(ctx, p, b); err != nil {
			return fmt.Errorf("%s: %w", b.Name, err)
		}
		count[b.Name]++
		r.every(count[b.Name], b.Times, 10, "times "+b.Name)
		if r.rng.IntN(2) == 0 {
			r.kill(p)
			p = nil
		}
	}
	return nil
}

// bear strikes the run p, or a new one when it is nil, and returns the run that got on afterwards.
func (r *Runner) bear(ctx context.Context, p *process, b Blow) (*process, error) {
	var err error
	if b.At != "" {
		if err := r.dieAt(ctx, b.At, 1+r.rng.IntN(3)); err != nil {
			return nil, err
		}
	} else {
		if p == nil {
			if p, err = r.start(ctx, r.cfg.Ends.Start, true, ""); err != nil {
				return nil, err
			}
			// A run that cannot begin ends at once, and rightly.
			if err := r.getsOn(ctx, p); err != nil {
				return p, err
			}
		}
		if p.exitedWithin(r.life()) {
			return p, fmt.Errorf("the process ended by itself: %s", p.describe())
		}
	}
	if err := b.Strike(ctx, r.rng); err != nil {
		return p, err
	}
	if p == nil {
		if p, err = r.start(ctx, r.cfg.Ends.Start, true, ""); err != nil {
			return nil, err
		}
	}
	err = r.getsOn(ctx, p)
	if err == nil || !p.exitedWithin(progressAsk) || p.exitCode() != exitOutside {
		return p, err
	}
	// (1) What the run before had committed became visible, (2) this run was taken to get on, (3) the
	// blow met its start, which is refused when the outside does not answer. Now it does.
	if p, err = r.start(ctx, r.cfg.Ends.Start, true, ""); err != nil {
		return nil, err
	}
	return p, r.getsOn(ctx, p)
}

// getsOn waits until more records are visible than there were.
func (r *Runner) getsOn(ctx context.Context, p *process) error {
	ends, ok := r.cfg.Ends.(Progress)
	if !ok {
		return nil
	}
	before, ticker := ends.Visible(), time.NewTicker(progressAsk)
	defer ticker.Stop()
	timer := time.NewTimer(progressMax)
	defer timer.Stop()
	for ends.Visible() == before {
		select {
		case <-ticker.C:
		case <-p.done:
			return fmt.Errorf("the process ended by itself: %s", p.describe())
		case <-timer.C:
			return fmt.Errorf("nothing more became visible within %s: %s", progressMax, p.describe())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
