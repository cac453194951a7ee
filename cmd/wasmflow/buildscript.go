package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/script"
)

func buildCommand() command {
	return command{
		name: "build", usage: "plugin.js|.ts|.py",
		summary: "make a plugin of a script in JavaScript, TypeScript or Python",
		help: `
The script and what it imports are packed with the engine that runs them. No
other tool is needed:

  wasmflow build plugin.ts                 makes plugin.wasm beside it
  wasmflow build --out p.wasm plugin.py
  wasmflow build --module --out test.mjs plugin.test.ts
                                           the bundled script itself, for node

What the plugin offers is printed: it was loaded, as run would load it. Types of
TypeScript are taken out, not checked.
`,
		setup: func(flags *flag.FlagSet) action {
			out := flags.String("out", "", "`FILE` to write; by default beside the script")
			module := flags.Bool("module", false, "write the bundled script instead of a plugin")
			return func(ctx context.Context, p *process, args []string) error {
				path, err := one("build", "a script", args)
				if err != nil {
					return err
				}
				if *module {
					if *out == "" {
						return usagef("build", "--module wants --out, too")
					}
					if script.IsPython(path) {
						return usagef("build", "--module is for JavaScript and TypeScript")
					}
					return bundleScript(path, *out)
				}
				if *out == "" {
					*out = strings.TrimSuffix(path, filepath.Ext(path)) + ".wasm"
				}
				return buildScript(ctx, p, path, *out)
			}
		},
	}
}

// buildScript writes the plugin once it is known to load.
func buildScript(ctx context.Context, p *process, path, out string) (err error) {
	plugin, err := script.Build(path)
	if err != nil {
		return err
	}
	guests, err := newGuests(p, quiet())
	if err != nil {
		return err
	}
	m, err := guests.Load(ctx, guest.Source{Path: path, Bytes: plugin}, guest.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close(ctx)) }()
	if err := os.WriteFile(out, plugin, 0o666); err != nil {
		return &startError{fmt.Errorf("writing the plugin: %w", err)}
	}
	d := m.Description()
	fmt.Fprintf(p.stdout, "%s: %s %s, %v\n", out, d.Name, d.Version, connectors.Size(m.Size()))
	for _, f := range d.Functions {
		fmt.Fprintf(p.stdout, "  %s %s\n", f.Role, f.Name)
	}
	return nil
}

// bundleScript writes the script as one ECMAScript module.
func bundleScript(path, out string) error {
	s, err := script.Bundle(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, s.Text, 0o666); err != nil {
		return &startError{fmt.Errorf("writing the module: %w", err)}
	}
	return nil
}
