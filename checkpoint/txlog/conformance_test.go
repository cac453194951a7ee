package txlog_test

import (
	"testing"

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
		return checkpointtest.LogHarness{Open: func(t *testing.T) checkpoint.CommitLog {
			fs := local.New(local.Options{Disk: disk})
			store, err := storelog.NewJobStore(fs, testRoot, testJob, nil)
			require.NoError(t, err)
			l, err := txlog.New(txlog.Options{
				Session: broker.NewClient(broker.ClientOptions{
					Broker: cluster, ID: testID, Commits: testCommits,
				}),
				Store: store, Name: testName, Job: testJob,
			})
			require.NoError(t, err)
			return l
		}}
	})
}
