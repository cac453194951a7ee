package file

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Source reads the records of files. It is safe for concurrent use.
type Source struct {
	cfg     SourceConfig
	env     connectors.Env
	fs      filesystem.FileSystem
	root    string // file or folder, or what comes before the first glob character
	glob    string // path below root to match, or ""
	filter  filter
	charset textCharset
	metrics *sourceMetrics

	rangeBytes  int64 // smallest range, rangeBytesMin but in tests
	rotation    rotatedName
	floorRaised sync.Once // the warning that the seen-set is full is given once
}

func newSource(ctx context.Context, cfg SourceConfig, env connectors.Env) (*Source, error) {
	s := &Source{cfg: cfg, env: env, rangeBytes: rangeBytesMin, rotation: newRotatedName()}
	var err error
	if s.filter, err = compileFilter(cfg.Include, cfg.Exclude); err != nil {
		return nil, err
	}
	if s.charset, err = newCharset(cfg.Charset, cfg.Invalid); err != nil {
		return nil, err
	}
	root, glob := splitGlob(cfg.Path)
	if s.fs, s.root, err = env.FileSystems(ctx, root); err != nil {
		return nil, fmt.Errorf("opening file source %s: %w", env.Name, err)
	}
	s.glob = glob
	if cfg.Mode == modeTail && !s.fs.Abilities().Tail {
		return nil, connectors.Permanent(fmt.Errorf(
			"opening file source %s: mode tail needs files that can be read while they grow, "+
				"which %s has not; use mode continuous", env.Name, s.fs.Scheme()))
	}
	if s.metrics, err = newSourceMetrics(env.Registerer); err != nil {
		return nil, fmt.Errorf("opening file source %s: %w", env.Name, err)
	}
	return s, nil
}

// Enumerate implements connectors.Source.
func (s *Source) Enumerate(
	ctx context.Context, state checkpoint.Position,
) (connectors.Enumeration, error) {
	switch s.cfg.Mode {
	case modeOnce:
		return s.enumerateOnce(ctx, state)
	case modeContinuous:
		return s.enumerateContinuous(ctx, state)
	default:
		return s.enumerateTail(ctx, state)
	}
}

// OpenReader implements connectors.Source.
func (s *Source) OpenReader(
	_ context.Context, rc connectors.ReaderContext,
) (connectors.SourceReader, error) {
	if s.cfg.Mode == modeTail {
		return newTailReader(s, rc), nil
	}
	return newReader(s, rc), nil
}

// AssignTask implements connectors.Assigner. A followed file never ends, so its reader never asks
// for more: files are spread over the tasks by their path.
func (s *Source) AssignTask(splitID string, parallelism int) (int, bool) {
	if s.cfg.Mode != modeTail {
		return 0, false
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(splitID))
	return int(h.Sum64() % uint64(parallelism)), true
}

// Close implements connectors.Source. The file system belongs to whoever resolved it.
func (s *Source) Close() error { return nil }

// rootError explains why the path of the job file cannot be read.
func (s *Source) rootError(err error) error {
	if errors.Is(err, filesystem.ErrNotFound) {
		return connectors.Permanent(connectors.AtKey("path", fmt.Errorf(
			"file source %s: %w: %s; correct the key path", s.env.Name, ErrNoPath, s.cfg.Path)))
	}
	return connectors.AtKey("path", fmt.Errorf(
		"file source %s: looking for files in %s: %w", s.env.Name, s.cfg.Path, err))
}

var (
	_ connectors.Source   = (*Source)(nil)
	_ connectors.Assigner = (*Source)(nil)
)
