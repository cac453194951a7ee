package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/wasmflow/wasmflow/host/config"
)

// command is a sub-command.
type command struct {
	name    string
	usage   string // arguments, "job.toml"
	summary string // one line for the overview
	help    string // how to use it, by example
	// setup declares the flags and returns what runs once they are parsed.
	setup func(flags *flag.FlagSet) action
	// hidden leaves the command out of the overview: it is not for people.
	hidden bool
	// ownSignals tells that the action listens to signals; other actions end at the first one.
	ownSignals bool
}

// action runs a command with the arguments that are no flags.
type action func(ctx context.Context, p *process, args []string) error

// commands is the table of sub-commands, in the order in which a newcomer meets them (L1).
func commands() []command {
	return []command{
		withSignals(runCommand()),
		validateCommand(),
		dryRunCommand(),
		newCommand(),
		buildCommand(),
		inspectCommand(),
		conformanceCommand(),
		replayCommand(),
		signCommand(),
		verifyCommand(),
		statusCommand(),
		stopCommand(),
		pluginsCommand(),
		swapCommand(),
		rollbackCommand(),
		pauseCommand(),
		resumeCommand(),
		checkpointCommand(),
		fsckCommand(),
		filesCommand(),
		offsetsCommand(),
		txnCommand(),
		withSignals(devBrokerCommand()),
		docsCommand(),
		versionCommand(),
		helpCommand(),
		compileModuleCommand(),
		withSignals(workerCommand()),
	}
}

func withSignals(c command) command {
	c.ownSignals = true
	return c
}

// find returns the command called name, or an error that suggests one.
func find(name string) (*command, error) {
	var names []string
	for _, c := range commands() {
		if c.name == name {
			return &c, nil
		}
		if !c.hidden {
			names = append(names, c.name)
		}
	}
	if near := config.Suggest(name, names); near != "" {
		return nil, usagef("", "unknown command %q; did you mean %q?", name, near)
	}
	return nil, usagef("", "unknown command %q", name)
}

const overviewHead = `wasmflow moves records from sources, through your own code in sandboxed
WebAssembly, to sinks, exactly once. A job is described by one file:

  wasmflow new plugin shout --lang go   write a plugin, with a job that uses it
  wasmflow validate job.toml            find what is wrong with a job
  wasmflow dry-run job.toml             see what happens to its first records
  wasmflow run job.toml                 run it; ctrl-C ends it after a clean epoch
  wasmflow status job.toml              look at it from another terminal

Commands:

`

const overviewTail = `
"wasmflow help run" explains run. "wasmflow docs" prints every key of a job file.
`

// printOverview writes what wasmflow can do.
func printOverview(w io.Writer) {
	fmt.Fprint(w, overviewHead)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range commands() {
		if c.hidden {
			continue
		}
		fmt.Fprintf(t, "  %s\t%s\n", strings.TrimSpace(c.name+" "+c.usage), c.summary)
	}
	t.Flush()
	fmt.Fprint(w, overviewTail)
}

// printHelp writes how to use c.
func printHelp(w io.Writer, c *command) {
	fmt.Fprintf(w, "wasmflow %s - %s\n\n%s", strings.TrimSpace(c.name+" "+c.usage), c.summary,
		strings.TrimLeft(c.help, "\n"))
	flags := newFlags(c)
	c.setup(flags)
	first := true
	flags.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nFlags:\n")
			first = false
		}
		kind, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "\n  %s\n      %s", strings.TrimSpace("--"+f.Name+" "+kind), usage)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
}

func helpCommand() command {
	return command{
		name: "help", usage: "[COMMAND]",
		summary: "explain a command",
		help: `
  wasmflow help        the overview
  wasmflow help run    how to use run, with its flags
`,
		setup: func(*flag.FlagSet) action {
			return func(_ context.Context, p *process, args []string) error {
				if len(args) == 0 {
					printOverview(p.stdout)
					return nil
				}
				c, err := find(args[0])
				if err != nil {
					return err
				}
				printHelp(p.stdout, c)
				return nil
			}
		},
	}
}
