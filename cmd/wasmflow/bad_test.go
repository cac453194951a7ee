package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// guestJob runs the function prices of plugin.wasm over the input.
const guestJob = `
name = "prices"
job.parallelism = 1
restart.strategy = "none"

[plugins.prices]
path   = "plugin.wasm"
config = { separator = "," }

[sources.lines]
connector = "file"
path      = "input"

[transforms.prices]
from     = ["lines"]
plugin   = "prices"
function = "prices"

[sinks.out]
connector = "bucketing"
from      = ["prices"]
path      = "output"
bucketer  = "base-path"
`

// change returns guestJob with one text replaced.
func change(old, to string) string { return strings.Replace(guestJob, old, to, 1) }

// TestBadJobFileOrPlugin has the refusals that need nothing but the files: message and exit code
// are the same for run and validate.
func TestBadJobFileOrPlugin(t *testing.T) {
	plugin, err := os.ReadFile(scaffolded(t).wasm)
	require.NoError(t, err)
	other := wasmtest.Guest{
		Without: []string{"wasmflow_abi_v1"},
		Also:    [][]byte{wasmtest.Export("wasmflow_abi_v2", wasmtest.Func, 0)},
	}
	for _, c := range []struct {
		name   string
		job    string
		plugin []byte // nil is no file
		args   []string
		want   string // DIR stands for the folder
	}{
		{"unknown key", change("from     =", "form     ="), plugin, nil,
			"DIR/job.toml:14: transforms.prices.from: required; list the sources and transforms it reads\n" +
				"DIR/job.toml:15: transforms.prices.form: unknown key; did you mean \"from\"?\n"},
		{"wrong type", change("job.parallelism = 1", "job.parallelism = \"many\""), plugin, nil,
			"DIR/job.toml:3: job.parallelism: want an integer, not a string\n"},
		{"missing plugin file", guestJob, nil, nil,
			"DIR/job.toml:7: plugins.prices.path: DIR/plugin.wasm: no such file; build it, or correct " +
				"the path\n"},
		{"not WebAssembly", guestJob, []byte("#!/bin/sh\n"), nil,
			"DIR/job.toml:7: plugins.prices.path: DIR/plugin.wasm: this is not a WebAssembly " +
				"binary; name a .wasm file\n"},
		{"no ABI", guestJob, wasmtest.Guest{Without: []string{"wasmflow_abi_v1"}}.Module(), nil,
			"DIR/job.toml:7: plugins.prices.path: DIR/plugin.wasm: does not export wasmflow_abi_v1: it " +
				"is not a wasmflow plugin; build the plugin with a wasmflow SDK (wasmflow new plugin NAME " +
				"--lang go)\n"},
		{"wrong ABI major", guestJob, other.Module(), nil,
			"DIR/job.toml:7: plugins.prices.path: DIR/plugin.wasm: speaks guest ABI v2, this wasmflow " +
				"speaks v1; build it with an SDK for that major, or use the wasmflow that speaks the other\n"},
		{"component", guestJob, []byte("\x00asm\x0d\x00\x01\x00"), nil,
			"DIR/job.toml:7: plugins.prices.path: DIR/plugin.wasm: this is a WebAssembly component, not a " +
				"core module; build a core module: for Rust the target wasm32-wasip1 or " +
				"wasm32-unknown-unknown, not wasm32-wasip2\n"},
		{"guest refuses its configuration", change("separator", "seperator"), plugin, nil,
			"DIR/job.toml:8: plugins.prices.config.seperator: the plugin refuses its configuration: " +
				"unknown; the keys here are separator\n"},
		{"no such function", change("function = \"prices\"", "function = \"price\""), plugin, nil,
			"DIR/job.toml:17: transforms.prices.function: DIR/plugin.wasm: has no function \"price\"; " +
				"it has prices\n"},
		{"not pinned", guestJob, plugin, []string{"--production"},
			"DIR/job.toml:6: plugins.prices.sha256: required with --production; write the 64 hex digits " +
				"that `sha256sum` prints for the module\n"},
		{"another digest", change("config =", "sha256 = \""+strings.Repeat("0", 64)+"\"\nconfig ="),
			plugin, nil, "has SHA-256 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{"job.toml": c.job, "input/a.csv": "tea,1\n"}
			if c.plugin != nil {
				files["plugin.wasm"] = string(c.plugin)
			}
			dir := folder(t, files)
			for _, command := range []string{"validate", "run"} {
				got := do(t, append([]string{command, filepath.Join(dir, "job.toml")}, c.args...)...)
				require.Equal(t, 2, got.code, got.stderr)
				require.Empty(t, got.stdout)
				require.Contains(t, strings.ReplaceAll(got.stderr, dir, "DIR"), c.want)
			}
			require.NoDirExists(t, filepath.Join(dir, "output"))
			require.NoDirExists(t, filepath.Join(dir, ".wasmflow"), "nothing was claimed")
		})
	}
}

// nobody is a user without rights, for a child process of a test that runs as root.
const nobody = 65534

// runAs runs the command in dir in a process of its own: with the rights of the test or, where user
// is set, with those of an ordinary user.
func runAs(t *testing.T, dir string, user bool, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := child(t, dir, &stdout, &stderr, args...)
	if user && os.Getuid() == 0 {
		// The test binary lies in a folder that only root may enter: run a copy.
		self := filepath.Join(dir, "wasmflow-test")
		data, err := os.ReadFile(cmd.Path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(self, data, 0o755))
		open(t, dir)
		cmd.Path = self
		cmd.Env = append(cmd.Env, "XDG_CACHE_HOME=", "HOME=")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); !exited {
		require.NoError(t, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// open lets every user enter dir and the folders of the test above it.
func open(t *testing.T, dir string) {
	t.Helper()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		require.NoError(t, os.Chmod(d, 0o755))
	}
}

// ownedByNobody makes a folder that the child process may write to.
func ownedByNobody(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(dir, nobody, nobody))
	}
}

func TestMissingInput(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": copyJob})
	got := do(t, "run", filepath.Join(dir, "job.toml"))
	require.Equal(t, 3, got.code)
	require.Equal(t, "DIR/job.toml:6: sources.lines.path: file source lines: path does not exist: "+
		"DIR/input; correct the key path\n", strings.ReplaceAll(got.stderr, dir, "DIR"))
	require.NoDirExists(t, filepath.Join(dir, ".wasmflow"), "nothing was claimed")
}

// ran returns the folder of a copy job that has run, and the path of its newest record.
func ran(t *testing.T) (dir, newest string) {
	t.Helper()
	dir = folder(t, map[string]string{"job.toml": copyJob, "input/a.txt": "a\n"})
	got := do(t, "run", filepath.Join(dir, "job.toml"))
	require.Zero(t, got.code, got.stderr)
	records, err := filepath.Glob(filepath.Join(dir, ".wasmflow/store/copy/epoch-*"))
	require.NoError(t, err)
	return dir, records[len(records)-1]
}

func TestCorruptedManifest(t *testing.T) {
	dir, newest := ran(t)
	data, err := os.ReadFile(newest)
	require.NoError(t, err)
	data = bytes.Replace(data, []byte("copy"), []byte("cope"), 1)
	require.NoError(t, os.WriteFile(newest, data, 0o600))
	for _, args := range [][]string{{"run"}, {"validate", "--connect"}, {"fsck"}, {"status"}} {
		got := do(t, append(args, filepath.Join(dir, "job.toml"))...)
		require.Equal(t, 3, got.code, args)
		require.Contains(t, got.stdout+got.stderr, newest, args)
		require.Contains(t, got.stdout+got.stderr, checkpoint.ErrCorrupt.Error(), args)
		if args[0] != "fsck" {
			require.Contains(t, got.stderr, "; `wasmflow fsck "+dir+"/job.toml` tells what to do\n")
		}
	}
}

func TestBadRecordFailsTheJob(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": guestJob, "input/a.csv": "tea,1\nwater\n"})
	copyFile(t, scaffolded(t).wasm, filepath.Join(dir, "plugin.wasm"))
	got := do(t, "run", filepath.Join(dir, "job.toml"))
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "job.toml:14: transforms.prices: prices refused the record at "+
		filepath.Join(dir, "input/a.csv")+" position 6: no separator in the line")
	require.Contains(t, got.stdout, "prices failed")
	require.Empty(t, published(t, filepath.Join(dir, "output")))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o644))
}
