package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasmflow/wasmflow/abi"
)

// InstanceConfig is what a new instance is told.
type InstanceConfig struct {
	// Config goes to the guest's open as it stands; nil means the empty object.
	Config json.RawMessage
	// Key seeds what the guest draws at its start. All instances of one function have the same,
	// so that one in place of another behaves alike.
	Key SeedKey
	// Time is the guest's clock at its start, in nanoseconds since 1970.
	Time int64
	// Logger takes the guest's log, standard output and standard error; nil drops them.
	Logger *slog.Logger
	// Metrics takes the guest's metrics; nil drops them.
	Metrics MetricSink
}

// Call is one call of a guest's process.
type Call struct {
	Function uint32 // index in the description
	First    uint32 // first record of the frame to handle
	Cursor   uint64 // where to go on inside that record
	Time     int64  // the guest's clock, in nanoseconds since 1970
	Seed     Seed   // of what the guest draws
	// Allowance bounds the call. The calls that go on with a frame share what its first was given.
	Allowance Allowance
}

// Instance is one running copy of a module. It belongs to one goroutine at a time.
type Instance struct {
	module  *Module
	wasm    api.Module
	memory  api.Memory
	reserve api.Function
	process api.Function
	budget  *budget // nil without metering
	stack   [4]uint64
	call    callContext
	dead    bool

	region     uint32 // address of what the guest reserved last, 0 for nothing
	regionSize uint32
	inProcess  bool

	clock   clock
	random  random
	effects effects
	out     outlet
	stdout  []byte // unfinished lines
	stderr  []byte
	crash   crashText
}

// instanceKey is how host functions find the instance that called them.
type instanceKey struct{}

// callContext carries the instance to its host functions without an allocation per call. Context
// is the caller's, and is set only while the call runs.
type callContext struct {
	context.Context
	instance *Instance
}

func (c *callContext) Value(key any) any {
	if _, ok := key.(instanceKey); ok {
		return c.instance
	}
	return c.Context.Value(key)
}

// begin returns the context of a call.
func (in *Instance) begin(ctx context.Context) context.Context {
	if in.module.metering == MeteringEngine {
		// The engine keeps the context for longer than the call lasts.
		return context.WithValue(ctx, instanceKey{}, in)
	}
	in.call.Context = ctx
	return &in.call
}

// Instantiate makes an instance, runs its start and opens it with its configuration. Errors are
// *RefusedError; one that wraps an *abi.ConfigError says that the guest refused its configuration.
func (m *Module) Instantiate(ctx context.Context, cfg InstanceConfig) (*Instance, error) {
	in, err := m.start(ctx, cfg)
	if err != nil {
		return nil, m.refused(err)
	}
	if err := in.open(ctx, cfg.Config); err != nil {
		return nil, m.refused(errors.Join(err, in.Close(ctx)))
	}
	in.Settle(0, false, nil)
	return in, nil
}

// start makes an instance and runs what a module runs before anything else.
func (m *Module) start(ctx context.Context, cfg InstanceConfig) (*Instance, error) {
	in := &Instance{module: m, out: newOutlet(cfg, m.limits.LogLines, m.now)}
	in.call.instance = in
	in.effects.module = &m.metrics
	m.spare.take(&in.effects)
	in.clock.begin(cfg.Time)
	in.random.begin(cfg.Key.Call("", 0, 0, 0, 0))

	memory := &linear{rooms: &m.rooms}
	mod, err := m.runtime.InstantiateModule(
		in.begin(experimental.WithMemoryAllocator(ctx, memory)), m.compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions().WithRandSource(noRandom{}))
	in.call.Context = nil
	if err != nil {
		memory.free()
		return nil, in.trap("its instantiation", err)
	}
	in.wasm, in.memory = mod, mod.Memory()
	in.reserve = mod.ExportedFunction(abi.ExportReserve)
	in.process = mod.ExportedFunction(abi.ExportProcess)
	if err := in.initialize(ctx); err != nil {
		return nil, errors.Join(err, in.Close(ctx))
	}
	if err := in.takeScript(ctx); err != nil {
		return nil, errors.Join(err, in.Close(ctx))
	}
	return in, nil
}

func (in *Instance) initialize(ctx context.Context) error {
	if in.module.metering == MeteringOn {
		budget, err := newBudget(in.wasm, &in.module.limits)
		if err != nil {
			return err
		}
		in.budget = budget
		budget.grant(allowStart)
	}
	if fn := in.wasm.ExportedFunction(abi.ExportInitialize); fn != nil {
		return in.enter(ctx, abi.ExportInitialize, fn, nil)
	}
	if fn := in.wasm.ExportedFunction(abi.ExportStart); fn != nil {
		err := in.enter(ctx, abi.ExportStart, fn, nil)
		var exit *exitError
		if errors.As(err, &exit) && exit.code == 0 {
			// The main function of some languages ends so where others return.
			in.dead = false
			return nil
		}
		return err
	}
	return nil
}

// enter calls an export. After an error the instance is dead (G5).
func (in *Instance) enter(ctx context.Context, name string, fn api.Function, stack []uint64) error {
	if in.dead {
		return ErrDead
	}
	in.crash.reset()
	if in.budget != nil {
		in.budget.enter()
	}
	err := fn.CallWithStack(in.begin(ctx), stack)
	in.call.Context = nil
	if in.budget != nil {
		in.budget.leave()
	}
	if err != nil {
		return in.trap(name, err)
	}
	return nil
}

// trap makes the error of a call that did not come back, and ends the instance's life.
func (in *Instance) trap(call string, err error) error {
	in.dead = true
	in.effects.reset()
	t := &TrapError{Plugin: in.module.path, Call: call, err: err}
	var exit *exitError
	var abort *abortError
	switch {
	case errors.As(err, &exit):
		t.Reason = exit.Error()
		_, t.Trace = trapReason(err)
	case errors.As(err, &abort):
		t.Reason = abort.text
		_, t.Trace = trapReason(err)
	default:
		t.Reason, t.Trace = trapReason(err)
		if in.budget != nil {
			if limit, reason := in.budget.exceeded(t.Reason); limit != "" {
				t.Limit, t.Reason, t.Clock = limit, reason, in.budget.stopped()
			}
		}
	}
	t.Output = in.crash.text()
	if in.inProcess {
		t.Record, t.HasRecord = in.progress()
	}
	return t
}

// broken is trap for a promise broken in what a call returned.
func (in *Instance) broken(call, format string, args ...any) error {
	return in.trap(call, &abortError{fmt.Sprintf(format, args...)})
}

// progress reads the progress cell.
func (in *Instance) progress() (uint32, bool) {
	if in.memory == nil || in.region == 0 {
		return 0, false
	}
	b, ok := in.memory.Read(in.region, in.regionSize)
	if !ok {
		return 0, false
	}
	return abi.Progress(b)
}

// currentRecord is the record that an effect of the running call belongs to.
func (in *Instance) currentRecord(mem api.Memory) uint32 {
	if !in.inProcess || in.regionSize < abi.FrameHeaderSize {
		return abi.NoProgress
	}
	record, ok := mem.ReadUint32Le(in.region + abi.FrameOffProgress)
	if !ok {
		return abi.NoProgress
	}
	return record
}

// describe returns the guest's description of itself, which is valid until the next call.
func (in *Instance) describe(ctx context.Context) (minor uint32, description []byte, err error) {
	stack := in.stack[:]
	marker := in.wasm.ExportedFunction(abi.ExportMarker)
	if err := in.enter(ctx, abi.ExportMarker, marker, stack); err != nil {
		return 0, nil, err
	}
	minor = uint32(stack[0])
	describe := in.wasm.ExportedFunction(abi.ExportDescribe)
	if err := in.enter(ctx, abi.ExportDescribe, describe, stack); err != nil {
		return 0, nil, err
	}
	description, err = in.result(abi.ExportDescribe, stack[0], abi.DescriptionBytesMax)
	return minor, description, err
}

// result reads the bytes an export returned as address and length.
func (in *Instance) result(call string, packed uint64, bytesMax uint32) ([]byte, error) {
	ptr, size := abi.Unpack(packed)
	if size > bytesMax {
		return nil, in.broken(call, "%d bytes returned, the limit is %d", size, bytesMax)
	}
	b, ok := in.memory.Read(ptr, size)
	if !ok {
		return nil, in.broken(call, "%d bytes returned at address %d, beyond the memory of %d bytes",
			size, ptr, in.memory.Size())
	}
	return b, nil
}

func (in *Instance) open(ctx context.Context, config []byte) error {
	if config == nil {
		config = []byte("{}")
	}
	if int64(len(config)) > abi.FrameBytesMax {
		return fmt.Errorf("opening: the configuration has %d bytes", len(config))
	}
	refusal, err := in.give(ctx, abi.ExportOpen, config)
	if err != nil || refusal == nil {
		return err
	}
	return refuse("", "refuses its configuration: %w", refusal)
}

// give calls an export that takes bytes, and returns what it has against them, or nil.
func (in *Instance) give(ctx context.Context, call string, b []byte) (*abi.ConfigError, error) {
	region, err := in.reserveBytes(ctx, uint32(len(b)))
	if err != nil {
		return nil, err
	}
	copy(region, b)
	stack := in.stack[:]
	stack[0], stack[1] = uint64(in.region), uint64(len(b))
	if err := in.enter(ctx, call, in.wasm.ExportedFunction(call), stack); err != nil {
		return nil, err
	}
	if stack[0] == 0 {
		return nil, nil
	}
	text, err := in.result(call, stack[0], abi.ErrorTextBytesMax)
	if err != nil {
		return nil, err
	}
	return abi.ParseConfigError(text), nil
}

// ErrNoMemory is returned by Reserve when the guest has no room for the frame: a record is larger
// than the guest's memory limit allows. The instance goes on working.
var ErrNoMemory = errors.New("the guest cannot reserve memory for the frame")

// Reserve asks the guest for n bytes and returns them. The view is valid until the next call of
// any method that enters the guest (G4); Region reads it again.
func (in *Instance) Reserve(ctx context.Context, n uint32) ([]byte, error) {
	in.grant(AllowBatch)
	return in.reserveBytes(ctx, n)
}

// grant begins an allowance, where there is metering.
func (in *Instance) grant(a Allowance) {
	if in.budget != nil {
		in.budget.grant(a)
	}
}

func (in *Instance) reserveBytes(ctx context.Context, n uint32) ([]byte, error) {
	in.stack[0] = uint64(n)
	in.region, in.regionSize = 0, 0
	if err := in.enter(ctx, abi.ExportReserve, in.reserve, in.stack[:]); err != nil {
		return nil, err
	}
	ptr := uint32(in.stack[0])
	switch {
	case ptr == 0:
		return nil, ErrNoMemory
	case ptr%abi.Alignment != 0:
		return nil, in.broken(abi.ExportReserve, "address %d is not aligned to %d", ptr, abi.Alignment)
	}
	b, ok := in.memory.Read(ptr, n)
	if !ok {
		return nil, in.broken(abi.ExportReserve,
			"%d bytes at address %d are beyond the memory of %d bytes", n, ptr, in.memory.Size())
	}
	in.region, in.regionSize = ptr, n
	return b, nil
}

// Region returns what the guest reserved last, or nil. The view is valid like Reserve's.
func (in *Instance) Region() []byte {
	if in.region == 0 || in.dead {
		return nil
	}
	b, ok := in.memory.Read(in.region, in.regionSize)
	if !ok {
		return nil
	}
	return b
}

// Memory returns all of the guest's memory, nil once the instance is closed. The view is valid like
// Reserve's.
func (in *Instance) Memory() []byte {
	if in.memory == nil {
		return nil
	}
	b, _ := in.memory.Read(0, in.memory.Size())
	return b
}

// Process lets the guest work on the frame in the region reserved last and returns the address of
// the output's header. Its effects wait for Settle. An error is a *TrapError or ErrDead, and the
// instance is not to be used again.
func (in *Instance) Process(ctx context.Context, call Call) (outPtr uint32, err error) {
	in.clock.begin(call.Time)
	in.random.begin(call.Seed)
	stack := in.stack[:]
	stack[0], stack[1], stack[2] = uint64(call.Function), uint64(call.First), call.Cursor
	in.inProcess = true
	in.grant(call.Allowance)
	err = in.enter(ctx, abi.ExportProcess, in.process, stack)
	if err == nil {
		in.endLines()
	}
	in.inProcess = false
	return uint32(stack[0]), err
}

// endLines passes on lines that the guest began during a call and did not end.
func (in *Instance) endLines() {
	if len(in.stdout) > 0 {
		in.effects.log(in.currentRecord(in.memory), abi.LogInfo, in.stdout)
		in.stdout = in.stdout[:0]
	}
	if len(in.stderr) > 0 {
		in.effects.log(in.currentRecord(in.memory), abi.LogWarn, in.stderr)
		in.stderr = in.stderr[:0]
	}
}

// Settle applies the effects of the calls since the last Settle: those of records below end for
// which failed reports false, and those that belong to no record. Effects of record end are kept
// when the guest has more to say about it; all others are dropped (G6).
func (in *Instance) Settle(end uint32, more bool, failed func(record uint32) bool) {
	if len(in.effects.list) > 0 || in.effects.dropped > 0 {
		in.effects.settle(&in.out, end, more, failed)
	}
}

// Spent returns the fuel that the calls since the last beginning of an allowance have taken, 0
// without metering. A fresh instance that does the same work spends the same.
func (in *Instance) Spent() int64 {
	if in.budget == nil {
		return 0
	}
	return in.budget.spent()
}

// Discard drops the effects that wait for Settle: the caller did not believe the output.
func (in *Instance) Discard() { in.effects.reset() }

// Kill marks the instance as not to be used again and drops the effects that wait for Settle: its
// output broke the contract.
func (in *Instance) Kill() {
	in.dead = true
	in.effects.reset()
}

// Dead reports whether the instance must not be entered again.
func (in *Instance) Dead() bool { return in.dead }

// Close frees the instance. It is idempotent.
func (in *Instance) Close(ctx context.Context) error {
	in.dead = true
	if in.wasm == nil {
		return nil
	}
	in.module.spare.put(&in.effects)
	in.memory = nil
	return in.wasm.Close(ctx)
}
