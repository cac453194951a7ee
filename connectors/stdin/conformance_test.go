package stdin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/stdin"
)

func TestConformance(t *testing.T) {
	values := strings.Fields("some lines of text that somebody has typed in, perhaps")
	connectortest.RunSource(t, connectortest.SourceHarness{
		Guarantee: connectors.AtMostOnce, Values: values, LingerMillis: 1000,
		Open: func(t *testing.T, _ int) connectors.Source {
			in := strings.NewReader(strings.Join(values, "\n"))
			s, err := stdin.SpecFrom(in).NewSource().Open(t.Context(), connectors.Env{Now: time.Now})
			require.NoError(t, err)
			return s
		},
	})
}
