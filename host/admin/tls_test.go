package admin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/admin"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{t, cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue returns a certificate and its key as PEM.
func (a *authority) issue(usage x509.ExtKeyUsage, until time.Time, names ...string,
) (cert, key []byte) {
	a.t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, DNSNames: names,
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, pair.Public(), a.key)
	require.NoError(a.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	require.NoError(a.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// client returns what a client with a certificate of a connects with.
func (a *authority) client(until time.Time) tls.Certificate {
	a.t.Helper()
	cert, key := a.issue(x509.ExtKeyUsageClientAuth, until)
	pair, err := tls.X509KeyPair(cert, key)
	require.NoError(a.t, err)
	return pair
}

func pool(a *authority) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// TestMutualTLS calls a server that other machines reach, which has no token in its job file.
func TestMutualTLS(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	tomorrow := time.Now().Add(20 * time.Hour)
	cert, key := ours.issue(x509.ExtKeyUsageServerAuth, tomorrow, "jobs.example")
	config, err := admin.NewTLS(cert, key, ours.pem)
	require.NoError(t, err)
	s := serveConfig(t, admin.Config{
		Address: "0.0.0.0:0", TLS: config, Job: newJob(), Gatherer: prometheus.NewRegistry(),
	})
	require.NotEmpty(t, s.RunFile().Certificate)
	drawn := s.RunFile().Token.Reveal()
	expired := ours.client(time.Now().Add(-time.Hour))
	none := tls.Certificate{}
	for _, c := range []struct {
		name         string
		show         tls.Certificate
		method, path string
		token, host  string
		code         int // 0 is that no connection comes about
	}{
		{"nothing", none, "GET", "/status", "", "", 401},
		{"nothing, to see whether it serves", none, "GET", "/healthz", "", "", 200},
		{"a certificate", ours.client(tomorrow), "GET", "/status", "", "", 200},
		{"a certificate, to stop it", ours.client(tomorrow), "POST", "/stop", "", "", 202},
		{"metrics with nothing", none, "GET", "/metrics", "", "", 401},
		{"profiles with nothing", none, "GET", "/debug/pprof/heap", "", "", 401},
		{"the document with nothing", none, "GET", "/openapi.json", "", "", 401},
		{"profiles with a certificate", ours.client(tomorrow), "GET", "/debug/pprof/heap", "", "", 200},
		{"a certificate of somebody else", theirs.client(tomorrow), "GET", "/healthz", "", "", 0},
		{"a certificate that has expired", expired, "GET", "/healthz", "", "", 0},
		{"the token of the run file", none, "GET", "/status", drawn, "", 200},
		{"another token", none, "GET", "/status", "guess", "", 401},
		{"a name of the certificate", ours.client(tomorrow), "GET", "/status", "", "jobs.example", 200},
		{"another name", ours.client(tomorrow), "GET", "/status", "", "evil.example", 403},
		{"an address", ours.client(tomorrow), "GET", "/status", "", "10.1.2.3:80", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := &tls.Config{RootCAs: pool(ours)}
			if c.show.Certificate != nil {
				// Whatever authorities the server asks for.
				conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					return &c.show, nil
				}
			}
			client := &http.Client{Transport: &http.Transport{
				TLSClientConfig: conf, DisableKeepAlives: true,
			}}
			req, err := http.NewRequestWithContext(t.Context(), c.method,
				"https://"+s.Address()+c.path, nil)
			require.NoError(t, err)
			if c.token != "" {
				req.Header.Set("Authorization", "Bearer "+c.token)
			}
			req.Host = c.host
			resp, err := client.Do(req)
			if c.code == 0 {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, c.code, resp.StatusCode, "%s", body)
		})
	}
}

func TestNewTLSRefusesWhatDoesNotBelongTogether(t *testing.T) {
	ours := newAuthority(t, "ours")
	cert, key := ours.issue(x509.ExtKeyUsageServerAuth, time.Now().Add(time.Hour))
	_, other := ours.issue(x509.ExtKeyUsageServerAuth, time.Now().Add(time.Hour))
	_, err := admin.NewTLS(cert, other, nil)
	require.ErrorContains(t, err, "private key does not match")
	_, err = admin.NewTLS(cert, key, []byte("no PEM"))
	require.ErrorContains(t, err, "no certificate in PEM")
}

// TestClientOverTLS: the command finds its server by the run file, and believes that one only.
func TestClientOverTLS(t *testing.T) {
	ours := newAuthority(t, "ours")
	cert, key := ours.issue(x509.ExtKeyUsageServerAuth, time.Now().Add(20*time.Hour))
	config, err := admin.NewTLS(cert, key, nil)
	require.NoError(t, err)
	s := serveConfig(t, admin.Config{
		Address: "auto", TLS: config, Job: newJob(), Gatherer: prometheus.NewRegistry(),
	})
	file := s.RunFile()
	c := admin.NewClient(file.Address, file.Token, admin.PinnedTLS(file.Certificate))
	_, err = c.Pause(t.Context())
	require.NoError(t, err)

	stranger := admin.NewClient(file.Address, file.Token, admin.PinnedTLS(strings.Repeat("0", 64)))
	_, err = stranger.Status(t.Context())
	require.ErrorContains(t, err, "another certificate than the one in the run file")
	plain := admin.NewClient(file.Address, file.Token, nil)
	_, err = plain.Status(t.Context())
	require.Error(t, err)
	known := admin.NewClient(file.Address, connectors.Secret{}, &tls.Config{RootCAs: pool(ours)})
	_, err = known.Status(t.Context())
	require.NoError(t, err)
}
