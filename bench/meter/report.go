package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/bench/measure"
)

// summary is what the bounds are about. Only programs count.
type summary struct {
	modules         []float64 // the median of each module's workloads
	programs        []figure
	probes          []figure
	worst           figure // of the programs
	slowest, engine float64
}

func summarize(figures []figure) summary {
	var s summary
	var names []string
	byModule := map[string][]float64{}
	var engine []float64
	for _, f := range figures {
		if f.probe {
			s.probes = append(s.probes, f)
			continue
		}
		if byModule[f.module] == nil {
			names = append(names, f.module)
		}
		byModule[f.module] = append(byModule[f.module], f.metered)
		s.programs, engine = append(s.programs, f), append(engine, f.engine)
		if f.metered > s.worst.metered {
			s.worst = f
		}
	}
	for _, name := range names {
		s.modules = append(s.modules, median(byModule[name]))
	}
	if len(engine) > 0 {
		s.engine, s.slowest = median(engine), slices.Max(engine)
	}
	return s
}

// report writes the page and says whether all bounds hold.
func report(figures []figure, rounds, layouts int) (page string, ok bool) {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	s := summarize(figures)
	line("# What metering costs")
	line("")
	line("Written by `make bench-meter`. %s.", measure.Machine())
	line("")
	line("CPU time against the same module without checks: medians of the ratios of %d interleaved",
		rounds)
	line("rounds, then over %d layouts of the machine code. All contenders gave the same answers and",
		layouts)
	line("left the same memory behind, byte for byte.")
	ok = true
	if len(s.programs) > 0 {
		ok = bounds(line, s)
	}
	line("")
	table(line, s.programs)
	if len(s.probes) == 0 {
		return b.String(), ok
	}
	line("")
	line("## Probes")
	line("")
	line("Not programs, and not part of the bounds: code that does nothing but what checks are")
	line("dearest for. `fibonacci` calls itself and adds, some three nanoseconds a call.")
	line("")
	table(line, s.probes)
	return b.String(), ok
}

// bounds writes what has to hold, of modules as compilers make them of programs.
func bounds(line func(format string, args ...any), s summary) bool {
	ok := true
	line("")
	line("| over %d modules, %d workloads | | bound | |", len(s.modules), len(s.programs))
	line("|---|---|---|---|")
	bound := func(what string, got, most float64) {
		verdict := "holds"
		if got > most {
			ok, verdict = false, "**does not hold**"
		}
		line("| %s | %+.1f %% | %+.0f %% | %s |", what, percent(got), percent(most), verdict)
	}
	bound("median over modules", median(s.modules), medianBound)
	bound("worst module", slices.Max(s.modules), worstBound)
	bound(fmt.Sprintf("worst workload (%s of %s)", s.worst.workload, s.worst.module),
		s.worst.metered, worstBound)
	line("")
	line("A module's figure is the median of its workloads'. The engine's own way to end a call")
	line("(`WithCloseOnContextDone`) takes %.1f times as long in the middle, %.1f times at worst.",
		s.engine, s.slowest)
	return ok
}

func table(line func(format string, args ...any), figures []figure) {
	line("| module | compiler | workload | plain | metered | layouts from, to | engine's way |")
	line("|---|---|---|---|---|---|---|")
	for _, f := range figures {
		line("| %s | %s | %s | %v | %+.1f %% | %+.1f, %+.1f %% | x %.1f |", f.module, f.compiler,
			f.workload, f.plain, percent(f.metered), percent(f.lowest), percent(f.highest), f.engine)
	}
}

func percent(ratio float64) float64 { return 100 * (ratio - 1) }
