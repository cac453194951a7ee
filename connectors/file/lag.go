package file

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// lagFilesMax bounds how many followed files are looked at for one figure; a folder with more
// shows the lag of these.
const lagFilesMax = 1000

// Lag implements connectors.LagReporter: bytes of files; of compressed ones and of containers as
// they lie on disk and at most. Of a range that was found its own bytes count, whatever happened to
// the file since.
func (s *Source) Lag(ctx context.Context, splits []checkpoint.Split) (int64, string, error) {
	var left int64
	for i, split := range splits {
		if s.cfg.Mode != modeTail {
			p, err := decodeRange(split.Position)
			if err != nil {
				return 0, "", fmt.Errorf("measuring the lag of %s: %w", split.ID, err)
			}
			if s.cfg.isContainer() {
				left += min(p.end, p.size) - p.start // next counts records
				continue
			}
			left += max(0, min(p.end, p.size)-p.next)
			continue
		}
		if i == lagFilesMax {
			break
		}
		n, err := s.tailLag(ctx, split)
		if err != nil {
			return 0, "", fmt.Errorf("measuring the lag of %s: %w", split.ID, err)
		}
		left += n
	}
	return left, "bytes", nil
}

// tailLag returns what a followed file has grown beyond the position. After a rotation that is all
// of the new file; the rest of the old one is not looked for.
func (s *Source) tailLag(ctx context.Context, split checkpoint.Split) (int64, error) {
	p, err := decodeTail(split.Position)
	if err != nil {
		return 0, err
	}
	info, err := s.fs.Stat(ctx, p.path)
	switch {
	case errors.Is(err, filesystem.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case info.Identity != p.identity || info.Size < p.offset:
		return info.Size, nil
	}
	return info.Size - p.offset, nil
}

var _ connectors.LagReporter = (*Source)(nil)
