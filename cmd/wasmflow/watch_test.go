package main

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
)

// TestAPipeInPlaceOfAWatchedPlugin has the watcher meet a pipe, which nobody writes to, while the
// job runs, and validate as well.
func TestAPipeInPlaceOfAWatchedPlugin(t *testing.T) {
	dir := folder(t, map[string]string{
		"job.toml": swapJob, "upper.wasm": string(guestC(t, "uppercase_c.wasm")),
	})
	file, plugin := filepath.Join(dir, "job.toml"), filepath.Join(dir, "upper.wasm")
	hangups := make(chan os.Signal)
	s := &started{
		stdout: newWatcher(), stderr: newWatcher(),
		signals: make(chan os.Signal, signalsMax), code: make(chan int, 1),
	}
	p, _, _ := testProcess(t)
	p.stdout, p.stderr, p.signals = s.stdout, s.stderr, s.signals
	p.hangups = func() <-chan os.Signal { return hangups }
	go func() { s.code <- run([]string{"run", file}, p) }()
	s.stdout.await("LINE 1")

	require.NoError(t, os.Remove(plugin))
	require.NoError(t, syscall.Mkfifo(plugin, 0o600))
	for range 2 { // the second one is taken when the look for the first one is over
		select {
		case hangups <- syscall.SIGHUP:
		case <-time.After(time.Minute):
			require.Fail(t, "the watcher waits for the pipe")
		}
	}
	r := do(t, "validate", file)
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.stderr, "it is a pipe, not a regular file")

	s.signals <- syscall.SIGTERM
	require.Zero(t, <-s.code, s.stderr)
	require.Contains(t, s.stderr.String(), "swaps stopped", "the job goes on with what it has")
}

// TestAMountThatHangsDoesNotHoldTheWatcher has every look at a file hang for ever.
func TestAMountThatHangsDoesNotHoldTheWatcher(t *testing.T) {
	looked, over := make(chan struct{}, 1), make(chan struct{})
	defer close(over)
	w := watchPlugins(nil, &config.Job{Plugins: []config.Plugin{{Name: "a", Watch: true}}}, nil)
	w.stat = func(string) (os.FileInfo, error) {
		looked <- struct{}{}
		<-over
		return nil, os.ErrNotExist
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { // ends by cancel
		defer close(done)
		w.run(ctx)
	}()
	<-looked
	cancel()
	<-done
	require.Nil(t, w.files["a"].info)
}

// TestAWatchedFileIsLookedIntoAgain counts the looks between two at the content of a file that does
// not seem to change: what it holds may have changed all the same.
func TestAWatchedFileIsLookedIntoAgain(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "a.wasm")
	require.NoError(t, os.WriteFile(plugin, []byte("half"), 0o600))
	w := watchPlugins(nil, &config.Job{Plugins: []config.Plugin{
		{Name: "a", Path: plugin, Watch: true}, {Name: "b", Path: plugin},
	}}, nil)
	var answer error
	rescans := 0
	w.rescan = func(_ context.Context, names []string, trigger string) (string, error) {
		require.Equal(t, []string{"a"}, names)
		require.Equal(t, host.TriggerFile, trigger)
		rescans++
		return "", answer
	}
	// until returns how many looks there were when the content was looked at.
	until := func() (looks int) {
		for before := rescans; rescans == before; looks++ {
			require.Less(t, looks, 10*contentLooksMax)
			w.tick(t.Context())
		}
		return looks
	}
	w.begin(t.Context())
	require.Equal(t, contentLooksMax, until(), "the engine has just read it")
	require.NoError(t, os.WriteFile(plugin, []byte("more of it"), 0o600))
	require.Equal(t, 2, until(), "seen, and the same at the next look")
	waits := []int{}
	for range 8 {
		waits = append(waits, until())
	}
	require.Equal(t, []int{2, 4, 8, 16, 32, 64, 120, 120}, waits)
	answer = host.ErrSwapBusy
	until()
	require.Equal(t, 1, until(), "it is asked again until it is heard")
	answer = nil
	require.NoError(t, os.Remove(plugin))
	for range contentLooksMax + 1 {
		before := rescans
		w.tick(t.Context())
		require.Equal(t, before, rescans, "there is nothing to look into")
	}
	require.NoError(t, os.WriteFile(plugin, []byte("whole"), 0o600))
	require.Equal(t, 2, until())
}
