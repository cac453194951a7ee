package guest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// hostFunc is one function a guest may import.
type hostFunc struct {
	name            string
	params, results []wasm.ValueType
	call            func(in *Instance, mem api.Memory, stack []uint64)
}

// hostModule is what a guest may import from one module name.
type hostModule struct {
	name  string
	funcs []hostFunc
}

// hostModules is the exact allow-list of imports.
func hostModules() []hostModule {
	return []hostModule{
		{abi.ImportModule, wasmflowFunctions()},
		{abi.ImportModuleWASI, wasiFunctions()},
		{abi.ImportModuleEnv, envFunctions()},
	}
}

// signature spells types as letters: i for i32, I for i64, F for f64.
func signature(letters string) []wasm.ValueType {
	types := make([]wasm.ValueType, len(letters))
	for i, c := range letters {
		switch c {
		case 'i':
			types[i] = wasm.I32
		case 'I':
			types[i] = wasm.I64
		case 'F':
			types[i] = wasm.F64
		}
	}
	return types
}

func findHostFunc(modules []hostModule, module, name string) (hostFunc, bool) {
	for _, m := range modules {
		if m.name != module {
			continue
		}
		i := slices.IndexFunc(m.funcs, func(f hostFunc) bool { return f.name == name })
		if i >= 0 {
			return m.funcs[i], true
		}
	}
	return hostFunc{}, false
}

// register offers the host modules to the guests of rt.
func register(ctx context.Context, rt wazero.Runtime, modules []hostModule) error {
	for _, m := range modules {
		builder := rt.NewHostModuleBuilder(m.name)
		for _, f := range m.funcs {
			builder.NewFunctionBuilder().
				WithGoModuleFunction(stackFunction(f.call), valueTypes(f.params), valueTypes(f.results)).
				Export(f.name)
		}
		if _, err := builder.Instantiate(ctx); err != nil {
			return fmt.Errorf("offering host module %s: %w", m.name, err)
		}
	}
	return nil
}

func stackFunction(call func(*Instance, api.Memory, []uint64)) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		in := ctx.Value(instanceKey{}).(*Instance)
		in.charge(0)
		call(in, mod.Memory(), stack)
	}
}

// charge takes fuel for one call of the host that moves so many bytes.
func (in *Instance) charge(bytes int) {
	if in.budget != nil {
		in.budget.charge(hostCallPrice + int64(bytes)/hostBytesPerUnit)
	}
}

func valueTypes(types []wasm.ValueType) []api.ValueType {
	out := make([]api.ValueType, len(types))
	for i, t := range types {
		out[i] = api.ValueType(t)
	}
	return out
}

// checkImport holds one import against the allow-list.
func checkImport(m *wasm.Module, i wasm.Import, modules []hostModule) error {
	name := i.Module + "." + i.Name
	if i.Kind != wasm.ExternFunc {
		remedy := "define it in the module"
		if i.Kind == wasm.ExternMemory {
			remedy = "let the module define and export its memory (drop --import-memory)"
		}
		return refuse(remedy, "imports the %s %s; a guest may import functions only",
			i.Kind, printable(name))
	}
	f, ok := findHostFunc(modules, i.Module, i.Name)
	if !ok {
		return unknownImport(i, printable(name))
	}
	want := wasm.FuncType{Params: f.params, Results: f.results}
	if got := m.Types[i.TypeIndex]; !got.Equal(want) {
		return refuse("declare the import with that signature",
			"imports %s as %s, the host offers %s", name, got, want)
	}
	return nil
}

func unknownImport(i wasm.Import, name string) error {
	if capability, ok := abi.ReservedImport(i.Name); ok && i.Module == abi.ImportModule {
		return refuse("update wasmflow, or build the plugin without "+string(capability),
			"imports %s: %q is specified in ABI %d and %w", name, capability, abi.Major,
			abi.ErrUnsupported)
	}
	remedy := "the host offers log, metric of module wasmflow, wasi_snapshot_preview1, and env.abort"
	switch {
	case i.Module == "gojs" || i.Module == "go":
		remedy = "build with GOOS=wasip1 GOARCH=wasm and -buildmode=c-shared, not for JavaScript"
	case strings.HasPrefix(i.Module, "wasi:"):
		remedy = "build for WASI preview 1 (wasm32-wasip1), not for preview 2"
	case i.Module == "wasi_unstable":
		remedy = "build with a toolchain that knows wasi_snapshot_preview1"
	case strings.Contains(i.Module, "wbindgen") || i.Module == "wbg":
		remedy = "build without wasm-bindgen: its imports are JavaScript's"
	case i.Module == abi.ImportModuleEnv:
		remedy = "the symbol is undefined in the plugin: link what defines it"
	}
	return refuse(remedy, "imports %s, which the host does not offer", name)
}
