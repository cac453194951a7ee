package admin

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
)

// TLS is how a server proves who it is, and whom it believes.
type TLS struct {
	certificate tls.Certificate
	clientCA    *x509.CertPool // nil asks for no certificates
}

// NewTLS reads PEM: the server's certificate with its chain, the key of it, and the authorities of
// clients that need no token; no authorities are none.
func NewTLS(certificate, key, clientCA []byte) (*TLS, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of the admin server: %w", err)
	}
	t := &TLS{certificate: pair}
	if len(clientCA) > 0 {
		t.clientCA = x509.NewCertPool()
		if !t.clientCA.AppendCertsFromPEM(clientCA) {
			return nil, errors.New("reading the authorities of clients: no certificate in PEM")
		}
	}
	return t, nil
}

// config returns the configuration of the listener. A certificate is not demanded of everybody: the
// routes that are open (A2) and callers with a token need none.
func (t *TLS) config() *tls.Config {
	c := &tls.Config{Certificates: []tls.Certificate{t.certificate}, MinVersion: tls.VersionTLS12}
	if t.clientCA != nil {
		c.ClientCAs, c.ClientAuth = t.clientCA, tls.VerifyClientCertIfGiven
	}
	return c
}

// fingerprint names the certificate of the server, for the run file.
func (t *TLS) fingerprint() string { return fingerprint(t.certificate.Certificate[0]) }

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// PinnedTLS returns the configuration of a client that believes exactly the server whose
// certificate has the fingerprint, which it was told on a way that it trusts: a private file.
func PinnedTLS(pinned string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// The check that this skips is about names; the one below is stricter.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || fingerprint(s.PeerCertificates[0].Raw) != pinned {
				return errors.New("the server has another certificate than the one in the run file")
			}
			return nil
		},
	}
}
