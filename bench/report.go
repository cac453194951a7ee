package main

import (
	"fmt"
	"strings"
	"time"
)

// report writes the page: ratios first.
func report(machine string, r recordResult, f fileResult) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Benchmarks")
	line("")
	line("Written by `make bench`; nothing here was typed by hand. %s.", machine)
	line("CPU time is that of the whole process, collector included. Machines are noisy: read the")
	line("ratios, not the absolute figures.")
	line("")
	line("## What a guest costs a record")
	line("")
	line("Records of %d bytes, put into capitals; one task; %d million records a round; medians of %d",
		recordBytes, recordCount/1_000_000, recordRounds)
	line("interleaved rounds. Overhead is (generator -> C guest -> discard) less")
	line("(generator -> discard) less the module's own loop called alone over as many records.")
	line("")
	line("| | CPU ns a record |")
	line("|---|---|")
	line("| overhead of wasmflow around the C guest (bound: 150) | %.1f |", r.Overhead)
	line("| the C guest, all in | %.1f |", r.CPerRecord)
	line("| the C guest's own loop alone | %.1f |", r.Loop)
	line("| the Go guest, all in | %.1f |", r.GoPerRecord)
	line("| the job without a guest | %.1f |", r.Plain)
	line("")
	line("Heap allocations with the C guest: %d for %d million further records, that is %.6f a record",
		r.Allocs, recordCount/1_000_000, float64(r.Allocs)/recordCount)
	line("(a longer job less a shorter one, medians of %d rounds; a job as such takes %d, for its",
		allocRounds, r.JobAllocs)
	line("plan, its instances and its last epoch). A few dozen more or less are the runtime's own.")
	line("")
	line("## A job over 2 GiB of lines")
	line("")
	line("file -> guest -> bucketing with %d tasks and an epoch a second, beside the same job",
		fileTasks)
	line("written in plain Go without positions or epochs, and beside tr in one process. Medians of")
	line("%d rounds.", fileRounds)
	line("")
	line("| | CPU against the native Go job | CPU s | wall s | peak RSS MiB |")
	line("|---|---|---|---|---|")
	for _, name := range []string{nameC, nameGo, nameNative, nameTr} {
		line("| %s | %.2f x | %.1f | %.1f | %d |", name,
			float64(f.CPU[name])/float64(f.CPU[nameNative]), seconds(f.CPU[name]),
			seconds(f.Wall[name]), f.RSS[name]>>20)
	}
	line("")
	line("The C guest is to stay within 2 x the native job, the Go guest below 200 MiB.")
	return b.String()
}

func seconds(d time.Duration) float64 { return d.Seconds() }
