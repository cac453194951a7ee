package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// process is what a command gets from the outside.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(name string) (string, bool)
	signals        <-chan os.Signal        // SIGINT and SIGTERM
	hangups        func() <-chan os.Signal // begins to listen to SIGHUP; nil is not at all
	disk           local.Disk              // nil is the real one
	compiler       []string                // guest.Config.Compiler
	worker         []string                // the program of a supervised worker; nil is none
	remindEvery    time.Duration           // between two reminders of what a stop waits for
	signalEcho     time.Duration           // within it the first signal again is no second one
	logger         *slog.Logger            // of file systems that wait for servers; nil is none
}

// cacheDir returns the folder for compiled modules, or "" where the machine names none for the
// user: then every start compiles anew.
func (p *process) cacheDir() string {
	if dir, ok := p.lookupEnv("XDG_CACHE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "wasmflow", "modules")
	}
	if home, ok := p.lookupEnv("HOME"); ok && filepath.IsAbs(home) {
		return filepath.Join(home, ".cache", "wasmflow", "modules")
	}
	return ""
}
