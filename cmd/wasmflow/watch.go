package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
)

// watchEvery is how often the files of watched plugins are looked at. A file has to be the same at
// two looks before it is taken: a compiler may still be writing it. Looking costs a stat and works
// on every file system, also when a rename puts another file in the place.
const watchEvery = 500 * time.Millisecond

// pluginWatcher swaps plugins whose files change.
type pluginWatcher struct {
	engine *host.Engine
	// hangups ask for a look at all files.
	hangups <-chan os.Signal
	job     *config.Job
	seen    map[string]os.FileInfo // as of the last look; nil is no file
	pending map[string]bool        // changed, to be taken at the next look that finds it as it is
}

func watchPlugins(e *host.Engine, job *config.Job, hangups <-chan os.Signal) *pluginWatcher {
	w := &pluginWatcher{
		engine: e, job: job, hangups: hangups,
		seen: map[string]os.FileInfo{}, pending: map[string]bool{},
	}
	for _, p := range job.Plugins {
		if p.Watch {
			w.seen[p.Name] = look(p.Path)
		}
	}
	return w
}

// run looks until ctx ends.
func (w *pluginWatcher) run(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	all := false // asked by a signal and not carried out yet
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.hangups:
			all = true
		case <-ticker.C:
			w.tick(ctx)
		}
		if all {
			var names []string
			for _, p := range w.job.Plugins {
				names = append(names, p.Name)
			}
			name, err := w.engine.Rescan(ctx, names, host.TriggerSignal)
			all = name != "" || errors.Is(err, host.ErrSwapBusy) // there may be another
		}
	}
}

// tick looks at the watched files once.
func (w *pluginWatcher) tick(ctx context.Context) {
	for _, p := range w.job.Plugins {
		if !p.Watch {
			continue
		}
		now := look(p.Path)
		if !same(w.seen[p.Name], now) {
			w.seen[p.Name], w.pending[p.Name] = now, now != nil
			continue
		}
		if !w.pending[p.Name] {
			continue
		}
		_, err := w.engine.Rescan(ctx, []string{p.Name}, host.TriggerFile)
		w.pending[p.Name] = errors.Is(err, host.ErrSwapBusy) // at the next look
	}
}

func look(path string) fs.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
