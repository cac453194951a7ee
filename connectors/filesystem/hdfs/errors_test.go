package hdfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// TestErrors has what the library and WebHDFS answer, and what callers are told.
func TestErrors(t *testing.T) {
	remote := func(class, message string) error {
		return &fs.PathError{Op: "create", Path: "/x", Err: &remoteError{"org.apache." + class, message}}
	}
	for name, tt := range map[string]struct {
		err      error
		text     string
		sentinel error
		class    connectors.Class
	}{
		"missing": {
			&fs.PathError{Op: "stat", Path: "/x", Err: fs.ErrNotExist},
			"opening /x: no such file or folder", filesystem.ErrNotFound, connectors.Fail,
		},
		"no right, without a word": {
			&fs.PathError{Op: "create", Path: "/x", Err: fs.ErrPermission},
			`opening /x: permission denied to user "ann": the user has no right to it`,
			filesystem.ErrReadOnly, connectors.Fail,
		},
		"no right, explained": {
			remote("AccessControlException", "access=WRITE\n\tat java"),
			`opening /x: permission denied to user "ann": access=WRITE`,
			filesystem.ErrReadOnly, connectors.Fail,
		},
		"quota": {
			remote("DSQuotaExceededException", "quota is 1 MB"),
			"opening /x: quota exceeded: quota is 1 MB", filesystem.ErrNoSpace, connectors.Fail,
		},
		"path through a file": {
			remote("ParentNotDirectoryException", "/a is a file"),
			"opening /x: a folder of its path is a file", filesystem.ErrNotFound, connectors.Fail,
		},
		"safe mode": {
			remote("SafeModeException", "Name node is in safe mode."),
			"opening /x: the NameNode is in safe mode: Name node is in safe mode.", nil,
			connectors.Retry,
		},
		"standby": {
			remote("StandbyException", "state standby"),
			"opening /x: StandbyException: state standby", nil, connectors.Retry,
		},
		"another exception": {
			remote("LeaseExpiredException", "no lease"), "opening /x: LeaseExpiredException: no lease",
			nil, connectors.Fail,
		},
		"no DataNode": {
			remote("IOException", "File /x could only be written to 0 of the 1 minReplication nodes."),
			"opening /x: no DataNode takes a block: they are down, or full, or too many parts are open, " +
				"each of which takes a whole block (dfs.blocksize) of free space: File /x could only be " +
				"written to 0 of the 1 minReplication nodes.", nil, connectors.Fail,
		},
		"end of a connection": {
			io.EOF, "opening /x: the NameNode closed the connection", errConnection, connectors.Retry,
		},
		"refused": {
			&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "opening /x: dial: connection refused",
			syscall.ECONNREFUSED, connectors.Retry,
		},
		"deadline": {
			fmt.Errorf("read: %w", os.ErrDeadlineExceeded), "opening /x: read: i/o timeout",
			os.ErrDeadlineExceeded, connectors.Retry,
		},
		"all NameNodes down": {
			errors.New("no available namenodes: EOF"), "opening /x: no available namenodes: EOF", nil,
			connectors.Retry,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := (&FileSystem{user: "ann"}).wrap("opening", "/x", tt.err)
			require.EqualError(t, err, tt.text)
			require.Equal(t, tt.class, connectors.Classify(err))
			require.NotErrorIs(t, err, io.EOF, "a reader would take it for the end of the file")
			if tt.sentinel != nil {
				require.ErrorIs(t, err, tt.sentinel)
			}
		})
	}
}

func TestParseRename(t *testing.T) {
	renamed, err := parseRename("http://nn", 200, []byte(`{"boolean":true}`))
	require.NoError(t, err)
	require.True(t, renamed)
	renamed, err = parseRename("http://nn", 200, []byte(`{"boolean":false}`))
	require.NoError(t, err)
	require.False(t, renamed)
	_, err = parseRename("http://nn", 403, []byte(
		`{"RemoteException":{"exception":"StandbyException","javaClassName":"x","message":"no"}}`))
	require.True(t, isAway(err))
	for _, body := range []string{"", "null", "<html>", `{"boolean":true`, `{}`} {
		_, err = parseRename("http://nn", 200, []byte(body))
		require.ErrorContains(t, err, "none of WebHDFS", body)
	}
	_, err = parseRename("http://nn", 500, []byte(`{"boolean":true}`))
	require.ErrorContains(t, err, "500 Internal Server Error")
}
