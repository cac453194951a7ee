package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/host"
)

// swappedPlugin is the name of the plugin in every job here.
const swappedPlugin = "marks"

// rollbackMax is how many epochs a version that turned out to be broken may make, with the one in
// which it did.
const rollbackMax = 2

// swapTrial is a job whose plugin is swapped again and again while it works, and its judge.
type swapTrial struct {
	name, dir, binary string
	steps             []step
	rng               *rand.Rand
	out               io.Writer
	ledger            *ledger
	// follow notes the decided epochs in the ledger until the returned function is called, which
	// waits for the last one.
	follow func(context.Context) (end func() error, err error)
	// read shows the judge everything that the job wrote.
	read  func(context.Context, *swapJudge) error
	marks *marks

	run     *swappedRun
	number  int           // of the newest version
	usual   time.Duration // how long a swap takes
	pauses  pauses
	results map[host.SwapState]int
	kills   int
	broken  []host.Swap // that were in use and returned
}

// do swaps, kills, and judges what came of it.
func (t *swapTrial) do(ctx context.Context) (summary string, err error) {
	t.results, t.pauses, t.usual = map[host.SwapState]int{}, newPauses(), time.Second
	end, err := t.follow(ctx)
	if err != nil {
		return "", err
	}
	err = t.swapAll(ctx)
	if eerr := end(); err == nil {
		err = eerr
	}
	if err != nil {
		return "", err
	}
	judge := newSwapJudge(t.ledger, t.marks)
	if err := t.read(ctx, judge); err != nil {
		return "", fmt.Errorf("reading the output: %w", err)
	}
	told, err := judge.verdict(t.broken)
	paused, perr := t.pauses.verdict()
	summary = fmt.Sprintf("%d swaps: %d done, %d refused, %d returned, %d killed with kill -9; %s; %s",
		len(t.steps), t.results[host.SwapDone], t.results[host.SwapRefused],
		t.results[host.SwapReturned], t.kills, told, paused)
	return summary, errors.Join(err, perr)
}

// swapAll takes all steps and ends the job.
func (t *swapTrial) swapAll(ctx context.Context) (err error) {
	if err := t.start(ctx, ""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.run.kill()) }()
	for i, s := range t.steps {
		if err := t.take(ctx, s); err != nil {
			return fmt.Errorf("swap %d, to %v: %w", i+1, s, err)
		}
		if (i+1)%100 == 0 {
			fmt.Fprintf(t.out, "chaos: swaps: %s: %d of %d\n", t.name, i+1, len(t.steps))
		}
	}
	return t.run.stop(ctx)
}

func (t *swapTrial) start(ctx context.Context, places string) (err error) {
	runFile := filepath.Join(t.dir, "store", "swaps-"+t.name, "run.admin")
	t.run, err = startSwapped(ctx, t.dir, t.binary, runFile, places)
	return err
}

// take carries out one step.
func (t *swapTrial) take(ctx context.Context, s step) error {
	t.number++
	path := filepath.Join(t.dir, fmt.Sprintf("version-%d.wasm", t.number))
	if err := os.WriteFile(path, t.marks.version(t.number, s), 0o600); err != nil {
		return err
	}
	if s.kill {
		return t.takeAndKill(ctx, s, path)
	}
	began := time.Now()
	id, err := t.begin(ctx, path)
	if err != nil {
		return err
	}
	swap, err := t.await(ctx, id, s.way == nil)
	if err != nil {
		return err
	}
	if s.way == nil {
		t.usual = time.Since(began)
	}
	if err := t.expect(s, swap); err != nil {
		return err
	}
	// A return is durable with the next epoch. A process that is killed before goes on with the
	// version of the last one.
	err = t.run.until(ctx, "to decide an epoch after the swap", func() (bool, error) {
		status, err := t.run.client.Status(ctx)
		return err == nil && status.Checkpoint.Epoch >= uint64(swap.Back), err
	})
	return errors.Join(err, t.pauses.collect(ctx, t.run.client))
}

// takeAndKill swaps and kills the process meanwhile. What came of the swap, the next one finds in
// the log; the judge holds the output against it.
func (t *swapTrial) takeAndKill(ctx context.Context, s step, path string) error {
	if err := t.pauses.collect(ctx, t.run.client); err != nil {
		return err
	}
	if s.place != "" { // places are armed at the start
		if err := t.run.kill(); err != nil {
			return err
		}
		if err := t.start(ctx, s.place+"=kill"); err != nil {
			return err
		}
	}
	if _, err := t.begin(ctx, path); err != nil {
		return err
	}
	if s.place != "" {
		if err := t.run.died(ctx); err != nil {
			return err
		}
	} else if err := wait(ctx, within(t.rng, 0, 2*t.usual)); err != nil {
		return err
	}
	t.kills++
	if err := t.run.kill(); err != nil {
		return err
	}
	return t.start(ctx, "")
}

// begin asks for a swap. Another may be under way: one that a restart found in the job file.
func (t *swapTrial) begin(ctx context.Context, path string) (id uint64, err error) {
	var begun struct {
		ID uint64 `json:"id"`
	}
	err = t.run.until(ctx, "to take an order", func() (bool, error) {
		err := t.run.client.Call(ctx, http.MethodPost, "/plugins/"+swappedPlugin+"/swap",
			host.SwapRequest{Path: path}, &begun)
		if err != nil && strings.Contains(err.Error(), host.ErrSwapBusy.Error()) {
			return false, nil
		}
		return err == nil, err
	})
	return begun.ID, err
}

// await waits until a swap is over or, if that is asked for, has its first decided epoch.
func (t *swapTrial) await(ctx context.Context, id uint64, first bool) (found host.Swap, err error) {
	err = t.run.until(ctx, "to swap", func() (bool, error) {
		var list struct {
			Plugins []host.PluginStatus `json:"plugins"`
		}
		if err := t.run.client.Call(ctx, http.MethodGet, "/plugins", nil, &list); err != nil {
			return false, err
		}
		for _, p := range list.Plugins {
			for _, s := range p.Swaps {
				if p.Plugin == swappedPlugin && s.ID == id {
					found = s
				}
				if s.State == host.SwapReturned && t.marks.bad[s.To.SHA256] == "" {
					return false, fmt.Errorf("a good version was given up in epoch %d: %s", s.Wrong, s.Reason)
				}
			}
		}
		return found.State.Over() || first && found.State == host.SwapProbation, nil
	})
	return found, err
}

// expect checks how a swap ended.
func (t *swapTrial) expect(s step, swap host.Swap) error {
	want := host.SwapRefused
	switch {
	case s.way == nil:
		want = host.SwapDone
	case s.way.late:
		want = host.SwapReturned
	}
	state := swap.State
	if state == host.SwapProbation {
		state = host.SwapDone // the next swap ends it
	}
	t.results[state]++
	if state != want {
		return fmt.Errorf("it is %s, not %s: %s", state, want, swap.Reason)
	}
	if state == host.SwapReturned {
		t.broken = append(t.broken, swap)
	}
	return nil
}
