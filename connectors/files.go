package connectors

import "time"

// FileReach is which files a source may read, by the path of the job file.
type FileReach struct {
	Root   string // absolute path or URL: a file, a folder, or what comes before a glob
	Nested bool   // also folders below Root
	// Filtered tells that not every file there is read: there is a glob, or a filter.
	Filtered bool
}

// FileTarget is which files a sink writes, by the path of the job file.
type FileTarget struct {
	Path string // absolute path or URL
	// Folder tells that Path is a folder for certain. Otherwise it is a file, or a folder of files
	// where several tasks write.
	Folder bool
	// Flat tells that all files lie in Path itself, not in folders below.
	Flat bool
}

// FileReader is the ability of a SourceConfig to say which files it reads, so that a job is told
// which would read its own output.
type FileReader interface {
	FileReach() FileReach
}

// FileWriter is the ability of a SinkConfig to say which files it writes, so that a job is told in
// which two sinks would write the same.
type FileWriter interface {
	FileTarget() FileTarget
}

// FileRate is the ability of a SinkConfig to say how many files it makes.
type FileRate interface {
	// FilesPerHour returns how many files become visible in an hour at most, for every folder that
	// is written to all the time, with so many tasks and such a time between two epochs. The text
	// is how that is reckoned.
	FilesPerHour(tasks int, epoch time.Duration) (files float64, reckoned string)
}

// Ending is the ability of a SourceConfig to say that its input ends by itself. Without it, it
// does not.
type Ending interface {
	Ends() bool
}
