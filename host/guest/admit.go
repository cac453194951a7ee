package guest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// refuse makes a RefusedError; Load fills in the path.
func refuse(remedy, format string, args ...any) *RefusedError {
	err := fmt.Errorf(format, args...)
	return &RefusedError{Reason: err.Error(), Remedy: remedy, Err: errors.Unwrap(err)}
}

// admit is the pre-pass: it reads a module that nobody has vouched for and refuses it, with a
// reason and a remedy, unless it is a guest this host can run within the limits.
func admit(module []byte, limits Limits, hosts []hostModule) (*wasm.Module, error) {
	if size := int64(len(module)); size > limits.ModuleBytes {
		return nil, refuse("strip it (Go: -ldflags='-s -w', others: wasm-strip) or raise limits.module",
			"is larger than the limit of %d bytes", limits.ModuleBytes)
	}
	m, err := wasm.Parse(module)
	if err != nil {
		return nil, refuseFormat(err)
	}
	for _, i := range m.Imports {
		if err := checkImport(m, i, hosts); err != nil {
			return nil, err
		}
	}
	for _, check := range []func(*wasm.Module, Limits) error{
		checkMarker, checkExports, checkMemory, checkTables, checkStart,
	} {
		if err := check(m, limits); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func refuseFormat(err error) error {
	var feature *wasm.FeatureError
	var limit *wasm.LimitError
	switch {
	case errors.Is(err, wasm.ErrComponent):
		return refuse("build a core module: for Rust the target wasm32-wasip1 or "+
			"wasm32-unknown-unknown, not wasm32-wasip2", "%w", err)
	case errors.Is(err, wasm.ErrNotWasm):
		return refuse("name a .wasm file", "%w", err)
	case errors.As(err, &feature):
		return refuse("build without that feature", "%w", err)
	case errors.As(err, &limit):
		return refuse("split the function or the module", "%w", err)
	default:
		return refuse("build it again: the file is damaged", "is malformed %w", err)
	}
}

// checkMarker finds the export that names the ABI's major.
func checkMarker(m *wasm.Module, _ Limits) error {
	const remedy = "build the plugin with a wasmflow SDK (wasmflow new plugin NAME --lang go)"
	var majors []string
	for _, e := range m.Exports {
		if digits, ok := strings.CutPrefix(e.Name, abi.ExportMarkerPrefix); ok {
			if _, err := strconv.ParseUint(digits, 10, 32); err == nil {
				majors = append(majors, digits)
			}
		}
	}
	if slices.Contains(majors, strconv.Itoa(abi.Major)) {
		return nil
	}
	if len(majors) > 0 {
		return refuse("build it with an SDK for that major, or use the wasmflow that speaks the other",
			"speaks guest ABI v%s, this wasmflow speaks v%d", strings.Join(majors, ", v"), abi.Major)
	}
	if _, ok := m.Export(abi.ExportStart); ok {
		if _, ok := m.Export(abi.ExportProcess); !ok {
			return refuse("build it as a library with a wasmflow SDK (Go: -buildmode=c-shared; C: "+
				"-mexec-model=reactor)", "is a command and exports nothing of the guest ABI")
		}
	}
	return refuse(remedy, "does not export %s: it is not a wasmflow plugin", abi.ExportMarker)
}

// guestExport is one export of the guest ABI.
type guestExport struct {
	name            string
	params, results string
	optional        bool
}

func guestExports() []guestExport {
	return []guestExport{
		{abi.ExportMarker, "", "i", false},
		{abi.ExportDescribe, "", "I", false},
		{abi.ExportOpen, "ii", "I", false},
		{abi.ExportReserve, "i", "i", false},
		{abi.ExportProcess, "iiI", "i", false},
		{abi.ExportMigrate, "iii", "I", true},
		{abi.ExportScript, "ii", "I", true},
		{abi.ExportInitialize, "", "", true},
		{abi.ExportStart, "", "", true},
	}
}

func checkExports(m *wasm.Module, _ Limits) error {
	const remedy = "build the plugin with a wasmflow SDK for ABI v1"
	var missing []string
	for _, want := range guestExports() {
		e, ok := m.Export(want.name)
		if !ok {
			if !want.optional {
				missing = append(missing, want.name)
			}
			continue
		}
		if e.Kind != wasm.ExternFunc {
			return refuse(remedy, "exports %s as a %s, it must be a function", want.name, e.Kind)
		}
		signature := wasm.FuncType{Params: signature(want.params), Results: signature(want.results)}
		if got := m.FuncType(e.Index); !got.Equal(signature) {
			return refuse(remedy, "exports %s as %s, it must be %s", want.name, got, signature)
		}
	}
	if len(missing) > 0 {
		return refuse(remedy, "does not export %s", strings.Join(missing, ", "))
	}
	return nil
}

func checkMemory(m *wasm.Module, limits Limits) error {
	if len(m.Memories) == 0 {
		return refuse("build the plugin with a wasmflow SDK", "has no memory")
	}
	e, ok := m.Export(abi.ExportMemory)
	if !ok || e.Kind != wasm.ExternMemory {
		return refuse("export it (linkers do so unless told otherwise)",
			"does not export its memory as %q", abi.ExportMemory)
	}
	pages := limits.memoryPages()
	if got := m.Memories[0].Min; got > pages {
		return refuse("raise limits.memory, or lower the plugin's initial memory (C: "+
			"-Wl,-z,stack-size, --initial-memory)",
			"starts with %d KiB of memory, the limit is %d KiB", kib(got), kib(pages))
	}
	return nil
}

func kib(pages uint32) int64 { return int64(pages) * (wasm.PageSize >> 10) }

// checkTables bounds what tables hold at the start and what table.grow can make of them: 48 bytes
// of module can ask for gigabytes of table.
func checkTables(m *wasm.Module, limits Limits) error {
	total := uint64(0)
	for i, t := range m.Tables {
		size := t.Limits.Min
		if m.GrowsTables {
			if !t.Limits.HasMax {
				return refuse("declare a maximum for the table, or build without table.grow",
					"grows tables, and table %d has no maximum", i)
			}
			size = t.Limits.Max
		}
		total += uint64(size)
	}
	if total > uint64(limits.TableElements) {
		return refuse("declare smaller tables, or raise limits.table",
			"has tables of %d elements, the limit is %d", total, limits.TableElements)
	}
	return nil
}

// checkStart refuses a start function: it would run as a part of instantiation, before the host can
// tell the guest's time or bound it, and compilers have _initialize for the same purpose.
func checkStart(m *wasm.Module, _ Limits) error {
	if !m.HasStart {
		return nil
	}
	return refuse("export it as _initialize instead (AssemblyScript: --exportStart _initialize)",
		"has a start function")
}
