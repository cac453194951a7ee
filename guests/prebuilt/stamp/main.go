package main

import (
	"fmt"
	"os"

	"github.com/wasmflow/wasmflow/guests/prebuilt"
)

func main() {
	for _, name := range os.Args[1:] {
		if err := stamp(name); err != nil {
			fmt.Fprintln(os.Stderr, "stamp:", err)
			os.Exit(1)
		}
	}
}

func stamp(name string) error {
	root := os.DirFS(".")
	m, err := prebuilt.Read(root, name)
	if err != nil {
		return err
	}
	if m.WasmSHA256, err = m.SumWasm(root); err != nil {
		return err
	}
	if m.SourceSHA256, err = m.SumSources(root); err != nil {
		return err
	}
	data, err := m.Encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.File(), data, 0o644); err != nil {
		return fmt.Errorf("writing the manifest of %s: %w", name, err)
	}
	return nil
}
