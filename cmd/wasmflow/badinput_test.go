package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// badInput is something that a job cannot take.
type badInput struct {
	name    string
	job     string // "" is copyJob
	prepare func(t *testing.T, dir string)
	user    bool // run with the rights of an ordinary user
	code    int
	at      string // begins the message: file, line and key
	names   string // another file that it names, DIR stands for the folder; "" is none
	remedy  string // what it says is to be done
}

// TestBadInput hands each bad input to a process of its own, as a user would. What it prints has
// to name the line of the job file, the key, the other file and the remedy, and nothing is summed
// up where nothing ran. Read the messages with go test -v.
func TestBadInput(t *testing.T) {
	plugin := scaffolded(t).wasm
	for _, c := range append(badJobFiles(t, plugin), badSurroundings()...) {
		t.Run(c.name, func(t *testing.T) {
			job := c.job
			if job == "" {
				job = copyJob
			}
			dir := folder(t, map[string]string{"job.toml": job, "input/a.txt": "a\n"})
			if c.prepare != nil {
				c.prepare(t, dir)
			}
			got := runAs(t, dir, c.user, "run", "job.toml")
			t.Logf("exit code %d\n%s", got.code, got.stderr)
			require.Equal(t, c.code, got.code)
			require.Empty(t, got.stdout, "there is nothing to sum up")
			message := lineWith(got.stderr, c.at)
			require.NotEmpty(t, message, "no line begins with %s", c.at)
			require.Contains(t, message, strings.ReplaceAll(c.names, "DIR", dir))
			require.Contains(t, message, c.remedy)
		})
	}
}

// lineWith returns the line of text that begins with prefix, or "".
func lineWith(text, prefix string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	return ""
}

// badJobFiles are those that a look at the job file and the plugin finds.
func badJobFiles(t *testing.T, plugin string) []badInput {
	t.Helper()
	module := func(data []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "plugin.wasm"), data, 0o600))
		}
	}
	good, err := os.ReadFile(plugin)
	require.NoError(t, err)
	const pluginAt = "job.toml:7: plugins.prices.path: "
	return []badInput{
		{
			name: "unknown key", job: change("from     =", "form     ="), prepare: module(good), code: 2,
			at: "job.toml:15: transforms.prices.form: ", remedy: `did you mean "from"?`,
		}, {
			name: "wrong type", job: change("parallelism = 1", "parallelism = \"many\""), code: 2,
			at: "job.toml:3: job.parallelism: ", remedy: "want an integer, not a string",
		}, {
			name: "missing plugin file", job: guestJob, code: 2,
			at: pluginAt, names: "DIR/plugin.wasm", remedy: "; build it, or correct the path",
		}, {
			name: "unreadable plugin file", job: guestJob, user: true, code: 2,
			prepare: func(t *testing.T, dir string) {
				module(good)(t, dir)
				require.NoError(t, os.Chmod(filepath.Join(dir, "plugin.wasm"), 0))
			},
			at: pluginAt, names: "DIR/plugin.wasm",
			remedy: "; give the user that runs wasmflow the right to it",
		}, {
			name: "half of a plugin file", job: guestJob, prepare: module(good[:len(good)/2]), code: 2,
			at: pluginAt, names: "DIR/plugin.wasm", remedy: "; build it again: the file is damaged",
		}, {
			name: "plugin file that is no module", job: guestJob, code: 2,
			prepare: module([]byte("#!/bin/sh\n")),
			at:      pluginAt, names: "DIR/plugin.wasm", remedy: "; name a .wasm file",
		}, {
			name: "empty plugin file", job: guestJob, prepare: module(nil), code: 2,
			at: pluginAt, names: "DIR/plugin.wasm", remedy: "; name a .wasm file",
		}, {
			name: "unreadable job file", user: true, code: 2,
			prepare: func(t *testing.T, dir string) {
				require.NoError(t, os.Chmod(filepath.Join(dir, "job.toml"), 0))
			},
			at: "job.toml: cannot be read: ", remedy: "; give the user that runs wasmflow the right to it",
		}, {
			name: "wasm without the ABI", job: guestJob, code: 2,
			prepare: module(wasmtest.Guest{Without: []string{"wasmflow_abi_v1"}}.Module()),
			at:      pluginAt, names: "DIR/plugin.wasm", remedy: "; build the plugin with a wasmflow SDK",
		}, {
			name: "wrong ABI major", job: guestJob, code: 2,
			prepare: module(wasmtest.Guest{
				Without: []string{"wasmflow_abi_v1"},
				Also:    [][]byte{wasmtest.Export("wasmflow_abi_v2", wasmtest.Func, 0)},
			}.Module()),
			at: pluginAt, names: "DIR/plugin.wasm", remedy: "; build it with an SDK for that major",
		}, {
			name: "component binary", job: guestJob, code: 2,
			prepare: module([]byte("\x00asm\x0d\x00\x01\x00")),
			at:      pluginAt, names: "DIR/plugin.wasm", remedy: "; build a core module: ",
		}, {
			name: "guest refusing its config", job: change("separator", "seperator"),
			prepare: module(good), code: 2,
			at: "job.toml:8: plugins.prices.config.seperator: ", remedy: "; the keys here are separator",
		},
	}
}

// badSurroundings are those that a look at what the job file names finds.
func badSurroundings() []badInput {
	const right = "; give the user that runs wasmflow the right to it, or name another path"
	return []badInput{
		{
			name: "unreadable input", user: true, code: 3,
			prepare: func(t *testing.T, dir string) {
				givenToUser(t, dir, ".wasmflow", "output")
				require.NoError(t, os.Chmod(filepath.Join(dir, "input/a.txt"), 0))
			},
			at: "job.toml:6: sources.lines.path: ", names: "DIR/input/a.txt", remedy: right,
		}, {
			name: "unreadable folder of input", user: true, code: 3,
			prepare: func(t *testing.T, dir string) {
				givenToUser(t, dir, ".wasmflow", "output")
				require.NoError(t, os.Chmod(filepath.Join(dir, "input"), 0))
			},
			at: "job.toml:6: sources.lines.path: ", names: "DIR/input", remedy: right,
		}, {
			name: "target without the right to write", user: true, code: 3,
			prepare: func(t *testing.T, dir string) {
				givenToUser(t, dir, ".wasmflow")
				require.NoError(t, os.Mkdir(filepath.Join(dir, "output"), 0o555))
			},
			at: "job.toml:7: sinks.out.path: ", names: "DIR/output", remedy: right,
		}, {
			name: "target on a read-only mount", user: true, code: 3,
			prepare: func(t *testing.T, dir string) {
				givenToUser(t, dir, ".wasmflow")
				// Without the right to mount, the folder says no by its mode, as above.
				require.NoError(t, os.Mkdir(filepath.Join(dir, "output"), 0o555))
				mount(t, filepath.Join(dir, "output"), "ro")
			},
			at: "job.toml:7: sinks.out.path: ", names: "DIR/output", remedy: right,
		}, {
			name: "store without the right to write", user: true, code: 3,
			prepare: func(t *testing.T, dir string) {
				givenToUser(t, dir, "output")
				require.NoError(t, os.Mkdir(filepath.Join(dir, ".wasmflow"), 0o555))
			},
			at: "job.toml:4: checkpoint.store: not set, so it is ", names: "DIR/.wasmflow/store",
			remedy: right,
		}, {
			name: "store of another job", job: strings.Replace(copyJob, `"copy"`, `"other"`, 1), code: 3,
			prepare: func(t *testing.T, dir string) {
				newest(t, dir)
				store := filepath.Join(dir, ".wasmflow/store")
				require.NoError(t, os.Rename(filepath.Join(store, "copy"), filepath.Join(store, "other")))
			},
			at: "job.toml:2: name: ", names: "DIR/.wasmflow/store/other/epoch-",
			remedy: "rename the folder back or give the job file that name",
		}, {
			name: "store of another job id", job: copyJob + "job.id = \"elsewhere\"\n", code: 3,
			prepare: func(t *testing.T, dir string) { newest(t, dir) },
			at:      "job.toml:8: job.id: ", names: "DIR/.wasmflow/store/copy",
			remedy: "; pin the id of the records, leave job.id out, or name another store",
		}, {
			name: "corrupted manifest", code: 3, prepare: corrupt,
			at: "job.toml:4: checkpoint.store: not set, so it is ", names: "DIR/.wasmflow/store/copy/epoch-",
			remedy: "; `wasmflow fsck job.toml` tells what to do",
		}, {
			name: "corrupted manifest in a store that the file names", code: 3,
			job:     copyJob + "checkpoint.store = \".wasmflow/store\"\n",
			prepare: corrupt,
			at:      "job.toml:8: checkpoint.store: reading ", names: "DIR/.wasmflow/store/copy/epoch-",
			remedy: "; `wasmflow fsck job.toml` tells what to do",
		}, {
			name: "manifest of a newer version", code: 3,
			prepare: func(t *testing.T, dir string) {
				record := checkpoint.EncodeRecord("manifest", 99, []byte("{}\n"))
				require.NoError(t, os.WriteFile(newest(t, dir), record, 0o600))
			},
			at: "job.toml:4: checkpoint.store: not set, so it is ", names: "DIR/.wasmflow/store/copy/epoch-",
			remedy: "; run the release of wasmflow that wrote it, or a newer one",
		}, {
			name: "renamed source", job: strings.ReplaceAll(copyJob, "lines", "rows"), code: 2,
			prepare: func(t *testing.T, dir string) { newest(t, dir) },
			at:      "job.toml:6: sources.lines: ",
			remedy: "; give a source that name again, or give up the rest of its input with " +
				"--drop-source lines",
		}, {
			name: "two processes on one job", job: endlessJob, code: 3, prepare: occupy,
			at: "job.toml:2: name: ", names: "DIR/.wasmflow/store/endless/run",
			remedy: "; stop it, or go on without waiting for it with --takeover",
		},
	}
}

// givenToUser makes folders of a job that an ordinary user may write to, so that nothing but the
// matter at hand is refused.
func givenToUser(t *testing.T, dir string, folders ...string) {
	t.Helper()
	for _, f := range folders {
		ownedByNobody(t, filepath.Join(dir, f))
	}
}

// newest runs the copy job in dir to its end and returns the path of its newest record.
func newest(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(dir, "before.toml")
	require.NoError(t, os.WriteFile(file, []byte(copyJob), 0o600))
	got := do(t, "run", file)
	require.Zero(t, got.code, got.stderr)
	records, err := filepath.Glob(filepath.Join(dir, ".wasmflow/store/copy/epoch-*"))
	require.NoError(t, err)
	require.NotEmpty(t, records)
	return records[len(records)-1]
}

// corrupt changes a letter in the newest record of a copy job.
func corrupt(t *testing.T, dir string) {
	t.Helper()
	path := newest(t, dir)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data = bytes.Replace(data, []byte("copy"), []byte("cope"), 1)
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

// occupy starts the job of dir in another process, which ends with the test.
func occupy(t *testing.T, dir string) {
	t.Helper()
	stdout := newWatcher()
	cmd := child(t, dir, stdout, newWatcher(), "run", "job.toml")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait(), "it was killed")
	})
	stdout.await("10\n")
}
