package kafka

import (
	"context"
	"crypto/tls"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/wasmflow/wasmflow/connectors"
)

// The mechanisms of logging in.
const (
	saslPlain       = "plain"
	saslScramSHA256 = "scram-sha-256"
	saslScramSHA512 = "scram-sha-512"
	saslOAuthBearer = "oauthbearer"
	saslKerberos    = "kerberos"
)

// SASL is the table sasl.
type SASL struct {
	Mechanism string            `toml:"mechanism" doc:"plain, scram-sha-256, scram-sha-512, oauthbearer or kerberos. Required." flink:"sasl.mechanism"`
	Username  string            `toml:"username" doc:"name of the user; with kerberos the principal without its realm. Required, but for oauthbearer."`
	Password  connectors.Secret `toml:"password" doc:"password of the user; kerberos takes keytab, too"`

	Token        connectors.Secret `toml:"token" doc:"oauthbearer: the token, if it lives as long as the job"`
	TokenFile    string            `toml:"token_file" path:"file" doc:"oauthbearer: file with the token, read again for each login, so that something else may renew it"`
	TokenURL     string            `toml:"token_url" doc:"oauthbearer: where to get tokens as a client (RFC 6749, section 4.4)" flink:"sasl.oauthbearer.token.endpoint.url"`
	ClientID     string            `toml:"client_id" doc:"oauthbearer: name of the client at token_url"`
	ClientSecret connectors.Secret `toml:"client_secret" doc:"oauthbearer: secret of the client at token_url"`
	Scope        string            `toml:"scope" doc:"oauthbearer: scope to ask for at token_url; empty for none"`

	Realm          string `toml:"realm" doc:"kerberos: realm of the user; empty for the default one of kerberos_config"`
	Keytab         string `toml:"keytab" path:"file" doc:"kerberos: file with the key of the user, instead of a password"`
	KerberosConfig string `toml:"kerberos_config" path:"file" doc:"kerberos: where the realms and their servers stand; empty is /etc/krb5.conf"`
	Service        string `toml:"service" doc:"kerberos: what brokers are called; empty is kafka" flink:"sasl.kerberos.service.name"`
}

func (s *SASL) validate(p *connectors.Problems) {
	p.OneOf("sasl.mechanism", s.Mechanism,
		saslPlain, saslScramSHA256, saslScramSHA512, saslOAuthBearer, saslKerberos)
	switch s.Mechanism {
	case saslOAuthBearer:
		s.validateOAuth(p)
	case saslKerberos:
		p.Require("sasl.username", s.Username, "name the principal, without its realm")
		if s.Password.IsZero() == (s.Keytab == "") {
			p.Addf("sasl.keytab", "set one of keytab and password")
		}
	case saslPlain, saslScramSHA256, saslScramSHA512:
		p.Require("sasl.username", s.Username, "name the user")
		if s.Password.IsZero() {
			p.Addf("sasl.password", "required; write { env = \"NAME\" } or { file = \"path\" }")
		}
	}
	s.validateStrangers(p)
}

// validateStrangers reports keys that the mechanism does not look at.
func (s *SASL) validateStrangers(p *connectors.Problems) {
	for _, x := range []struct {
		key  string
		set  bool
		with string
	}{
		{"token", !s.Token.IsZero(), saslOAuthBearer},
		{"token_file", s.TokenFile != "", saslOAuthBearer},
		{"token_url", s.TokenURL != "", saslOAuthBearer},
		{"client_id", s.ClientID != "", saslOAuthBearer},
		{"client_secret", !s.ClientSecret.IsZero(), saslOAuthBearer},
		{"scope", s.Scope != "", saslOAuthBearer},
		{"realm", s.Realm != "", saslKerberos},
		{"keytab", s.Keytab != "", saslKerberos},
		{"kerberos_config", s.KerberosConfig != "", saslKerberos},
		{"service", s.Service != "", saslKerberos},
	} {
		if x.set && s.Mechanism != x.with {
			p.Addf("sasl."+x.key, "has no meaning with mechanism %q, only with %q; leave it out",
				s.Mechanism, x.with)
		}
	}
	if s.Mechanism == saslOAuthBearer && (s.Username != "" || !s.Password.IsZero()) {
		p.Addf("sasl.username", "has no meaning with mechanism %q; the token names the user",
			s.Mechanism)
	}
}

// mechanism returns what a client logs in with. Validate has checked the table. config is that of
// the brokers' connections, or nil.
func (s *SASL) mechanism(
	ctx context.Context, env connectors.Env, config *tls.Config,
) (sasl.Mechanism, error) {
	switch s.Mechanism {
	case saslScramSHA256:
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha256Mechanism(), nil
	case saslScramSHA512:
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha512Mechanism(), nil
	case saslOAuthBearer:
		return s.oauth(env, config), nil
	case saslKerberos:
		return s.kerberos(ctx, env)
	default:
		return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsMechanism(), nil
	}
}
