package txlog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

func TestConformance(t *testing.T) {
	checkpointtest.RunLog(t, func(*testing.T) checkpointtest.LogHarness {
		cluster, disk := broker.New(broker.Options{}), fstest.NewDisk()
		// The disk dates its files from 1970 on. By today's clock a claim takes the temporary file of
		// a claim beside it for what a crash left long ago.
		begun := time.Now()
		now := func() time.Time { return time.UnixMilli(0).Add(time.Since(begun)) }
		return checkpointtest.LogHarness{Open: func(t *testing.T) checkpoint.CommitLog {
			fs := local.New(local.Options{Disk: disk})
			store, err := storelog.NewJobStore(fs, testRoot, testJob, nil)
			require.NoError(t, err)
			l, err := txlog.New(txlog.Options{
				Session: broker.NewClient(broker.ClientOptions{
					Broker: cluster, ID: testID, Commits: testCommits,
				}),
				Store: store, Name: testName, Job: testJob, Now: now,
			})
			require.NoError(t, err)
			return l
		}}
	})
}
