package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
)

// part is a piece of a frame that trapped.
type part struct {
	span
	alone bool   // the record that trapped, to be run in a fresh instance
	kept  string // capture of the frame in which it did
}

// recover finishes the records of s from done on, after the frame ended in cause.
//
// A trap that names its record p splits the rest of the frame in three: [done, p) runs again, then
// p alone in a fresh instance, then what is behind p. Each part may trap in turn and is split the
// same way. Every round either finishes p or shortens the part before it, so it comes to an end.
func (r *runner) recover(ctx context.Context, s span, done int, cause error) error {
	r.todo = r.todo[:0]
	if err := r.split(ctx, s, done, cause); err != nil {
		return err
	}
	for len(r.todo) > 0 {
		p := r.todo[len(r.todo)-1]
		r.todo = r.todo[:len(r.todo)-1]
		if r.cfg.Crashes.Spent() {
			if err := r.bypass(p.span); err != nil {
				return err
			}
			continue
		}
		if p.alone {
			if err := r.alone(ctx, p.from, p.kept); err != nil {
				return err
			}
			continue
		}
		s, layout := r.framer.cut(r.in, p.from, min(p.len(), r.pace.records), r.limits.FrameBytes)
		if s.to < p.to {
			r.todo = append(r.todo, part{span: span{s.to, p.to}})
		}
		done, err := r.runSpan(ctx, s, layout, guest.AllowBatch)
		if err == nil {
			continue
		}
		if err := r.split(ctx, s, done, err); err != nil {
			return err
		}
	}
	return nil
}

// split turns a trap in s into parts to do. It returns the error of a frame that ended otherwise.
func (r *runner) split(ctx context.Context, s span, done int, cause error) error {
	var room *roomError
	var trap *guest.TrapError
	culprit := -1
	switch {
	case errors.As(cause, &room):
		if s.len() > 1 {
			return cause
		}
		r.report(s.from, r.roomFault(room, r.keep("")))
		return nil
	case !errors.As(cause, &trap):
		return r.keepAnswer(ctx, cause)
	case trap.HasRecord && int64(trap.Record) < int64(s.len()):
		culprit = s.from + int(trap.Record)
	case s.len() == 1:
		culprit = s.from
	}
	if err := r.discard(ctx); err != nil {
		return err
	}
	r.cfg.Health.trapped()
	kept := r.keep("")
	r.logTrap(trap, culprit, kept)
	r.crashed(r.trapText(trap))
	if trap.Limit != "" {
		// A frame that took all the time it had was too large, or it has one slow record: what is
		// behind it goes on in pieces of the size that was managed.
		r.pace.end(max(culprit-done, 1))
	}
	if culprit < done {
		return fmt.Errorf("the guest trapped and its progress cell names no record: %w%s", cause,
			inCapture(kept))
	}
	r.taker.rewind(done)
	if culprit+1 < s.to {
		r.todo = append(r.todo, part{span: span{culprit + 1, s.to}})
	}
	r.todo = append(r.todo, part{span: span{culprit, culprit + 1}, alone: true, kept: kept})
	if done < culprit {
		r.todo = append(r.todo, part{span: span{done, culprit}})
	}
	return nil
}

// alone gets the verdict on one record from a fresh instance. kept is the capture of the frame in
// which it trapped; a capture of it alone takes its place.
func (r *runner) alone(ctx context.Context, record int, kept string) error {
	// The instance at hand has run the records before this one; it may go on with those behind.
	before, life := r.inst, r.life
	r.inst = nil
	s, layout := r.framer.cut(r.in, record, 1, r.limits.FrameBytes)
	done, err := r.runSpan(ctx, s, layout, guest.AllowRecord)
	if err == nil {
		if before != nil {
			return before.Close(ctx)
		}
		return nil
	}
	r.taker.rewind(done)
	var room *roomError
	var trap *guest.TrapError
	switch {
	case errors.As(err, &room):
		r.report(record, r.roomFault(room, r.keep(kept)))
		err = nil
	case errors.As(err, &trap):
		r.report(record, connectors.Fault{
			Text: r.trapText(trap) + inCapture(r.keep(kept)), Trap: true,
		})
		err = nil
	default:
		err = r.keepAnswer(ctx, err)
	}
	err = errors.Join(err, r.discard(ctx))
	r.inst, r.life = before, life
	return err
}

func (r *runner) roomFault(err *roomError, kept string) connectors.Fault {
	var trap *guest.TrapError
	return connectors.Fault{
		Text: fmt.Sprintf("the record does not fit into the guest's memory of %d bytes "+
			"(limits.memory): %v%s", r.cfg.Module.Limits().MemoryBytes, err.err, inCapture(kept)),
		Trap: errors.As(err, &trap),
	}
}

// logTrap shows the first trap in full and leaves the rest to whoever asks for it: poison records
// may come by the thousand.
func (r *runner) logTrap(trap *guest.TrapError, record int, kept string) {
	log := r.cfg.Logger.Debug
	if r.warn {
		log, r.warn = r.cfg.Logger.Warn, false
	}
	where := "unknown"
	if record >= 0 {
		x := &r.in.Records[record]
		where = fmt.Sprintf("%d/%d", x.Position.Hi, x.Position.Lo)
		if int(x.Split) < len(r.in.Splits) {
			where = r.in.Splits[x.Split] + " " + where
		}
	}
	log("guest trapped; its instance is replaced", "step", r.cfg.Step, "function", r.spec.Name,
		"module", r.cfg.Module.SHA256(), "record", where, "reason", trap.Reason,
		"limit", trap.Limit, "output", trap.Output, "trace", trap.Trace, "captured", kept)
}

// trapText says why a record has no verdict. Where a limit ended it, whoever reads this has to know
// which setting of which plugin to look at.
func (r *runner) trapText(trap *guest.TrapError) string {
	text := "trapped: " + trap.Reason
	if trap.Limit != "" {
		text += fmt.Sprintf(" (%s; function %s of %s)", trap.Limit, r.spec.Name, trap.Plugin)
	}
	if line, _, _ := strings.Cut(trap.Output, "\n"); line != "" {
		text += ": " + line
	}
	if trap.Limit == "" && speaksOfMemory(trap) {
		text += fmt.Sprintf(" (limits.memory = %d bytes; function %s of %s)",
			r.cfg.Module.Limits().MemoryBytes, r.spec.Name, trap.Plugin)
	}
	return text
}

// speaksOfMemory tells that a guest may have ended because it got no more memory. The engine answers
// its question with a number, and what it does then is its own; so its words decide.
func speaksOfMemory(trap *guest.TrapError) bool {
	words := strings.ToLower(trap.Reason + " " + trap.Output)
	return strings.Contains(words, "memory") && !strings.Contains(words, "memory access") ||
		strings.Contains(words, "alloc")
}

// faultText makes what a guest says of an error fit for logs and headers.
func faultText(text []byte) string {
	if len(text) > faultTextBytesMax {
		text = text[:faultTextBytesMax]
	}
	s := strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == '\uFFFD' {
			return ' '
		}
		return c
	}, string(text))
	if s == "" {
		return "refused without a reason"
	}
	return s
}

// tooMuch reports whether a record that has even more to say has said more than the limits allow,
// and if so makes that its fault.
func (r *runner) tooMuch(record int) bool {
	n, bytes := r.taker.unfinished()
	if n <= r.limits.OutputRecords && bytes <= r.limits.OutputBytes {
		return false
	}
	r.taker.rewind(record)
	r.report(record, connectors.Fault{Text: fmt.Sprintf(
		"makes more than %d records or %d bytes (limits.output_records, limits.output_bytes)",
		r.limits.OutputRecords, r.limits.OutputBytes)})
	return true
}
