package task

import (
	"context"
	"fmt"
	"strconv"

	"github.com/wasmflow/wasmflow/connectors"
)

// Action is what happens to a record that a function refuses.
type Action string

// The actions, named as in job files.
const (
	ActionFail       Action = "fail"
	ActionSkip       Action = "skip"
	ActionDeadLetter Action = "dead-letter"
)

// Policy is the on_error of one stage.
type Policy struct {
	Action Action
	// ShareMax is the share of refused records, 0..1, above which the task fails whatever the
	// action is; 0 means no limit.
	ShareMax float64
	// DeadLetter takes refused records when Action is ActionDeadLetter, and those that a guest was
	// not called for; nil for a job without dead letters, and in their own sink.
	DeadLetter *DeadLetter
}

// shareSeenMin is how many records a stage sees before its share of refused ones is judged: one
// bad record among the first ten says nothing. The end of input judges whatever was seen.
const shareSeenMin = 1000

// guard applies the policy of one stage of one task.
type guard struct {
	stage    string
	policy   Policy
	counters *Counters
	seen     uint64
	refused  uint64
}

func newGuard(stage string, p Policy, c *Counters) *guard {
	return &guard{stage: stage, policy: p, counters: c}
}

// see notes records that the stage was given, for its share of refused ones.
func (g *guard) see(records int) { g.seen += uint64(records) }

// check applies the policy to the faults of one call over in.
func (g *guard) check(ctx context.Context, in *connectors.Batch, faults *connectors.Faults) error {
	g.see(in.Len())
	for i := range faults.List {
		f := &faults.List[i]
		if err := g.refuse(ctx, in, &in.Records[f.Index], f); err != nil {
			return err
		}
	}
	if len(faults.List) > 0 && g.seen >= shareSeenMin {
		return g.checkShare()
	}
	return nil
}

// refuse deals with one record of in (T3).
func (g *guard) refuse(ctx context.Context, in *connectors.Batch, r *connectors.Record,
	f *connectors.Fault,
) error {
	g.refused++
	action := g.policy.Action
	if f.Bypassed && g.policy.DeadLetter != nil {
		action = ActionDeadLetter
	}
	switch action {
	case ActionSkip:
		g.counters.Skipped.Add(1)
		return nil
	case ActionDeadLetter:
		g.counters.Dead.Add(1)
		return g.policy.DeadLetter.add(ctx, in, r, f)
	default:
		// A guest answers the same to the same record, so another attempt would end here again.
		return connectors.Permanent(&RecordError{
			Stage: g.stage, Split: splitOf(in, r), Position: PositionString(r.Position), Fault: *f,
		})
	}
}

// checkShare fails when the share of refused records is above the limit.
func (g *guard) checkShare() error {
	if g.policy.ShareMax == 0 || g.refused == 0 {
		return nil
	}
	if float64(g.refused)/float64(g.seen) <= g.policy.ShareMax {
		return nil
	}
	return connectors.Permanent(&ShareError{
		Stage: g.stage, Refused: g.refused, Seen: g.seen, ShareMax: g.policy.ShareMax,
	})
}

// RecordError is the failure of a task on one record.
type RecordError struct {
	Stage    string // source, transform or sink that refused the record
	Split    string
	Position string
	Fault    connectors.Fault
}

// Error names the stage, the place of the record and what the function said.
func (e *RecordError) Error() string {
	what := "refused"
	if e.Fault.Trap {
		what = "trapped on"
	}
	return fmt.Sprintf("%s %s the record at %s position %s: %s",
		e.Stage, what, e.Split, e.Position, e.Fault.Text)
}

// PositionString formats p as dead letters and messages show it: decimal while it fits 64 bits,
// else both halves in hexadecimal.
func PositionString(p connectors.Position) string {
	if p.Hi == 0 {
		return strconv.FormatUint(p.Lo, 10)
	}
	return fmt.Sprintf("0x%016x%016x", p.Hi, p.Lo)
}

func splitOf(b *connectors.Batch, r *connectors.Record) string {
	if int(r.Split) < len(b.Splits) {
		return b.Splits[r.Split]
	}
	return ""
}
