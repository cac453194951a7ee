package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"text/tabwriter"

	"github.com/wasmflow/wasmflow/abi"
)

// engineModule is the library that runs guests; its version is part of what a bug report needs.
const engineModule = "github.com/tetratelabs/wazero"

// versions is what version prints.
type versions struct {
	Wasmflow string `json:"wasmflow"`
	ABI      int    `json:"guest_abi"`
	Go       string `json:"go"`
	Wazero   string `json:"wazero"`
	Platform string `json:"platform"`
}

func versionCommand() command {
	return command{
		name:    "version",
		summary: "print versions of wasmflow and what it is made of",
		help: `
  wasmflow version           for a bug report
  wasmflow version --json    for a script
`,
		setup: func(flags *flag.FlagSet) action {
			asJSON := flags.Bool("json", false, "print JSON")
			return func(_ context.Context, p *process, args []string) error {
				if err := none("version", args); err != nil {
					return err
				}
				info, _ := debug.ReadBuildInfo()
				v := versionsOf(info)
				if *asJSON {
					return printJSON(p.stdout, v)
				}
				t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintf(t, "wasmflow\t%s\nguest ABI\tv%d\ngo\t%s\nwazero\t%s\nplatform\t%s\n",
					v.Wasmflow, v.ABI, v.Go, v.Wazero, v.Platform)
				return t.Flush()
			}
		},
	}
}

// versionsOf reads what the toolchain wrote into the binary. info may be nil.
func versionsOf(info *debug.BuildInfo) versions {
	v := versions{
		Wasmflow: version, ABI: abi.Major, Go: runtime.Version(), Wazero: "unknown",
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if info == nil {
		return v
	}
	// A binary made by go install has no linker flag, but its module has a version.
	if v.Wasmflow == "unknown" && info.Main.Version != "" {
		v.Wasmflow = info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == engineModule {
			v.Wazero = dep.Version
		}
	}
	return v
}

// printJSON writes v, indented, as the whole output of a command.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
