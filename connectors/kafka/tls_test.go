package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

// TestTLS connects to a broker that asks for a client certificate.
func TestTLS(t *testing.T) {
	authority, err := servers.NewAuthority(t.TempDir())
	require.NoError(t, err)
	own, err := authority.Issue("broker", "127.0.0.1")
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	require.NoError(t, err)
	trusted, err := os.ReadFile(authority.Cert)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(trusted))
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"), kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert,
	}))
	require.NoError(t, err)
	defer fake.Close()
	env := testEnv("s", 1)
	files := local.New(local.Options{})
	env.FileSystems = func(_ context.Context, path string) (filesystem.FileSystem, string, error) {
		return files, path, nil
	}
	mine, err := authority.Issue("client")
	require.NoError(t, err)
	ca, cert, key := authority.Cert, mine.Cert, mine.Key
	config := goodSource()
	config.Brokers, config.Topics = fake.ListenAddrs(), []string{"t"}
	for _, tt := range []struct {
		name string
		tls  *transport.TLS
		want string // what the error says; "" is none
	}{
		{"all", &transport.TLS{CA: ca, Cert: cert, Key: key}, ""},
		{"no client certificate", &transport.TLS{CA: ca}, "certificate required"},
		{"an authority nobody knows", &transport.TLS{Cert: cert, Key: key}, "unknown authority"},
		{"another name", &transport.TLS{CA: ca, Cert: cert, Key: key, ServerName: "example.org"},
			"example.org"},
		{"plain", nil, "check tls"},
		{"no such file", &transport.TLS{CA: ca + ".missing"}, "authority.pem.missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config.TLS = tt.tls
			valid(t, config)
			err := config.CheckConnect(t.Context(), env)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}
