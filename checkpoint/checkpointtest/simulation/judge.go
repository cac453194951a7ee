package simulation

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/sequence"
)

// part is one output file as the judge sees it.
type part struct {
	name        string
	claim, task int
	n           int
	content     string
}

// judge holds the output against the input.
func (w *world) judge() {
	names := w.finalNames()
	for p, content := range w.visible {
		if w.taken[p] == "" && !slices.Contains(names, p) {
			w.fail("visible file %s with %q is gone", p, content)
			return
		}
	}
	contents := map[string]string{}
	for _, p := range names {
		data, err := w.rawFS().ReadFile(w.ctx, p, 1<<20)
		if err != nil {
			w.fail("reading %s: %v", p, err)
			return
		}
		contents[p] = string(data)
	}
	for p, content := range w.taken {
		contents[p] = content
	}
	parts := make([]part, 0, len(contents))
	for p, content := range contents {
		parsed, err := parsePart(p)
		if err != nil {
			w.fail("%v", err)
			return
		}
		parsed.content = content
		parts = append(parts, parsed)
	}
	// Of one split there is one writer at a time, and it writes its parts one after the other.
	slices.SortFunc(parts, func(a, b part) int {
		return slices.Compare([]int{a.claim, a.task, a.n}, []int{b.claim, b.task, b.n})
	})
	w.judgeRecords(parts)
}

// judgeRecords wants every record of every split once, and those of one split in rising order
// within one bucket: a task's parts of different buckets have no order among each other.
func (w *world) judgeRecords(parts []part) {
	var records sequence.Checker
	for _, s := range w.splits {
		records.Expect(s.id, s.records)
	}
	for _, p := range parts {
		for line := range strings.Lines(p.content) {
			id, seq, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			n, err := strconv.Atoi(seq)
			if !ok || err != nil {
				records.Strange(p.name, line)
				continue
			}
			records.See(path.Dir(p.name), id, n)
		}
	}
	for _, record := range w.cluster.Committed(outTopic) {
		id, seq, _ := strings.Cut(string(record), ":")
		n, err := strconv.Atoi(seq)
		if err != nil {
			records.Strange(outTopic, string(record))
			continue
		}
		records.See(outTopic, id, n)
	}
	if _, err := records.Verdict(); err != nil {
		w.fail("%v", err)
	}
}

// partName is the name of a part: its fields are what the judge sorts by.
func partName(jobID string, task int, claim uint64, nonce string, n int) string {
	return fmt.Sprintf("part-%s-%s-%d-%d-%s-%d", jobID, sinkName, task, claim, nonce, n)
}

func parsePart(p string) (part, error) {
	fields := strings.Split(path.Base(p), "-")
	if len(fields) != 7 {
		return part{}, fmt.Errorf("%s is no name of a part", p)
	}
	var numbers [3]int
	for i, field := range []string{fields[3], fields[4], fields[6]} {
		n, err := strconv.Atoi(field)
		if err != nil {
			return part{}, fmt.Errorf("%s is no name of a part: %w", p, err)
		}
		numbers[i] = n
	}
	return part{name: p, task: numbers[0], claim: numbers[1], n: numbers[2]}, nil
}
