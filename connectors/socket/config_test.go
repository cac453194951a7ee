package socket_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/socket"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name      string
		change    func(*socket.SourceConfig)
		key, text string
	}{
		{"no address", func(c *socket.SourceConfig) { c.Address = "" }, "address",
			"required; write host:port"},
		{"no port", func(c *socket.SourceConfig) { c.Address = "localhost" }, "address",
			"is not host:port"},
		{"no host", func(c *socket.SourceConfig) { c.Address = ":9000" }, "address", "is not host:port"},
		{"bare IPv6", func(c *socket.SourceConfig) { c.Address = "::1:9000" }, "address",
			"IPv6 address in brackets"},
		{"port 0", func(c *socket.SourceConfig) { c.Address = "h:0" }, "address", "from 1 to 65535"},
		{"port too large", func(c *socket.SourceConfig) { c.Address = "h:65536" }, "address",
			"from 1 to 65535"},
		{"named port", func(c *socket.SourceConfig) { c.Address = "h:http" }, "address",
			`"http" is no port`},
		{"attempts", func(c *socket.SourceConfig) { c.Attempts = -1 }, "attempts", "0 never gives up"},
		{"backoff", func(c *socket.SourceConfig) { c.Backoff = 0 }, "backoff", "0s is below 1ms"},
		{"delimiter", func(c *socket.SourceConfig) { c.Delimiter = "" }, "delimiter", "required"},
		{"charset", func(c *socket.SourceConfig) { c.Charset = "klingon" }, "charset", "IANA name"},
		{"record_bytes_max", func(c *socket.SourceConfig) { c.RecordBytesMax = 0 },
			"record_bytes_max", "between 1B and 1GiB"},
		{"cert without key", func(c *socket.SourceConfig) { c.TLS = &transport.TLS{Cert: "/c"} },
			"tls.key", "required with cert"},
		{"key without cert", func(c *socket.SourceConfig) { c.TLS = &transport.TLS{Key: "/k"} },
			"tls.cert", "required with key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := sourceConfig("[::1]:9000", 1)
			var p connectors.Problems
			config.Validate(&p)
			require.Empty(t, p.List)
			c.change(config)
			config.Validate(&p)
			require.Len(t, p.List, 1)
			require.Equal(t, c.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, c.text)
		})
	}
}

func TestSpec(t *testing.T) {
	spec := socket.Spec()
	require.Equal(t, "socket", spec.Name)
	require.Equal(t, connectors.AtMostOnce, spec.NewSource().Guarantee())
	require.Equal(t, connectors.AtLeastOnce, spec.NewSink().Guarantee())

	var p connectors.Problems
	spec.NewSink().Validate(&p)
	require.Equal(t, []connectors.Problem{
		{Key: "address", Text: "required; write host:port of the server"},
	}, p.List, "only the address has no default")
}

func TestCheckConnectDoesNotConnect(t *testing.T) {
	e := env(&warnings{})
	for _, c := range []connectors.Checker{
		sourceConfig(vacant(t), 0), sinkConfig(vacant(t), 1), sourceConfig("[::1]:9000", 1),
	} {
		require.NoError(t, c.CheckConnect(t.Context(), e))
	}
	for _, c := range []connectors.Checker{
		sourceConfig("no..such..host:9000", 0), sinkConfig("no..such..host:9000", 0),
	} {
		err := c.CheckConnect(t.Context(), e)
		require.ErrorContains(t, err, "looking up the host of no..such..host:9000")
	}
	config := sinkConfig("127.0.0.1:1", 1)
	config.TLS = &transport.TLS{CA: "/no/such/ca.pem"}
	require.ErrorContains(t, config.CheckConnect(t.Context(), e), "/no/such/ca.pem")
}
