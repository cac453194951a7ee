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
	var roots atomic.Int64
	connectortest.RunFileSystem(t, connectortest.FileSystemHarness{
		Open: func(*testing.T) filesystem.FileSystem {
			// Through both wrappers, which must not change what they carry.
			return Wrap(local.New(local.Options{Disk: WrapDisk(disk)}))
		},
		Root: func(*testing.T) string { return fmt.Sprintf("/roots/%d", roots.Add(1)) },
	})
}
