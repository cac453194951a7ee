package socket_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
)

func TestSourceConformance(t *testing.T) {
	values := strings.Fields("some lines of text that a server has to send, perhaps")
	// A reader may close before it has read all; the server need not care.
	handle := func(c net.Conn) error {
		_ = send(strings.Join(values, "\n"))(c)
		return nil
	}
	connectortest.RunSource(t, connectortest.SourceHarness{
		Guarantee: connectors.AtMostOnce, Values: values, LingerMillis: 1000,
		Open: func(t *testing.T, _ int) connectors.Source {
			ln := listen(t)
			serve(t, ln, slices.Repeat([]func(net.Conn) error{handle}, 4)...)
			s, err := sourceConfig(ln.Addr().String(), 1).Open(t.Context(), env(&warnings{}))
			require.NoError(t, err)
			return s
		},
	})
}

func TestSinkConformance(t *testing.T) {
	connectortest.RunSink(t, func(t *testing.T) connectortest.SinkHarness {
		ln, got := listen(t), newLines()
		serve(t, ln, got.handle)
		return connectortest.SinkHarness{
			Guarantee: connectors.AtLeastOnce, Visible: connectortest.AtWrite,
			Open: func(t *testing.T, env connectors.Env) connectors.Sink {
				s, err := sinkConfig(ln.Addr().String(), 1).Open(t.Context(), env)
				require.NoError(t, err)
				return s
			},
			Read: func(t *testing.T) []string { return strings.Fields(strings.Join(got.wait(t), " ")) },
		}
	})
}
