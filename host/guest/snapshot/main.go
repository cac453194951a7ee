package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "snapshot: want two files: the module, and the one to write")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "snapshot:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("reading the module: %w", err)
	}
	module, err := snapshot(ctx, raw)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if err := os.WriteFile(to, module, 0o644); err != nil {
		return fmt.Errorf("writing the module: %w", err)
	}
	return nil
}

// snapshot returns the module that begins where raw is behind its _initialize.
func snapshot(ctx context.Context, raw []byte) ([]byte, error) {
	m, err := wasm.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	switch _, ok := m.Export(abi.ExportInitialize); {
	case !ok:
		return nil, errors.New("exports no " + abi.ExportInitialize)
	case m.HasStart || m.HasDataCount || m.GrowsTables || len(m.Memories) != 1:
		return nil, errors.New("has a start function, segments for later, a growing table or no memory")
	}
	memory, err := memoryOf(ctx, m)
	if err != nil {
		return nil, err
	}
	return write(m, memory), nil
}

// memoryOf runs _initialize and returns what memory holds then.
func memoryOf(ctx context.Context, m *wasm.Module) (_ []byte, err error) {
	globals := mutableGlobals(m)
	rt := wazero.NewRuntime(ctx)
	defer func() { err = errors.Join(err, rt.Close(ctx)) }()
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, rt); err != nil {
		return nil, fmt.Errorf("offering WASI: %w", err)
	}
	host := rt.NewHostModuleBuilder(abi.ImportModule)
	host.NewFunctionBuilder().WithFunc(func(uint32, uint32, uint32) {}).Export(abi.ImportLog)
	host.NewFunctionBuilder().WithFunc(func(_, _, _ uint32, _ float64) {}).Export(abi.ImportMetric)
	if _, err := host.Instantiate(ctx); err != nil {
		return nil, fmt.Errorf("offering %s: %w", abi.ImportModule, err)
	}
	config := wazero.NewModuleConfig().WithStartFunctions().WithStderr(os.Stderr)
	patched := m.AppendPatched(nil, &wasm.Patch{Exports: globals})
	in, err := rt.InstantiateWithConfig(ctx, patched, config)
	if err != nil {
		return nil, fmt.Errorf("instantiating: %w", err)
	}
	before := values(in, globals)
	if _, err := in.ExportedFunction(abi.ExportInitialize).Call(ctx); err != nil {
		return nil, fmt.Errorf("calling %s: %w", abi.ExportInitialize, err)
	}
	for i, now := range values(in, globals) {
		if now != before[i] { // N1
			return nil, fmt.Errorf("global %d was %d and is %d", globals[i].Index, before[i], now)
		}
	}
	memory, _ := in.Memory().Read(0, in.Memory().Size())
	if len(globals) == 1 { // the stack pointer, as compilers have it; N2
		clear(memory[:min(int(uint32(before[0])), len(memory))])
	}
	return memory, nil
}

// mutableGlobals are exports of the module's own mutable globals.
func mutableGlobals(m *wasm.Module) []wasm.Export {
	var exports []wasm.Export
	for i := m.GlobalsImported; i < len(m.Globals); i++ {
		if m.Globals[i].Mutable {
			exports = append(exports, wasm.Export{
				Name: fmt.Sprintf("snapshot.global%d", i), Kind: wasm.ExternGlobal, Index: uint32(i)})
		}
	}
	return exports
}

func values(in api.Module, globals []wasm.Export) []uint64 {
	var values []uint64
	for _, g := range globals {
		values = append(values, in.ExportedGlobal(g.Name).Get())
	}
	return values
}
