package storelog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Kinds and versions of the small records. They follow the rules of manifests.
const (
	hintKind        = "job"
	hintVersion     = 1
	appliedKind     = "applied"
	appliedVersion  = 1
	acceptedKind    = "accepted"
	acceptedVersion = 1
)

// smallBytesMax bounds the small records; the longest holds one path.
const smallBytesMax = 64 << 10

// applied is the content of an applied mark.
type applied struct {
	Epoch checkpoint.Epoch `json:"epoch"`
	Claim uint64           `json:"claim"`
}

// accepted is the content of an accepted loss.
type accepted struct {
	Path          string `json:"path"`
	By            string `json:"by"`
	CreatedMillis int64  `json:"created_unix_ms"`
}

func encodeSmall(kind string, version int, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return checkpoint.EncodeRecord(kind, version, append(body, '\n')), nil
}

// decodeSmall reads a small record into v, which is of the newest version.
func decodeSmall(kind string, versionMax int, data []byte, v any) error {
	_, body, err := checkpoint.DecodeRecord(kind, versionMax, data)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", checkpoint.ErrCorrupt, err)
	}
	return nil
}

// writeSmall replaces a small record.
func writeSmall(
	ctx context.Context, fs filesystem.FileSystem, p, kind string, version int, v any,
) error {
	data, err := encodeSmall(kind, version, v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", p, err)
	}
	return fs.WriteFile(ctx, p, data)
}

// readSmall reads a small record; false is a file that is not there.
func readSmall(
	ctx context.Context, fs filesystem.FileSystem, p, kind string, version int, v any,
) (bool, error) {
	data, err := fs.ReadFile(ctx, p, smallBytesMax)
	if errors.Is(err, filesystem.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := decodeSmall(kind, version, data, v); err != nil {
		return false, fmt.Errorf("reading %s: %w", p, err)
	}
	return true, nil
}
