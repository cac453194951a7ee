package hdfs_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
)

// TestStoreConformance keeps a commit log on the cluster.
func TestStoreConformance(t *testing.T) {
	o := cluster.options(t)
	o.Private = true
	checkpointtest.RunLog(t, func(t *testing.T) checkpointtest.LogHarness {
		root := cluster.root()
		return checkpointtest.LogHarness{Open: func(t *testing.T) checkpoint.CommitLog {
			fs := open(t, o)
			t.Cleanup(func() { require.NoError(t, fs.Close()) })
			l, err := storelog.New(storelog.Options{FileSystem: fs, Root: root, Job: "orders"})
			require.NoError(t, err)
			return l
		}}
	})
}

// place is an empty root that a file system of user writes to.
func place(t *testing.T, user string) (*hdfs.FileSystem, filesystem.PendingName) {
	t.Helper()
	o := cluster.options(t)
	o.User = user
	fs := open(t, o)
	t.Cleanup(func() { require.NoError(t, fs.Close()) })
	root := cluster.root()
	return fs, filesystem.PendingName{
		Root: root, Job: "job", Part: "part", Target: root + "/part", Claim: 1,
	}
}

func create(
	t *testing.T, fs *hdfs.FileSystem, n filesystem.PendingName, data string,
) filesystem.PendingWriter {
	t.Helper()
	w, err := fs.CreatePending(t.Context(), n)
	require.NoError(t, err)
	_, err = io.WriteString(w, data)
	require.NoError(t, err)
	return w
}

// admin runs the administrator's tool.
func admin(t *testing.T, args ...string) {
	t.Helper()
	// Also for cleaning up, when the test's context has ended.
	_, err := cluster.get(t).Admin(context.WithoutCancel(t.Context()), args...)
	require.NoError(t, err)
}

func TestNoPermission(t *testing.T) {
	fs, n := place(t, "stranger")
	_, err := fs.CreatePending(t.Context(), n)
	require.ErrorIs(t, err, filesystem.ErrReadOnly)
	require.ErrorContains(t, err, `permission denied to user "stranger"`)
	require.ErrorIs(t, fs.CheckWrite(t.Context(), n.Root), filesystem.ErrReadOnly)
	require.NoError(t, fs.CheckRead(t.Context(), "/"))
}

func TestBasePathIsAFile(t *testing.T) {
	fs, n := place(t, "admin")
	require.NoError(t, fs.WriteFile(t.Context(), n.Root, []byte("a file")))
	_, err := fs.CreatePending(t.Context(), n)
	require.Error(t, err)
	require.ErrorContains(t, err, "is a file")
	_, err = fs.Stat(t.Context(), n.Target)
	require.ErrorIs(t, err, filesystem.ErrNotFound)
}

// TestQuota fills a folder: the part fails for good, and another one succeeds when there is room.
func TestQuota(t *testing.T) {
	fs, n := place(t, "admin")
	require.NoError(t, fs.WriteFile(t.Context(), n.Root+"/seed", nil))
	admin(t, "-setSpaceQuota", "100k", n.Root)
	w, err := fs.CreatePending(t.Context(), n)
	require.NoError(t, err)
	_, err = io.WriteString(w, strings.Repeat("x", 1000))
	if err == nil {
		_, err = w.Close(t.Context())
	}
	require.ErrorIs(t, err, filesystem.ErrNoSpace)
	require.ErrorContains(t, err, "quota exceeded")
	_, again := w.Close(t.Context())
	require.Equal(t, err, again, "the first error stays")
	require.NoError(t, w.Abort(t.Context()))

	admin(t, "-clrSpaceQuota", n.Root)
	token, err := create(t, fs, n, "fits").Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, fs.Publish(t.Context(), token))
}

// TestSafeMode: calls wait for the NameNode to leave safe mode, or for their context to end.
func TestSafeMode(t *testing.T) {
	fs, n := place(t, "admin")
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	admin(t, "-safemode", "enter")
	ctx, cancel := context.WithCancel(t.Context())
	published := make(chan error)
	go func() { published <- fs.Publish(ctx, token) }() // ends with ctx at the latest
	cancel()
	require.ErrorIs(t, <-published, context.Canceled)
	go func() { published <- fs.Publish(t.Context(), token) }() // ends when safe mode does
	admin(t, "-safemode", "leave")
	require.NoError(t, <-published)
}

// TestNameNodeRestarts: what was closed is published by whoever comes back, and calls that fall
// into the outage wait.
func TestNameNodeRestarts(t *testing.T) {
	fs, n := place(t, "admin")
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	node := cluster.get(t).NameNode()
	require.NoError(t, node.Kill())
	published := make(chan error)
	go func() { published <- fs.Publish(t.Context(), token) }() // ends when the NameNode is back
	require.NoError(t, node.Start(t.Context()))
	require.NoError(t, <-published)
	data, err := fs.ReadFile(t.Context(), n.Target, 100)
	require.NoError(t, err)
	require.Equal(t, "data", string(data))
}

// TestDataNodeDies: the part that it held fails at its first error and never gets a token; it is
// removed, and another one is written when the node is back.
func TestDataNodeDies(t *testing.T) {
	fs, n := place(t, "admin")
	w := create(t, fs, n, strings.Repeat("x", 700_000))
	node := cluster.get(t).DataNodes()[0]
	require.NoError(t, node.Kill())
	_, err := w.Close(t.Context())
	require.Error(t, err)
	for range 3 {
		_, again := w.Close(t.Context())
		require.Equal(t, err, again)
		_, again = io.WriteString(w, "more")
		require.Equal(t, err, again)
	}
	require.NoError(t, w.Abort(t.Context()))
	for stray := range fs.ListStrays(t.Context(), n.Root, n.Job) {
		t.Errorf("%s is left", stray.Part)
	}
	require.NoError(t, node.Start(t.Context()))
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, fs.Publish(t.Context(), token))
}

// TestNobodyListens: an address that never answered is given up within seconds, as an error that
// heals.
func TestNobodyListens(t *testing.T) {
	var said bytes.Buffer
	fs := open(t, hdfs.Options{
		NameNodes: []string{"127.0.0.1:1"}, User: "admin",
		Logger: slog.New(slog.NewTextHandler(&said, nil)),
	})
	defer func() { require.NoError(t, fs.Close()) }()
	_, err := fs.Stat(t.Context(), "/")
	require.ErrorContains(t, err, "for a NameNode at 127.0.0.1:1")
	require.ErrorContains(t, err, "connection refused")
	require.ErrorContains(t, err, "fs.defaultFS")
	require.Equal(t, connectors.Retry, connectors.Classify(err))
	require.Contains(t, said.String(), `msg="waiting for a NameNode" at=127.0.0.1:1 call="describing /" since=0s`)
	require.Contains(t, said.String(), "connection refused")
}
