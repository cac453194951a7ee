package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

// certificate makes a certificate that is its own authority, and its PEM files.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true,
		NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	}
	return cert, key
}

// TestTLS connects to a broker that asks for a client certificate.
func TestTLS(t *testing.T) {
	cert, key := certificate(t, t.TempDir())
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
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
	config := goodSource()
	config.Brokers, config.Topics = fake.ListenAddrs(), []string{"t"}
	for _, tt := range []struct {
		name string
		tls  *transport.TLS
		want string // what the error says; "" is none
	}{
		{"all", &transport.TLS{CA: cert, Cert: cert, Key: key}, ""},
		{"no client certificate", &transport.TLS{CA: cert}, "certificate required"},
		{"an authority nobody knows", &transport.TLS{Cert: cert, Key: key}, "unknown authority"},
		{"another name", &transport.TLS{CA: cert, Cert: cert, Key: key, ServerName: "example.org"},
			"example.org"},
		{"plain", nil, "check tls"},
		{"no such file", &transport.TLS{CA: cert + ".missing"}, "cert.pem.missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config.TLS = tt.tls
			valid(t, config)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if tt.want == "" {
				require.NoError(t, config.CheckConnect(t.Context(), env))
				return
			}
			require.ErrorContains(t, config.CheckConnect(ctx, env), tt.want)
		})
	}
}
