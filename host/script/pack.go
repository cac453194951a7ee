package script

import (
	"bytes"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/guests/prebuilt"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// Pack returns the plugin that runs the script. Errors are *Error.
func Pack(s *Script) ([]byte, error) {
	payload := wasm.AppendU32(nil, uint32(len(abi.SectionScript)))
	payload = append(payload, abi.SectionScript...)
	payload = append(append(payload, s.Name...), 0)
	payload = append(payload, s.Text...)
	files := append([]File{{s.Name, s.Text}}, s.Beside...)
	for i, f := range files {
		if bytes.IndexByte(f.Text, 0) >= 0 {
			// The text would end there.
			return nil, &Error{[]string{f.Path + ": holds a zero byte; write it as \\0"}}
		}
		if i > 0 {
			payload = append(append(append(payload, 0), f.Path...), 0)
			payload = append(payload, f.Text...)
		}
	}
	plugin := append(engine(s.Name), byte(wasm.SectionCustom))
	return append(wasm.AppendU32(plugin, uint32(len(payload))), payload...), nil
}

// engine returns the module that runs scripts like the one of this name.
func engine(name string) []byte {
	if IsPython(name) {
		return prebuilt.RustPython()
	}
	return prebuilt.QuickJS()
}

// Build bundles the script at path and packs it. Errors are those of Bundle and Pack.
func Build(path string) ([]byte, error) {
	s, err := Bundle(path)
	if err != nil {
		return nil, err
	}
	return Pack(s)
}
