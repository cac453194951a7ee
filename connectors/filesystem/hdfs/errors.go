package hdfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	hdfsclient "github.com/colinmarc/hdfs/v2"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Names of Java's exceptions that are told apart, without their packages.
const (
	safeMode       = "SafeModeException"
	standby        = "StandbyException"
	retriable      = "RetriableException"
	namespaceQuota = "NSQuotaExceededException"
	spaceQuota     = "DSQuotaExceededException"
	typeQuota      = "QuotaByStorageTypeExceededException"
	notDirectory   = "ParentNotDirectoryException"
	accessControl  = "AccessControlException"
)

// noTargets is in the message of a NameNode that finds no DataNode for a new block. The exception is
// a bare IOException.
const noTargets = "could only be written to 0 of"

// wrap says what was being done to which path. What heals by itself is marked retryable.
func (f *FileSystem) wrap(doing, path string, err error) error {
	if err == nil {
		return nil
	}
	out := fmt.Errorf("%s %s: %w", doing, path, f.explain(err))
	if isAway(err) && connectors.Classify(err) != connectors.Fatal {
		return connectors.Retryable(out)
	}
	return out
}

// explain finds the sentinel of err and words for what the NameNode answered.
func (f *FileSystem) explain(err error) error {
	var already *filesystem.Explained
	if errors.As(err, &already) {
		return err
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	class, message := exception(err)
	switch {
	case class == safeMode:
		return filesystem.Explain("the NameNode is in safe mode: "+message, err, nil)
	case class == namespaceQuota || class == spaceQuota || class == typeQuota:
		return filesystem.Explain("quota exceeded: "+message, err, filesystem.ErrNoSpace)
	case errors.Is(err, fs.ErrNotExist):
		return filesystem.Explain("no such file or folder", err, filesystem.ErrNotFound)
	case class == notDirectory, errors.Is(err, syscall.ENOTDIR):
		return filesystem.Explain("a folder of its path is a file", err, filesystem.ErrNotFound)
	case class == accessControl, errors.Is(err, fs.ErrPermission):
		if message == "" {
			message = "the user has no right to it"
		}
		return filesystem.Explain(
			fmt.Sprintf("permission denied to user %q: %s", f.user, message), err,
			filesystem.ErrReadOnly,
		)
	case errors.Is(err, io.EOF):
		// The library hands out a connection's end as it is, which a reader would take for the
		// file's.
		return filesystem.Explain("the NameNode closed the connection", errConnection, nil)
	case strings.Contains(message, noTargets):
		return filesystem.Explain("no DataNode takes a block: they are down, or full, or too many parts "+
			"are open, each of which takes a whole block (dfs.blocksize) of free space: "+message, err, nil)
	case class != "":
		return filesystem.Explain(class+": "+message, err, nil)
	}
	return err
}

// strangerError is an answer that is not of Hadoop's RPC.
type strangerError struct {
	address string
	said    []byte // as much as is shown
}

func (e *strangerError) Error() string {
	line, _, _ := bytes.Cut(e.said, []byte("\n"))
	what := "something else than a NameNode's RPC"
	if bytes.HasPrefix(e.said, []byte("HTTP/")) {
		what = "a web server"
	}
	return fmt.Sprintf("%s listens at %s: its answer begins with %q", what, e.address,
		bytes.TrimRight(line, "\r"))
}

// errConnection stands for a connection that ended where an answer was due.
var errConnection = errors.New("connection ended")

// exception returns the Java exception behind err, without its package, and the first line of what
// it says.
func exception(err error) (class, message string) {
	var remote *remoteError
	var answer hdfsclient.Error
	switch {
	case errors.As(err, &remote):
		class, message = remote.Exception, remote.Message
	case errors.As(err, &answer):
		class, message = answer.Exception(), answer.Message()
	default:
		return "", ""
	}
	message, _, _ = strings.Cut(message, "\n")
	return class[strings.LastIndexByte(class, '.')+1:], message
}

// isAway tells errors of a NameNode that is away, starting or not the active one: the same call may
// succeed in a while.
func isAway(err error) bool {
	switch class, _ := exception(err); class {
	case safeMode, standby, retriable:
		return true
	case "":
	default:
		return false
	}
	var network net.Error
	var stranger *strangerError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, errConnection) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network) ||
		errors.As(err, &stranger) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		// The library has no type for these two.
		strings.Contains(err.Error(), "no available namenodes") ||
		strings.Contains(err.Error(), "unexpected sequence number")
}
