package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/bench/measure"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

// Bounds of the page.
const (
	ratioLeast = 0.8
	rssMost    = 300 // MiB
)

// all measures everything and returns the page.
func (b *bench) all(ctx context.Context) (string, error) {
	lines := b.mebibytes << 20 / lineBytes
	size := int64(lines * lineBytes)
	input := filepath.Join(b.dir, "input.txt")
	b.progress(fmt.Sprintf("writing %d MiB of lines", b.mebibytes))
	if err := b.writeInput(input, int(size)); err != nil {
		return "", fmt.Errorf("writing the input: %w", err)
	}
	rounds, err := b.throughput(ctx, input, size)
	if err != nil {
		return "", err
	}
	spread, err := b.job(ctx, input, size, true)
	if err != nil {
		return "", fmt.Errorf("writing to %d buckets: %w", buckets, err)
	}
	return b.page(rounds, spread), nil
}

func (b *bench) page(rounds []round, spread usage) string {
	var sink, put, start, sinkWall, putWall []float64
	var rss int64
	for _, r := range rounds {
		s, p := r.perSecond(b.mebibytes)
		sink, put = append(sink, s), append(put, p)
		start = append(start, r.empty.cpu.Seconds())
		sinkWall = append(sinkWall, r.sink.wall.Seconds())
		putWall = append(putWall, r.put.wall.Seconds())
		rss = max(rss, r.sink.rss)
	}
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("# Writing to HDFS")
	line("")
	line("Written by `make bench-hdfs`; nothing here was typed by hand. %s.", measure.Machine())
	line("Cluster: Hadoop %s, a NameNode and a DataNode on the same machine, blocks of %d MiB; its CPU",
		servers.HDFSRelease, blockBytes>>20)
	line("time is in no figure. Hadoop's client has no native library, as its jars alone do not.")
	line("")
	line("%d MiB of lines of %d bytes. wasmflow reads a local file and writes every line to parts in",
		b.mebibytes, lineBytes)
	line("one folder, exactly once, with the defaults; `FsShell -put` copies the same file. CPU is user")
	line("and system time of the process; from that of the put the one of a put of one byte is taken,")
	line("which is the start of its virtual machine. Ratios are taken within each of %d interleaved",
		len(rounds))
	line("rounds, after one that is thrown away; medians are shown.")
	line("")
	line("| | MiB per CPU second | against put | wall s |")
	line("|---|---|---|---|")
	line("| wasmflow, text sink | %.0f | %.2f x | %.2f |", measure.Median(sink),
		measure.Ratio(sink, put), measure.Median(sinkWall))
	line("| `FsShell -put`, its start of %.2f s not counted | %.0f | 1.00 x | %.2f |",
		measure.Median(start), measure.Median(put), measure.Median(putWall))
	line("")
	line("Bound: at least %.1f x.", ratioLeast)
	line("")
	line("## Memory")
	line("")
	line("The same lines into %d folders, named by a guest, line by line, by one task, which has a part",
		buckets)
	line("open in each: peak RSS %d MiB (bound %d MiB), %.2f s of CPU, %s. Into one folder: %d MiB.",
		spread.rss>>20, rssMost, spread.cpu.Seconds(), spread.wall.Round(10*time.Millisecond), rss>>20)
	return out.String()
}
