package printsink_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	printsink "github.com/wasmflow/wasmflow/connectors/print"
)

func TestConformance(t *testing.T) {
	connectortest.RunSink(t, func(*testing.T) connectortest.SinkHarness {
		var stdout bytes.Buffer
		spec := printsink.SpecTo(&stdout, nil)
		return connectortest.SinkHarness{
			Guarantee: connectors.AtLeastOnce, Visible: connectortest.AtWrite,
			Open: func(t *testing.T, env connectors.Env) connectors.Sink {
				s, err := spec.NewSink().Open(t.Context(), env)
				require.NoError(t, err)
				return s
			},
			Read: func(*testing.T) []string {
				var values []string
				for line := range strings.Lines(stdout.String()) {
					prefix, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "> ")
					if !found {
						value = prefix
					}
					values = append(values, value)
				}
				return values
			},
		}
	})
}
