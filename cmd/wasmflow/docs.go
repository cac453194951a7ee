package main

import (
	"context"
	"flag"
	"io"

	"github.com/wasmflow/wasmflow/host/admin"
	"github.com/wasmflow/wasmflow/host/config"
)

func docsCommand() command {
	return command{
		name:    "docs",
		summary: "print every key of a job file, or the admin API",
		help: `
The pages are made from the structures that job files are decoded into and from
the routes of the admin server, so they describe this very binary:

  wasmflow docs | less
  wasmflow docs > docs/reference.md
  wasmflow docs --api > docs/admin-api.md
  wasmflow docs --openapi > openapi.json    for generators of clients
`,
		setup: func(flags *flag.FlagSet) action {
			api := flags.Bool("api", false, "print the page about the admin API")
			openAPI := flags.Bool("openapi", false, "print the OpenAPI document of the admin API")
			return func(_ context.Context, p *process, args []string) error {
				if err := none("docs", args); err != nil {
					return err
				}
				routes := admin.Table(engineRoutes(nil))
				switch {
				case *api && *openAPI:
					return usagef("docs", "choose one of --api and --openapi")
				case *openAPI:
					return printJSON(p.stdout, admin.OpenAPI(version, routes))
				case *api:
					_, err := io.WriteString(p.stdout, admin.Page(routes))
					return err
				}
				_, err := io.WriteString(p.stdout, config.Reference(registry(p)))
				return err
			}
		},
	}
}
