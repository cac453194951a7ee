package operator

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/capture"
)

// taker takes the answers of one role.
type taker interface {
	// take adds the answer of one call; record i of the frame is record base+i of the batch.
	// Faults go to r.fault.
	take(r *runner, base int)
	// rewind takes back what was taken of a record that is not finished.
	rewind(record int)
	// unfinished returns how much was taken of the record that has more to say.
	unfinished() (records int, bytes int64)
	// made returns how much the answers to the batch take so far.
	made() (records int, bytes int64)
}

// core is a function of a plugin with its instance: what an exchange replaces.
type core struct {
	cfg    Config
	index  uint32
	spec   abi.Function
	key    guest.SeedKey
	limits Limits
	call   abi.Limits
	framer framer
	pace   pace
	time   int64 // of the running batch

	inst *guest.Instance // nil before the first record after a trap
	life life            // of inst
	warn bool            // the next trap is the first
	mute bool            // that captures cannot be written is known
}

// runner runs one function of a plugin over batches. It belongs to one goroutine.
type runner struct {
	core

	// Of the running batch.
	in     *connectors.Batch
	faults *connectors.Faults
	taker  taker
	todo   []part // of a frame that trapped, the next one last
	// bypassed counts the records that the guest was not called for.
	bypassed int

	// Of the running call.
	out    abi.Output
	at     attempt
	faulty []uint32 // records of the frame that have a fault, ascending

	failure *capture.Batch // of the frame that failed last, to be kept; nil for none
}

func newRunner(ctx context.Context, cfg Config, role abi.Role) (*runner, error) {
	c, err := newCore(ctx, cfg, role)
	if err != nil {
		return nil, err
	}
	return &runner{core: c}, nil
}

func newCore(ctx context.Context, cfg Config, role abi.Role) (core, error) {
	index, err := cfg.Module.Function(cfg.Function, role)
	if err != nil {
		return core{}, err
	}
	if cfg.Step == "" {
		cfg.Step = cfg.Function
	}
	limits := cfg.Limits.withDefaults()
	spec := cfg.Module.Description().Functions[index]
	c := core{
		cfg: cfg, index: uint32(index), spec: spec, limits: limits, call: limits.call(), warn: true,
		key:    guest.NewSeedKey(cfg.Job, cfg.Step),
		framer: newFramer(spec.ColumnSet()),
		pace:   newPace(cfg.Pace, limits.FrameRecords),
		time:   cfg.Now().UnixNano(),
	}
	if c.cfg.Logger == nil {
		c.cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// A configuration the plugin refuses should be known before the first record.
	if err := c.ensure(ctx); err != nil {
		return core{}, err
	}
	return c, nil
}

// ensure makes an instance if there is none.
func (c *core) ensure(ctx context.Context) error {
	if c.inst != nil {
		return nil
	}
	inst, err := c.cfg.Module.Instantiate(ctx, guest.InstanceConfig{
		Config: c.cfg.PluginConfig, Key: c.key, Time: c.time,
		Logger: c.cfg.Logger, Metrics: c.cfg.Metrics,
	})
	if err != nil {
		return fmt.Errorf("instantiating %s for %s: %w", c.cfg.Module.Path(), c.cfg.Step, err)
	}
	c.inst, c.life = inst, life{started: c.time}
	return nil
}

// discard throws the instance away.
func (c *core) discard(ctx context.Context) error {
	inst := c.inst
	c.inst = nil
	if inst == nil {
		return nil
	}
	return inst.Close(ctx)
}

// Close frees the instance. It is idempotent.
func (c *core) Close() error { return c.discard(context.Background()) }

// run gives every record of in to the guest.
func (r *runner) run(
	ctx context.Context, in *connectors.Batch, t taker, faults *connectors.Faults,
) error {
	r.in, r.taker, r.faults, r.bypassed = in, t, faults, 0
	r.time = r.cfg.Now().UnixNano()
	before := len(faults.List)
	defer func() {
		r.in, r.taker, r.faults = nil, nil, nil
		refused := 0
		for i := range faults.List[before:] {
			if !faults.List[before+i].Bypassed {
				refused++
			}
		}
		r.cfg.Health.Saw(in.Len()-r.bypassed, refused)
	}()
	r.cfg.Sampler.offer(in, r.framer.partitions)
	for next := 0; next < in.Len(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.cfg.Replace != nil && r.cfg.Replace() {
			if err := r.discard(ctx); err != nil {
				return err
			}
		}
		if r.cfg.Crashes.Spent() {
			if err := r.bypass(span{next, in.Len()}); err != nil {
				return &GuestError{Module: r.cfg.Module, Function: r.spec.Name, Err: err}
			}
			return nil
		}
		s, layout := r.framer.cut(in, next, r.pace.records, r.limits.FrameBytes)
		done, err := r.runSpan(ctx, s, layout, guest.AllowBatch)
		if err != nil {
			err = r.recover(ctx, s, done, err)
		}
		if err != nil {
			return &GuestError{Module: r.cfg.Module, Function: r.spec.Name, Err: err}
		}
		next = s.to
	}
	return nil
}

// runSpan runs the records of s as one frame. On an error done is the first record that is not
// finished, and what was taken of it is still there.
func (r *runner) runSpan(
	ctx context.Context, s span, layout abi.Layout, allowance guest.Allowance,
) (done int, err error) {
	size, err := layout.Size()
	if err != nil {
		return s.from, &roomError{err}
	}
	first := r.seed(s.from, 0)
	info := abi.FrameInfo{
		BatchTime: r.time, Watermark: abi.NoTimestamp,
		OutRecordsSoft: outRecordsSoft, OutBytesSoft: outBytesSoft, Seed: first.Word(),
	}
	region, err := r.region(ctx, size)
	if err != nil {
		r.failed(s, layout, info, allowance, err)
		return s.from, err
	}
	if err = r.framer.write(region, r.in, s, layout, info); err != nil {
		return s.from, err
	}
	r.life.frames++
	done, err = r.consume(ctx, s, guest.Call{
		Function: r.index, Time: r.time, Seed: first, Allowance: allowance,
	})
	if err != nil {
		r.at.fuel = r.inst.Spent()
		r.failed(s, layout, info, allowance, err)
		if r.inst.Dead() {
			r.pace.rest(ctx)
		}
	}
	return done, err
}

// consume calls the guest until it has consumed the frame.
func (r *runner) consume(ctx context.Context, s span, call guest.Call) (done int, err error) {
	check := abi.Call{Role: r.spec.Role, Count: uint32(s.len()), Outputs: len(r.spec.Outputs)}
	for calls := 1; ; calls++ {
		r.at = attempt{calls: calls, first: call.First, cursor: call.Cursor}
		r.pace.begin()
		ptr, err := r.inst.Process(ctx, call)
		if err != nil {
			return s.from + int(call.First), err
		}
		check.First = call.First
		if err := r.out.Decode(r.inst.Memory(), ptr, check, r.call); err != nil {
			r.inst.Kill() // O6
			return s.from + int(call.First), r.refuse(err, ptr)
		}
		r.faulty = r.faulty[:0]
		r.taker.take(r, s.from)
		cursor, more := r.out.More()
		consumed := r.out.Consumed()
		r.inst.Settle(consumed, more, func(record uint32) bool {
			_, failed := slices.BinarySearch(r.faulty, record)
			return failed
		})
		r.pace.end(max(int(consumed-call.First), 1))
		if more && r.tooMuch(s.from+int(consumed)) {
			// Its output is taken back, and what it wanted to have done with it; the guest goes on
			// behind it.
			r.inst.Discard()
			cursor, consumed = 0, consumed+1
		}
		if err := r.overflow(); err != nil {
			return s.from + int(consumed), err
		}
		if consumed == check.Count {
			return s.to, nil
		}
		call.First, call.Cursor, call.Allowance = consumed, cursor, guest.AllowRest
		call.Seed = r.seed(s.from+int(consumed), cursor)
	}
}

// overflow reports whether the batch has become too large. Each call and each record keeps to its
// own bounds, but a batch is thousands of records.
func (r *runner) overflow() error {
	n, bytes := r.taker.made()
	nMax, bytesMax := batchOutputs*r.limits.OutputRecords, batchOutputs*r.limits.OutputBytes
	if n <= nMax && bytes <= bytesMax {
		return nil
	}
	return fmt.Errorf("taking the output of a batch of %d records: it is above the limit of %d "+
		"records or %d bytes; make job.batch smaller, or answer less", r.in.Len(), nMax, bytesMax)
}

// seed keys the guest's randomness for a call that begins with a record of the batch.
func (r *runner) seed(record int, cursor uint64) guest.Seed {
	x := &r.in.Records[record]
	split := ""
	if int(x.Split) < len(r.in.Splits) {
		split = r.in.Splits[x.Split]
	}
	return r.key.Call(split, x.Position.Hi, x.Position.Lo, x.Ordinal, cursor)
}

// roomError is a record that the guest has no room for.
type roomError struct{ err error }

func (e *roomError) Error() string { return "no room in the guest: " + e.err.Error() }
func (e *roomError) Unwrap() error { return e.err }

// region returns size bytes of the guest's memory. A guest that has used up its memory gets a
// second chance as a fresh instance.
func (r *runner) region(ctx context.Context, size uint32) ([]byte, error) {
	if r.inst != nil && !r.inst.Dead() {
		if region := r.inst.Region(); len(region) >= int(size) {
			return region, nil
		}
	}
	size = max(size, uint32(r.limits.FrameBytes))
	var cause error
	for range 2 {
		if err := r.ensure(ctx); err != nil {
			return nil, err
		}
		r.life.reserved = size
		region, err := r.inst.Reserve(ctx, size)
		if err == nil {
			return region, nil
		}
		cause = err
		r.at = attempt{fuel: r.inst.Spent()}
		if err := r.discard(ctx); err != nil {
			return nil, err
		}
	}
	return nil, &roomError{cause}
}

// fault reports a record of the batch; record is its index in the frame.
func (r *runner) fault(base int, record uint32, code uint32, text []byte) {
	r.faulty = append(r.faulty, record)
	r.report(base+int(record), connectors.Fault{Code: code, Text: faultText(text)})
}

func (r *runner) report(record int, f connectors.Fault) {
	f.Index, f.Function, f.Module = record, r.spec.Name, r.cfg.Module.SHA256()
	r.faults.Add(f)
}
