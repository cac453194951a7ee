package registry

import (
	"context"
	"errors"

	"github.com/wasmflow/wasmflow/connectors"
)

// schemaBytesMax bounds a file of a schema.
const schemaBytesMax = 4 << 20

// ReadSchema reads the file of a schema at url.
func ReadSchema(ctx context.Context, env connectors.Env, url string) (string, error) {
	if env.FileSystems == nil {
		return "", errors.New("no file system is at hand")
	}
	fs, path, err := env.FileSystems(ctx, url)
	if err != nil {
		return "", err
	}
	data, err := fs.ReadFile(ctx, path, schemaBytesMax)
	return string(data), err
}
