package hdfs

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

// TestUnknownNameservice: a name that nobody knows is a mistake of the job file, at once.
func TestUnknownNameservice(t *testing.T) {
	o, err := FromEnvironment(lookupIn(conf(t, nil)), "lake")
	require.NoError(t, err)
	fs, err := New(o)
	require.NoError(t, err)
	defer func() { require.NoError(t, fs.Close()) }()
	fs.lookup = func(_ context.Context, host string) ([]string, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	_, err = fs.Stat(t.Context(), "/")
	require.ErrorContains(t, err, "Hadoop's configuration has no nameservice lake")
	require.ErrorContains(t, err, "set HADOOP_CONF_DIR")
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

// TestSomethingElseListens: what is no NameNode is named, with what it said and what to check.
func TestSomethingElseListens(t *testing.T) {
	for name, tt := range map[string]struct {
		answer, want string
	}{
		"web server": {
			"HTTP/1.1 400 Bad Request\r\n\r\n",
			`a web server listens at %s: its answer begins with "HTTP/1.1 400 Bad Request";`,
		},
		"remote shell": {
			"SSH-2.0-x\r\n",
			`something else than a NameNode's RPC listens at %s: its answer begins with "SSH-2.0-x";`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			served := make(chan struct{})
			go func() { // ends when the listener is closed
				defer close(served)
				for {
					c, err := listener.Accept()
					if err != nil {
						return
					}
					_, _ = io.ReadFull(c, make([]byte, 4)) // "hrpc"
					_, _ = io.WriteString(c, tt.answer)
					_ = c.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, c)
					_ = c.Close()
				}
			}()
			at := listener.Addr().String()
			fs, err := New(Options{NameNodes: []string{at}, User: "ann"})
			require.NoError(t, err)
			_, err = fs.Stat(t.Context(), "/")
			require.ErrorContains(t, err, strings.Replace(tt.want, "%s", at, 1))
			require.ErrorContains(t, err, "fs.defaultFS")
			require.ErrorContains(t, err, "8020")
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
			require.NoError(t, fs.Close())
			require.NoError(t, listener.Close())
			<-served
		})
	}
}
