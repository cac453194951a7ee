package guest

import (
	"bytes"
	"context"
	"errors"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// findScript returns the script a module carries, nil for none. It is not a part of what is
// compiled: modules that differ in it alone are one module to the cache.
func findScript(m *wasm.Module) (script []byte, err error) {
	sections := 0
	for _, s := range m.Sections {
		if s.ID == wasm.SectionCustom && s.Name == abi.SectionScript {
			sections++
			script = bytes.Clone(m.Bytes[s.Body:s.End])
		}
	}
	_, takes := m.Export(abi.ExportScript)
	switch {
	case sections > 1:
		return nil, refuse("pack one script (wasmflow build)", "carries %d scripts", sections)
	case sections == 1 && !takes:
		return nil, refuse("pack it with the engine of its language (wasmflow build)",
			"carries a script and does not export %s to take it", abi.ExportScript)
	case sections == 0 && takes:
		return nil, refuse("pack a script with it (wasmflow build plugin.js)",
			"is the engine of a language, without a script")
	case sections == 1 && len(script) == 0:
		return nil, refuse("pack a script with it (wasmflow build plugin.js)",
			"carries an empty script")
	}
	return script, nil
}

// takeScript hands the module's script to its engine.
func (in *Instance) takeScript(ctx context.Context) error {
	if in.module.script == nil {
		return nil
	}
	refusal, err := in.give(ctx, abi.ExportScript, in.module.script)
	if errors.Is(err, ErrNoMemory) {
		return refuse("make it smaller, or raise limits.memory",
			"has a script of %d bytes, for which there is no room in its %d KiB of memory",
			len(in.module.script), kib(in.module.limits.memoryPages()))
	}
	if err != nil || refusal == nil {
		return err
	}
	return refuse("mend the script", "has a script that does not load: %s", refusal.Message)
}
