package file

import (
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/charset"
)

// Sentinels of the file source, for callers to branch on. They come wrapped with the path.
var (
	// ErrNoPath is returned by Enumerate when the path of the job file is not there.
	ErrNoPath = errors.New("path does not exist")
	// ErrVanished is returned by Poll when a file that was found, or begun, is gone.
	ErrVanished = errors.New("file is gone")
	// ErrShrunk is returned by Poll when a file is shorter than when it was found.
	ErrShrunk = errors.New("file is shorter than when it was found")
	// ErrReplaced is returned by Poll when another file stands under the path of a begun one.
	ErrReplaced = errors.New("another file stands under this path")
	// ErrDamaged is returned by Poll for a compressed file that does not decompress.
	ErrDamaged = errors.New("file is damaged or not compressed as its name says")
	// ErrRecordTooLong is returned by Poll for a record above record_bytes_max.
	ErrRecordTooLong = errors.New("record is longer than record_bytes_max")
	// ErrInvalidText is returned by Poll when invalid = "fail" and bytes do not decode.
	ErrInvalidText = charset.ErrInvalid
	// ErrOtherMode is returned by Enumerate and AddSplits for what another mode left behind.
	ErrOtherMode = errors.New("it was made in another mode; take the key mode back, or begin " +
		"anew with run --fresh")
)

// fault wraps one of the sentinels. No restart mends any of them, so the job ends at once and the
// operator reads the path and the place.
func fault(path string, offset int64, err error) error {
	return connectors.Permanent(fmt.Errorf("reading %s at byte %d: %w%s", path, offset, err,
		remedy(err)))
}

// remedy says what to do about err, unless err says so itself.
func remedy(err error) string {
	switch {
	case errors.Is(err, ErrRecordTooLong):
		return "; raise the key record_bytes_max, or mend the file"
	case errors.Is(err, ErrVanished), errors.Is(err, ErrShrunk), errors.Is(err, ErrReplaced):
		return "; put the file back as it was, or give up the rest of it with the key " +
			"vanished = \"skip\""
	case errors.Is(err, format.ErrDamaged):
		return "; put a whole file in its place, correct the key format, or leave the file out with " +
			"the key exclude"
	}
	return ""
}

// readError says where reading ended. A restart may mend a disk, but no damaged file.
func readError(path string, offset int64, err error) error {
	if errors.Is(err, ErrDamaged) {
		return fault(path, offset, err)
	}
	return fmt.Errorf("reading %s at byte %d: %w", path, offset, err)
}
