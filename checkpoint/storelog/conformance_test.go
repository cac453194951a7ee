package storelog

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

func TestConformance(t *testing.T) {
	places := map[string]func(t *testing.T) (local.Disk, string){
		"memory": func(*testing.T) (local.Disk, string) { return fstest.NewDisk(), testRoot },
		"disk":   func(t *testing.T) (local.Disk, string) { return local.PrivateOS(), t.TempDir() },
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			checkpointtest.RunLog(t, func(t *testing.T) checkpointtest.LogHarness {
				disk, root := place(t)
				return checkpointtest.LogHarness{Open: func(t *testing.T) checkpoint.CommitLog {
					l, err := New(Options{
						FileSystem: local.New(local.Options{Disk: disk}), Root: root, Job: testJob,
						Now: clock(disk),
					})
					require.NoError(t, err)
					return l
				}}
			})
		})
	}
}

// clock returns the time by which a disk dates its files. By another one a claim takes the
// temporary file of a claim beside it for what a crash left long ago.
func clock(disk local.Disk) func() time.Time {
	if _, inMemory := disk.(*fstest.Disk); inMemory {
		return func() time.Time { return time.UnixMilli(0) }
	}
	return time.Now
}
