package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/modules"
)

// inspection is what inspect prints.
type inspection struct {
	Path        string           `json:"path"`
	SHA256      string           `json:"sha256"`
	Artifact    string           `json:"artifact,omitempty"` // digest of the registry's manifest
	Bytes       int              `json:"bytes"`
	ABI         int              `json:"guest_abi"`
	Description *abi.Description `json:"description"`
}

func inspectCommand() command {
	return command{
		name: "inspect", usage: "x.wasm",
		summary: "show what a plugin is and which functions it has",
		help: `
The module is loaded as run would load it, but nothing is opened:

  wasmflow inspect build/guests/access-log.wasm
  wasmflow inspect --json x.wasm | jq .sha256    the digest to pin in a job file
  wasmflow inspect oci://registry.example/prices:1.4
                                                 and the digest of the artifact
`,
		setup: func(flags *flag.FlagSet) action {
			asJSON := flags.Bool("json", false, "print JSON")
			var s modules.Source
			accessFlags(flags, &s.Access)
			return func(ctx context.Context, p *process, args []string) error {
				path, err := one("inspect", "a .wasm file", args)
				if err != nil {
					return err
				}
				s.Ref = path
				if err := makeAbsolute(&s.Access.TLS.CA); err != nil {
					return err
				}
				return inspect(ctx, p, s, *asJSON)
			}
		},
	}
}

func inspect(ctx context.Context, p *process, s modules.Source, asJSON bool) (err error) {
	guests, err := newGuests(p, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	found, err := newModules(p, quiet()).Load(ctx, s)
	if err != nil {
		return err
	}
	m, err := guests.Load(ctx, guest.Source{Path: found.Name, Bytes: found.Bytes}, guest.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close(ctx)) }()
	i := inspection{
		Path: s.Ref, SHA256: m.SHA256(), Bytes: m.Size(), ABI: abi.Major, Description: m.Description(),
		Artifact: found.Artifact,
	}
	if asJSON {
		return printJSON(p.stdout, i)
	}
	return i.print(p.stdout)
}

// newGuests returns the runtime that loads plugins.
func newGuests(p *process, logger *slog.Logger) (*guest.Runtime, error) {
	r, err := guest.NewRuntime(guest.Config{
		CacheDir: p.cacheDir(), Logger: logger, Compiler: p.compiler,
	})
	if err != nil {
		return nil, &startError{fmt.Errorf("opening the cache of compiled modules: %w", err)}
	}
	return r, nil
}

// print writes i as a person reads it, with the lines to paste into a job file last.
func (i inspection) print(w io.Writer) error {
	var b strings.Builder
	d := i.Description
	fmt.Fprintf(&b, "%s %s\n", d.Name, d.Version)
	fmt.Fprintf(&b, "  file    %s, %v, guest ABI v%d\n", i.Path, connectors.Size(i.Bytes), i.ABI)
	fmt.Fprintf(&b, "  sha256  %s\n", i.SHA256)
	if i.Artifact != "" {
		fmt.Fprintf(&b, "  digest  %s of the artifact\n", i.Artifact)
	}
	for _, f := range d.Functions {
		fmt.Fprintf(&b, "\n%s %s\n", f.Role, f.Name)
		for line := range strings.Lines(f.Doc) {
			fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(line))
		}
		if len(f.Columns) > 0 {
			fmt.Fprintf(&b, "  reads    %s\n", strings.Join(f.Columns, ", "))
		}
		if len(f.Outputs) > 0 {
			fmt.Fprintf(&b, "  outputs  the main one, %s\n", strings.Join(f.Outputs, ", "))
		}
	}
	if schema := d.ConfigSchema; len(schema) > 0 && string(schema) != "null" {
		var out bytes.Buffer
		if err := json.Indent(&out, schema, "  ", "  "); err != nil {
			return fmt.Errorf("reading the configuration's schema of %s: %w", i.Path, err)
		}
		fmt.Fprintf(&b, "\nconfiguration, as JSON Schema\n  %s\n", out.Bytes())
	}
	fmt.Fprintf(&b, "\nin a job file\n%s", i.jobLines())
	_, err := io.WriteString(w, b.String())
	return err
}

// jobLines are the lines of a job file that use the first function.
func (i inspection) jobLines() string {
	name := filepath.Base(i.Path)
	if end := strings.IndexAny(name, ":@?#"); end >= 0 { // a tag, a digest, the query of a URL
		name = name[:end]
	}
	name = strings.TrimSuffix(name, filepath.Ext(name))
	lines := fmt.Sprintf("  [plugins.%s]\n  path   = %q\n  sha256 = %q\n", name, i.Path, i.SHA256)
	f := i.Description.Functions[0]
	use := fmt.Sprintf("{ plugin = %q, function = %q }", name, f.Name)
	switch f.Role {
	case abi.RoleTransform:
		return lines + fmt.Sprintf("\n  [transforms.%s]\n  from     = [\"a source\"]\n"+
			"  plugin   = %q\n  function = %q\n", name, name, f.Name)
	case abi.RoleDeserializer:
		return lines + fmt.Sprintf("\n  [sources.x]\n  deserializer = %s\n", use)
	default:
		return lines + fmt.Sprintf("\n  [sinks.x]\n  %s = %s\n", f.Role, use)
	}
}
