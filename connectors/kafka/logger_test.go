package kafka

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestClientDoesNotRepeatItself(t *testing.T) {
	var out bytes.Buffer
	now := time.UnixMilli(0)
	l := newClientLogger(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return now })
	require.Equal(t, kgo.LogLevelWarn, l.Level())
	for range 3 {
		l.Log(kgo.LogLevelWarn, "no broker", "addr", "a:1")
		l.Log(kgo.LogLevelInfo, "for who debugs the client")
	}
	l.Log(kgo.LogLevelError, "something else")
	require.Equal(t, 2, strings.Count(out.String(), "\n"), out.String())
	require.Contains(t, out.String(), "addr=a:1")
	now = now.Add(repeatAfter)
	l.Log(kgo.LogLevelWarn, "no broker")
	require.Equal(t, 3, strings.Count(out.String(), "\n"))
}
