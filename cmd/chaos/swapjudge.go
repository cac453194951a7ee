package main

import (
	"errors"
	"fmt"
	"sort"
	"sync"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/sequence"
	"github.com/wasmflow/wasmflow/host"
)

// ledger is every decided epoch of a job: which version the log says made it, and how far the
// sources were at its end, which tells what records it is made of.
type ledger struct {
	// place returns the split of a manifest as the judge numbers it, and how many of its records
	// have been read.
	place func(checkpoint.Split) (string, int, error)
	mu    struct {
		sync.Mutex
		epochs []decidedEpoch
		ends   map[string][]end // by split, rising
	}
}

type decidedEpoch struct {
	number checkpoint.Epoch
	sha    string
}

// end says that a split was read up to, but without, record n in an epoch.
type end struct{ n, epoch int }

func newLedger(place func(checkpoint.Split) (string, int, error)) *ledger {
	l := &ledger{place: place}
	l.mu.ends = map[string][]end{}
	return l
}

// last returns the newest epoch that is noted.
func (l *ledger) last() checkpoint.Epoch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.mu.epochs); n > 0 {
		return l.mu.epochs[n-1].number
	}
	return 0
}

// add notes a record of the log. Records come in their order; one that is known is passed over.
func (l *ledger) add(m checkpoint.Manifest) error {
	last := l.last()
	if m.Kind != checkpoint.KindEpoch || m.Epoch <= last {
		return nil
	}
	if m.Previous != last {
		return fmt.Errorf("epoch %d follows epoch %d, which was not seen; the last one was %d", m.Epoch,
			m.Previous, last)
	}
	if len(m.Modules) != 1 {
		return fmt.Errorf("epoch %d names %d modules", m.Epoch, len(m.Modules))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.epochs = append(l.mu.epochs, decidedEpoch{m.Epoch, m.Modules[0].SHA256})
	for _, source := range m.Sources {
		for _, s := range source.Splits {
			split, n, err := l.place(s)
			if err != nil {
				return fmt.Errorf("reading the position of split %s in epoch %d: %w", s.ID, m.Epoch, err)
			}
			ends := l.mu.ends[split]
			if len(ends) == 0 || ends[len(ends)-1].n < n {
				l.mu.ends[split] = append(ends, end{n, len(l.mu.epochs) - 1})
			}
		}
	}
	return nil
}

// swapJudge holds what a job wrote against the ledger.
type swapJudge struct {
	ledger  *ledger
	marks   *marks
	records sequence.Checker
	made    []map[string]int // by epoch: how many records each version made
	letters int
}

func newSwapJudge(l *ledger, m *marks) *swapJudge {
	j := &swapJudge{ledger: l, marks: m, made: make([]map[string]int, len(l.mu.epochs))}
	for split, ends := range l.mu.ends {
		j.records.Expect(split, ends[len(ends)-1].n)
	}
	return j
}

// marked takes a record of the output with the mark of the version that made it.
func (j *swapJudge) marked(stream, split string, n int, mark string) {
	sha, ok := j.marks.sha[mark]
	if !ok {
		j.records.Strange(stream, fmt.Sprintf("record %d of %s with mark %s", n, split, mark))
		return
	}
	j.see(stream, split, n, sha)
}

// letter takes a dead letter with the digest of the module that refused the record.
func (j *swapJudge) letter(stream, split string, n int, sha string) {
	j.letters++
	j.see(stream, split, n, sha)
}

func (j *swapJudge) see(stream, split string, n int, sha string) {
	j.records.See(stream, split, n)
	ends := j.ledger.mu.ends[split]
	i := sort.Search(len(ends), func(i int) bool { return ends[i].n > n })
	if i == len(ends) {
		return // it is strange, and was counted
	}
	epoch := ends[i].epoch
	if j.made[epoch] == nil {
		j.made[epoch] = map[string]int{}
	}
	j.made[epoch][sha]++
}

// verdict counts what is wrong. broken are the versions that were in use for a while.
func (j *swapJudge) verdict(broken []host.Swap) (string, error) {
	summary, err := j.records.Verdict()
	errs := []error{err}
	full, mixed, versions := 0, 0, map[string]bool{}
	for i, made := range j.made {
		e := j.ledger.mu.epochs[i]
		if len(made) == 0 {
			continue // nothing was read in it
		}
		full++
		versions[e.sha] = true
		if len(made) != 1 || made[e.sha] == 0 {
			mixed++
			errs = append(errs, fmt.Errorf("epoch %d, of %s by its record, was made by %v", e.number, e.sha,
				made))
		}
	}
	longest, err := j.rollbacks(broken)
	errs = append(errs, err)
	return fmt.Sprintf("%s, %d of them dead letters; %d epochs with records by %d versions: %d by "+
		"more than one or another than their record says; rollback within %d epochs", summary,
		j.letters, full, len(versions), mixed, longest), errors.Join(errs...)
}

// rollbacks returns the largest number of epochs that a version made from the one in which it
// turned out to be broken.
func (j *swapJudge) rollbacks(broken []host.Swap) (longest int, err error) {
	var errs []error
	for _, s := range broken {
		n := 0
		for _, e := range j.ledger.mu.epochs {
			if e.sha == s.To.SHA256 && e.number >= s.Wrong {
				n++
			}
		}
		longest = max(longest, n)
		if n > rollbackMax {
			errs = append(errs, fmt.Errorf("version %s, which %s, made %d epochs from epoch %d on, in "+
				"which it turned out", s.To.SHA256, j.marks.bad[s.To.SHA256], n, s.Wrong))
		}
	}
	return longest, errors.Join(errs...)
}
