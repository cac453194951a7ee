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
