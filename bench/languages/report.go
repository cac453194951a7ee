package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/bench/guestwork"
	"github.com/wasmflow/wasmflow/bench/measure"
)

// costColumns and loadColumns are the heads of the two tables.
func costColumns() []string {
	return []string{"language", "built with", "upper case, ns", "to C", "layouts from, to", "bound",
		"JSON, ns", "to C", "layouts from, to"}
}

func loadColumns() []string {
	return []string{"language", "module, KiB", "compile, ms", "from the cache, ms", "start, ms",
		"memory, KiB"}
}

func tableHead(columns []string) string {
	return "| " + strings.Join(columns, " | ") + " |\n" + strings.Repeat("|---", len(columns)) + "|\n"
}

func tableRow(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// report writes the part of the page, and says whether all bounds hold.
func report(rows []row, rounds, layouts int) (part string, ok bool) {
	byCost(rows)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Written by `make bench-languages`. %s.", measure.Machine())
	line("")
	line("CPU time of one record, metered, with all that the host does around it: in frames of %d,",
		guestwork.FrameRecords)
	line("checked on both ways. `to C` is the median of the ratios of %d interleaved rounds, then over",
		rounds)
	line("%d layouts of the machine code, whose extremes stand behind it. All gave the same answers.",
		layouts)
	line("*Upper case* makes the ASCII letters of 100 bytes capitals; C is `%s`.", scalarC)
	line("*JSON* is `route_order` of [guests/examples](../guests/examples/SPEC.md) for an order of 100")
	line("bytes: parse, check four members, set the key and the target; C is the one with SDK.")
	line("")
	ok = true
	b.WriteString(tableHead(costColumns()))
	for i := range rows {
		r := &rows[i]
		verdict, holds := r.verdict()
		ok = ok && holds
		upper, json := r.costs[upperWork].cells(), r.costs[orderWork].cells()
		b.WriteString(tableRow(r.language, r.tool, upper[0], upper[1], upper[2], verdict, json[0],
			json[1], json[2]))
	}
	line("")
	line("Before the first record, of the plugin of guests/examples (of the guest of the kit, or of")
	line("the one function, where there is none in that language): CPU time to check and compile it,")
	line("to load it when it was compiled before, and to make an instance; the instance's memory when")
	line("it has worked on %d records. Each is a median.", memoryFrames*guestwork.FrameRecords)
	line("")
	b.WriteString(tableHead(loadColumns()))
	for i := range rows {
		r := &rows[i]
		b.WriteString(tableRow(r.language, kib(r.size), ms(r.cold), ms(r.cached), ms(r.start),
			kib(r.memory)))
	}
	return b.String(), ok
}

// verdict is the cell of the bound.
func (r *row) verdict() (text string, holds bool) {
	switch {
	case r.bound == 0:
		return "", true
	case r.costs[upperWork].ratio > r.bound:
		return fmt.Sprintf("%.1f **does not hold**", r.bound), false
	}
	return fmt.Sprintf("%.1f holds", r.bound), true
}

func (f figure) cells() [3]string {
	if !f.there() {
		return [3]string{}
	}
	return [3]string{
		fmt.Sprint(f.each.Nanoseconds()), fmt.Sprintf("%.2f", f.ratio),
		fmt.Sprintf("%.2f, %.2f", f.lowest, f.highest),
	}
}

func kib(n int) string { return fmt.Sprint((n + 512) >> 10) }

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }
