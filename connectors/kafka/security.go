package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/wasmflow/wasmflow/connectors"
)

// pemBytesMax bounds a file of certificates; the bundle of a system has about 200 KiB.
const pemBytesMax = 4 << 20

// The mechanisms of logging in.
const (
	saslPlain       = "plain"
	saslScramSHA256 = "scram-sha-256"
	saslScramSHA512 = "scram-sha-512"
)

// TLS is the table tls.
type TLS struct {
	CA         string `toml:"ca" path:"file" doc:"PEM file of the certificate authorities to trust; empty trusts those of the system"`
	Cert       string `toml:"cert" path:"file" doc:"PEM file of the client certificate, with its chain; empty for none"`
	Key        string `toml:"key" path:"file" doc:"PEM file of the key of cert"`
	ServerName string `toml:"server_name" doc:"name that the certificates of the brokers must bear; empty for the host of each broker"`
}

// SASL is the table sasl.
type SASL struct {
	Mechanism string            `toml:"mechanism" doc:"plain, scram-sha-256 or scram-sha-512. Required."`
	Username  string            `toml:"username" doc:"name of the user. Required."`
	Password  connectors.Secret `toml:"password" doc:"password of the user. Required."`
}

func (t *TLS) validate(p *connectors.Problems) {
	if t.Cert != "" && t.Key == "" {
		p.Addf("tls.key", "required with cert; name the PEM file of its key")
	}
	if t.Key != "" && t.Cert == "" {
		p.Addf("tls.cert", "required with key; name the PEM file of its certificate")
	}
}

func (s *SASL) validate(p *connectors.Problems) {
	p.OneOf("sasl.mechanism", s.Mechanism, saslPlain, saslScramSHA256, saslScramSHA512)
	p.Require("sasl.username", s.Username, "name the user")
	if s.Password.IsZero() {
		p.Addf("sasl.password", "required; write { env = \"NAME\" } or { file = \"path\" }")
	}
}

// mechanism returns what the client logs in with. Validate has checked the name.
func (s *SASL) mechanism() sasl.Mechanism {
	switch s.Mechanism {
	case saslScramSHA256:
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha256Mechanism()
	case saslScramSHA512:
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha512Mechanism()
	default:
		return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsMechanism()
	}
}

// load reads the files.
func (t *TLS) load(ctx context.Context, env connectors.Env) (*tls.Config, error) {
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
