package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/admin"
	"github.com/wasmflow/wasmflow/host/regular"
)

const (
	// swapTimeoutDefault is longer than compiling, a trial and an epoch take on a system that is
	// well.
	swapTimeoutDefault = 2 * time.Minute
	// configBytesMax bounds a configuration: the body of a request is 64 KiB.
	configBytesMax = 60 << 10
)

// swapOptions are the flags of swap.
type swapOptions struct {
	config  string
	request host.SwapRequest
	timeout time.Duration
	asJSON  bool
}

func swapCommand() command {
	return command{
		name: "swap", usage: "JOB|job.toml PLUGIN [new.wasm]",
		summary: "replace a plugin of a running job",
		help: `
  wasmflow swap job.toml enrich build/enrich.wasm    another module
  wasmflow swap job.toml enrich --config '{"limit": 5}'
                                                     another configuration
  wasmflow swap job.toml enrich oci://registry.example/enrich@sha256:...
                                                     from where a job file may name it
  wasmflow swap job.toml enrich --back               the version before

The new version is loaded, opened and tried on live records beside the old one
while the job works on. If it is fit, all tasks take it up at the end of the
same epoch: every epoch is made by one version. If its first epoch goes wrong,
the job redoes that with the old version; if it traps or refuses too much in
the epochs with records after it (plugins.NAME.swap.probation), the old version
comes back.

The job goes on with the new version after a restart too, whatever the file
holds that the job file names. Exit code 1 says that the old version stays.
`,
		setup: func(flags *flag.FlagSet) action {
			o := &swapOptions{}
			to := reachFlags(flags)
			flags.StringVar(&o.config, "config", "", "new configuration as `JSON`, or @FILE")
			flags.StringVar(&o.request.SHA256, "sha256", "", "`DIGEST` the module must have; required for "+
				"a plugin that the job file pins")
			flags.StringVar(&o.request.Signature, "signature", "", "`PLACE` of the module's signature, "+
				"for a plugin with public_key; by default beside the module")
			flags.BoolVar(&o.request.ExpectSame, "expect-same", false, "refuse a version that treats any "+
				"record of the trial differently")
			flags.BoolVar(&o.request.Back, "back", false, "go back to the version before")
			o.waitFlags(flags)
			return func(ctx context.Context, p *process, args []string) error {
				if len(args) < 2 || len(args) > 3 {
					return usagef("swap", "name a job, one of its plugins and the new module")
				}
				o.request.Plugin = args[1]
				if len(args) == 3 {
					o.request.Path = args[2]
				}
				for _, path := range []*string{&o.request.Path, &o.request.Signature} {
					if err := makeAbsolute(path); err != nil {
						return err
					}
				}
				if err := o.readConfig(); err != nil {
					return err
				}
				return o.order("swapping").give(ctx, p, to, args[0])
			}
		},
	}
}

// makeAbsolute makes a path on this machine absolute; the empty path and URLs stay as they are.
func makeAbsolute(path *string) error {
	if *path == "" || strings.Contains(*path, "://") {
		return nil
	}
	absolute, err := filepath.Abs(*path)
	if err != nil {
		return fmt.Errorf("finding %s: %w", *path, err)
	}
	*path = absolute
	return nil
}

func rollbackCommand() command {
	return command{
		name: "rollback", usage: "JOB|job.toml PLUGIN",
		summary: "bring the version of a plugin back that ran before",
		help: `
  wasmflow rollback job.toml enrich

It is swap --back: a swap without trial and probation, for that version worked.
A process that has not swapped the plugin knows no version before.
`,
		setup: func(flags *flag.FlagSet) action {
			o := &swapOptions{}
			o.request.Back = true
			to := reachFlags(flags)
			o.waitFlags(flags)
			return func(ctx context.Context, p *process, args []string) error {
				if len(args) != 2 {
					return usagef("rollback", "name a job and one of its plugins")
				}
				o.request.Plugin = args[1]
				return o.order("rolling back").give(ctx, p, to, args[0])
			}
		},
	}
}

// waitFlags declares how to wait and what to print.
func (o *swapOptions) waitFlags(flags *flag.FlagSet) {
	flags.DurationVar(&o.timeout, "timeout", swapTimeoutDefault, "wait at most `TIME` for the first "+
		"epoch of the new version; 0s does not wait")
	flags.BoolVar(&o.asJSON, "json", false, "print JSON")
}

// readConfig takes the value of --config.
func (o *swapOptions) readConfig() error {
	text := []byte(o.config)
	if o.config != "" && o.config[0] == '@' {
		var err error
		if text, err = readConfigFile(o.config[1:]); err != nil {
			return usagef("swap", "--config: %v", err)
		}
	}
	switch {
	case len(text) == 0:
		return nil
	case len(text) > configBytesMax:
		return usagef("swap", "--config: more than the limit of %d bytes", configBytesMax)
	case !json.Valid(text):
		return usagef("swap", "--config: not JSON; for example --config '{\"limit\": 5}'")
	}
	o.request.Config = text
	return nil
}

// readConfigFile reads no more of a file than tells that it is too large.
func readConfigFile(path string) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, configBytesMax+1))
	return text, errors.Join(err, f.Close())
}

// order is what doing, "swapping" or "rolling back", asks of the job.
func (o *swapOptions) order(doing string) order {
	var begun SwapBegun
	var s host.Swap // as of the last look
	return order{
		doing: doing + " " + o.request.Plugin + " of", timeout: o.timeout,
		ask: func(ctx context.Context, c *admin.Client) error {
			path := "/plugins/" + url.PathEscape(o.request.Plugin)
			if o.request.Back {
				return c.Call(ctx, http.MethodPost, path+"/rollback", nil, &begun)
			}
			return c.Call(ctx, http.MethodPost, path+"/swap", o.request, &begun)
		},
		settled: func(ctx context.Context, _ target, c *admin.Client) (bool, string, error) {
			err := lookAtSwap(ctx, c, o.request.Plugin, begun.ID, &s)
			if errors.Is(err, admin.ErrUnreachable) {
				err = fmt.Errorf("the job ended before it was over; the next run begins with the version of "+
					"the last epoch: %w", err)
			}
			return s.State.Over() || s.State == host.SwapProbation,
				fmt.Sprintf("it is %s; wasmflow plugins tells how it goes on", s.State), err
		},
		tell: func(w io.Writer, _ string, waited bool) error {
			if !waited {
				_, err := fmt.Fprintf(w, "swap %d of %s was begun\n", begun.ID, o.request.Plugin)
				return err
			}
			return tellSwap(w, s, o.asJSON)
		},
	}
}

// lookAtSwap asks how far a swap is. s stays as it is while the list does not have the swap.
func lookAtSwap(
	ctx context.Context, c *admin.Client, plugin string, id uint64, s *host.Swap,
) error {
	var list PluginList
	if err := c.Call(ctx, http.MethodGet, "/plugins", nil, &list); err != nil {
		return err
	}
	for _, x := range list.Plugins {
		i := slices.IndexFunc(x.Swaps, func(s host.Swap) bool { return s.ID == id })
		if x.Plugin == plugin && i >= 0 {
			*s = x.Swaps[i]
		}
	}
	return nil
}

// tellSwap prints a swap that has its first decided epoch, or came to nothing, which is an error.
func tellSwap(w io.Writer, s host.Swap, asJSON bool) (err error) {
	if asJSON {
		err = printJSON(w, s)
	} else {
		printSwap(w, s)
	}
	if s.State == host.SwapRefused || s.State == host.SwapReturned {
		err = errors.Join(err, fmt.Errorf("%s stays at %s: %s", s.Plugin, short(s.From.SHA256), s.Reason))
	}
	return err
}

// printSwap tells what came of a swap, and how the two versions differ.
func printSwap(w io.Writer, s host.Swap) {
	to := "nothing"
	if s.To != nil {
		to = short(s.To.SHA256)
	}
	fmt.Fprintf(w, "%s: %s -> %s: %s", s.Plugin, short(s.From.SHA256), to, s.State)
	if s.First > 0 {
		fmt.Fprintf(w, ", from epoch %d on", s.First)
	}
	if s.Back > 0 {
		fmt.Fprintf(w, ", back from epoch %d on", s.Back)
	}
	if s.To != nil && s.To.StateVersion != s.From.StateVersion {
		fmt.Fprintf(w, ", state version %d -> %d", s.From.StateVersion, s.To.StateVersion)
	}
	fmt.Fprintln(w)
	if c := s.Comparison; c != nil {
		fmt.Fprintf(w, "tried on %d records: %d differ; refused %d, before %d; trapped %d, before %d; "+
			"cost %.2f times\n", c.Records, c.Different, c.New.Refused, c.Old.Refused, c.New.Traps,
			c.Old.Traps, c.CostRatio)
		for _, d := range c.First {
			fmt.Fprintf(w, "  %s, %s position %s: %q\n    old: %s\n    new: %s\n", d.Step, d.Split,
				d.Position, d.Input, d.Old, d.New)
		}
	}
}

// short is enough of a digest to tell versions apart.
func short(sha256 string) string { return sha256[:min(len(sha256), 12)] }

func pluginsCommand() command {
	return command{
		name: "plugins", usage: "JOB|job.toml",
		summary: "show the plugins of a running job and how they were swapped",
		help: `
  wasmflow plugins job.toml
  wasmflow plugins --json job.toml | jq '.plugins[].swaps'
`,
		setup: func(flags *flag.FlagSet) action {
			to := reachFlags(flags)
			asJSON := flags.Bool("json", false, "print JSON")
			return func(ctx context.Context, p *process, args []string) error {
				var list PluginList
				return steer(ctx, p, to, "plugins", args, order{
					doing: "asking for the plugins of",
					ask: func(ctx context.Context, c *admin.Client) error {
						return c.Call(ctx, http.MethodGet, "/plugins", nil, &list)
					},
					tell: func(w io.Writer, _ string, _ bool) error {
						if *asJSON {
							return printJSON(w, list)
						}
						return printPlugins(w, list)
					},
				})
			}
		},
	}
}

func printPlugins(w io.Writer, list PluginList) error {
	err := table(w, "PLUGIN\tMODULE\tVERSION\tRECORDS\tREFUSED\tTRAPS\t", func(w io.Writer) {
		for _, x := range list.Plugins {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t\n", x.Plugin, short(x.Current.SHA256),
				x.Current.Version, x.Vitals.Records, x.Vitals.Refused, x.Vitals.Traps)
		}
	})
	for _, x := range list.Plugins {
		if b := x.CrashBudget; b.Spent {
			fmt.Fprintf(w, "\n%s has spent its crash budget of %d traps within %s: %s since %s, %d records "+
				"without it\nlast trap: %s\n", x.Plugin, b.Traps, b.Within, b.Policy,
				b.Since.Format(time.DateTime), b.Bypassed, b.LastTrap)
		}
		for _, s := range x.Swaps {
			fmt.Fprintf(w, "\n%s swap %d by %s: ", s.Began.Format(time.DateTime), s.ID, s.Trigger)
			printSwap(w, s)
			if s.Reason != "" {
				fmt.Fprintf(w, "reason: %s\n", s.Reason)
			}
		}
	}
	return err
}
