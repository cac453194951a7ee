package replay

import (
	"fmt"
	"strconv"

	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/capture"
)

// compare finds what differs, and what the reason may be.
func (r *Result) compare(m *guest.Module) {
	then, now := &r.Batch.Outcome, &r.Now
	r.differ("outcome", string(then.Kind), string(now.Kind))
	r.differ("call", then.Call, now.Call)
	r.differ("reason", then.Text, now.Text)
	r.differ("limit", then.Limit, now.Limit)
	if then.Kind != capture.KindDeadline {
		r.differ("record at hand", recordOf(then), recordOf(now))
		if r.SameCode {
			r.compareWork(then, now)
		}
	}
	r.Reproduced = len(r.Differences) == 0
	if m.SHA256() != r.Batch.Module {
		r.note("The module is not the one that failed (%s): fuel and trace are not compared.",
			r.Batch.Module)
	} else if !r.SameCode {
		r.note("The checks in the module's code are another version's (%s then, %s now): fuel and "+
			"trace are not compared.", r.Batch.Rewriter, m.Rewriter())
	}
	if then.Kind == capture.KindDeadline {
		r.note("The clock ended the call then, which depends on the machine: fuel, trace and record " +
			"are not compared.")
	}
	if !r.Reproduced && r.Batch.FramesBefore > 0 {
		r.note("The instance had worked on %d frames before this one, which a capture does not hold: "+
			"what differs may come of them.", r.Batch.FramesBefore)
		if now.Kind == capture.KindAnswered {
			r.note("It does not happen in a fresh instance.")
		}
	}
}

// compareWork compares what is the same for the same code only.
func (r *Result) compareWork(then, now *capture.Outcome) {
	r.differ("trace", then.Trace, now.Trace)
	r.differ("standard error", then.Output, now.Output)
	r.differ("calls", strconv.Itoa(then.Calls), strconv.Itoa(now.Calls))
	r.differ("last call", fmt.Sprintf("from record %d, cursor %d", then.First, then.Cursor),
		fmt.Sprintf("from record %d, cursor %d", now.First, now.Cursor))
	r.differ("fuel", strconv.FormatInt(then.Fuel, 10), strconv.FormatInt(now.Fuel, 10))
	if then.Kind == capture.KindRefused {
		r.differ("digest of the answer", then.Answer, now.Answer)
	}
}

func recordOf(o *capture.Outcome) string {
	if o.Record == nil {
		return "none"
	}
	return strconv.FormatInt(*o.Record, 10)
}

func (r *Result) differ(what, then, now string) {
	if then != now {
		r.Differences = append(r.Differences, Difference{what, then, now})
	}
}

func (r *Result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}
