package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/host/guest/guesttest/specimens"
)

const (
	// hangs is how long a process may take for a module, which takes half a second.
	hangs = time.Minute
	// honestTrials is how often the honest guest is tried: the figures of the others are made of
	// hundreds of trials.
	honestTrials = 60
	// honestRounds keeps an honest guest at work for a fraction of a millisecond.
	honestRounds = 200_000
	// sayEvery is how many modules are tried between two words on it.
	sayEvery = 100
)

// trials are the outcomes of all modules, and of the honest one.
type trials struct {
	tried int
	ran   int // whose process was called
	// collections is how often the world was stopped while a module ran.
	collections uint64
	died        []string
	hung        []string
	text        []string // who were told something else than they should
	killed      []time.Duration
	killer      []string // who each of killed was
	naps        []time.Duration
	stop        extreme // in nanoseconds
	nap         extreme
	memory      extreme // beyond what was loaded and the limit
	honest      honest
}

// honest is the same of the honest guest.
type honest struct {
	late, naps []time.Duration
	stop       time.Duration
	memory     int64
}

// extreme is the largest of some figures and whose it was.
type extreme struct {
	value int64
	who   string
}

func (e *extreme) see(value int64, who string) {
	if value > e.value || e.who == "" {
		e.value, e.who = value, who
	}
}

// tryAll tries every module in a process of its own.
func tryAll(ctx context.Context, all []specimens.Specimen) (trials, error) {
	t := trials{honest: honest{memory: math.MinInt64}}
	for i, s := range all {
		if i%sayEvery == 0 {
			progress("%d of %d modules", i, len(all))
		}
		o, err := tryApart(ctx, childArgument, s.Module)
		if err == nil && !expected(s, o) {
			// A busy machine may have ended a start that was to end otherwise.
			o, err = tryApart(ctx, childArgument, s.Module)
		}
		t.tried++
		var exit *exec.ExitError
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			t.hung = append(t.hung, s.Name)
			continue
		case errors.As(err, &exit):
			t.died = append(t.died, fmt.Sprintf("%s (%v)", s.Name, err))
			continue
		case err != nil:
			return trials{}, fmt.Errorf("trying %q: %w", s.Name, err)
		}
		t.add(s, o)
	}
	progress("the honest guest")
	module := specimens.Honest(honestRounds)
	for range honestTrials {
		o, err := tryApart(ctx, honestArgument, module)
		if err != nil {
			return trials{}, fmt.Errorf("trying the honest guest: %w", err)
		}
		if o.Told != "" {
			return trials{}, fmt.Errorf("trying the honest guest: it was told %q", o.Told)
		}
		t.honest.late = append(t.honest.late, o.Late...)
		t.honest.naps = append(t.honest.naps, o.Naps...)
		t.honest.stop = max(t.honest.stop, o.Stop)
		t.honest.memory = max(t.honest.memory, o.Peak-o.Loaded)
	}
	return t, nil
}

func (t *trials) add(s specimens.Specimen, o outcome) {
	if !expected(s, o) {
		t.text = append(t.text, s.Name)
	}
	for _, d := range o.Killed {
		t.killed, t.killer = append(t.killed, d-deadline), append(t.killer, s.Name)
	}
	if o.Peak == 0 {
		return // refused
	}
	t.ran++
	t.collections += o.Collections
	t.memory.see(o.Peak-o.Loaded, s.Name)
	t.naps = append(t.naps, o.Naps...)
	for _, nap := range o.Naps {
		t.nap.see(int64(nap), s.Name)
	}
	t.stop.see(int64(o.Stop), s.Name)
}

// expected reports whether the user was told what is wrong with the module. To fill the stack takes
// about as long as the deadline here, so the clock may be first to end a recursion.
func expected(s specimens.Specimen, o outcome) bool {
	return strings.Contains(o.Told, s.Text) ||
		s.Text == specimens.OutOfStack && strings.Contains(o.Told, specimens.OutOfTime)
}

// tryApart tries a module in a process of its own.
func tryApart(ctx context.Context, argument string, module []byte) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, hangs)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return outcome{}, fmt.Errorf("finding this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, argument)
	var out, failure bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(module), &out, &failure
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return outcome{}, ctx.Err()
		}
		return outcome{}, fmt.Errorf("%w: %s", err, firstLine(failure.String()))
	}
	var o outcome
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		return outcome{}, fmt.Errorf("reading an outcome: %w", err)
	}
	return o, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
