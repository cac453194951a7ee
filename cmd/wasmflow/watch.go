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

// What a file holds may change while size and time stay: a compiler that goes on within the tick of
// the file system's clock, or a copy that keeps the time. So the content is looked at again as
// well, soon after a change, when a file that was half there may be whole, and rarely in the long
// run.
const (
	contentLooksMin = 2   // looks at the file between two at its content, at first: a second
	contentLooksMax = 120 // and at last, after doubling each time: a minute
)

// pluginWatcher swaps plugins whose files change. Its methods return by the end of their contexts,
// also when a file is on a mount that hangs.
type pluginWatcher struct {
	// rescan is that of the engine.
	rescan func(ctx context.Context, names []string, trigger string) (plugin string, err error)
	// hangups ask for a look at all files.
	hangups <-chan os.Signal
	stat    func(path string) (os.FileInfo, error)
	job     *config.Job
	files   map[string]*watchedFile // by the names of plugins
}

// watchedFile is what is known of the file of a plugin.
type watchedFile struct {
	info fs.FileInfo // as of the last look; nil is no file
	// looks is how many looks there will be until the content is looked at again, and wait how many
	// there were between the last two.
	looks, wait int
}

func watchPlugins(e *host.Engine, job *config.Job, hangups <-chan os.Signal) *pluginWatcher {
	return &pluginWatcher{
		rescan: e.Rescan, job: job, hangups: hangups, stat: os.Stat, files: map[string]*watchedFile{},
	}
}

// run looks until ctx ends.
func (w *pluginWatcher) run(ctx context.Context) {
	w.begin(ctx)
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
			name, err := w.rescan(ctx, names, host.TriggerSignal)
			all = name != "" || errors.Is(err, host.ErrSwapBusy) // there may be another
		}
	}
}

// begin notes the files as they are. The engine has just read them.
func (w *pluginWatcher) begin(ctx context.Context) {
	for _, p := range w.job.Plugins {
		if p.Watch {
			w.files[p.Name] = &watchedFile{
				info: w.look(ctx, p.Path), looks: contentLooksMax, wait: contentLooksMax,
			}
		}
	}
}

// tick looks at the watched files once.
func (w *pluginWatcher) tick(ctx context.Context) {
	for _, p := range w.job.Plugins {
		if !p.Watch {
			continue
		}
		f, now := w.files[p.Name], w.look(ctx, p.Path)
		if ctx.Err() != nil {
			return // it was not looked at
		}
		if !same(f.info, now) {
			f.info, f.looks, f.wait = now, 1, contentLooksMin/2
			continue
		}
		if f.looks--; f.looks > 0 || now == nil {
			continue
		}
		_, err := w.rescan(ctx, []string{p.Name}, host.TriggerFile)
		if errors.Is(err, host.ErrSwapBusy) {
			f.looks = 1
			continue
		}
		f.wait = min(2*f.wait, contentLooksMax)
		f.looks = f.wait
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
