package stdin_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/stdin"
)

// patient gives readers a linger: the suite's own limits have none, and the input is read by a
// goroutine.
type patient struct{ connectors.Source }

func (p patient) OpenReader(
	ctx context.Context, rc connectors.ReaderContext,
) (connectors.SourceReader, error) {
	rc.Limits.LingerMillis = 1000
	return p.Source.OpenReader(ctx, rc)
}

func TestConformance(t *testing.T) {
	values := strings.Fields("some lines of text that somebody has typed in, perhaps")
	connectortest.RunSource(t, connectortest.SourceHarness{
		Guarantee: connectors.AtMostOnce, Values: values,
		Open: func(t *testing.T, _ int) connectors.Source {
			in := strings.NewReader(strings.Join(values, "\n"))
			s, err := stdin.SpecFrom(in).NewSource().Open(t.Context(), connectors.Env{Now: time.Now})
			require.NoError(t, err)
			return patient{s}
		},
	})
}
