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

// pluginWatcher swaps plugins whose files change. Its methods return by the end of their contexts,
// also when a file is on a mount that hangs.
type pluginWatcher struct {
	engine *host.Engine
	// hangups ask for a look at all files.
	hangups <-chan os.Signal
	stat    func(path string) (os.FileInfo, error)
	job     *config.Job
	seen    map[string]os.FileInfo // as of the last look; nil is no file
	pending map[string]bool        // changed, to be taken at the next look that finds it as it is
}

func watchPlugins(e *host.Engine, job *config.Job, hangups <-chan os.Signal) *pluginWatcher {
	return &pluginWatcher{
		engine: e, job: job, hangups: hangups, stat: os.Stat,
		seen: map[string]os.FileInfo{}, pending: map[string]bool{},
	}
}

// run looks until ctx ends.
func (w *pluginWatcher) run(ctx context.Context) {
	for _, p := range w.job.Plugins {
		if p.Watch {
			w.seen[p.Name] = w.look(ctx, p.Path)
		}
	}
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
		now := w.look(ctx, p.Path)
		if ctx.Err() != nil {
			return // it was not looked at
		}
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

// look returns what stands at path; nil is nothing, or that ctx has ended.
func (w *pluginWatcher) look(ctx context.Context, path string) fs.FileInfo {
	found := make(chan fs.FileInfo, 1)
	go func() { // ends with the call, of which there is one at a time, or with the process
		info, err := w.stat(path)
		if err != nil {
			info = nil
		}
		found <- info
	}()
	select {
	case info := <-found:
		return info
	case <-ctx.Done():
		return nil
	}
}

func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
