package kafka

import (
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
)

// SASL is the table sasl.
type SASL struct {
	Mechanism string            `toml:"mechanism" doc:"plain, scram-sha-256 or scram-sha-512. Required."`
	Username  string            `toml:"username" doc:"name of the user. Required."`
	Password  connectors.Secret `toml:"password" doc:"password of the user. Required."`
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
