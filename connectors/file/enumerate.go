package file

import (
	"context"
	"fmt"
	"strconv"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

const (
	// rangeBytesMin is the smallest range a file is cut into: opening one costs far less than
	// reading it, and a file of some tens of megabytes still spreads over a few tasks.
	rangeBytesMin = 16 << 20
	// rangesMax bounds the ranges of one file, which all stand in every manifest.
	rangesMax = 1024
)

// listedOnce is the state after the one listing of once mode.
func listedOnce() checkpoint.Position {
	return checkpoint.Position{Version: positionVersion, Data: []byte{kindOnce}}
}

// enumerateOnce lists once. The state only says that this happened.
func (s *Source) enumerateOnce(
	ctx context.Context, state checkpoint.Position,
) (connectors.Enumeration, error) {
	out := connectors.Enumeration{State: state, Done: true}
	if !state.IsZero() {
		d, err := newDecoder(state, kindOnce)
		if err == nil {
			err = d.finish()
		}
		if err != nil {
			return connectors.Enumeration{}, s.stateError(err)
		}
		return out, nil
	}
	files, err := s.list(ctx)
	if err != nil {
		return connectors.Enumeration{}, err
	}
	for _, f := range files {
		out.Found = append(out.Found, s.splits(f, "")...)
	}
	if len(files) == 0 {
		s.env.Logger.Warn("no file is there to read, and files that come later are not read either; "+
			"look at the keys path, include and exclude, and begin anew with run --fresh",
			"source", s.env.Name, "path", s.cfg.Path)
	}
	out.State = listedOnce()
	s.metrics.found.Add(float64(len(out.Found)))
	return out, nil
}

// enumerateContinuous lists again and again. A file that it does not know, or that changed since,
// is read in full.
func (s *Source) enumerateContinuous(
	ctx context.Context, state checkpoint.Position,
) (connectors.Enumeration, error) {
	out := connectors.Enumeration{State: state, Again: s.cfg.DiscoverInterval.D()}
	known, err := decodeSeen(state)
	if err != nil {
		return connectors.Enumeration{}, s.stateError(err)
	}
	files, err := s.list(ctx)
	if err != nil {
		return connectors.Enumeration{}, err
	}
	floor := known.floor
	fresh, changed := known.update(files, s.env.Now(), s.cfg.LookBack.D(), s.cfg.SeenMax)
	for _, f := range fresh {
		out.Found = append(out.Found, s.splits(f, versionOf(f))...)
	}
	if changed {
		out.State = known.encode()
	}
	if known.floor > floor {
		s.floorRaised.Do(func() {
			s.env.Logger.Warn("more files than seen_max: late files with an older time count as "+
				"read; tidy finished files away or raise seen_max",
				"source", s.env.Name, "seen_max", s.cfg.SeenMax)
		})
	}
	s.metrics.found.Add(float64(len(out.Found)))
	return out, nil
}

// versionOf tells two versions of a file apart.
func versionOf(f filesystem.Info) string {
	return strconv.FormatInt(f.ModTime.UnixNano(), 10) + "-" + strconv.FormatInt(f.Size, 10)
}

func (s *Source) stateError(err error) error {
	return connectors.Permanent(fmt.Errorf("file source %s: reading what it has found so far: %w",
		s.env.Name, err))
}

// splits cuts a file into the ranges that tasks read. The cut depends on the file alone, never on
// the number of tasks, so that records keep their names whatever reads them.
func (s *Source) splits(f filesystem.Info, version string) []checkpoint.Split {
	size := max(s.rangeBytes, (f.Size+rangesMax-1)/rangesMax)
	if !s.fs.Abilities().RangeRead || !s.charset.splittable(s.cfg.Delimiter) {
		size = f.Size
	}
	return s.cut(f, version, size)
}

// cut cuts a file into ranges of size bytes. An empty file has none, a compressed one has one.
func (s *Source) cut(f filesystem.Info, version string, size int64) []checkpoint.Split {
	pos := rangePosition{
		path: f.Path, size: f.Size, modTime: f.ModTime.UnixNano(), identity: f.Identity,
	}
	if codecOf(f.Path) != "" {
		pos.end = endUnknown
		return []checkpoint.Split{{ID: splitID(f.Path, 0, version), Position: pos.encode()}}
	}
	var out []checkpoint.Split
	for pos.start < f.Size {
		pos.end = pos.start + size
		if pos.end+size/2 > f.Size {
			pos.end = f.Size // no small range at the end
		}
		pos.next = pos.start
		out = append(out, checkpoint.Split{
			ID: splitID(f.Path, pos.start, version), Position: pos.encode(),
		})
		pos.start = pos.end
	}
	return out
}
