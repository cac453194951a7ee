package admin

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"
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

// config returns the configuration of one connection. A certificate is not demanded of everybody:
// the routes that are open (A2) and callers with a token need none.
func (t *TLS) config() *tls.Config {
	c := &tls.Config{
		Certificates: []tls.Certificate{t.certificate}, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		// A resumed session would bring along what earlier authorities had said of a client.
		SessionTicketsDisabled: true,
	}
	if t.clientCA != nil {
		c.ClientCAs, c.ClientAuth = t.clientCA, tls.VerifyClientCertIfGiven
	}
	return c
}

// fingerprint names the certificate of the server, for the run file.
func (t *TLS) fingerprint() string { return fingerprint(t.certificate.Certificate[0]) }

// renewEvery bounds how often the files of certificates are looked at: a connection takes the
// newest that one as old as this has found. Certificates are renewed days before they end.
const renewEvery = 10 * time.Second

// pinnedName is the name by which clients with a run file call the server. They get the certificate
// of the run file whatever came after it: they trust it by its fingerprint, not by its date.
const pinnedName = "run-file.wasmflow.invalid"

// renewal is the TLS of a server for its whole life. Any goroutine may use it.
type renewal struct {
	first *TLS
	renew func() (*TLS, error) // nil keeps the first for ever
	now   func() time.Time
	tell  func(error)
	mu    struct { // held for copying only
		sync.Mutex
		current *TLS
		looked  time.Time
	}
}

func newRenewal(c *Config) *renewal {
	r := &renewal{first: c.TLS, renew: c.RenewTLS, now: c.Now, tell: func(err error) {
		c.Logger.Warn("renewing the certificates of the admin server; the earlier ones stay in use",
			"error", err)
	}}
	if r.now == nil {
		r.now = time.Now
	}
	r.mu.current, r.mu.looked = c.TLS, r.now()
	return r
}

// get returns what is in use, after a look at the files where the last one is old. While one caller
// looks, others go on with what there is: a disk that hangs holds up one connection.
func (r *renewal) get() *TLS {
	now := r.now()
	r.mu.Lock()
	current, due := r.mu.current, r.renew != nil && now.Sub(r.mu.looked) >= renewEvery
	if due {
		r.mu.looked = now
	}
	r.mu.Unlock()
	if !due {
		return current
	}
	next, err := r.renew()
	if err != nil {
		// One file of two may have been replaced by now.
		r.tell(err)
		return current
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.current = next
	return next
}

// leaf returns the certificate that browsers are shown.
func (r *renewal) leaf() *x509.Certificate { return r.get().certificate.Leaf }

// config returns the configuration of the listener.
func (r *renewal) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			c := r.get().config()
			if hello.ServerName == pinnedName {
				c.Certificates = []tls.Certificate{r.first.certificate}
			}
			return c, nil
		},
	}
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// PinnedTLS returns the configuration of a client that believes exactly the server whose
// certificate has the fingerprint, which it was told on a way that it trusts: a private file.
func PinnedTLS(pinned string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: pinnedName,
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
