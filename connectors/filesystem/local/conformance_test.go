package local_test

import (
	"testing"

	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

func TestConformance(t *testing.T) {
	connectortest.RunFileSystem(t, connectortest.FileSystemHarness{
		Open: func(*testing.T) filesystem.FileSystem { return local.New(local.Options{}) },
		Root: func(t *testing.T) string { return t.TempDir() },
	})
}
