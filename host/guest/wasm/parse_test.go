package wasm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// unary is a module with one function () -> () of the given code, one page of memory, two globals
// (mutable and not), one table and one element and data segment, for tests of single instructions.
func unary(code ...byte) []byte { return unaryWithLocals(nil, code...) }

func unaryWithLocals(runs [][]byte, code ...byte) []byte {
	return Module(
		Section(Types, Vec(Type(nil, nil), Type([]byte{I32}, []byte{I32}))),
		Section(Functions, Vec(U32(0))),
		Section(Tables, Vec([]byte{FuncRef, 0, 1})),
		Section(Memories, Vec([]byte{0, 1})),
		Section(Globals, Vec(Join([]byte{I32, 1}, I32Const(1), []byte{0x0b}))),
		Section(Elements, Vec(Join([]byte{0}, I32Const(0), []byte{0x0b}, Vec(U32(0))))),
		Section(DataCount, U32(1)),
		Section(Code, Vec(BodyWithLocals(runs, code...))),
		Section(Data, Vec(Join([]byte{1}, Name("abc")))),
	)
}

func TestParseFindsWhatTheModuleHolds(t *testing.T) {
	m, err := wasm.Parse(Module(
		Custom("producers", []byte("x")),
		Section(Types, Vec(Type([]byte{I32, I64}, []byte{F64}), Type(nil, nil))),
		Section(Imports, Vec(
			Import("env", "f", Func, 1), Import("env", "g", Global, I64, 0),
			Import("env", "t", Table, FuncRef, 1, 2, 3))),
		Section(Functions, Vec(U32(0), U32(1))),
		Section(Memories, Vec([]byte{1, 2, 9})),
		Section(Globals, Vec(Join([]byte{I64, 1}, []byte{0x23, 0, 0x0b}))),
		Section(Exports, Vec(Export("memory", Memory, 0), Export("run", Func, 2))),
		Section(Start, U32(2)),
		Section(Elements, Vec(Join([]byte{3, 0}, Vec(U32(1), U32(2))))),
		Section(Code, Vec(
			BodyWithLocals([][]byte{{3, I32}, {1, V128}}, 0x44, 1, 2, 3, 4, 5, 6, 7, 8),
			Body())),
	))
	require.NoError(t, err)
	require.Equal(t, "(i32, i64) -> f64", m.FuncType(1).String())
	require.Equal(t, "() -> ()", m.FuncType(0).String())
	require.Equal(t, []uint32{1, 0, 1}, m.Funcs)
	require.Equal(t, 1, m.FuncsImported)
	require.Equal(t, 1, m.GlobalsImported)
	require.Equal(t, wasm.Limits{Min: 2, Max: 9, HasMax: true}, m.Memories[0])
	require.Equal(t, wasm.Limits{Min: 2, Max: 3, HasMax: true}, m.Tables[0].Limits)
	require.True(t, m.HasStart)
	require.Equal(t, uint32(2), m.Start)
	require.Equal(t, []uint32{1, 2}, m.Segments[0].Funcs)
	require.Equal(t, uint32(6), m.Bodies[0].LocalCount, "two parameters and four locals")
	require.Len(t, m.Sections, 10)
	run, ok := m.Export("run")
	require.True(t, ok)
	require.Equal(t, wasm.Export{Name: "run", Kind: wasm.ExternFunc, Index: 2}, run)
	_, ok = m.Export("walk")
	require.False(t, ok)
	require.False(t, m.GrowsTables)
}

func TestParseRefuses(t *testing.T) {
	many := func(n int, item ...byte) []byte {
		return []byte(strings.Repeat(string(item), n))
	}
	deep := Join(many(60_000, 0x02, 0x40), many(60_000, 0x0b))
	tests := map[string]struct {
		module []byte
		want   string
	}{
		"empty":           {nil, "not a WebAssembly binary"},
		"text":            {[]byte("#!/bin/sh\n"), "not a WebAssembly binary"},
		"component":       {[]byte{0, 'a', 's', 'm', 0x0d, 0, 1, 0}, "component"},
		"version 2":       {[]byte{0, 'a', 's', 'm', 2, 0, 0, 0}, "unknown version"},
		"section cut off": {Module([]byte{1, 9, 0}), "9 bytes announced"},
		"start function": {
			Module(Section(Start, U32(0))), "unknown function 0 of 0"},
		"rest in a section": {Module(Section(Types, Vec(), []byte{0})), "1 bytes left over"},
		"order":             {Module(Section(Imports, Vec()), Section(Types, Vec())), "out of order"},
		"repeated":          {Module(Section(Types, Vec()), Section(Types, Vec())), "repeated"},
		"unknown section":   {Module(Section(77)), "unknown section 77"},
		"tag section":       {Module(Section(13, Vec())), `"exception handling" is not enabled`},
		"number of six bytes": {
			Module([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x80, 0}), "longer than 32 bits"},
		"number of 33 bits": {Module([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x1f}), "longer than 32"},

		// Each of these made the engine's decoder allocate gigabytes.
		"2^32-1 locals": {
			unaryWithLocals([][]byte{{0xff, 0xff, 0xff, 0xff, 0x0f, I32}}), "locals of a function"},
		"2^32-1 types":  {Module(Section(Types, U32(1<<32-1))), "types, the limit"},
		"20000 types":   {Module(Section(Types, U32(20_000))), "announced, 0 bytes left"},
		"2^20 elements": {Module(Section(Types), Section(Elements, U32(90_000))), "unexpected end"},
		"many parameters": {
			Module(Section(Types, []byte{1, 0x60}, U32(1_001), many(1_001, I32), []byte{0})),
			"1001 parameters, the limit is 1000"},
		"functions without bytes": {Module(Section(Functions, U32(100_000))), "0 bytes left"},
		"import name":             {Module(Section(Imports, []byte{1, 0xff, 1, 'x'})), "announced"},

		"gc type":        {Module(Section(Types, []byte{1, 0x5f, 0, 0})), "garbage collection"},
		"rec group":      {Module(Section(Types, []byte{1, 0x4e, 0, 0})), "garbage collection"},
		"form":           {Module(Section(Types, []byte{1, 0x61, 0, 0})), "unknown form"},
		"exnref":         {Module(Section(Types, Vec(Type([]byte{0x69}, nil)))), "exception"},
		"typed ref":      {Module(Section(Types, Vec(Type([]byte{0x63, 0}, nil)))), "typed function"},
		"value type":     {Module(Section(Types, Vec(Type([]byte{1}, nil)))), "unknown value type"},
		"shared memory":  {Module(Section(Memories, Vec([]byte{3, 1, 1}))), `"threads"`},
		"64-bit memory":  {Module(Section(Memories, Vec([]byte{4, 1}))), "64-bit memories"},
		"two memories":   {Module(Section(Memories, Vec([]byte{0, 1}, []byte{0, 1}))), "multiple"},
		"large memory":   {Module(Section(Memories, Vec(Join([]byte{0}, U32(65_537))))), "pages"},
		"limits":         {Module(Section(Memories, Vec([]byte{1, 3, 2}))), "below minimum"},
		"table of i32":   {Module(Section(Tables, Vec([]byte{I32, 0, 1}))), "not a reference"},
		"table with ini": {Module(Section(Tables, Vec([]byte{0x40, 0, 0}))), "typed function"},
		"imported tag":   {Module(Section(Imports, Vec(Import("a", "b", 4, 0, 0)))), "exception"},
		"import kind":    {Module(Section(Imports, Vec(Import("a", "b", 5, 0, 0)))), "unknown kind"},
		"import type":    {Module(Section(Imports, Vec(Import("a", "b", 0, 0)))), "unknown type 0"},
		"import UTF-8":   {Module(Section(Imports, Vec(Import("\xff", "b", 0, 0)))), "UTF-8"},
		"function type":  {Module(Section(Functions, Vec(U32(0)))), "unknown type 0 of 0"},
		"function count": {Module(Section(Types, Vec(Type(nil, nil))),
			Section(Functions, Vec(U32(0)))), "differ in length"},
		"code count": {Module(Section(Code, Vec(Body()))), "differ in length"},
		"data count": {Module(Section(DataCount, U32(1))), "differ"},
		"export index": {
			Module(Section(Exports, Vec(Export("f", Func, 0)))), "unknown function 0 of 0"},
		"export of memory": {Module(Section(Exports, Vec(Export("m", Memory, 0)))), "memory"},
		"export of table":  {Module(Section(Exports, Vec(Export("m", Table, 0)))), "table"},
		"export of global": {Module(Section(Exports, Vec(Export("m", Global, 0)))), "global"},
		"export twice": {Module(Section(Memories, Vec([]byte{0, 1})), Section(Exports,
			Vec(Export("m", Memory, 0), Export("m", Memory, 0)))), `second export named "m"`},
		"global from own global": {Module(Section(Globals, Vec(
			Join([]byte{I32, 0}, I32Const(0), []byte{0x0b}),
			[]byte{I32, 0, 0x23, 0, 0x0b}))), "unknown imported global"},
		"mutability": {Module(Section(Globals, Vec([]byte{I32, 2, 0x41, 0, 0x0b}))), "mutability"},
		"extended constant": {Module(Section(Globals,
			Vec([]byte{I32, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b}))), "extended constant"},
		"constant call": {Module(Section(Globals, Vec([]byte{I32, 0, 0x10, 0, 0x0b}))),
			"not a constant"},
		"element table": {Module(Section(Elements,
			Vec(Join([]byte{0, 0x41, 0, 0x0b}, Vec())))), "unknown table"},
		"element flags":    {Module(Section(Elements, Vec([]byte{8, 0, 0}))), "unknown flags"},
		"element kind":     {Module(Section(Elements, Vec([]byte{1, 1, 0}))), "element kind"},
		"element function": {Module(Section(Elements, Vec([]byte{1, 0, 1, 7}))), "function 7"},
		"data memory":      {Module(Section(Data, Vec([]byte{0, 0x41, 0, 0x0b, 0}))), "memory 0"},
		"data flags":       {Module(Section(Data, Vec([]byte{3, 0}))), "unknown flags"},
		"data length":      {Module(Section(Data, Vec([]byte{1, 9}))), "9 bytes announced"},
		"custom name":      {Module(Section(0, []byte{9, 'x'})), "announced"},
		"custom name long": {Module(Custom(strings.Repeat("x", 2_000), nil)), "custom section"},

		"no end":          {badBody(0x41, 0), "function without an end"},
		"code behind end": {badBody(0x0b, 0x0b), "behind the end"},
		"open block":      {badBody(0x02, 0x40, 0x0b), "without an end"},
		"else":            {unary(0x05), "else without if"},
		"else twice":      {unary(0x41, 0, 0x04, 0x40, 0x05, 0x05, 0x0b), "else without if"},
		"label":           {unary(0x0c, 1), "unknown label 1 of 1"},
		"label in table":  {unary(0x41, 0, 0x0e, 1, 0, 3), "unknown label 3"},
		"table of labels": {unary(Join([]byte{0x41, 0, 0x0e}, U32(60_000))...), "announced"},
		"block type":      {unary(0x02, 0x02, 0x0b), "unknown type 2 of 2"},
		"block value":     {unary(0x02, 0x41, 0x0b), "unknown value type"},
		"negative block":  {unary(0x02, 0xc0, 0x7f, 0x0b), "unknown type"},
		"nesting":         {unary(deep...), "nested blocks"},
		"nested loops over locals": {unaryWithLocals([][]byte{Join(U32(2_000), []byte{I32})},
			Join(many(500, 0x03, 0x40), many(500, 0x0b))...), "branches times locals of a function"},
		"many branches to one label": {
			unary(Join([]byte{0x02, 0x40}, many(33_000, 0x41, 0, 0x0d, 0), []byte{0x0b})...),
			"squared branches to the labels"},
		"many costly functions": {manyFunctions(20), "branches times locals of all functions"},
		"local": {unaryWithLocals([][]byte{{2, I32}}, 0x20, 2, 0x1a),
			"unknown local 2 of 2"},
		"local without":  {unary(0x21, 0), "unknown local 0 of 0"},
		"global":         {unary(0x23, 1, 0x1a), "unknown global 1 of 1"},
		"call":           {unary(0x10, 1), "unknown function 1 of 1"},
		"ref.func":       {unary(0xd2, 1, 0x1a), "unknown function 1 of 1"},
		"call_indirect":  {unary(0x41, 0, 0x11, 2, 0), "unknown type 2 of 2"},
		"indirect table": {unary(0x41, 0, 0x11, 0, 1), "unknown table 1 of 1"},
		"table.get":      {unary(0x41, 0, 0x25, 1, 0x1a), "unknown table 1 of 1"},
		"memory.grow 1":  {unary(0x41, 0, 0x40, 1, 0x1a), "multiple memories"},
		"memory index":   {unary(0x41, 0, 0x28, 0x42, 0, 0, 0x1a), "multiple memories"},
		"alignment":      {unary(0x41, 0, 0x28, 0x20, 0, 0x1a), "alignment"},
		"ref.null":       {unary(0xd0, 0, 0x1a), "unknown value type"},
		"select":         {unary(0x1c, 2, I32, I32), "select with 2 types"},
		"memory.init":    {unary(0xfc, 8, 1, 0), "unknown data segment 1 of 1"},
		"table.init":     {unary(0xfc, 0x0c, 1, 0), "unknown element segment 1 of 1"},
		"table.copy":     {unary(0xfc, 0x0e, 0, 1), "unknown table 1 of 1"},
		"0xfc":           {unary(0xfc, 0x12), "unknown instruction"},
		"0xfc large":     {unary(0xfc, 0x88, 0x02), "unknown instruction"},
		"vector padded":  {unary(0xfd, 0x8c, 0x00), "padding"},
		"vector hole":    {unary(0xfd, 0x9a, 0x01), "unknown vector instruction"},
		"lane":           {unary(0xfd, 0x15, 16), "lane 16 of 16"},
		"shuffle": {unary(append([]byte{0xfd, 0x0d}, many(16, 32)...)...),
			"lane 32 of 32"},
		"relaxed SIMD":     {unary(0xfd, 0x80, 0x02), "relaxed SIMD"},
		"tail call":        {unary(0x12, 0), "tail calls"},
		"try_table":        {unary(0x1f, 0x40, 0), "exception handling"},
		"legacy try":       {unary(0x06, 0x40), "exception handling"},
		"call_ref":         {unary(0x14, 0), "typed function references"},
		"atomic":           {unary(0xfe, 0, 2, 0), "threads"},
		"struct.new":       {unary(0xfb, 0), "garbage collection"},
		"unknown":          {unary(0xff), "unknown instruction 0xff"},
		"cut off constant": {badBody(0x41), "unexpected end"},
		"cut off f64":      {badBody(0x44, 1, 2), "8 bytes wanted"},
		"i32 too long":     {unary(0x41, 0xff, 0xff, 0xff, 0xff, 0x4f, 0x1a), "longer than 32 bits"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := wasm.Parse(test.module)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// manyFunctions is a module of n functions of 20 million branches times locals each.
func manyFunctions(n int) []byte {
	var types, bodies [][]byte
	for range n {
		types = append(types, U32(0))
		bodies = append(bodies, BodyWithLocals([][]byte{Join(U32(2_000), []byte{I32})},
			[]byte(strings.Repeat("\x02\x40\x0b", 10_000))...))
	}
	return Module(Section(Types, Vec(Type(nil, nil))), Section(Functions, Vec(types...)),
		Section(Code, Vec(bodies...)))
}

// badBody is a module whose only function has exactly these bytes after its (no) locals.
func badBody(code ...byte) []byte {
	b := Join([]byte{0}, code)
	return Module(Section(Types, Vec(Type(nil, nil))), Section(Functions, Vec(U32(0))),
		Section(Code, Vec(Join(U32(uint32(len(b))), b))))
}

func TestParseErrorsAreTyped(t *testing.T) {
	_, err := wasm.Parse([]byte{0, 'a', 's', 'm', 0x0d, 0, 1, 0})
	require.ErrorIs(t, err, wasm.ErrComponent)
	_, err = wasm.Parse([]byte("hello"))
	require.ErrorIs(t, err, wasm.ErrNotWasm)

	_, err = wasm.Parse(unary(0x0c, 9))
	var syntax *wasm.SyntaxError
	require.True(t, errors.As(err, &syntax))
	require.Equal(t, byte(9), unary(0x0c, 9)[syntax.Offset])

	_, err = wasm.Parse(unary(0x12, 0))
	var feature *wasm.FeatureError
	require.True(t, errors.As(err, &feature))
	require.Equal(t, "tail calls", feature.Feature)

	_, err = wasm.Parse(unaryWithLocals([][]byte{Join(U32(50_001), []byte{I32})}))
	var limit *wasm.LimitError
	require.True(t, errors.As(err, &limit))
	require.Equal(t, uint64(50_001), limit.Got)
}

func TestParseAcceptsPaddedNumbers(t *testing.T) {
	// Linkers leave five bytes for what they relocate.
	call := []byte{0x10, 0x80, 0x80, 0x80, 0x80, 0x00}
	minusOne := []byte{0x41, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x1a}
	fill := []byte{0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x8b, 0x80, 0x00, 0}
	m, err := wasm.Parse(unary(Join(call, minusOne, fill)...))
	require.NoError(t, err)

	var walk wasm.Instructions
	walk.Reset(m, &m.Bodies[0])
	var ops []wasm.Opcode
	for {
		in, ok := walk.Next()
		if !ok {
			break
		}
		ops = append(ops, in.Op)
	}
	require.NoError(t, walk.Err())
	require.Equal(t, []wasm.Opcode{wasm.OpCall, wasm.OpI32Const, 0x1a, wasm.OpI32Const,
		wasm.OpI32Const, wasm.OpI32Const, wasm.OpMemoryFill, wasm.OpEnd}, ops)
}

func TestInstructionsReportImmediates(t *testing.T) {
	m, err := wasm.Parse(unary(
		0x03, 0x40, // loop
		0x41, 0, 0x0e, 2, 0, 1, 0, // br_table 0 1 0
		0x0b,
		0x02, 1, 0x0b, // block of type 1
		0x02, I32, 0x41, 0, 0x0b, 0x1a, // block of one result
		0x41, 0, 0x11, 1, 0, // call_indirect type 1 table 0
		0xfc, 0x0f, 0, // table.grow 0
	))
	require.NoError(t, err)
	require.True(t, m.GrowsTables)
	var walk wasm.Instructions
	walk.Reset(m, &m.Bodies[0])
	var loop, block, typed, indirect wasm.Instr
	end := m.Bodies[0].Code
	for {
		depth := walk.Depth()
		in, ok := walk.Next()
		if !ok {
			break
		}
		require.Equal(t, end, in.Offset, "instructions follow each other without gaps")
		end = in.End
		switch {
		case in.Op == wasm.OpLoop:
			loop = in
			require.Equal(t, 1, depth)
			require.Equal(t, 2, walk.Depth())
		case in.Op == wasm.OpBrTable:
			require.Equal(t, []uint32{0, 1, 0}, walk.Labels)
		case in.Op == wasm.OpBlock && in.Block.TypeIndex != wasm.NoType:
			block = in
		case in.Op == wasm.OpBlock:
			typed = in
		case in.Op == wasm.OpCallIndirect:
			indirect = in
		}
	}
	require.Equal(t, m.Bodies[0].End, end)
	require.Equal(t, wasm.BlockType{TypeIndex: wasm.NoType}, loop.Block)
	require.Equal(t, uint32(1), block.Block.TypeIndex)
	require.Equal(t, wasm.BlockType{TypeIndex: wasm.NoType, Result: wasm.I32}, typed.Block)
	require.Equal(t, []uint32{1, 0}, []uint32{indirect.A, indirect.B})
	require.Zero(t, walk.Depth())
}

func TestAppendStripped(t *testing.T) {
	names := Join([]byte{1}, func() []byte {
		p := Vec(Join(U32(0), Name("run")))
		return append(U32(uint32(len(p))), p...)
	}())
	locals := []byte{2, 4, 1, 0, 1, 0}
	bare := unary()
	tests := map[string]struct {
		module []byte
		want   []byte
	}{
		"nothing to strip": {bare, bare},
		"custom sections":  {Join(bare, Custom("producers", []byte("x")), Custom("a", nil)), bare},
		"names are kept":   {Join(bare, Custom("name", names)), Join(bare, Custom("name", names))},
		"local names are not kept": {
			Join(bare, Custom("name", Join(names, locals))), Join(bare, Custom("name", names))},
		"malformed names are ignored": {Join(bare, Custom("name", []byte{1, 99, 0})), bare},
		"a name count that lies is ignored": {
			Join(bare, Custom("name", []byte{1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f})), bare},
		"names out of order are ignored": {Join(bare, Custom("name",
			Join([]byte{1, 5, 2, 0, 0, 0, 0}))), bare},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := wasm.Parse(test.module)
			require.NoError(t, err)
			got := m.AppendStripped(nil)
			require.Equal(t, test.want, got)
			again, err := wasm.Parse(got)
			require.NoError(t, err)
			require.Equal(t, got, again.AppendStripped(nil))
		})
	}
}

// FuzzParse holds I2, I4 and I5: no panic, and what was accepted can be walked and stripped into
// a module that is accepted again and means the same.
func FuzzParse(f *testing.F) {
	f.Add(unary(0x41, 0, 0x04, 0x40, 0x05, 0x0b))
	f.Add(unary(0xfd, 0x0c, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x1a))
	f.Add(unaryWithLocals([][]byte{{1, I64}}, 0x20, 0, 0x1a))
	f.Add(Module(Custom("name", []byte{1, 3, 1, 0, 0})))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wasm.Parse(b)
		if err != nil {
			return
		}
		var walk wasm.Instructions
		for i := range m.Bodies {
			walk.Reset(m, &m.Bodies[i])
			for {
				if _, ok := walk.Next(); !ok {
					break
				}
			}
			require.NoError(t, walk.Err())
		}
		again, err := wasm.Parse(m.AppendStripped(nil))
		require.NoError(t, err)
		require.Equal(t, m.Types, again.Types)
		require.Equal(t, m.Funcs, again.Funcs)
		require.Equal(t, len(m.Bodies), len(again.Bodies))
		require.Equal(t, m.FuncNames == nil, again.FuncNames == nil)
	})
}
