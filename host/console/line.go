package console

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Snapshot is what the job has counted at one moment. Counters count since the job began, over all
// tasks.
type Snapshot struct {
	At       time.Time
	Started  time.Time     // of the process
	State    string        // "running"
	In       uint64        // records read by sources
	InBytes  uint64        // bytes read by sources
	Out      uint64        // records written by sinks, those of dead letters left out
	Skipped  uint64        // records refused and skipped
	Dead     uint64        // records refused and sent to the dead letters
	Restarts int           // attempts after the first
	Epoch    uint64        // newest decided epoch; 0 before the first
	Age      time.Duration // since it was decided
	Lag      int64         // what the sources have not read yet; negative when they cannot tell
	LagUnit  string        // "bytes" or "records"
}

// separator stands between the parts of a line.
const separator = " | "

// part is a piece of the line. Parts are left out from the highest rank on.
type part struct {
	text string
	rank int
}

// Line renders the change from before to now in at most width columns. Rates are averages over
// the time between the two.
func Line(before, now Snapshot, width int) string {
	span := now.At.Sub(before.At)
	parts := []part{
		{printable(now.State), 0},
		{"up " + elapsed(now.At.Sub(now.Started)), 7},
		{"in " + rate(before.In, now.In, span), 3},
		{byteRate(before.InBytes, now.InBytes, span), 6},
		{"out " + rate(before.Out, now.Out, span), 2},
		{epoch(now), 4},
	}
	if now.Lag >= 0 {
		parts = append(parts, part{"lag " + amount(now.Lag, now.LagUnit), 5})
	}
	if n := now.Skipped + now.Dead; n > 0 {
		parts = append(parts, part{"refused " + count(float64(n)), 1})
	}
	if now.Restarts > 0 {
		parts = append(parts, part{"restarts " + count(float64(now.Restarts)), 1})
	}
	return fit(parts, width)
}

// fit joins the parts that fit into width, by rank, in their order.
func fit(parts []part, width int) string {
	byRank := make([]int, len(parts))
	for i := range parts {
		byRank[i] = i
	}
	slices.SortStableFunc(byRank, func(a, b int) int {
		return cmp.Compare(parts[a].rank, parts[b].rank)
	})
	used, keep := 0, make([]bool, len(parts))
	for n, i := range byRank {
		cost := len(parts[i].text)
		if n > 0 {
			cost += len(separator)
		}
		if used+cost > width {
			break // a less important part that is shorter would only confuse
		}
		used, keep[i] = used+cost, true
	}
	var kept []string
	for i, p := range parts {
		if keep[i] {
			kept = append(kept, p.text)
		}
	}
	if kept == nil {
		return parts[byRank[0]].text[:max(0, min(width, len(parts[byRank[0]].text)))]
	}
	return strings.Join(kept, separator)
}

// rate formats a change of a record counter. A counter that fell was reset.
func rate(before, now uint64, span time.Duration) string {
	if span <= 0 || now < before {
		return "-/s"
	}
	return count(float64(now-before)/span.Seconds()) + "/s"
}

func byteRate(before, now uint64, span time.Duration) string {
	if span <= 0 || now < before {
		return "- B/s"
	}
	return size(float64(now-before)/span.Seconds()) + "/s"
}

func epoch(s Snapshot) string {
	if s.Epoch == 0 {
		return "no epoch yet"
	}
	return fmt.Sprintf("epoch %d, %s ago", s.Epoch, elapsed(s.Age))
}

func amount(n int64, unit string) string {
	if unit == "bytes" {
		return size(float64(n))
	}
	return count(float64(n)) + " " + printable(unit)
}

// count formats a number with at most three digits: 999, 1.2k, 12.3k, 123k, 1.2M.
func count(x float64) string {
	return scaled(x, 1000, []string{"", "k", "M", "G", "T", "P", "E"})
}

// size formats bytes with at most four digits: 999 B, 1.2 KiB, 1023 MiB.
func size(x float64) string {
	return scaled(x, 1024, []string{" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"})
}

func scaled(x, step float64, units []string) string {
	unit := 0
	// Round before choosing the unit, else 999,999 would read 1000k.
	for unit < len(units)-1 && math.Round(x) >= step {
		x, unit = x/step, unit+1
	}
	if unit > 0 && x < 99.95 {
		return fmt.Sprintf("%.1f%s", x, units[unit])
	}
	return fmt.Sprintf("%.0f%s", x, units[unit])
}

// elapsed formats a time for people: 0.4s, 12s, 3m05s, 2h03m, 4d02h.
func elapsed(d time.Duration) string {
	d = max(d, 0)
	switch s := int64(d.Round(time.Second) / time.Second); {
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
}

// printable replaces what would move the cursor or take more than one column (L1).
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
