package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/connectors"
)

// pemBytesMax bounds a file of certificates; the bundle of a system has about 200 KiB.
const pemBytesMax = 4 << 20

// TLS is the table tls of a connector. The zero value trusts the authorities of the system.
type TLS struct {
	CA         string `toml:"ca" path:"file" doc:"PEM file of the certificate authorities to trust; empty trusts those of the system"`
	Cert       string `toml:"cert" path:"file" doc:"PEM file of the client certificate, with its chain; empty for none"`
	Key        string `toml:"key" path:"file" doc:"PEM file of the key of cert"`
	ServerName string `toml:"server_name" doc:"name that the server's certificate must bear; empty for the host of its address"`
}

// Validate reports problems under the key tls.
func (t *TLS) Validate(p *connectors.Problems) {
	if t.Cert != "" && t.Key == "" {
		p.Addf("tls.key", "required with cert; name the PEM file of its key")
	}
	if t.Key != "" && t.Cert == "" {
		p.Addf("tls.cert", "required with key; name the PEM file of its certificate")
	}
}

// Load reads the files and returns the configuration of a client. Its errors name key and file.
func (t *TLS) Load(ctx context.Context, env connectors.Env) (*tls.Config, error) {
	config := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := readPEM(ctx, env, t.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca: %s holds no certificate", t.CA)
		}
	}
	if t.Cert != "" {
		cert, err := readPEM(ctx, env, t.Cert)
		if err != nil {
			return nil, err
		}
		key, err := readPEM(ctx, env, t.Key)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("tls.cert: %s, tls.key: %s: %w", t.Cert, t.Key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func readPEM(ctx context.Context, env connectors.Env, url string) ([]byte, error) {
	if env.FileSystems == nil {
		return nil, errors.New("no file system is at hand")
	}
	fs, path, err := env.FileSystems(ctx, url)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(ctx, path, pemBytesMax)
}
