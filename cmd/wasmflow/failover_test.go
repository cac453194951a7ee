package main

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
)

// TestJobsOnAPairOfNameNodes kills the active NameNode while a job writes and decides, and makes
// the other one active.
func TestJobsOnAPairOfNameNodes(t *testing.T) {
	h, err := servers.StartHDFS(t.Context(), servers.HDFSOptions{Pair: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, h.Close()) }()
	t.Setenv("HADOOP_CONF_DIR", h.Conf())
	t.Setenv("HADOOP_USER_NAME", servers.HDFSUser)
	o, err := hdfs.FromEnvironment(os.LookupEnv, servers.Nameservice)
	require.NoError(t, err)
	require.Len(t, o.NameNodes, 2)
	fs, err := hdfs.New(o)
	require.NoError(t, err)
	defer func() { require.NoError(t, fs.Close()) }()
	newLake(t, fs, "hdfs://"+servers.Nameservice, "pair", func() {
		require.NoError(t, h.FailOver(context.WithoutCancel(t.Context())))
	}).isKilled()
}
