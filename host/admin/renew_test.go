package admin_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/admin"
)

// TestCertificatesAreRenewed replaces the certificate and the authority of a server that runs.
func TestCertificatesAreRenewed(t *testing.T) {
	before, after := newAuthority(t, "before"), newAuthority(t, "after")
	tomorrow := time.Now().Add(20 * time.Hour)
	made := func(a *authority) *admin.TLS {
		cert, key := a.issue(x509.ExtKeyUsageServerAuth, tomorrow)
		c, err := admin.NewTLS(cert, key, a.pem)
		require.NoError(t, err)
		return c
	}
	var clock, looks atomic.Int64
	var files atomic.Pointer[admin.TLS] // nil is a key that does not belong to its certificate
	files.Store(made(before))
	s := serveConfig(t, admin.Config{
		Address: "0.0.0.0:0", TLS: files.Load(), Job: newJob(), Gatherer: prometheus.NewRegistry(),
		Now: func() time.Time { return time.Unix(clock.Load(), 0) },
		RenewTLS: func() (*admin.TLS, error) {
			looks.Add(1)
			if c := files.Load(); c != nil {
				return c, nil
			}
			return nil, errors.New("private key does not match")
		},
	})
	status := func(trusts, shows *authority) error {
		shown := shows.client(tomorrow)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: pool(trusts),
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					return &shown, nil
				}}}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			"https://"+s.Address()+"/status", nil)
		require.NoError(t, err)
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		require.Equal(t, http.StatusOK, resp.StatusCode)
		return resp.Body.Close()
	}
	require.NoError(t, status(before, before))
	require.Error(t, status(before, after), "an authority that the server does not know")

	files.Store(nil)
	clock.Add(10)
	require.NoError(t, status(before, before), "half of a change changes nothing")
	require.Equal(t, int64(1), looks.Load())

	files.Store(made(after))
	require.NoError(t, status(before, before), "nobody has looked again")
	require.Equal(t, int64(1), looks.Load())
	clock.Add(10)
	require.NoError(t, status(after, after))
	require.Error(t, status(before, before))
	require.Error(t, status(after, before), "the earlier authority counts no more")
	require.Equal(t, int64(2), looks.Load())

	file := s.RunFile()
	c := admin.NewClient(file.Address, file.Token, admin.PinnedTLS(file.Certificate))
	_, err := c.Status(t.Context())
	require.NoError(t, err, "the run file is as old as the server")
}
