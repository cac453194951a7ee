package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest/specimens"
	"github.com/wasmflow/wasmflow/host/operator"
)

// The arguments that make the program the process of one module, which comes in on standard input.
// An honest guest goes on until its deadline.
const (
	childArgument  = "-child"
	honestArgument = "-honest-child"
)

const (
	deadline = 20 * time.Millisecond // of a batch, and of a start
	// recordTime is that of a record alone, for which the clock waits four times as long.
	recordTime = deadline / 4
	batches    = 3 // through the operator, which runs records again
	kills      = 5 // calls whose end is measured
	// briefly is how long a call takes that nobody could be kept waiting by.
	briefly = time.Millisecond
)

// outcome is what came of one module.
type outcome struct {
	Told string // what the user is told, if anything
	// Killed is how long the calls took that a limit ended; a start includes loading the module.
	Killed []time.Duration
	// Late is how late a timer was that went off at the deadline while a guest ran.
	Late []time.Duration
	// Loaded is the resident memory before the first record, Peak the most there was afterwards.
	Loaded, Peak int64
	stalls
}

// limits are the defaults, but for time: what is measured is how exactly they are kept. An honest
// guest has no deadline but that of its timer: on a busy machine it would be ended now and then.
func limits(honest bool) guest.Limits {
	if honest {
		return guest.Limits{}
	}
	return guest.Limits{
		TimePerBatch: deadline, TimePerRecord: recordTime, TimeToStart: deadline,
		TableElements: specimens.TableElements,
	}
}

// child tries the module on in and writes its outcome to out (H1).
func child(ctx context.Context, in io.Reader, out io.Writer, honest bool) error {
	module, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("reading the module: %w", err)
	}
	rt, err := guest.NewRuntime(guest.Config{})
	if err != nil {
		return err
	}
	var o outcome
	if err := o.try(ctx, rt, module, honest); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(o)
}

func (o *outcome) try(
	ctx context.Context, rt *guest.Runtime, module []byte, honest bool,
) error {
	began := time.Now()
	m, err := rt.Load(ctx, guest.Source{Path: "specimen.wasm", Bytes: module}, limits(honest))
	if err != nil {
		o.told(err, time.Since(began))
		return nil
	}
	tr, err := operator.NewTransform(ctx, operator.Config{
		Module: m, Function: specimens.Function, Job: "hostile", Now: time.Now, Pace: time.Now,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		o.told(err, 0)
		return m.Close(ctx)
	}
	if err := o.memory(ctx, tr); err != nil {
		return errors.Join(err, tr.Close(), m.Close(ctx))
	}
	if err := tr.Close(); err != nil {
		return err
	}
	longest := time.Duration(0)
	for range kills {
		if honest {
			err = errors.Join(err, o.late(ctx, m))
		} else {
			longest = max(longest, o.kill(ctx, m))
		}
	}
	if err == nil && (honest || longest > briefly) {
		o.stalls, err = stallsOf(func() { _, _ = call(ctx, m) }) // how it ends was seen above
	}
	return errors.Join(err, m.Close(ctx))
}

// told notes what the user is told, and how long it took if it was a limit of time that was met.
func (o *outcome) told(err error, took time.Duration) {
	o.Told = err.Error()
	if took > 0 && strings.Contains(o.Told, specimens.OutOfTime) {
		o.Killed = append(o.Killed, took)
	}
}

// memory runs batches and watches what the process takes.
func (o *outcome) memory(ctx context.Context, tr *operator.Transform) error {
	var err error
	if o.Loaded, err = forgetPeak(); err != nil {
		return err
	}
	for i := range batches {
		in := &connectors.Batch{Splits: []string{"s"}}
		r := in.Append()
		r.Value, r.Position.Lo = []byte("one"), uint64(i)
		out, faults := &connectors.Batch{}, &connectors.Faults{}
		if err := tr.Transform(ctx, in, out, faults); err != nil {
			o.Told = err.Error()
		}
		for _, f := range faults.List {
			o.Told = f.Text
		}
	}
	_, o.Peak, err = resident()
	return err
}

// kill measures one call and notes when a limit ended it.
func (o *outcome) kill(ctx context.Context, m *guest.Module) time.Duration {
	took, err := call(ctx, m)
	if err != nil {
		o.told(err, took)
	}
	return took
}

// late measures how late a timer goes off while a guest works.
func (o *outcome) late(ctx context.Context, m *guest.Module) error {
	fired := make(chan time.Duration, 1)
	began := time.Now()
	time.AfterFunc(deadline, func() { fired <- time.Since(began) - deadline })
	for {
		if _, err := call(ctx, m); err != nil {
			return err
		}
		select {
		case late := <-fired:
			o.Late = append(o.Late, late)
			return nil
		default:
		}
	}
}

// call is one call of process in a new instance; what it takes to make that does not count.
func call(ctx context.Context, m *guest.Module) (time.Duration, error) {
	in, err := m.Instantiate(ctx, guest.InstanceConfig{})
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close(ctx) }() // a dead instance has nothing to say
	if _, err := in.Reserve(ctx, regionBytes); err != nil {
		return 0, err
	}
	began := time.Now()
	_, err = in.Process(ctx, guest.Call{Time: began.UnixNano()})
	return time.Since(began), err
}

// regionBytes is room for a frame that nobody looks at.
const regionBytes = 4 << 10

// forgetPeak has the kernel forget what the process took at most, and returns what it takes now.
func forgetPeak() (int64, error) {
	const resetPeak = "5"
	if err := os.WriteFile("/proc/self/clear_refs", []byte(resetPeak), 0); err != nil {
		return 0, fmt.Errorf("resetting the peak of resident memory: %w", err)
	}
	now, _, err := resident()
	return now, err
}

// resident returns the resident memory of the process, and the peak of it.
func resident() (now, peak int64, err error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, fmt.Errorf("reading the resident memory: %w", err)
	}
	for _, field := range []struct {
		name string
		to   *int64
	}{{"VmRSS:", &now}, {"VmHWM:", &peak}} {
		_, rest, _ := strings.Cut(string(text), field.name)
		if _, err := fmt.Sscanf(rest, "%d kB", field.to); err != nil {
			return 0, 0, fmt.Errorf("reading %s of the process: %w", field.name, err)
		}
		*field.to <<= 10
	}
	return now, peak, nil
}
