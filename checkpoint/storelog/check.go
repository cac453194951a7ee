package storelog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// checker gathers findings about one job.
type checker struct {
	*View
	listed   listing
	chain    []checkpoint.Manifest // decided epochs, newest first
	last     checkpoint.Manifest
	lastRead bool
	// elsewhere tells that the job has its log in another place, which knows what is needed.
	elsewhere bool
	named     map[string]string // module to the plugin and record that names it
	findings  []checkpoint.Finding
}

// Check reads everything there is of the job and tells what is wrong with it: records, their
// chain, the hint, marks, modules, and whether the output of the last decided epoch is published
// or can still be, as far as verifiers (by name of sink) can tell. It changes nothing. The error
// is for a store that cannot be read at all.
func (v *View) Check(
	ctx context.Context, verifiers map[string]checkpoint.Verifier,
) ([]checkpoint.Finding, error) {
	listed, err := v.list(ctx)
	if err != nil {
		return nil, err
	}
	c := &checker{View: v, listed: listed, named: map[string]string{}}
	if c.elsewhere, err = c.hasLogElsewhere(ctx); err != nil {
		return nil, err
	}
	if len(listed.records) == 0 && !c.elsewhere {
		c.note(v.dir, "the job has no records: it never ran here, or they were removed", "")
	}
	c.checkRecords(ctx)
	c.checkChain(ctx)
	c.checkHint(ctx)
	c.checkModules(ctx)
	c.checkMarks(ctx)
	c.checkNames(ctx)
	err = c.checkOutput(ctx, verifiers)
	slices.SortStableFunc(c.findings, func(a, b checkpoint.Finding) int {
		return cmp.Compare(rank(a), rank(b))
	})
	return c.findings, err
}

// hasLogElsewhere tells that the job uses another log now, and which.
func (c *checker) hasLogElsewhere(ctx context.Context) (bool, error) {
	last, found, err := c.Last(ctx)
	if err != nil && !isUnreadable(err) && !errors.Is(err, checkpoint.ErrOtherJob) {
		return false, err
	}
	hint, hinted, err := c.Hint(ctx)
	if err != nil || !hinted {
		hint = checkpoint.Hint{Log: Name} // checkHint tells what is wrong with it
	}
	log := checkpoint.Previous(Name, last, found, hint)
	if log == "" {
		return false, nil
	}
	c.note(c.dir,
		fmt.Sprintf("the job has its log in %q: records here are of an earlier time", log), "")
	return true, nil
}

func (c *checker) note(subject, text, remedy string) {
	c.findings = append(c.findings, checkpoint.Finding{
		Severity: checkpoint.Note, Subject: subject, Text: text, Remedy: remedy,
	})
}

func (c *checker) problem(subject, text, remedy string) {
	c.findings = append(c.findings, checkpoint.Finding{
		Severity: checkpoint.Problem, Subject: subject, Text: text, Remedy: remedy,
	})
}

// checkRecords reads every record.
func (c *checker) checkRecords(ctx context.Context) {
	for _, n := range c.listed.records {
		m, err := c.Record(ctx, n)
		newest := n == c.listed.highest()
		switch {
		case errors.Is(err, filesystem.ErrNotFound):
			// Retention of a running owner.
		case errors.Is(err, checkpoint.ErrNewerFormat):
			c.problem(c.Path(n), err.Error(), "run the release of wasmflow that wrote it, or a newer one")
		case err != nil && newest:
			c.problem(c.Path(n), err.Error(), "the job does not start from it: restore the file "+
				"from a backup, or move it away and run with --epoch N or --fresh")
		case err != nil:
			c.problem(c.Path(n), err.Error(), "running does not need it; the job cannot go back "+
				"to it or past it")
		case newest:
			c.last, c.lastRead = m, true
		}
	}
}

// checkChain follows the links from the newest record down.
func (c *checker) checkChain(ctx context.Context) {
	chain, err := c.Chain(ctx)
	c.chain = chain
	var damage *DamagedError
	if err != nil && !errors.As(err, &damage) && c.lastRead {
		c.problem(c.dir, err.Error(), "")
	}
	onChain := map[checkpoint.Epoch]bool{}
	for _, m := range chain {
		onChain[m.Epoch] = true
		c.nameModules(m)
	}
	if !c.lastRead {
		return
	}
	c.nameModules(c.last)
	cut := c.last.Previous // where the chain ends for want of a record
	if len(chain) > 0 {
		cut = chain[len(chain)-1].Previous
	}
	for _, n := range c.listed.records {
		if n == c.last.Epoch || onChain[n] || damage != nil && n <= damage.Number {
			continue
		}
		m, err := c.Record(ctx, n)
		if err != nil || m.Kind != checkpoint.KindEpoch {
			continue
		}
		if n < cut {
			c.problem(c.Path(cut), "the record is missing although older ones stand", "running does "+
				"not need it; the job cannot go back past it")
			cut = 0
			continue
		}
		c.note(c.Path(n), fmt.Sprintf("the record of %s is not part of the chain: it was published "+
			"too late and nothing of it counts", m.Owner), "the next epoch removes it")
	}
}

func (c *checker) nameModules(m checkpoint.Manifest) {
	for _, module := range m.Modules {
		if _, ok := c.named[module.SHA256]; !ok {
			c.named[module.SHA256] = fmt.Sprintf("plugin %q in record %d", module.Plugin, m.Epoch)
		}
	}
}

func (c *checker) checkHint(ctx context.Context) {
	p := path.Join(c.dir, hintName)
	hint, found, err := c.Hint(ctx)
	switch {
	case err != nil:
		c.problem(p, err.Error(), "it is a hint only: when the records are right, remove it")
	case !found && len(c.listed.records) > 0:
		c.note(p, "the hint is missing", "the next start writes it")
	case !found:
	case hint.JobName != c.job || c.lastRead && hint.JobID != c.last.JobID:
		c.problem(p, fmt.Sprintf("it says job %q, id %s; the records say %q, id %s", hint.JobName,
			hint.JobID, c.job, c.last.JobID), "restore the one that is wrong")
	case c.elsewhere:
	case hint.LastEpoch > c.listed.highest():
		c.problem(p, fmt.Sprintf("record %d was there before, the highest is %d now", hint.LastEpoch,
			c.listed.highest()), "put the records back, or run with --epoch N or --fresh")
	}
}

// checkModules reads the modules that records name and counts those that none does.
func (c *checker) checkModules(ctx context.Context) {
	for _, sha := range slices.Sorted(maps.Keys(c.named)) {
		if _, err := c.ReadModule(ctx, sha); err != nil {
			c.problem("module "+sha, fmt.Sprintf("%s needs it: %v", c.named[sha], err),
				"put the bytes back as "+path.Join(c.dir, modulesName, moduleName(sha, 0)))
		}
	}
	modules, err := c.modules(ctx)
	if err != nil {
		c.problem(path.Join(c.dir, modulesName), err.Error(), "")
	}
	for _, m := range modules {
		if _, ok := c.named[m.sha]; !ok && c.lastRead && !c.elsewhere {
			c.note(m.path, "no record names the module", "the next epochs remove it")
		}
	}
}

func (c *checker) checkMarks(ctx context.Context) {
	for _, n := range c.listed.applied {
		var mark applied
		_, err := readSmall(ctx, c.fs, c.appliedPath(n), appliedKind, appliedVersion, &mark)
		if err == nil && mark.Epoch != n && mark.Epoch != 0 {
			err = fmt.Errorf("%w: it says it is of epoch %d", checkpoint.ErrCorrupt, mark.Epoch)
		}
		if err != nil {
			c.problem(c.appliedPath(n), err.Error(), "remove it: it is a mark only")
		}
	}
	if _, err := c.Accepted(ctx); err != nil {
		c.problem(path.Join(c.dir, acceptedName), err.Error(), "accept the loss again")
	}
}

// checkNames tells about files that are not of this package.
func (c *checker) checkNames(ctx context.Context) {
	for info, err := range c.fs.List(ctx, c.dir, false) {
		if err != nil {
			return // the listing at the start worked; what is wrong now is told by others
		}
		name := path.Base(info.Path)
		_, record := parseNumbered(epochPrefix, name)
		_, mark := parseNumbered(appliedPrefix, name)
		switch {
		case info.Dir, record, mark, name == hintName, strings.HasPrefix(name, RunName):
		case isLeftover(name):
			c.note(info.Path, "a process that crashed left it behind", "a start removes it once it "+
				"is an hour old")
		default:
			c.note(info.Path, "wasmflow does not know the file", "")
		}
	}
}

// checkOutput asks the sinks about the output that the next claim would recover.
func (c *checker) checkOutput(
	ctx context.Context, verifiers map[string]checkpoint.Verifier,
) error {
	if !c.lastRead || c.elsewhere {
		return nil
	}
	keep, err := c.Retained(ctx, c.last.Owner.Number)
	if err != nil {
		return err
	}
	found, err := checkpoint.VerifyOutput(ctx, c.last, keep, verifiers)
	c.findings = append(c.findings, found...)
	return err
}

// rank puts problems before notes.
func rank(f checkpoint.Finding) int {
	if f.Severity == checkpoint.Problem {
		return 0
	}
	return 1
}
