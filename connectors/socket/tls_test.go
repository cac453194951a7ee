package socket_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

// authority signs certificates and keeps them as files.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir(), pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.pool.AddCert(a.cert)
	a.write(t, "ca.pem", "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func (a *authority) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	require.NoError(t, os.WriteFile(a.file(name), text, 0o600))
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// issue signs a certificate for host and writes it to name.pem and name.key.
func (a *authority) issue(t *testing.T, name, host string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{host},
		NotAfter:    time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(t, err)
	a.write(t, name+".pem", "CERTIFICATE", der)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	a.write(t, name+".key", "PRIVATE KEY", secret)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// listenTLS opens a listener that demands a client certificate if clientAuth says so.
func (a *authority) listenTLS(t *testing.T, clientAuth tls.ClientAuthType) net.Listener {
	t.Helper()
	return tls.NewListener(listen(t), &tls.Config{
		Certificates: []tls.Certificate{a.issue(t, "server", "wire.test")},
		ClientAuth:   clientAuth, ClientCAs: a.pool,
	})
}

func TestTLSSource(t *testing.T) {
	a := newAuthority(t)
	a.issue(t, "client", "client.test")
	ln := a.listenTLS(t, tls.RequireAndVerifyClientCert)
	serve(t, ln, send("a\nb"))
	config := sourceConfig(ln.Addr().String(), 1)
	config.TLS = &transport.TLS{
		CA: a.file("ca.pem"), Cert: a.file("client.pem"), Key: a.file("client.key"),
		ServerName: "wire.test",
	}
	got, err := drain(t, source(t, config, &warnings{}))
	require.ErrorIs(t, err, connectors.ErrEndOfInput)
	require.Equal(t, []string{"a", "b"}, got)
}

// A read that times out between two parts of a stream must not harm the TLS connection.
func TestTLSSurvivesIdlePolls(t *testing.T) {
	a := newAuthority(t)
	ln, more := a.listenTLS(t, tls.NoClientCert), make(chan struct{})
	serve(t, ln, func(c net.Conn) error {
		if err := send("a\nb")(c); err != nil {
			return err
		}
		<-more
		return send("c\n")(c)
	})
	config := sourceConfig(ln.Addr().String(), 1)
	config.TLS = &transport.TLS{CA: a.file("ca.pem"), ServerName: "wire.test"}
	r := source(t, config, &warnings{})
	require.Equal(t, []string{"a"}, pollN(t, r, 1))
	var b connectors.Batch
	for range 3 {
		require.NoError(t, r.Poll(t.Context(), &b))
		require.Zero(t, b.Len())
	}
	close(more)
	got, err := drain(t, r)
	require.ErrorIs(t, err, connectors.ErrEndOfInput)
	require.Equal(t, []string{"bc"}, got)
}

func TestTLSSink(t *testing.T) {
	a := newAuthority(t)
	ln, got := a.listenTLS(t, tls.NoClientCert), newLines()
	serve(t, ln, got.handle)
	config := sinkConfig(ln.Addr().String(), 1)
	config.TLS = &transport.TLS{CA: a.file("ca.pem"), ServerName: "wire.test"}
	s, err := config.Open(t.Context(), env(&warnings{}))
	require.NoError(t, err)
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	require.NoError(t, w.Write(t.Context(), batch("a", "b")))
	require.NoError(t, w.Flush(t.Context()))
	require.NoError(t, s.Close())
	require.Equal(t, []string{"a", "b"}, got.wait(t))
}

func TestTLSRefusals(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	stranger.issue(t, "client", "client.test")
	for _, c := range []struct {
		name, text string
		auth       tls.ClientAuthType
		tls        transport.TLS
	}{
		{"authority unknown to us", "certificate signed by unknown authority", tls.NoClientCert,
			transport.TLS{CA: stranger.file("ca.pem"), ServerName: "wire.test"}},
		{"another name", "not other.test", tls.NoClientCert,
			transport.TLS{CA: a.file("ca.pem"), ServerName: "other.test"}},
		{"no client certificate", "tls: certificate required", tls.RequireAndVerifyClientCert,
			transport.TLS{CA: a.file("ca.pem"), ServerName: "wire.test"}},
		{"client certificate unknown to them", "tls: unknown certificate authority",
			tls.RequireAndVerifyClientCert, transport.TLS{
				CA: a.file("ca.pem"), ServerName: "wire.test",
				Cert: stranger.file("client.pem"), Key: stranger.file("client.key"),
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := a.listenTLS(t, c.auth)
			// The handshake, which the server must see through to refuse, is its part of a read.
			refuse := func(conn net.Conn) error {
				secure := conn.(*tls.Conn)
				if err := secure.HandshakeContext(t.Context()); err == nil {
					return errors.New("the handshake succeeded")
				}
				// Let the client read the alert before a close cuts it off.
				_, _ = io.Copy(io.Discard, secure.NetConn())
				return nil
			}
			serve(t, ln, refuse, refuse)

			config := sourceConfig(ln.Addr().String(), 1)
			config.TLS = &c.tls
			_, err := drain(t, source(t, config, &warnings{}))
			require.ErrorContains(t, err, c.text)

			// With TLS 1.3 a client hears only after its handshake that it was refused.
			sinkConfig := sinkConfig(ln.Addr().String(), 1)
			sinkConfig.TLS = &c.tls
			s, err := sinkConfig.Open(t.Context(), env(&warnings{}))
			if err == nil {
				w, errOpen := s.OpenWriter(t.Context(), connectors.WriterContext{})
				require.NoError(t, errOpen)
				err = w.Write(t.Context(), batch("a"))
				if err == nil {
					err = w.Flush(t.Context())
				}
				require.NoError(t, s.Close())
			}
			require.ErrorContains(t, err, c.text)
		})
	}
}

func TestTLSFilesThatAreNoGood(t *testing.T) {
	a := newAuthority(t)
	a.issue(t, "one", "one.test")
	a.issue(t, "two", "two.test")
	require.NoError(t, os.WriteFile(a.file("empty.pem"), nil, 0o600))
	for _, c := range []struct {
		name string
		tls  transport.TLS
		text string
	}{
		{"missing", transport.TLS{CA: a.file("none.pem")}, "none.pem"},
		{"no certificate", transport.TLS{CA: a.file("empty.pem")},
			"tls.ca: " + a.file("empty.pem") + " holds no certificate"},
		{"key of another certificate", transport.TLS{Cert: a.file("one.pem"), Key: a.file("two.key")},
			"two.key: tls: private key does not match"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := sourceConfig("127.0.0.1:1", 1)
			config.TLS = &c.tls
			_, err := config.Open(t.Context(), env(&warnings{}))
			require.ErrorContains(t, err, "reading the TLS files of 127.0.0.1:1")
			require.ErrorContains(t, err, c.text)
		})
	}
}
