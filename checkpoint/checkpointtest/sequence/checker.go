package sequence

import (
	"fmt"
	"maps"
	"slices"
)

// examplesMax bounds the findings that a verdict spells out.
const examplesMax = 3

// Checker judges output whose records carry their place in the input: a split and a number. Every
// record must be there once, and within one stream (an output file, a partition) the records of a
// split must be in the order of the input. The zero value is ready to use; it is not safe for
// concurrent use.
type Checker struct {
	splits    map[string][]uint8        // how often each record was seen, 255 at most
	last      map[string]map[string]int // by stream and split, the highest number so far
	again     int                       // sightings of what was seen before
	reordered int
	strange   int
	examples  []string
}

// Expect says that the input has records 0 .. n-1 of the split.
func (c *Checker) Expect(split string, n int) {
	if c.splits == nil {
		c.splits, c.last = map[string][]uint8{}, map[string]map[string]int{}
	}
	c.splits[split] = make([]uint8, n)
}

// See takes the next record of a stream.
func (c *Checker) See(stream, split string, n int) {
	seen, ok := c.splits[split]
	if !ok || n < 0 || n >= len(seen) {
		c.Strange(stream, fmt.Sprintf("record %d of %s, which the input does not have", n, split))
		return
	}
	if seen[n] > 0 {
		c.again++
		c.example("record %d of %s is there again in %s", n, split, stream)
	}
	if seen[n] < 255 {
		seen[n]++
	}
	if c.last[stream] == nil {
		c.last[stream] = map[string]int{}
	}
	if before, ok := c.last[stream][split]; ok && n < before {
		c.reordered++
		c.example("record %d of %s comes after %d in %s", n, split, before, stream)
	}
	c.last[stream][split] = n
}

// Strange takes something in a stream that is no record of the input.
func (c *Checker) Strange(stream, what string) {
	c.strange++
	c.example("%s holds %q", stream, what)
}

func (c *Checker) example(format string, args ...any) {
	if len(c.examples) < examplesMax {
		c.examples = append(c.examples, fmt.Sprintf(format, args...))
	}
}

// Wrong returns what is wrong so far, while more may come: all but what is lost.
func (c *Checker) Wrong() error {
	if c.again+c.reordered+c.strange == 0 {
		return nil
	}
	return fmt.Errorf("%d seen again, %d out of order, %d strange; for example %v",
		c.again, c.reordered, c.strange, c.examples)
}

// Verdict counts what is wrong once everything was seen. The error is nil when nothing is.
func (c *Checker) Verdict() (summary string, err error) {
	records, lost, doubled := 0, 0, 0
	for _, split := range slices.Sorted(maps.Keys(c.splits)) {
		for n, times := range c.splits[split] {
			records++
			switch {
			case times == 0:
				lost++
				c.example("record %d of %s is nowhere", n, split)
			case times > 1:
				doubled++
			}
		}
	}
	summary = fmt.Sprintf("%d records: %d lost, %d doubled, %d out of order, %d strange",
		records, lost, doubled, c.reordered, c.strange)
	if lost+doubled+c.reordered+c.strange > 0 {
		return summary, fmt.Errorf("%s; for example %v", summary, c.examples)
	}
	return summary, nil
}
