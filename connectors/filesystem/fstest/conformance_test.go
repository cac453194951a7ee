package fstest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

func TestConformance(t *testing.T) {
	disk := NewDisk()
	conform(t, func(*testing.T) filesystem.FileSystem {
		return local.New(local.Options{Disk: WrapDisk(disk)})
	})
}

// TestConformanceOfWrap: the wrapper of the contract changes nothing it carries.
func TestConformanceOfWrap(t *testing.T) {
	disk := NewDisk()
	conform(t, func(*testing.T) filesystem.FileSystem {
		return Wrap(local.New(local.Options{Disk: disk}))
	})
}

func conform(t *testing.T, open func(*testing.T) filesystem.FileSystem) {
	t.Helper()
	var roots atomic.Int64
	connectortest.RunFileSystem(t, connectortest.FileSystemHarness{
		Open: open,
		Root: func(*testing.T) string { return fmt.Sprintf("/roots/%d", roots.Add(1)) },
	})
}
