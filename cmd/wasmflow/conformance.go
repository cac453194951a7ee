package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"

	"github.com/wasmflow/wasmflow/host/conformance"
	"github.com/wasmflow/wasmflow/host/guest"
)

func conformanceCommand() command {
	return command{
		name: "conformance", usage: "x.wasm",
		summary: "check a plugin, or a new SDK, against the guest ABI",
		help: `
Known records go through the functions of the module, and the answers are
compared with the right ones: in one instance, in small frames, and with
instances replaced at random frames, which must change nothing:

  wasmflow conformance x.wasm
  wasmflow conformance --config '{"separator": ";"}' x.wasm
  wasmflow conformance --seed 7 --json x.wasm | jq '.rows[] | select(.status == "failed")'

A plugin is checked for what holds for every function. The guest of a new SDK
offers the functions of the kit, too: names and answers are in docs/conformance.md.

Exit code 0 is no failed check, 2 at least one.
`,
		setup: func(flags *flag.FlagSet) action {
			o := conformance.Options{}
			flags.Uint64Var(&o.Seed, "seed", 1, "`SEED` of what is random")
			settings := flags.String("config", "", "configuration of the plugin, as `JSON`")
			asJSON := flags.Bool("json", false, "print JSON")
			return func(ctx context.Context, p *process, args []string) error {
				path, err := one("conformance", "a .wasm file", args)
				if err != nil {
					return err
				}
				if *settings != "" {
					o.Config = json.RawMessage(*settings)
					if !json.Valid(o.Config) {
						return usagef("conformance", "--config %s is no JSON", *settings)
					}
				}
				return checkConformance(ctx, p, path, o, *asJSON)
			}
		},
	}
}

func checkConformance(ctx context.Context, p *process, path string, o conformance.Options,
	asJSON bool,
) error {
	guests, err := newGuests(p, quiet())
	if err != nil {
		return err
	}
	result, err := conformance.Run(ctx, guests, guest.Source{Path: path}, o)
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(p.stdout, result)
	} else {
		err = result.Write(p.stdout)
	}
	if !result.OK() {
		err = errors.Join(err, &findingsError{"checking " + path + ": it does not keep to the guest ABI",
			exitRefused})
	}
	return err
}
