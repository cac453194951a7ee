package connectors_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

// TestSecretIsNeverFormatted tries the ways in which a value gets into a log or an error, those
// in which fmt does not ask the value's methods among them.
func TestSecretIsNeverFormatted(t *testing.T) {
	const value = "hunter2"
	secret := connectors.NewSecret(value)
	type exported struct{ Token connectors.Secret }
	type hidden struct{ token connectors.Secret }
	holders := []any{
		secret, &secret, []connectors.Secret{secret}, map[string]connectors.Secret{"a": secret},
		exported{secret}, &exported{secret}, hidden{secret}, &hidden{secret},
		struct{ Inner *hidden }{&hidden{secret}}, struct{ Inner *exported }{&exported{secret}},
	}
	for _, h := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T"} {
			require.NotContains(t, fmt.Sprintf(verb, h), value, "%s of %T", verb, h)
		}
		data, err := json.Marshal(h)
		require.NoError(t, err)
		require.NotContains(t, string(data), value)
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", h)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", h)
		require.NotContains(t, log.String(), value, "%T", h)
	}
	require.Equal(t, value, secret.Reveal())
	require.False(t, secret.IsZero())
	require.True(t, connectors.Secret{}.IsZero())
	require.Empty(t, connectors.Secret{}.Reveal())
}
