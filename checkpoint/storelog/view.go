package storelog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// ModuleBytesMax bounds a stored module. The host accepts modules far below that.
const ModuleBytesMax = 256 << 20

// rereadsMax bounds how often a listing is repeated when the owner's retention removed what it
// named before it was read. Every repetition means that the owner decided more epochs meanwhile.
const rereadsMax = 10

// View reads the folder of one job. It never claims and, but for Accept, never writes, so status,
// dry runs and checks may use it beside a running owner.
type View struct {
	fs  filesystem.FileSystem
	dir string
	job string
}

// NewView returns the view of job in the store at root of fs.
func NewView(fs filesystem.FileSystem, root, job string) (*View, error) {
	dir, err := Folder(root, job)
	if err != nil {
		return nil, err
	}
	return &View{fs: fs, dir: dir, job: job}, nil
}

// Dir returns the folder of the job inside the file system.
func (v *View) Dir() string { return v.dir }

// Job returns the name of the job.
func (v *View) Job() string { return v.job }

// Path returns the path of a record, for messages.
func (v *View) Path(n checkpoint.Epoch) string {
	return path.Join(v.dir, numbered(epochPrefix, n))
}

func (v *View) appliedPath(n checkpoint.Epoch) string {
	return path.Join(v.dir, numbered(appliedPrefix, n))
}

// listing is what a folder holds, each in rising order.
type listing struct {
	records []checkpoint.Epoch
	applied []checkpoint.Epoch
}

func (l listing) highest() checkpoint.Epoch {
	if len(l.records) == 0 {
		return 0
	}
	return l.records[len(l.records)-1]
}

func (l listing) highestApplied() checkpoint.Epoch {
	if len(l.applied) == 0 {
		return 0
	}
	return l.applied[len(l.applied)-1]
}

func (v *View) list(ctx context.Context) (listing, error) {
	var l listing
	for info, err := range v.fs.List(ctx, v.dir, false) {
		if errors.Is(err, filesystem.ErrNotFound) {
			return listing{}, nil
		}
		if err != nil {
			return listing{}, fmt.Errorf("looking for records: %w", err)
		}
		name := path.Base(info.Path)
		if n, ok := parseNumbered(epochPrefix, name); ok {
			l.records = append(l.records, n)
		} else if n, ok := parseNumbered(appliedPrefix, name); ok {
			l.applied = append(l.applied, n)
		}
	}
	slices.Sort(l.records)
	slices.Sort(l.applied)
	return l, nil
}

// Numbers returns the numbers of all records, rising. A job that never ran has none.
func (v *View) Numbers(ctx context.Context) ([]checkpoint.Epoch, error) {
	l, err := v.list(ctx)
	return l.records, err
}

// Record reads one record. It is filesystem.ErrNotFound, checkpoint.ErrCorrupt or
// checkpoint.ErrNewerFormat when it cannot, and checkpoint.ErrOtherJob when the folder was moved
// here from a job of another name.
func (v *View) Record(ctx context.Context, n checkpoint.Epoch) (checkpoint.Manifest, error) {
	p := v.Path(n)
	data, err := v.fs.ReadFile(ctx, p, checkpoint.ManifestBytesMax)
	if err != nil {
		return checkpoint.Manifest{}, fmt.Errorf("reading record %d: %w", n, err)
	}
	m, err := checkpoint.DecodeManifest(data)
	switch {
	case err != nil:
		return checkpoint.Manifest{}, fmt.Errorf("reading record %s: %w", p, err)
	case m.Epoch != n:
		return checkpoint.Manifest{}, fmt.Errorf("reading record %s: %w: it says it is number %d",
			p, checkpoint.ErrCorrupt, m.Epoch)
	case m.JobName != v.job:
		return checkpoint.Manifest{}, fmt.Errorf("reading record %s: %w: it is of job %q; "+
			"a job's name is its identity: rename the folder back or give the job file that name",
			p, checkpoint.ErrOtherJob, m.JobName)
	}
	return m, nil
}

// Last reads the record with the highest number; false is a job that never ran, or whose records
// are all gone.
func (v *View) Last(ctx context.Context) (checkpoint.Manifest, bool, error) {
	var missed error
	for range rereadsMax {
		l, err := v.list(ctx)
		if err != nil {
			return checkpoint.Manifest{}, false, err
		}
		if len(l.records) == 0 {
			// The one record that the listing named may have got a successor and gone before
			// the listing looked at it. Where records ever went there is a hint.
			missed = nil
			if _, ran, err := v.Hint(ctx); err != nil || !ran {
				return checkpoint.Manifest{}, false, err
			}
			continue
		}
		m, err := v.Record(ctx, l.highest())
		if errors.Is(err, filesystem.ErrNotFound) {
			missed = err // it has a successor by now, or it would not have been removed
			continue
		}
		return m, err == nil, err
	}
	return checkpoint.Manifest{}, false, missed
}

// Chain returns the decided epochs that stand, newest first, following the links from the last
// record down to where retention cut them. Records beside the chain are not decided work: a
// stopped process may have published one late into a name that was free again (S2).
func (v *View) Chain(ctx context.Context) ([]checkpoint.Manifest, error) {
	m, found, err := v.Last(ctx)
	if err != nil || !found {
		return nil, err
	}
	var chain []checkpoint.Manifest
	for {
		if m.Kind == checkpoint.KindEpoch {
			chain = append(chain, m)
		}
		if m.Previous == 0 {
			return chain, nil
		}
		previous := m.Previous
		m, err = v.Record(ctx, previous)
		switch {
		case errors.Is(err, filesystem.ErrNotFound):
			return chain, nil
		case err != nil:
			return chain, &DamagedError{Number: previous, Err: err}
		}
	}
}

// DamagedError is returned by Chain, with what is above, for a record that cannot be read.
type DamagedError struct {
	Number checkpoint.Epoch
	Err    error
}

// Error implements error.
func (e *DamagedError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with the record.
func (e *DamagedError) Unwrap() error { return e.Err }

// LoadEpoch reads the decided epoch n, to start from it. What is not decided, or no longer kept,
// is checkpoint.ErrRefused with the epochs that there are.
func (v *View) LoadEpoch(ctx context.Context, n checkpoint.Epoch) (checkpoint.Manifest, error) {
	chain, err := v.Chain(ctx)
	kept := make([]checkpoint.Epoch, 0, len(chain))
	for _, m := range chain {
		if m.Epoch == n {
			return m, nil
		}
		kept = append(kept, m.Epoch)
	}
	if err != nil {
		return checkpoint.Manifest{}, err
	}
	return checkpoint.Manifest{}, fmt.Errorf("loading epoch %d of job %q: %w: the store keeps "+
		"the epochs %v; choose one of them", n, v.job, checkpoint.ErrRefused, kept)
}

// Hint reads the file "job"; false is that it is not there.
func (v *View) Hint(ctx context.Context) (checkpoint.Hint, bool, error) {
	var h checkpoint.Hint
	found, err := readSmall(ctx, v.fs, v.hintPath(), hintKind, hintVersion, &h)
	return h, found, err
}

func (v *View) hintPath() string { return path.Join(v.dir, hintName) }

// Retained returns what clean-up must leave alone in the view of the owner with that claim
// number: whatever any record names that can still be read.
func (v *View) Retained(ctx context.Context, claim uint64) (checkpoint.Retained, error) {
	l, err := v.list(ctx)
	if err != nil {
		return checkpoint.Retained{}, err
	}
	keep := checkpoint.Retained{Claim: claim, Applied: l.highestApplied()}
	var last checkpoint.Manifest
	followed := slices.Clone(l.applied) // epochs that are known to be committed by themselves
	for _, n := range l.records {
		m, err := v.Record(ctx, n)
		if isUnreadable(err) && n != l.highest() {
			// History that is gone or damaged names nothing that is still pending: its output
			// was committed before the next epoch was decided (I3). Check tells about it.
			continue
		}
		if err != nil {
			return checkpoint.Retained{}, err
		}
		keep.Named = append(append(keep.Named, m.Committables...), m.Held...)
		if m.Kind == checkpoint.KindEpoch {
			keep.Applied = max(keep.Applied, m.Previous) // I3: committed before the next was decided
			if m.Epoch == m.Previous+1 {
				followed = append(followed, m.Previous)
			}
		}
		last = m
	}
	keep.Applied = checkpoint.AppliedFor(last.Committables, keep.Applied,
		func(e checkpoint.Epoch) bool { return slices.Contains(followed, e) })
	keep.Accepted, err = v.Accepted(ctx)
	return keep, err
}

// isUnreadable tells that asking again for a record would not help.
func isUnreadable(err error) bool {
	return errors.Is(err, filesystem.ErrNotFound) || errors.Is(err, checkpoint.ErrCorrupt) ||
		errors.Is(err, checkpoint.ErrNewerFormat)
}

// ReadModule returns the bytes of a module. They are checked against the digest, so any copy
// will do.
func (v *View) ReadModule(ctx context.Context, sha string) ([]byte, error) {
	var last error
	for range rereadsMax {
		copies, err := v.moduleCopies(ctx, sha)
		if err != nil {
			return nil, err
		}
		if len(copies) == 0 {
			break
		}
		for _, p := range copies {
			data, err := v.fs.ReadFile(ctx, p, ModuleBytesMax)
			if err == nil && hexSHA256(data) == sha {
				return data, nil
			}
			if err == nil {
				err = fmt.Errorf("reading module %s: %w: content has digest %s",
					p, checkpoint.ErrCorrupt, hexSHA256(data))
			}
			last = err
		}
		if !errors.Is(last, filesystem.ErrNotFound) {
			return nil, last
		}
		// A newer copy replaced the ones that were listed.
	}
	if last == nil {
		last = filesystem.ErrNotFound
	}
	return nil, fmt.Errorf("reading module %s from %s: %w", sha, v.dir, last)
}

// moduleCopies lists the files that hold a module, newest claim first.
func (v *View) moduleCopies(ctx context.Context, sha string) ([]string, error) {
	modules, err := v.modules(ctx)
	if err != nil {
		return nil, err
	}
	var copies []string
	for _, m := range slices.Backward(modules) {
		if m.sha == sha {
			copies = append(copies, m.path)
		}
	}
	return copies, nil
}

// storedModule is one file of the modules folder.
type storedModule struct {
	path  string
	sha   string
	claim uint64
}

// modules lists the module files by rising claim number.
func (v *View) modules(ctx context.Context) ([]storedModule, error) {
	dir := path.Join(v.dir, modulesName)
	var out []storedModule
	for info, err := range v.fs.List(ctx, dir, false) {
		if errors.Is(err, filesystem.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("looking for kept modules: %w", err)
		}
		if sha, claim, ok := parseModuleName(path.Base(info.Path)); ok && !info.Dir {
			out = append(out, storedModule{path: info.Path, sha: sha, claim: claim})
		}
	}
	slices.SortStableFunc(out, func(a, b storedModule) int {
		return cmp.Compare(a.claim, b.claim)
	})
	return out, nil
}

// Accepted returns the final names whose loss a person accepted.
func (v *View) Accepted(ctx context.Context) ([]string, error) {
	dir := path.Join(v.dir, acceptedName)
	var out []string
	for info, err := range v.fs.List(ctx, dir, false) {
		if errors.Is(err, filesystem.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("looking for accepted losses: %w", err)
		}
		if info.Dir || len(path.Base(info.Path)) != 64 {
			continue
		}
		var a accepted
		found, err := readSmall(ctx, v.fs, info.Path, acceptedKind, acceptedVersion, &a)
		if err != nil {
			return nil, err
		}
		if found {
			out = append(out, a.Path)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Accept notes that a person (by) bears the loss of the output with that final name. Recover of a
// later claim then goes on without it. It is the one thing a View writes.
func (v *View) Accept(ctx context.Context, output, by string, now time.Time) error {
	if !utf8.ValidString(output) {
		return fmt.Errorf("accepting the loss of %q: the name is no UTF-8 text", output)
	}
	p := path.Join(v.dir, acceptedName, hexSHA256([]byte(output)))
	a := accepted{Path: output, By: by, CreatedMillis: now.UnixMilli()}
	if err := writeSmall(ctx, v.fs, p, acceptedKind, acceptedVersion, a); err != nil {
		return fmt.Errorf("accepting the loss of %s: %w", output, err)
	}
	return nil
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
