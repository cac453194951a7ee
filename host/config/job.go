package config

import "strings"

// Job is a job file that passed every check. It is not changed after Parse returned.
type Job struct {
	File string // as it was named to Load or Parse
	Dir  string // absolute folder that relative paths were resolved against

	Name       string
	Settings   Settings
	Checkpoint Checkpoint
	Restart    Restart
	Admin      Admin
	Capture    Capture
	Plugins    []Plugin    // sorted by name
	Sources    []Source    // sorted by name
	Transforms []Transform // every one after those that it reads
	Sinks      []Sink      // sorted by name
	DeadLetter *Sink       // named DeadLetterName; nil when the file has none

	// Decider is where the job's epochs are decided.
	Decider Decider
	// EmbeddedBroker tells that tables without an address mean a system that the process runs
	// itself; see UseEmbedded.
	EmbeddedBroker bool

	// Production tells that the file passed as one of Options.Production.
	Production bool

	// Warnings are oddities that do not stop the job, sorted by line.
	Warnings []Problem

	root *node
}

// DeadLetterName is the name of the dead-letter sink: in manifests, metrics and messages. No
// source, transform or sink may have it.
const DeadLetterName = "dead_letter"

// Refuse returns the error for something that only came to light after Parse, such as a plugin
// file that is not there. key is the dotted path of the setting to blame.
func (j *Job) Refuse(key, text string) error {
	return &Error{Problems: []Problem{{File: j.File, Line: j.root.lineOf(key), Key: key, Text: text}}}
}

// Sets reports whether the job file itself says what key, a dotted path, is.
func (j *Job) Sets(key string) bool {
	n := j.root
	for part := range strings.SplitSeq(key, ".") {
		if n = n.table[part]; n == nil {
			return false
		}
	}
	return true
}

// Plugin returns the plugin called name, or nil.
func (j *Job) Plugin(name string) *Plugin {
	for i := range j.Plugins {
		if j.Plugins[i].Name == name {
			return &j.Plugins[i]
		}
	}
	return nil
}
