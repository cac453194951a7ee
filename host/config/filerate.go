package config

import (
	"runtime"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
)

// filesHourMax is from how many files an hour in one folder on a job is warned. A thousand an hour
// are nine million a year, and a name node keeps every one of them in memory.
const filesHourMax = 1000

// warnOfManyFiles names sinks whose settings make more files than readers and name nodes like. An
// input that ends makes few however often epochs are decided: nobody knows for how long it lasts.
func (l *loader) warnOfManyFiles() {
	if l.allEnd() {
		return
	}
	tasks := l.job.Settings.Tasks(runtime.NumCPU())
	for _, s := range l.allSinks() {
		rate, ok := s.Config.(connectors.FileRate)
		if !ok {
			continue
		}
		files, reckoned := rate.FilesPerHour(tasks, time.Duration(l.job.Checkpoint.Interval))
		if files > filesHourMax {
			key := sinkKey(s)
			l.warnf(l.root.lineOf(key), key, "up to %.0f files an hour in every folder that is written "+
				"to all the time (%s), more than %d; join them with compact = { age = \"5m\" } where "+
				"format and file system allow it, or raise checkpoint.interval", files, reckoned, filesHourMax)
		}
	}
}

// allEnd reports whether every source is known to end by itself.
func (l *loader) allEnd() bool {
	for _, s := range l.job.Sources {
		if e, ok := s.Config.(connectors.Ending); !ok || !e.Ends() {
			return false
		}
	}
	return true
}
