package conformance

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Status is the outcome of one check.
type Status string

// The outcomes.
const (
	Passed     Status = "passed"
	Failed     Status = "failed"
	NotOffered Status = "not offered"
)

// Row is one check's outcome.
type Row struct {
	Check  string `json:"check"`
	Group  Group  `json:"group"`
	Status Status `json:"status"`
	// Detail says what is wrong, or what a check that is not offered would ask for.
	Detail string `json:"detail,omitempty"`
}

// Result is the outcome of all checks.
type Result struct {
	Path    string `json:"path"`
	SHA256  string `json:"sha256,omitempty"`
	Plugin  string `json:"plugin,omitempty"`
	Version string `json:"version,omitempty"`
	Seed    uint64 `json:"seed"`
	Rows    []Row  `json:"rows"`
}

// OK reports whether no check failed.
func (r *Result) OK() bool { return r.count(nil, Failed) == 0 }

// Core reports whether the guest offers all of the core and passed it: whether what it was built
// with may be called an SDK.
func (r *Result) Core() bool {
	core := GroupCore
	return r.OK() && r.count(&core, NotOffered) == 0
}

func (r *Result) count(group *Group, status Status) (n int) {
	for _, row := range r.Rows {
		if row.Status == status && (group == nil || row.Group == *group) {
			n++
		}
	}
	return n
}

// Write shows the result as a table and a verdict.
func (r *Result) Write(w io.Writer) error {
	name := r.Path
	if r.Plugin != "" {
		name += fmt.Sprintf(": %s %s, sha256 %s", r.Plugin, r.Version, r.SHA256)
	}
	if _, err := fmt.Fprintf(w, "%s\n\n", name); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHECK\tGROUP\tRESULT\tDETAIL")
	for _, row := range r.Rows {
		detail := strings.ReplaceAll(row.Detail, "\n", " / ")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", row.Check, row.Group, row.Status, detail)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s (seed %d)\n", r.verdict(), r.Seed)
	return err
}

func (r *Result) verdict() string {
	passed, failed, missing := r.count(nil, Passed), r.count(nil, Failed), r.count(nil, NotOffered)
	core := GroupCore
	coreMissing, coreAll := r.count(&core, NotOffered), 0
	for _, row := range r.Rows {
		if row.Group == core {
			coreAll++
		}
	}
	counts := fmt.Sprintf("%d passed, %d failed, %d not offered", passed, failed, missing)
	switch {
	case failed > 0:
		return "FAILED: " + counts
	case coreMissing == 0 && coreAll > 0:
		return "OK, the core is complete: " + counts
	default:
		return fmt.Sprintf("OK as a plugin; for an SDK %d of %d core checks are missing: %s",
			coreMissing, coreAll, counts)
	}
}
