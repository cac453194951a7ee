package config

import "github.com/wasmflow/wasmflow/connectors"

// Capture is the [capture] table.
type Capture struct {
	Enabled  bool            `toml:"enabled" doc:"Keeps the records at which a plugin failed, for wasmflow replay. They stand in the files as they are, and the plugin's configuration beside them; false keeps none."`
	Dir      string          `toml:"dir" path:"file" doc:"Folder on this machine for them; each job has its own in it, which nobody but the user that runs wasmflow can enter. By default .wasmflow/captures beside the job file."`
	FilesMax int             `toml:"files_max" doc:"Most files of a plugin; a new one takes the place of the oldest."`
	BytesMax connectors.Size `toml:"bytes_max" doc:"Most bytes of all files of a plugin together."`
}

const (
	captureDirDefault = ".wasmflow/captures"
	captureFilesMax   = 10_000  // the folder is listed at every capture
	captureBytesMin   = 4 << 10 // one small record
	captureBytesMax   = 1 << 40
)

// newCapture returns the defaults: the last failures of a plugin with frames of usual size, and
// little beside what a job writes.
func newCapture() Capture {
	const files, bytes = 20, 64 << 20
	return Capture{Enabled: true, Dir: captureDirDefault, FilesMax: files, BytesMax: bytes}
}

func (l *loader) checkCapture(c *Capture) {
	// The default is a relative path as well; a path of the file is absolute by now.
	if c.Dir = l.expand.path(c.Dir); c.Dir == "" {
		l.addf(l.root.lineOf("capture.dir"), "capture.dir", "names no folder; name one, or leave it out")
	}
	if scheme.MatchString(c.Dir) {
		l.addf(l.root.lineOf("capture.dir"), "capture.dir",
			"is a URL; captures are kept on this machine, name a folder")
	}
	bounded(l, "capture.files_max", c.FilesMax, 1, captureFilesMax)
	bounded(l, "capture.bytes_max", c.BytesMax, captureBytesMin, captureBytesMax)
}
