package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/guest"
)

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stdout string // a part of it
		stderr string // all of it, or a part when it ends in "..."
	}{
		{"nothing", nil, 2, "", "wasmflow moves records..."},
		{"help", []string{"help"}, 0, "wasmflow new plugin", ""},
		{"help by flag", []string{"--help"}, 0, "Commands:", ""},
		{"help of a command", []string{"help", "run"}, 0, "--takeover\n      go on although", ""},
		{"help by flag of a command", []string{"run", "-h"}, 0, "wasmflow run job.toml - run a job", ""},
		{"help of nothing", []string{"help", "rum"}, 2, "",
			"wasmflow: unknown command \"rum\"; did you mean \"run\"?; wasmflow help lists them\n"},
		{"unknown command", []string{"statsu"}, 2, "",
			"wasmflow: unknown command \"statsu\"; did you mean \"status\"?; wasmflow help lists them\n"},
		{"far from any", []string{"frobnicate"}, 2, "",
			"wasmflow: unknown command \"frobnicate\"; wasmflow help lists them\n"},
		{"unknown flag", []string{"run", "--frehs", "job.toml"}, 2, "",
			"wasmflow: run: unknown flag --frehs; did you mean \"fresh\"?; wasmflow help run shows how\n"},
		{"flag without value", []string{"run", "job.toml", "--epoch"}, 2, "",
			"wasmflow: run: flag needs an argument: -epoch; wasmflow help run shows how\n"},
		{"flag of a wrong type", []string{"run", "job.toml", "--epoch", "x"}, 2, "",
			"wasmflow: run: invalid value \"x\" for flag -epoch: want the number of an epoch; wasmflow help run " +
				"shows how\n"},
		{"no job file", []string{"run"}, 2, "",
			"wasmflow: run: name a job file; wasmflow help run shows how\n"},
		{"two job files", []string{"run", "a.toml", "b.toml"}, 2, "",
			"wasmflow: run: name only a job file, not [\"a.toml\" \"b.toml\"]; wasmflow help run " +
				"shows how\n"},
		{"fresh and epoch", []string{"run", "--fresh", "a.toml", "--epoch=3"}, 2, "",
			"wasmflow: run: --fresh and --epoch exclude each other; choose where to begin; wasmflow " +
				"help run shows how\n"},
		{"log level", []string{"run", "--log-level", "loud", "a.toml"}, 2, "",
			"wasmflow: run: --log-level: \"loud\" is none of debug, info, warn, error; wasmflow help " +
				"run shows how\n"},
		{"log format", []string{"run", "--log-format", "xml", "a.toml"}, 2, "",
			"wasmflow: run: --log-format: \"xml\" is none of text, json; wasmflow help run shows how\n"},
		{"missing job file", []string{"run", "no-such.toml"}, 2, "",
			"no-such.toml: cannot be read: no such file or directory; name a job file\n"},
		{"arguments of version", []string{"version", "x"}, 2, "",
			"wasmflow: version: takes no arguments, not [\"x\"]; wasmflow help version shows how\n"},
		{"too few records", []string{"dry-run", "-n", "0", "a.toml"}, 2, "",
			"wasmflow: dry-run: -n 0: at least 1; wasmflow help dry-run shows how\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := do(t, c.args...)
			require.Equal(t, c.code, got.code)
			require.Contains(t, got.stdout, c.stdout)
			if part, cut := strings.CutSuffix(c.stderr, "..."); cut {
				require.Contains(t, got.stderr, part)
			} else {
				require.Equal(t, c.stderr, got.stderr)
			}
		})
	}
}

// TestEveryCommandTeaches keeps the table complete: each row has what help shows, and an example
// that names the command.
func TestEveryCommandTeaches(t *testing.T) {
	overview := do(t, "help").stdout
	for _, c := range commands() {
		got := do(t, "help", c.name)
		require.Zero(t, got.code, c.name)
		require.Contains(t, got.stdout, "  wasmflow "+c.name, "%s has no example", c.name)
		require.Equal(t, !c.hidden, strings.Contains(overview, "  "+c.name))
		require.Equal(t, !c.hidden, strings.Contains(overview, c.summary))
		for line := range strings.Lines(got.stdout) {
			require.LessOrEqual(t, len(line), 101, "%s: %q", c.name, line)
		}
	}
}

func TestExitCodes(t *testing.T) {
	refused := &config.Error{Problems: []config.Problem{{File: "job.toml", Line: 3, Text: "no"}}}
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{usagef("run", "wrong"), 2},
		{refused, 2},
		{&guest.RefusedError{Reason: "no"}, 2},
		{fmt.Errorf("loading: %w", &guest.RefusedError{Reason: "no"}), 2},
		{&startError{errors.New("refused connection")}, 3},
		{&startError{refused}, 3},
		{&startError{fmt.Errorf("claiming: %w", checkpoint.ErrRefused)}, 2},
		{&startError{fmt.Errorf("claiming: %w", checkpoint.ErrBusy)}, 3},
		{fmt.Errorf("deciding: %w", checkpoint.ErrFenced), 4},
		{&startError{checkpoint.ErrFenced}, 4},
		{errInterrupted, 130},
		{errors.Join(errStopNow, errors.New("and more")), 130},
		{&findingsError{"two problems", exitOutside}, 3},
	} {
		require.Equal(t, c.want, exitCode(c.err), "%v", c.err)
	}
}

func TestReport(t *testing.T) {
	refused := &config.Error{Problems: []config.Problem{
		{File: "job.toml", Line: 3, Key: "name", Text: "no"}, {File: "job.toml", Line: 9, Text: "nor"},
	}}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"nothing", nil, ""},
		{"plain", errors.New("reading x: gone"), "wasmflow: reading x: gone\n"},
		{"several lines", errors.New("a\nb"), "wasmflow: a\n  b\n"},
		{"job file", &startError{refused}, "job.toml:3: name: no\njob.toml:9: nor\n"},
		{"several causes", fmt.Errorf("calling x: %w: %w", errors.New("a"), errors.New("b")),
			"wasmflow: calling x: a: b\n"},
		{"both", errors.Join(refused, errors.New("x")),
			"job.toml:3: name: no\njob.toml:9: nor\nwasmflow: x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			report(&b, c.err)
			require.Equal(t, c.want, b.String())
		})
	}
}

func TestVersion(t *testing.T) {
	var v versions
	got := do(t, "version", "--json")
	require.Zero(t, got.code)
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &v))
	require.Equal(t, 1, v.ABI)
	require.NotEmpty(t, v.Go)
	require.Contains(t, do(t, "version").stdout, "guest ABI  v1\n")

	info := &debug.BuildInfo{
		Main: debug.Module{Version: "v1.2.3"},
		Deps: []*debug.Module{{Path: "x", Version: "v9"}, {Path: engineModule, Version: "v1.12.0"}},
	}
	v = versionsOf(info)
	require.Equal(t, "v1.2.3", v.Wasmflow)
	require.Equal(t, "v1.12.0", v.Wazero)
	require.Equal(t, "unknown", versionsOf(nil).Wazero)
}

func TestParseMixed(t *testing.T) {
	for _, c := range []struct {
		args []string
		rest []string
		json bool
		n    int
	}{
		{nil, nil, false, 0},
		{[]string{"a", "--json", "b"}, []string{"a", "b"}, true, 0},
		{[]string{"--n", "3", "a"}, []string{"a"}, false, 3},
		{[]string{"a", "--n=3", "--", "--json", "b"}, []string{"a", "--json", "b"}, false, 3},
		{[]string{"-"}, []string{"-"}, false, 0},
	} {
		flags := newFlags(&command{name: "x"})
		asJSON, n := flags.Bool("json", false, ""), flags.Int("n", 0, "")
		rest, err := parseMixed(flags, c.args)
		require.NoError(t, err)
		require.Equal(t, c.rest, rest, "%q", c.args)
		require.Equal(t, c.json, *asJSON)
		require.Equal(t, c.n, *n)
	}
}
