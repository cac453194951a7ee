package local_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

var update = flag.Bool("update", false, "write the golden transcripts")

// content is longer than the write buffer, so that a part takes several writes.
var content = strings.Repeat("0123456789abcde\n", 5000)

// process is what one process did before it died: which promises it got.
type process struct {
	fs       *local.FileSystem
	token    filesystem.Token
	promised map[string]bool
}

// life writes one part, publishes it, publishes one name exclusively and replaces a file. It
// stops at the first error, as a process that dies would.
func (p *process) life(ctx context.Context) error {
	w, err := p.fs.CreatePending(ctx, filesystem.PendingName{
		Root: "/base", Job: "job", Part: "part", Target: "/base/bucket/part", Claim: 1,
	})
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(content)); err != nil {
		return err
	}
	if p.token, err = w.Close(ctx); err != nil {
		return err
	}
	p.promised["closed"] = true
	if err := p.fs.Publish(ctx, p.token); err != nil {
		return err
	}
	p.promised["published"] = true
	if err := p.fs.PublishExclusive(ctx, "/store/log/epoch-1", []byte(content)); err != nil {
		return err
	}
	p.promised["decided"] = true
	for _, version := range []string{"one", "two"} {
		if err := p.fs.WriteFile(ctx, "/store/hint", []byte(version)); err != nil {
			return err
		}
		p.promised["hint "+version] = true
	}
	return nil
}

func start(disk local.Disk) *process {
	return &process{
		fs:       local.New(local.Options{Disk: disk, Nonce: "test"}),
		promised: map[string]bool{},
	}
}

// TestPowerFailure cuts the power at every call of a process' life and looks whether what it was
// promised still holds, for the worst, the best and many random outcomes of each cut.
func TestPowerFailure(t *testing.T) {
	require.NoError(t, cutEverywhere(t, 4))
}

// TestPowerFailureFindsSeededBugs leaves out one kind of sync after the other: if that went
// unnoticed, TestPowerFailure would prove nothing.
func TestPowerFailureFindsSeededBugs(t *testing.T) {
	bugs := map[string]func(fstest.Op) bool{
		"file is not synced": func(op fstest.Op) bool { return op.Kind == fstest.Sync },
		"staging folder is not synced": func(op fstest.Op) bool {
			return op.Kind == fstest.SyncDir && op.Path == "/base/.wasmflow/job"
		},
		"parents of the staging folder are not synced": func(op fstest.Op) bool {
			return op.Kind == fstest.SyncDir && op.Path == "/base"
		},
		"target's folder is not synced": func(op fstest.Op) bool {
			return op.Kind == fstest.SyncDir && op.Path == "/base/bucket"
		},
		"log's folder is not synced": func(op fstest.Op) bool {
			return op.Kind == fstest.SyncDir && op.Path == "/store/log"
		},
		"parent of the log's folder is not synced": func(op fstest.Op) bool {
			return op.Kind == fstest.SyncDir && op.Path == "/store"
		},
	}
	for name, match := range bugs {
		t.Run(name, func(t *testing.T) {
			err := cutEverywhere(t, 1, fstest.SkipWhen(match))
			require.Error(t, err)
			t.Log(err)
		})
	}
}

// cutEverywhere returns the first broken promise of all cuts.
func cutEverywhere(t *testing.T, seeds uint64, bugs ...fstest.Hook) error {
	t.Helper()
	for n := 1; ; n++ {
		disk := fstest.NewDisk()
		p := start(fstest.WrapDisk(disk, append(bugs, fstest.CrashAt(n))...))
		err := p.life(t.Context())
		for seed := range seeds {
			for _, keep := range []int{0, 30, 70, 100} {
				left := disk.CrashClone(seed, keep)
				if err := p.check(t.Context(), left); err != nil {
					return fmt.Errorf("cut at call %d, seed %d, keep %d: %w", n, seed, keep, err)
				}
			}
		}
		if err == nil {
			require.Greater(t, n, 40, "the life is too short to prove anything")
			return nil
		}
		require.ErrorIs(t, err, fstest.ErrCrashed)
	}
}

// check returns the first promise that does not hold on disk.
func (p *process) check(ctx context.Context, disk local.Disk) error {
	fs := local.New(local.Options{Disk: disk})
	read := func(path string) string {
		data, err := fs.ReadFile(ctx, path, 1<<20)
		if err != nil && !errors.Is(err, filesystem.ErrNotFound) {
			return err.Error()
		}
		return string(data)
	}
	part, decision, hint := read("/base/bucket/part"), read("/store/log/epoch-1"), read("/store/hint")
	switch {
	case part != "" && part != content:
		return fmt.Errorf("%d bytes of a part are visible", len(part))
	case decision != "" && decision != content:
		return fmt.Errorf("half a decision of %d bytes", len(decision))
	case hint != "" && hint != "one" && hint != "two":
		return fmt.Errorf("hint is %q", hint)
	case p.promised["published"] && part == "":
		return errors.New("published, then lost")
	case p.promised["decided"] && decision == "":
		return errors.New("decided, then lost")
	case p.promised["hint one"] && hint == "" || p.promised["hint two"] && hint != "two":
		return fmt.Errorf("hint written, then %q", hint)
	}
	if p.promised["closed"] {
		if err := fs.Publish(ctx, p.token); err != nil {
			return fmt.Errorf("closed, then lost: %w", err)
		}
		if got := read("/base/bucket/part"); got != content {
			return fmt.Errorf("published late with %d bytes", len(got))
		}
	}
	return p.checkStrays(ctx, fs)
}

// checkStrays: whatever is left over can be found and removed, without touching what is visible.
func (p *process) checkStrays(ctx context.Context, fs *local.FileSystem) error {
	for stray, err := range fs.ListStrays(ctx, "/base", "job") {
		if err != nil || stray.Claim != 1 {
			return fmt.Errorf("stray %s of claim %d: %w", stray.Part, stray.Claim, err)
		}
		if err := fs.Discard(ctx, stray.Token); err != nil {
			return err
		}
	}
	for stray, err := range fs.ListStrays(ctx, "/base", "job") {
		return fmt.Errorf("stray %s is left: %w", stray.Part, err)
	}
	if p.promised["closed"] {
		_, err := fs.Stat(ctx, "/base/bucket/part")
		return err
	}
	return nil
}

// TestPowerFailureDuringRepublish: a second process finishes the first one's publication and dies
// at every call of it; a third one finds the part whole.
func TestPowerFailureDuringRepublish(t *testing.T) {
	ctx := t.Context()
	calls := 0
	noLink := func() fstest.Hook {
		return fstest.FailWhen(fstest.Nth(fstest.Link, 1), fstest.ErrCrashed)
	}
	for n := 1; ; n++ {
		disk := fstest.NewDisk()
		p := start(fstest.WrapDisk(disk, noLink()))
		require.ErrorIs(t, p.life(ctx), fstest.ErrCrashed)
		left := disk.CrashClone(uint64(n), 50)
		err := local.New(local.Options{Disk: fstest.WrapDisk(left, fstest.CrashAt(n))}).
			Publish(ctx, p.token)
		for seed := range uint64(20) {
			third := local.New(local.Options{Disk: left.CrashClone(seed, 50)})
			require.NoError(t, third.Publish(ctx, p.token), "cut at call %d", n)
			got, err := third.ReadFile(ctx, "/base/bucket/part", 1<<20)
			require.NoError(t, err)
			require.True(t, string(got) == content)
		}
		if err == nil {
			break
		}
		calls++
	}
	require.Greater(t, calls, 5)
}

// TestTranscript holds the order of system calls: a sync that is dropped is a line that is gone.
func TestTranscript(t *testing.T) {
	ctx := t.Context()
	r := &fstest.Recorder{}
	fs := local.New(local.Options{Disk: fstest.WrapDisk(fstest.NewDisk(), r.Hook), Nonce: "test"})
	create := func(part string) filesystem.PendingWriter {
		r.Note("CreatePending " + part)
		w, err := fs.CreatePending(ctx, filesystem.PendingName{
			Root: "/base", Job: "job", Part: part, Target: "/base/a/b/" + part, Claim: 3,
		})
		require.NoError(t, err)
		_, err = w.Write([]byte("hello\n"))
		require.NoError(t, err)
		return w
	}
	w := create("part-0")
	r.Note("Close")
	token, err := w.Close(ctx)
	require.NoError(t, err)
	r.Note("Publish")
	require.NoError(t, fs.Publish(ctx, token))
	r.Note("Publish again")
	require.NoError(t, fs.Publish(ctx, token))
	w = create("part-1")
	token, err = w.Close(ctx)
	require.NoError(t, err)
	r.Note("Discard")
	require.NoError(t, fs.Discard(ctx, token))
	w = create("part-2")
	r.Note("Abort")
	require.NoError(t, w.Abort(ctx))
	r.Note("PublishExclusive")
	require.NoError(t, fs.PublishExclusive(ctx, "/store/epoch-1", []byte("manifest")))
	r.Note("PublishExclusive of a taken name")
	require.Error(t, fs.PublishExclusive(ctx, "/store/epoch-1", []byte("other")))
	r.Note("WriteFile")
	require.NoError(t, fs.WriteFile(ctx, "/store/job", []byte("hint")))
	golden(t, "transcript.txt", r.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	p := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(p, []byte(got), 0o644))
	}
	want, err := os.ReadFile(p)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestEveryCallMayFail fails each call of a life once, as a sick disk would: the error comes out
// unless the call was not needed, and every promise given before and after it holds.
func TestEveryCallMayFail(t *testing.T) {
	ctx := t.Context()
	sick := errors.New("input/output error")
	calls := 0
	count := func(op fstest.Op) fstest.Fault { calls = op.N; return fstest.Fault{} }
	require.NoError(t, start(fstest.WrapDisk(fstest.NewDisk(), count)).life(ctx))

	for n := 1; n <= calls; n++ {
		for _, done := range []bool{false, true} {
			disk := fstest.NewDisk()
			hook := func(op fstest.Op) fstest.Fault {
				if op.N != n {
					return fstest.Fault{}
				}
				return fstest.Fault{Err: sick, Done: done}
			}
			p := start(fstest.WrapDisk(disk, hook))
			if err := p.life(ctx); err != nil {
				require.ErrorIs(t, err, sick)
			} else {
				require.True(t, p.promised["hint two"])
			}
			require.NoError(t, p.check(ctx, disk.CrashClone(uint64(n), 50)),
				"call %d failed, done %v", n, done)
		}
	}
}
