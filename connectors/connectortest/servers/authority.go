package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificateAge is longer than any test.
const certificateAge = 24 * time.Hour

// Authority signs certificates for servers and clients.
type Authority struct {
	Cert string // path of its certificate, in PEM

	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// Certificate is a certificate and its key, in PEM files.
type Certificate struct{ Cert, Key string }

// NewAuthority makes an authority with its files in dir.
func NewAuthority(dir string) (*Authority, error) {
	a := &Authority{dir: dir, Cert: filepath.Join(dir, "authority.pem")}
	template := certificateTemplate("authority")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, key, err := sign(template, template, nil)
	if err != nil {
		return nil, err
	}
	a.key = key
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("reading the authority's certificate: %w", err)
	}
	return a, writePEM(a.Cert, "CERTIFICATE", der)
}

// Issue makes a certificate for a name that is good for hosts, by address or by name.
func (a *Authority) Issue(name string, hosts ...string) (Certificate, error) {
	template := certificateTemplate(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{
		x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, key, err := sign(template, a.cert, a.key)
	if err != nil {
		return Certificate{}, err
	}
	c := Certificate{
		Cert: filepath.Join(a.dir, name+"-cert.pem"), Key: filepath.Join(a.dir, name+"-key.pem"),
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Certificate{}, fmt.Errorf("encoding the key of %s: %w", name, err)
	}
	if err := writePEM(c.Cert, "CERTIFICATE", der); err != nil {
		return Certificate{}, err
	}
	return c, writePEM(c.Key, "PRIVATE KEY", keyDER)
}

func certificateTemplate(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		// Serial numbers differ, or Java takes one certificate for another.
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateAge),
	}
}

// sign makes a key and a certificate for it. Without a signing key it signs itself.
func sign(
	template, parent *x509.Certificate, by *ecdsa.PrivateKey,
) (der []byte, key *ecdsa.PrivateKey, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	if by == nil {
		by = key
	}
	der, err = x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		return nil, nil, fmt.Errorf("signing a certificate: %w", err)
	}
	return der, key, nil
}

func writePEM(path, kind string, der []byte) error {
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}
