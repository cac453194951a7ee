package main

import (
	"context"
	"flag"
	"os"

	"github.com/wasmflow/wasmflow/host/guest"
)

const compileModuleName = "compile-module"

// compileModuleCommand is the process that compiles a module before wasmflow itself takes it in.
func compileModuleCommand() command {
	return command{
		name:    compileModuleName,
		summary: "compile a module within limits",
		help: `
  wasmflow compile-module < order-and-module

wasmflow runs this command by itself. It takes the order's limits of memory and processor time upon
itself and compiles the module into a cache.
`,
		hidden: true,
		setup: func(*flag.FlagSet) action {
			return func(ctx context.Context, p *process, _ []string) error {
				return guest.RunCompiler(ctx, p.stdin, p.stdout)
			}
		},
	}
}

// compilerCommand is how this program runs compileModuleCommand, or nil where it cannot tell what
// it is: modules are compiled in this process then.
func compilerCommand() []string {
	path, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{path, compileModuleName}
}
