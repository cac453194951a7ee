package file

import (
	"context"
	"fmt"
	"path"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	format "github.com/wasmflow/wasmflow/connectors/format/lines"
)

// What the sink does about output that stands there already.
const (
	// noOverwrite refuses to start.
	noOverwrite = "no-overwrite"
	// overwrite replaces it.
	overwrite = "overwrite"
)

// SinkConfig is a [sinks.x] table of connector "file".
type SinkConfig struct {
	Path      string `toml:"path" path:"file" flink:"writeAsText(path), writeAsCsv(path)" doc:"with one task the file to write, with several the folder of files 1, 2, 3, ..."`
	WriteMode string `toml:"write_mode" flink:"WriteMode" doc:"what stands there when the job starts for the first time: no-overwrite (refuse) or overwrite (replace); a restart goes on behind its own output"`
	format.Options
}

// NewSinkConfig returns the defaults.
func NewSinkConfig() *SinkConfig {
	return &SinkConfig{WriteMode: noOverwrite, Options: format.Defaults()}
}

// Validate implements connectors.SinkConfig.
func (c *SinkConfig) Validate(p *connectors.Problems) {
	p.Require("path", c.Path, "name the file or folder to write")
	p.OneOf("write_mode", c.WriteMode, noOverwrite, overwrite)
	c.Options.Validate(p, "")
}

// Guarantee returns exactly-once, of what the files hold after a restart. Readers see records at
// once, so they may see some of an epoch that is taken back.
func (c *SinkConfig) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }

// FileTarget implements connectors.FileWriter.
func (c *SinkConfig) FileTarget() connectors.FileTarget {
	return connectors.FileTarget{Path: c.Path, Flat: true}
}

// CheckConnect implements connectors.Checker.
func (c *SinkConfig) CheckConnect(ctx context.Context, env connectors.Env) error {
	fs, _, root, err := c.resolve(ctx, env)
	if err == nil {
		// The live names of a file, and of a folder of files, lie beside it.
		err = filesystem.CheckWrite(ctx, fs, path.Dir(root))
	}
	return connectors.AtKey("path", err)
}

// resolve finds the file system of the path and looks whether it can grow files that readers see.
func (c *SinkConfig) resolve(
	ctx context.Context, env connectors.Env,
) (filesystem.FileSystem, filesystem.LiveFiles, string, error) {
	fs, root, err := env.FileSystems(ctx, c.Path)
	if err != nil {
		return nil, nil, "", fmt.Errorf("resolving path %s: %w", c.Path, err)
	}
	live, ok := fs.(filesystem.LiveFiles)
	if !ok {
		return nil, nil, "", fmt.Errorf("path %s: a file system of scheme %q cannot grow a file that "+
			"readers see; write there with connector = \"bucketing\"", c.Path, fs.Scheme())
	}
	if root == "/" {
		return nil, nil, "", fmt.Errorf("path %s is the root folder; name a file in a folder", c.Path)
	}
	return fs, live, root, nil
}

var (
	_ connectors.SinkConfig = (*SinkConfig)(nil)
	_ connectors.Checker    = (*SinkConfig)(nil)
	_ connectors.FileWriter = (*SinkConfig)(nil)
)
