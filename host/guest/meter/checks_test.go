package meter_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasmflow/wasmflow/host/guest/meter"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// Instructions by their bytes.
var (
	drop   = []byte{0x1a}
	end    = []byte{0x0b}
	loop   = []byte{0x03, 0x40}
	block  = []byte{0x02, 0x40}
	ifVoid = []byte{0x04, 0x40}
)

func br(label uint32) []byte        { return append([]byte{0x0c}, U32(label)...) }
func brIf(label uint32) []byte      { return append([]byte{0x0d}, U32(label)...) }
func localGet(i uint32) []byte      { return append([]byte{0x20}, U32(i)...) }
func localSet(i uint32) []byte      { return append([]byte{0x21}, U32(i)...) }
func repeat(n int, b []byte) []byte { return []byte(strings.Repeat(string(b), n)) }

// program is a module whose function 0, exported as run, takes an i32 and returns one.
type program struct {
	run   []byte
	more  [][]byte // further functions, of type 0 too
	table bool     // with all functions in it
	pages uint32   // of memory, which grows to twice that
	data  []byte   // a passive segment
}

func (p program) module() []byte {
	bodies, types := [][]byte{Body(p.run...)}, [][]byte{U32(0)}
	elements := U32(0)
	for i, f := range p.more {
		bodies, types = append(bodies, Body(f...)), append(types, U32(0))
		elements = append(elements, U32(uint32(i+1))...)
	}
	sections := [][]byte{
		Section(Types, Vec(Type([]byte{I32}, []byte{I32}))), Section(Functions, Vec(types...)),
	}
	if p.table {
		sections = append(sections, Section(Tables, Vec(Join([]byte{FuncRef, 1}, U32(64), U32(4096)))))
	}
	if p.pages > 0 {
		sections = append(sections,
			Section(Memories, Vec(Join([]byte{1}, U32(p.pages), U32(2*p.pages)))))
	}
	sections = append(sections, Section(Exports, Vec(Export("run", Func, 0))))
	if p.table {
		sections = append(sections, Section(Elements, Vec(
			Join([]byte{0}, I32Const(0), end, U32(uint32(len(bodies))), elements))))
	}
	if p.data != nil {
		sections = append(sections, Section(DataCount, U32(1)))
	}
	sections = append(sections, Section(Code, Vec(bodies...)))
	if p.data != nil {
		sections = append(sections, Section(Data, Vec(Join([]byte{1}, Name(string(p.data))))))
	}
	return Module(sections...)
}

// instance compiles a module, rewritten, and instantiates it.
func instance(t testing.TB, module []byte) api.Module {
	t.Helper()
	rewritten, ok := rewrite(t, module)
	require.True(t, ok, "the reader refuses the module")
	m, err := newRuntime(t, wazero.NewRuntimeConfig()).Instantiate(context.Background(), rewritten)
	require.NoError(t, err)
	return m
}

// run calls run with a budget and returns what it spent.
func run(t testing.TB, m api.Module, arg uint64, fuel int64) (int64, error) {
	t.Helper()
	arm(t, m, fuel)
	_, err := m.ExportedFunction("run").Call(context.Background(), arg)
	return spent(t, m, fuel), err
}

// counts is a loop of so many rounds, as many as the argument says, with a body.
func counts(body []byte) []byte {
	return Join(loop, body, localGet(0), I32Const(1), []byte{0x6b, 0x22, 0}, brIf(0), end, I32Const(7))
}

// TestEveryWayEnds gives the meter code that never comes to an end, by every way there is to go on.
func TestEveryWayEnds(t *testing.T) {
	self, indirect := Join(localGet(0), Call(0)), Join(localGet(0), I32Const(0), []byte{0x11, 0, 0})
	tests := map[string]program{
		"loop":             {run: Join(loop, br(0), end, I32Const(0))},
		"loop of a branch": {run: Join(loop, I32Const(1), brIf(0), end, I32Const(0))},
		"loop of a table":  {run: Join(loop, I32Const(0), []byte{0x0e, 1, 0, 0}, end, I32Const(0))},
		"loop around a loop": {run: Join(loop, loop, localGet(0), brIf(1), localGet(0), []byte{0x45},
			brIf(0), end, br(0), end, I32Const(0))},
		"loop with a value": {run: Join([]byte{0x03, I32}, I32Const(1), drop, br(0), end)},
		"loop with a return": {run: Join(loop, I32Const(0), ifVoid, I32Const(1), []byte{0x0f}, end,
			br(0), end, I32Const(0))},
		"loop from inside":   {run: Join(loop, block, ifThen(br(1)), end, br(0), end, I32Const(0))},
		"recursion":          {run: self},
		"recursion and more": {run: Join(self, drop, self)},
		"recursion in turn":  {run: Join(localGet(0), Call(1)), more: [][]byte{self}},
		"recursion by table": {run: indirect, table: true},
		"tree": {run: Join(localGet(0), Call(1), drop, localGet(0), Call(1)),
			more: tree(60)},
		"grow": {run: Join(loop, I32Const(0), []byte{0x40, 0}, drop, br(0), end, I32Const(0)),
			pages: 1},
		"fill": {run: Join(loop, I32Const(0), I32Const(0), I32Const(65536), []byte{0xfc, 11, 0}, br(0),
			end, I32Const(0)), pages: 1},
		"copy": {run: Join(loop, I32Const(0), I32Const(9), I32Const(65000), []byte{0xfc, 10, 0, 0}, br(0),
			end, I32Const(0)), pages: 1},
		"nothing to fill": {run: Join(loop, I32Const(0), I32Const(0), I32Const(0), []byte{0xfc, 11, 0},
			br(0), end, I32Const(0)), pages: 1},
		"table": {run: Join(loop, []byte{0xd0, FuncRef}, I32Const(0), []byte{0xfc, 15, 0}, drop, br(0),
			end, I32Const(0)), table: true},
	}
	for name, p := range tests {
		t.Run(name, func(t *testing.T) {
			m := instance(t, p.module())
			const fuel = 3_000_000
			got, err := run(t, m, 0, fuel)
			require.Error(t, err)
			if get(t, m, meter.GlobalDepth) >= 0 {
				require.Greater(t, got, int64(fuel))
				require.Less(t, got, int64(fuel+10_000), "it stops soon behind the end of its fuel")
			}
			require.Contains(t, err.Error(), "wasmflow.", "the trace tells who stopped it")
		})
	}
}

func ifThen(then []byte) []byte { return Join(I32Const(0), ifVoid, then, end) }

// tree is a chain of functions each of which calls the next one twice: 2^n calls without a loop.
func tree(n int) [][]byte {
	var more [][]byte
	for i := range n {
		next := uint32(i + 2)
		if i == n-1 {
			more = append(more, localGet(0))
			break
		}
		more = append(more, Join(localGet(0), Call(next), drop, localGet(0), Call(next)))
	}
	return more
}

// TestTheFlagStops: a call ends at the next slice once the flag is set, whatever it has left.
func TestTheFlagStops(t *testing.T) {
	m := instance(t, program{run: counts(nil)}.module())
	arm(t, m, budget)
	set(t, m, meter.GlobalStop, meter.Stop)
	_, err := m.ExportedFunction("run").Call(context.Background(), 1<<31)
	require.Error(t, err)
	require.Equal(t, int64(meter.Stopped), get(t, m, meter.GlobalStop))
	require.Less(t, spent(t, m, budget), int64(meter.Slice+1000))
	require.Contains(t, err.Error(), "wasmflow.fuel()")
}

// TestPricesCoverWhatRuns compares what is spent with a count of the instructions that ran.
func TestPricesCoverWhatRuns(t *testing.T) {
	add := Join(localGet(0), I32Const(3), []byte{0x6a}, drop)
	load := Join(I32Const(8), []byte{0x28, 2, 0}, drop)
	choice := func(then, otherwise []byte) []byte {
		return Join(localGet(0), ifVoid, then, []byte{0x05}, otherwise, end)
	}
	tests := map[string]struct {
		body     []byte // run in a loop
		min, max int64  // of a round
	}{
		"nothing":           {nil, 2, 4},
		"arithmetic":        {repeat(100, add), 100, 110},
		"loads":             {repeat(50, load), 100, 110},
		"the dearer branch": {choice(repeat(100, add), add), 100, 115},
		"the dearer other":  {choice(add, repeat(100, add)), 100, 115},
		"both after another": {Join(choice(repeat(50, add), nil), choice(nil, repeat(50, add))),
			100, 115},
		"a way around": {Join(block, localGet(0), brIf(0), repeat(100, add), end), 100, 115},
		"dead code":    {Join(block, br(0), repeat(500, add), end), 1, 10},
		"division":     {repeat(10, Join(localGet(0), I32Const(3), []byte{0x6e}, drop)), 80, 90},
		"a call":       {repeat(10, Join(localGet(0), Call(1), drop)), 250, 300},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			callee := Join(repeat(20, add), localGet(0))
			m := instance(t, program{run: counts(test.body), more: [][]byte{callee}, pages: 1}.module())
			const rounds = 1_000
			got, err := run(t, m, rounds, budget)
			require.NoError(t, err)
			// Small loops pay for the copies of a whole turn, so the last one may go unused.
			require.GreaterOrEqual(t, got, rounds*test.min)
			require.LessOrEqual(t, got, (rounds+4)*test.max)
		})
	}
}

// TestRecursionPaysForWhatIsAround: who calls a function that is around its check pays for the way
// past it, behind the call as well as in front of it, even if it is the function itself.
func TestRecursionPaysForWhatIsAround(t *testing.T) {
	const calls, behind = 100, 40
	add := Join(localGet(0), I32Const(3), []byte{0x6a}, drop)
	m := instance(t, program{run: Join(
		block, localGet(0), []byte{0x45}, brIf(0), repeat(calls, Join(I32Const(0), Call(0), drop)), end,
		repeat(behind, add), I32Const(7))}.module())
	got, err := run(t, m, 1, budget)
	require.NoError(t, err)
	require.GreaterOrEqual(t, got, int64(calls*behind))
}

// TestMovesAreCharged: a round that gives every local the value of the next one moves all of them.
func TestMovesAreCharged(t *testing.T) {
	const n, rounds, movesPerUnit = 1280, 100, 16
	var gets, sets []byte
	for i := range uint32(n) {
		gets = append(append(gets, 0x20), U32(i+1)...)
		sets = append(append(sets, 0x21), U32((i+1)%n+1)...)
	}
	body := BodyWithLocals([][]byte{append(U32(n), I32)}, counts(Join(gets, sets))...)
	m := instance(t, Module(Section(Types, Vec(Type([]byte{I32}, []byte{I32}))),
		Section(Functions, Vec(U32(0))), Section(Exports, Vec(Export("run", Func, 0))),
		Section(Code, Vec(body))))
	got, err := run(t, m, rounds, budget)
	require.NoError(t, err)
	require.GreaterOrEqual(t, got, int64(rounds*n/movesPerUnit))
}

// TestLengthIsCharged: what costs by its operand is paid before it is done, growth behind it.
func TestLengthIsCharged(t *testing.T) {
	zero := I32Const(0)
	bulk := func(op ...byte) []byte {
		return Join(zero, zero, localGet(0), []byte{0xfc}, op, I32Const(1))
	}
	tests := map[string]struct {
		run  []byte
		arg  uint64
		want int64
	}{
		"fill":        {bulk(11, 0), 1 << 16, 1 << 12},
		"copy":        {bulk(10, 0, 0), 1 << 16, 1 << 12},
		"init":        {bulk(8, 0, 0), 1 << 10, 1 << 6},
		"large fill":  {bulk(11, 0), 8 << 20, 8 << 16},
		"large copy":  {bulk(10, 0, 0), 8 << 20, 8 << 16},
		"grow":        {Join(localGet(0), []byte{0x40, 0}), 16, 16 << 12},
		"grow beyond": {Join(localGet(0), []byte{0x40, 0}), 1 << 16, 0},
		"table grow":  {Join([]byte{0xd0, FuncRef}, localGet(0), []byte{0xfc, 15, 0}), 1 << 10, 1 << 14},
		"table fill": {Join(zero, []byte{0xd0, FuncRef}, localGet(0), []byte{0xfc, 17, 0}, I32Const(1)),
			64, 64},
		"table copy": {bulk(14, 0, 0), 64, 64},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := program{run: test.run, table: true, pages: 256, data: make([]byte, 1<<10)}
			m := instance(t, p.module())
			got, err := run(t, m, test.arg, budget)
			require.NoError(t, err)
			require.InDelta(t, test.want, got, 300)
		})
	}
	m := instance(t, program{run: bulk(11, 0), pages: 256}.module())
	got, err := run(t, m, 16<<20, 1000)
	require.Error(t, err)
	require.Greater(t, got, int64(1<<20))
	first, ok := m.Memory().ReadByte(0)
	require.True(t, ok)
	require.Zero(t, first, "what cannot be paid for is not begun")
}

// TestDepthIsGivenBack: a function that is not recursive has as much stack as before after each
// call of one that is, whatever way that left by.
func TestDepthIsGivenBack(t *testing.T) {
	// f(n) = n == 0 ? 0 : f(n-1), leaving in a way of its own.
	down := Join(localGet(0), I32Const(1), []byte{0x6b}, Call(1))
	ways := map[string][]byte{
		"end":       Join(localGet(0), []byte{0x04, I32}, down, []byte{0x05}, I32Const(0), end),
		"return":    Join(localGet(0), []byte{0x45}, ifVoid, I32Const(0), []byte{0x0f}, end, down),
		"branch":    Join(localGet(0), []byte{0x45}, ifVoid, I32Const(0), br(1), end, down),
		"branch if": Join(I32Const(0), localGet(0), []byte{0x45}, brIf(0), drop, down),
		"branch table": Join(block, localGet(0), brIf(0), I32Const(0), I32Const(0),
			[]byte{0x0e, 1, 1, 1}, end, down),
		"from a loop": Join(loop, localGet(0), []byte{0x45}, ifVoid, I32Const(0), []byte{0x0f}, end,
			I32Const(0), brIf(0), end, down),
		"from a table in a loop": Join(block, loop, localGet(0), brIf(1), I32Const(0), brIf(0),
			I32Const(0), I32Const(0), []byte{0x0e, 1, 2, 2}, end, end, down),
	}
	for name, code := range ways {
		t.Run(name, func(t *testing.T) {
			twice := Join(localGet(0), Call(1), drop, localGet(0), Call(1))
			m := instance(t, program{run: twice, more: [][]byte{code}}.module())
			const enoughForOne = 1001 * frameOfOne
			arm(t, m, budget)
			set(t, m, meter.GlobalDepth, enoughForOne)
			_, err := m.ExportedFunction("run").Call(context.Background(), 1000)
			require.NoError(t, err)
			require.Equal(t, int64(enoughForOne), get(t, m, meter.GlobalDepth))

			set(t, m, meter.GlobalDepth, 10_000)
			_, err = m.ExportedFunction("run").Call(context.Background(), 1000)
			require.Error(t, err)
			require.Negative(t, get(t, m, meter.GlobalDepth))
			require.Contains(t, err.Error(), "wasmflow.stack()")
		})
	}
}

// frameOfOne is the estimate for a function with one parameter and no local.
const frameOfOne = 40

// TestDepthIsCounted: calls one after the other take no more stack than one, calls within calls do,
// whatever lies between them.
func TestDepthIsCounted(t *testing.T) {
	n := localGet(0)
	less := Join(n, I32Const(1), []byte{0x6b})
	// f(n) = n != 0 ? body : 0.
	unless0 := func(body ...[]byte) []byte {
		return Join(n, []byte{0x04, I32}, Join(body...), []byte{0x05}, I32Const(0), end)
	}
	table := func(to int32) []byte { return Join(I32Const(to), []byte{0x11, 0, 0}) }
	tests := map[string]struct {
		p      program
		frames uint64 // that are counted when run is called with 10
	}{
		"one after the other": {program{run: unless0(less, Call(0), drop, less, Call(0))}, 10},
		"by a table":          {program{run: unless0(less, table(0)), table: true}, 10},
		"in turn": {program{run: unless0(less, Call(1), drop, less, Call(1)),
			more: [][]byte{unless0(less, Call(0))}}, 10},
		"one recursion in another": {program{
			run: unless0(n, Call(1), drop, less, Call(0), drop, n, Call(1)),
			more: [][]byte{Join(n, Call(2), drop, n, Call(2)),
				unless0(less, Call(2), drop, less, Call(2))}}, 11},
		"behind another by a table": {program{
			run:  Join(n, table(1), drop, n, Call(1), drop, n, Call(2), drop, n, table(1)),
			more: [][]byte{unless0(less, Call(1)), unless0(less, Call(2))}, table: true}, 11},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := instance(t, test.p.module())
			for _, short := range []uint64{0, 1} {
				arm(t, m, budget)
				set(t, m, meter.GlobalDepth, test.frames*frameOfOne-short)
				_, err := m.ExportedFunction("run").Call(context.Background(), 10)
				require.Equal(t, short == 1, err != nil, "%d bytes short: %v", short, err)
			}
			require.Negative(t, get(t, m, meter.GlobalDepth))
		})
	}
}

// elidedMax is what a function may cost that has no check.
const elidedMax = 100

// TestCheckIsPlaced: what returns before it has called anything pays for that, and has no check.
func TestCheckIsPlaced(t *testing.T) {
	n, zero := localGet(0), I32Const(0)
	less := Join(n, I32Const(1), []byte{0x6b})
	isZero := Join(n, []byte{0x45})
	tests := map[string][]byte{
		"return":     Join(isZero, ifVoid, zero, []byte{0x0f}, end, less, Call(1)),
		"then":       Join(n, []byte{0x04, I32}, less, Call(1), []byte{0x05}, zero, end),
		"otherwise":  Join(isZero, []byte{0x04, I32}, zero, []byte{0x05}, less, Call(1), end),
		"way around": Join(block, isZero, brIf(0), less, Call(1), drop, end, zero),
		"branch table": Join(block, block, n, []byte{0x0e, 1, 0, 1}, end, zero, []byte{0x0f}, end,
			less, Call(1)),
		"loop": Join(block, isZero, brIf(0), loop, less, []byte{0x22, 0}, brIf(0), end,
			I32Const(-1), Call(2), drop, end, zero),
		"two calls": Join(block, isZero, brIf(0), block, n, brIf(0), less, Call(1), drop, end,
			less, Call(1), drop, end, zero),
	}
	for name, code := range tests {
		t.Run(name, func(t *testing.T) {
			// Long enough to have a check itself.
			call := Join(repeat(elidedMax, Join(less, drop)), n, Call(1))
			m := instance(t, program{run: call, more: [][]byte{code, zero}}.module())
			arm(t, m, budget)
			set(t, m, meter.GlobalDepth, 0)
			got, err := m.ExportedFunction("run").Call(context.Background(), 0)
			require.NoError(t, err, "the way without a call needs no stack")
			require.Zero(t, got[0])
			const caller = elidedMax + 6 + 2 // the subtractions, the call, what it takes and gives
			require.Greater(t, spent(t, m, budget), int64(caller), "and is paid for")

			_, err = run(t, m, 100_000_000, 1000)
			require.Error(t, err, "the other one has a check")
		})
	}
}

// TestDepthOfSeveralResults: they stay where they are while the stack is given back.
func TestDepthOfSeveralResults(t *testing.T) {
	m := instance(t, Module(
		Section(Types, Vec(Type([]byte{I32}, []byte{I32, I64}))),
		Section(Functions, Vec(U32(0), U32(0))),
		Section(Exports, Vec(Export("run", Func, 0))),
		Section(Code, Vec(Body(Join(localGet(0), Call(1))...),
			Body(Join(localGet(0), []byte{0x45}, ifVoid, I32Const(1), I64Const(2),
				[]byte{0x0f}, end, localGet(0), I32Const(1), []byte{0x6b}, Call(1))...))),
	))
	arm(t, m, budget)
	got, err := m.ExportedFunction("run").Call(context.Background(), 100)
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 2}, got)
	require.Equal(t, int64(depth), get(t, m, meter.GlobalDepth))
}

// TestInvalidStaysInvalid refers to everything the rewriter appends, by the number it would get.
func TestInvalidStaysInvalid(t *testing.T) {
	run := map[string][]byte{
		"global":      Join([]byte{0x23}, U32(0), []byte{0xa7}),
		"set global":  Join(I64Const(1), []byte{0x24}, U32(0), I32Const(0)),
		"function":    Join(Call(1), I32Const(0)),
		"type":        Join([]byte{0x02}, U32(1), end, I32Const(0)),
		"local":       Join(I32Const(1), localSet(1), I32Const(0)),
		"indirect":    Join(I32Const(0), []byte{0x11}, U32(1), U32(0), I32Const(0)),
		"reference":   Join([]byte{0xd2}, U32(1), drop, I32Const(0)),
		"memory":      Join(I32Const(0), []byte{0x28, 2, 0}),
		"memory size": {0x3f, 0},
		"data":        Join(I32Const(0), I32Const(0), I32Const(0), []byte{0xfc, 8, 0, 0}, I32Const(0)),
		"long number": {0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00},
	}
	for name, code := range run {
		t.Run(name, func(t *testing.T) {
			_, ok := rewrite(t, program{run: code}.module())
			require.False(t, ok)
		})
	}
	parts := map[string][]byte{
		"export":      Section(Exports, Vec(Export("g", Global, 0))),
		"export func": Section(Exports, Vec(Export("f", Func, 1))),
		"start":       Section(Start, U32(1)),
		"element":     Section(Elements, Vec(Join([]byte{1, 0}, Vec(U32(1))))),
		"initial":     Section(Globals, Vec(Join([]byte{FuncRef, 0, 0xd2}, U32(1), end))),
	}
	for name, section := range parts {
		t.Run(name, func(t *testing.T) {
			_, ok := rewrite(t, Module(Section(Types, Vec(Type(nil, nil))),
				Section(Functions, Vec(U32(0))), section, Section(Code, Vec(Body()))))
			require.False(t, ok)
		})
	}
}

func TestReservedNames(t *testing.T) {
	for _, name := range []string{
		meter.GlobalFuel, meter.GlobalBudget, meter.GlobalStop, meter.GlobalDepth,
	} {
		m, err := wasm.Parse(Module(Section(Types, Vec(Type(nil, nil))), Section(Functions, Vec(U32(0))),
			Section(Exports, Vec(Export(name, Func, 0))), Section(Code, Vec(Body()))))
		require.NoError(t, err)
		_, err = meter.Rewrite(m)
		require.ErrorIs(t, err, meter.ErrReserved)
		require.ErrorContains(t, err, fmt.Sprintf("%q", name))
	}
}

// TestFunctionNamesAreKept: traps are told with them.
func TestFunctionNamesAreKept(t *testing.T) {
	names := Vec(Join(U32(0), Name("my_function")))
	named := append(program{run: []byte{0x00}}.module(),
		Custom("name", Join([]byte{1}, U32(uint32(len(names))), names))...)
	named = append(named, Custom(".debug_line", []byte("offsets"))...)
	m := instance(t, named)
	_, err := run(t, m, 0, budget)
	require.ErrorContains(t, err, "my_function")
	rewritten, _ := rewrite(t, named)
	require.NotContains(t, string(rewritten), ".debug_line")
}

// TestRewritingIsTheSameEachTime: the result is a key of the compilation cache.
func TestRewritingIsTheSameEachTime(t *testing.T) {
	module := program{run: counts(nil), more: tree(20), table: true, pages: 1}.module()
	first, _ := rewrite(t, module)
	for range 5 {
		again, _ := rewrite(t, module)
		require.Equal(t, first, again)
	}
}
