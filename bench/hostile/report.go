package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/bench/measure"
	"github.com/wasmflow/wasmflow/host/guest"
)

// report writes the page and says whether all bounds hold (H3).
func report(t trials, list []beside) (page string, ok bool) {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	ok = true
	bound := func(holds bool) string {
		ok = ok && holds
		if holds {
			return "holds"
		}
		return "**does not hold**"
	}
	line("# What modules that turn on the host cost")
	line("")
	line("Written by `make bench-hostile`. %s.", measure.Machine())
	line("")
	line("%d modules, each in a process of its own; %d were let in. Processes that died: %d, that did",
		t.tried, t.ran, len(t.died))
	line("not come back: %d, whose user was not told what was expected: %d: %s.", len(t.hung),
		len(t.text), bound(len(t.died)+len(t.hung)+len(t.text) == 0))
	for _, who := range append(append(t.died, t.hung...), t.text...) {
		line("- %s", who)
	}
	line("")
	line("| | hostile | honest guest | bound | |")
	line("|---|---|---|---|---|")
	if len(t.killed) > 0 {
		p99 := measure.Quantile(t.killed, 0.99)
		worst, who := worstKill(t)
		line("| end of a call behind its deadline of %v, p99 of %d | %v | %v (a timer) | %v | %s |",
			deadline, len(t.killed), ms(p99), ms(quantile(t.honest.late, 0.99)), killBound,
			bound(p99 <= killBound))
		line("| the same, worst | %v (%s) | %v | | |", ms(worst), who, ms(quantile(t.honest.late, 1)))
	}
	beyond := t.memory.value - guest.DefaultMemoryBytes
	line("| resident memory above the limit of %d MiB and what was loaded, worst | %s (%s) | %s | "+
		"%s | %s |", guest.DefaultMemoryBytes>>20, mib(beyond), t.memory.who,
		mib(t.honest.memory-guest.DefaultMemoryBytes), mib(memoryBound), bound(beyond <= memoryBound))
	line("| sleep of a goroutine beyond what it wanted, during %d collections, p99 of %d | %v | %v | "+
		"%v | %s |", t.collections, len(t.naps), ms(quantile(t.naps, 0.99)),
		ms(quantile(t.honest.naps, 0.99)), stallBound,
		bound(quantile(t.naps, 0.99) <= stallBound))
	line("| the same, worst | %v (%s) | %v | %v | %s |", ms(time.Duration(t.nap.value)), t.nap.who,
		ms(quantile(t.honest.naps, 1)), stallBound, bound(time.Duration(t.nap.value) <= stallBound))
	line("| stopping the world for a collection, worst | %v (%s) | %v | %v | %s |",
		ms(time.Duration(t.stop.value)), t.stop.who, ms(t.honest.stop), stallBound,
		bound(time.Duration(t.stop.value) <= stallBound))
	line("")
	line("What a second pipeline in the same process has beside a module of each kind, as a share of")
	line("what it has beside an honest guest that works all the time. Medians of rounds in turns; the")
	line("bound is %.0f %%.", 100*neighbourBound)
	line("")
	line("| beside | it has | CPU time of the process, of that beside the honest guest | |")
	line("|---|---|---|---|")
	for _, n := range list {
		line("| %s | %.1f %% | %.0f %% | %s |", n.name, 100*n.share, 100*n.cpu,
			bound(n.share >= neighbourBound))
	}
	return b.String(), ok
}

func worstKill(t trials) (time.Duration, string) {
	at := 0
	for i, d := range t.killed {
		if d > t.killed[at] {
			at = i
		}
	}
	return t.killed[at], t.killer[at]
}

func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	return measure.Quantile(values, q)
}

func ms(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

func mib(n int64) string { return fmt.Sprintf("%+.1f MiB", float64(n)/(1<<20)) }
