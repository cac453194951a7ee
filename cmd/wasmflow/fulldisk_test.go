package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// mount puts an empty disk in memory at dir and reports whether this process may. It goes with the
// test.
func mount(t *testing.T, dir, options string) bool {
	t.Helper()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput()
	if err != nil {
		t.Logf("no disk at %s: %v: %s", dir, err, out)
		return false
	}
	t.Cleanup(func() {
		out, err := exec.Command("umount", dir).CombinedOutput()
		require.NoError(t, err, "%s", out)
	})
	return true
}

// fullDisk is a folder that takes some bytes and no more until it is enlarged.
type fullDisk struct {
	disk    local.Disk // nil is the real one
	enlarge func()
}

// tmpfs makes dir a full disk that the kernel has; ok is false where this process may not mount.
func tmpfs(t *testing.T, dir string, _ int, size string) (fullDisk, bool) {
	t.Helper()
	if !mount(t, dir, "size="+size) {
		return fullDisk{}, false
	}
	return fullDisk{enlarge: func() {
		out, err := exec.Command("mount", "-o", "remount,size=64m", dir).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}}, true
}

// faulty makes dir a full disk by faults.
func faulty(_ *testing.T, dir string, bytes int, _ string) (fullDisk, bool) {
	full, large := fstest.NoSpaceAfter(bytes), &atomic.Bool{}
	hook := func(op fstest.Op) fstest.Fault {
		if large.Load() || !strings.HasPrefix(op.Path, dir+"/") {
			return fstest.Fault{}
		}
		return full(op)
	}
	return fullDisk{fstest.WrapDisk(local.OS(), hook), func() { large.Store(true) }}, true
}

// TestFullDisk fills the disk of the target or of the store under a job, as the kernel does it and
// as faults do, and then makes room.
func TestFullDisk(t *testing.T) {
	const room = "; make room and run the job again, it goes on from the last epoch"
	tests := []struct {
		name   string
		folder string // below the one of the job
		bytes  int    // that fit with faults
		size   string // of the tmpfs
		again  bool   // restart by strategy, not by hand
		code   int
		at     string
	}{
		{"target", "output", 20_000, "16k", false, 1, "job.toml:7: sinks.out.path: "},
		{"target, with restarts", "output", 20_000, "16k", true, 0, ""},
		{"store while the job runs", ".wasmflow", 1000, "16k", false, 1, "job.toml:4: checkpoint.store: "},
		{"store at the start", ".wasmflow", 0, "4k", false, 3, "job.toml:4: checkpoint.store: "},
	}
	for _, tt := range tests {
		for kind, disk := range map[string]func(*testing.T, string, int, string) (fullDisk, bool){
			"tmpfs": tmpfs, "faults": faulty,
		} {
			t.Run(tt.name+" by "+kind, func(t *testing.T) {
				lines := numbered(20_000)
				job := strings.Replace(copyJob, "50ms", "10ms", 1)
				if tt.again {
					job = strings.Replace(job, `restart.strategy = "none"`,
						`restart = { strategy = "fixed-delay", attempts = 100000, delay = "1ms" }`, 1)
				}
				dir := folder(t, map[string]string{"job.toml": job, "input/a.txt": text(lines)})
				full := filepath.Join(dir, tt.folder)
				require.NoError(t, os.Mkdir(full, 0o755))
				d, ok := disk(t, full, tt.bytes, tt.size)
				if !ok {
					d, _ = faulty(t, full, tt.bytes, tt.size)
				}
				s := startOn(t, d.disk, "run", filepath.Join(dir, "job.toml"))
				if tt.again {
					s.stderr.await("restarting after a failure")
					require.Contains(t, s.stderr.String(), "no space left on device")
					d.enlarge()
				}
				require.Equal(t, tt.code, <-s.code, s.stderr)
				t.Logf("exit code %d\n%s%s", tt.code, s.stderr, s.stdout)
				if !tt.again {
					message := lineWith(s.stderr.String(), filepath.Join(dir, tt.at))
					require.Contains(t, message, full)
					require.Contains(t, message, "no space left on device")
					require.Contains(t, message, room)
					require.LessOrEqual(t, strings.Count(message, "deciding epoch"), 1)
					d.enlarge()
					got := do(t, "run", filepath.Join(dir, "job.toml"))
					require.Zero(t, got.code, got.stderr)
				}
				out := published(t, filepath.Join(dir, "output"))
				slices.Sort(lines)
				slices.Sort(out)
				require.Equal(t, lines, out, "nothing is lost and nothing is doubled")
			})
		}
	}
}

// TestStopNamesTheSinkThatHangs has a disk that takes a write and does not answer, and the signal
// twice at once, as timeout(1) sends it: that is one signal.
func TestStopNamesTheSinkThatHangs(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": strings.Replace(endlessJob, "20ms", "1h", 1)})
	hangs, release := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	disk := fstest.WrapDisk(local.OS(), func(op fstest.Op) fstest.Fault {
		if op.Kind == fstest.Sync && strings.HasPrefix(op.Path, filepath.Join(dir, "output")) &&
			once.CompareAndSwap(false, true) {
			close(hangs)
			<-release
		}
		return fstest.Fault{}
	})
	s := startOn(t, disk, "run", filepath.Join(dir, "job.toml"))
	s.stdout.await("10\n")
	s.signals <- syscall.SIGTERM
	s.signals <- syscall.SIGTERM
	<-hangs
	require.Eventually(t, func() bool { return len(s.signals) == 0 }, time.Minute, time.Millisecond)
	s.stderr.await("wasmflow: still waiting for sinks.out in task 0; a second signal ends the job at " +
		"once\n")
	close(release)
	require.Zero(t, <-s.code, s.stderr)
}
