package hdfs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
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

func TestWaitsAreToldRarely(t *testing.T) {
	var said bytes.Buffer
	w := waits{logger: slog.New(slog.NewTextHandler(&said, nil)), where: "nn:8020"}
	w.end()
	require.Empty(t, said.String())
	for range 3 {
		w.say(io.EOF)
	}
	require.Equal(t, 1, strings.Count(said.String(), "waiting for a NameNode"))
	w.mu.said = w.mu.said.Add(-sayEvery)
	w.say(errors.New("still away"))
	require.Equal(t, 2, strings.Count(said.String(), "waiting for a NameNode"))
	w.end()
	w.end()
	require.Equal(t, 1, strings.Count(said.String(), "the NameNode answers again"))
	w.say(io.EOF)
	require.Equal(t, 3, strings.Count(said.String(), "waiting for a NameNode"))
}
