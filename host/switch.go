package host

import (
	"cmp"
	"context"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

// exchanges returns, for each task, what it does right after its part of epoch p: where a new
// version of a plugin waits, all tasks take it up there, so that every epoch is produced by one
// version. What p's manifest names has been collected before.
func (a *attempt) exchanges(p checkpoint.Prepare) func(task int) func() {
	if p.Final {
		return func(int) func() { return nil } // nothing comes after it
	}
	t := a.e.swaps.take(a, p.Epoch)
	if t == nil {
		return func(int) func() { return nil }
	}
	a.e.checkpoints.bound(p.Epoch, func(b *boundary) { b.swaps = append(b.swaps, t.plugin.Name) })
	_ = failpoint.Hit("swap/taken")
	return func(i int) func() {
		return func() { t.exchange(a.tasks[i].sites, i) }
	}
}

// exchange puts the spares of a task in the place of its functions, and those into the spares. It
// runs in the task's goroutine.
func (t *trial) exchange(sites []site, task int) {
	spares := t.spares[task]
	for _, at := range sites {
		if at.ref.Plugin != t.plugin.Name {
			continue
		}
		at.function.Exchange(spares[0])
		spares = spares[1:]
	}
	_ = failpoint.Hit("swap/exchanged")
}

// decide decides an epoch, after the bytes of the version that it is the first one of are durable
// (S6).
func (a *attempt) decide(ctx context.Context, m checkpoint.Manifest, next *version) error {
	if next != nil {
		if err := failpoint.Hit("swap/before-store"); err != nil {
			return err
		}
		if _, err := a.log.StoreModule(ctx, next.bytes); err != nil {
			return fmt.Errorf("keeping module %s: %w", next.module.SHA256(), err)
		}
		if err := failpoint.Hit("swap/stored"); err != nil {
			return err
		}
	}
	err := a.log.Decide(ctx, m)
	if err == nil && next != nil {
		_ = failpoint.Hit("swap/decided")
	}
	return err
}

// adopt has the job go on with the versions that its first claim found, and lets swaps begin.
// Before that nobody knows which versions they would take the place of: (1) this process looks at
// the log, (2) the owner before swaps a plugin, (3) this one claims the job. A swap that had begun
// at (1) would be one of a version that does not run, and come back to it.
func (e *Engine) adopt(ctx context.Context, named []checkpoint.Module) error {
	if err := e.plugins.adopt(ctx, named); err != nil {
		return err
	}
	for _, x := range e.plugins.list { // orders that wait were given in ignorance
		for _, order := range e.swaps.history.of(x.Name) {
			e.swaps.history.update(order.ID, func(s *Swap) { s.From = x.current().name() })
		}
	}
	e.adopted = true
	e.endSwaps = e.runSwaps(ctx)
	return nil
}

// adopt makes the versions that a claim found those of the job: another process may have swapped
// one between the look of this one at the log and its first claim. What the job file offers is new
// if that process has not looked at it either.
func (p *plugins) adopt(ctx context.Context, named []checkpoint.Module) error {
	for _, m := range named {
		x := p.find(m.Plugin)
		if x == nil || !x.begun {
			continue
		}
		if err := p.adoptVersion(ctx, x, m); err != nil {
			return err
		}
		x.looked(cmp.Or(m.Offer, x.current().offer))
	}
	p.offers = nil
	for _, f := range p.found {
		x := p.named(f.request.Plugin)
		if f.offer != x.offer() && f.offer != x.current().offer {
			p.offers = append(p.offers, f.request)
		}
	}
	return nil
}

// adoptVersion makes the version that m names the one of x.
func (p *plugins) adoptVersion(ctx context.Context, x *plugin, m checkpoint.Module) error {
	if x.current().is(m) {
		return nil
	}
	v, err := p.loadKept(ctx, x, m)
	if err != nil {
		return fmt.Errorf("loading the version of plugin %s that the last epoch was produced by: %w",
			m.Plugin, err)
	}
	was := x.current()
	x.become(v)
	if err := was.Close(ctx); err != nil {
		return fmt.Errorf("closing a version of plugin %s: %w", m.Plugin, err)
	}
	return nil
}
