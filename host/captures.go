package host

import (
	"path/filepath"

	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/guest/capture"
)

// capturesOf returns where the batches are kept that a plugin of the job failed on, or nil.
func capturesOf(job *config.Job, plugin string) *capture.Folder {
	if !job.Capture.Enabled {
		return nil
	}
	return capture.NewFolder(capture.Settings{
		Dir:      filepath.Join(job.Capture.Dir, job.Name),
		FilesMax: job.Capture.FilesMax, BytesMax: int64(job.Capture.BytesMax),
	}, plugin)
}

// skipped is how many failures of the plugin were not captured in this process for want of anything
// new in them.
func (p *plugin) skipped() uint64 {
	if p.captures == nil {
		return 0
	}
	return p.captures.Skipped()
}
