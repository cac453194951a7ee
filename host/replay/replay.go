package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/capture"
)

// Result says what came of a captured batch, then and now.
type Result struct {
	Batch capture.Header `json:"batch"` // with what came of it then
	// Records and Bytes are the size of the frame.
	Records int             `json:"records"`
	Bytes   int             `json:"bytes"`
	Module  string          `json:"module"` // SHA-256 of the one that ran now
	Now     capture.Outcome `json:"now"`
	// SameCode says that module and rewriter are those of the capture, so that everything can be
	// compared (R1).
	SameCode bool `json:"same_code"`
	// Reproduced says that there are no Differences.
	Reproduced  bool         `json:"reproduced"`
	Differences []Difference `json:"differences"`
	// Notes say what else to know, in sentences.
	Notes []string `json:"notes"`
}

// Difference is something that is not now what it was then.
type Difference struct {
	What string `json:"what"`
	Then string `json:"then"`
	Now  string `json:"now"`
}

// Run loads the module of src and runs b in a fresh instance of it. The error is a
// *guest.RefusedError when the module, its function or the configuration is at fault.
func Run(ctx context.Context, rt *guest.Runtime, b *capture.Batch, src guest.Source,
) (res *Result, err error) {
	m, err := rt.Load(ctx, src, b.Limits.Guest())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close(ctx)) }()
	index, err := m.Function(b.Function, b.Role)
	if err != nil {
		return nil, err
	}
	r := &run{
		batch: b, index: uint32(index), outputs: len(m.Description().Functions[index].Outputs),
		key: guest.NewSeedKey(b.Job, b.Step),
	}
	r.inst, err = m.Instantiate(ctx, guest.InstanceConfig{
		Config: b.Config, Key: r.key, Time: b.Started,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.inst.Close(ctx)) }()
	if err := r.frame(ctx); err != nil {
		return nil, err
	}
	res = &Result{
		Batch: b.Header, Records: len(b.Places), Bytes: len(b.Frame), Module: m.SHA256(), Now: r.now,
		SameCode:    m.SHA256() == b.Module && m.Rewriter() == b.Rewriter,
		Differences: []Difference{}, Notes: []string{},
	}
	res.compare(m)
	return res, nil
}

// run is a batch that runs again.
type run struct {
	batch   *capture.Batch
	index   uint32
	outputs int
	key     guest.SeedKey
	inst    *guest.Instance
	now     capture.Outcome
}

// frame gives the guest the frame and calls it until it has consumed that, or fails. The error is
// the context's.
func (r *run) frame(ctx context.Context) error {
	region, err := r.inst.Reserve(ctx, r.batch.Reserved)
	if err != nil {
		r.end(err)
		return nil
	}
	copy(region, r.batch.Frame)
	call := guest.Call{Function: r.index, Time: r.batch.Time, Allowance: guest.AllowBatch}
	if r.batch.Alone {
		call.Allowance = guest.AllowRecord
	}
	check := abi.Call{
		Role: r.batch.Role, Count: uint32(len(r.batch.Places)), Outputs: r.outputs,
	}
	limits := r.batch.Limits.Answer()
	var out abi.Output
	for check.First < check.Count {
		if err := ctx.Err(); err != nil {
			return err
		}
		call.First, call.Seed = check.First, r.seed(check.First, call.Cursor)
		r.now.Calls++
		r.now.First, r.now.Cursor = call.First, call.Cursor
		ptr, err := r.inst.Process(ctx, call)
		if err != nil {
			r.end(err)
			return nil
		}
		r.now.Answer = capture.Digest(r.inst.Memory(), ptr)
		if err := out.Decode(r.inst.Memory(), ptr, check, limits); err != nil {
			// In these words the adapter of a running job tells it, too.
			r.end(fmt.Errorf("reading the output: %w", err))
			return nil
		}
		r.inst.Discard()
		r.count(&out)
		call.Cursor, _ = out.More()
		check.First, call.Allowance = out.Consumed(), guest.AllowRest
	}
	r.now.Kind, r.now.Fuel = capture.KindAnswered, r.inst.Spent()
	return nil
}

// seed is what the randomness of a call derives from.
func (r *run) seed(record uint32, cursor uint64) guest.Seed {
	p := r.batch.Places[record]
	split := ""
	if p.Split != abi.NoString {
		split = r.batch.Splits[p.Split]
	}
	return r.key.Call(split, p.PositionHi, p.PositionLo, p.Ordinal, cursor)
}

// count adds what an answer holds.
func (r *run) count(out *abi.Output) {
	var e abi.Entry
	for i := range out.Len() {
		out.Read(i, &e)
		r.now.Entries++
		if e.Status == abi.StatusError {
			r.now.Errors++
		}
	}
}

// end notes the failure of a call.
func (r *run) end(err error) {
	o := capture.OutcomeOf(err)
	o.Calls, o.First, o.Cursor, o.Fuel = r.now.Calls, r.now.First, r.now.Cursor, r.inst.Spent()
	if o.Kind == capture.KindRefused {
		o.Answer = r.now.Answer
	}
	r.now = o
}
