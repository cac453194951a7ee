package main

import (
	"context"
	"flag"
	"io"

	"github.com/wasmflow/wasmflow/host/config"
)

func docsCommand() command {
	return command{
		name:    "docs",
		summary: "print every key of a job file",
		help: `
The page is made from the structures that job files are decoded into, so it
describes this very binary:

  wasmflow docs | less
  wasmflow docs > docs/reference.md
`,
		setup: func(*flag.FlagSet) action {
			return func(_ context.Context, p *process, args []string) error {
				if err := none("docs", args); err != nil {
					return err
				}
				_, err := io.WriteString(p.stdout, config.Reference(registry(p)))
				return err
			}
		},
	}
}
