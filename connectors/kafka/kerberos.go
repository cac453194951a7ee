package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/krberror"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	kerberosConfigDefault = "/etc/krb5.conf"
	kerberosService       = "kafka"
	// kerberosBytesMax bounds the files of Kerberos, which have some kilobytes.
	kerberosBytesMax = 1 << 20
)

// kerberos returns the mechanism GSSAPI. It holds one ticket-granting ticket, which the library
// renews, and which goes with the client of the brokers.
func (s *SASL) kerberos(ctx context.Context, env connectors.Env) (sasl.Mechanism, error) {
	path := s.KerberosConfig
	if path == "" {
		path = kerberosConfigDefault
	}
	text, err := readKerberos(ctx, env, path)
	if err != nil {
		return nil, fmt.Errorf("sasl.kerberos_config: %w", err)
	}
	conf, err := config.NewFromString(string(text))
	if err != nil {
		return nil, connectors.Permanent(fmt.Errorf("sasl.kerberos_config: %s: %w", path, err))
	}
	realm := s.Realm
	if realm == "" {
		realm = conf.LibDefaults.DefaultRealm
	}
	if realm == "" {
		return nil, connectors.Permanent(fmt.Errorf("sasl.realm: required, because %s has no "+
			"default_realm", path))
	}
	// Brokers that are no Windows servers know nothing of its fast negotiation.
	plainly := client.DisablePAFXFAST(true)
	var c *client.Client
	if s.Keytab == "" {
		c = client.NewWithPassword(s.Username, realm, s.Password.Reveal(), conf, plainly)
	} else {
		keys, err := readKeytab(ctx, env, s.Keytab)
		if err != nil {
			return nil, err
		}
		c = client.NewWithKeytab(s.Username, realm, keys, conf, plainly)
	}
	service := s.Service
	if service == "" {
		service = kerberosService
	}
	return ticketed{kerberos.Auth{Client: c, Service: service}.AsMechanism(), c}, nil
}

func readKeytab(ctx context.Context, env connectors.Env, path string) (*keytab.Keytab, error) {
	b, err := readKerberos(ctx, env, path)
	if err != nil {
		return nil, fmt.Errorf("sasl.keytab: %w", err)
	}
	keys := keytab.New()
	if err := keys.Unmarshal(b); err != nil {
		return nil, connectors.Permanent(fmt.Errorf("sasl.keytab: %s: %w", path, err))
	}
	return keys, nil
}

func readKerberos(ctx context.Context, env connectors.Env, url string) ([]byte, error) {
	if env.FileSystems == nil {
		return nil, errors.New("no file system is at hand")
	}
	fs, path, err := env.FileSystems(ctx, url)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(ctx, path, kerberosBytesMax)
}

// ticketed is GSSAPI whose errors say what they are about.
type ticketed struct {
	sasl.Mechanism
	client *client.Client
}

// Authenticate begins a login with a ticket for a broker. The library asks a server for tickets
// without heeding ctx; its own limits are some seconds a server.
func (m ticketed) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, first, err := m.Mechanism.Authenticate(ctx, host)
	if err == nil {
		return session, first, nil
	}
	err = fmt.Errorf("getting a Kerberos ticket for %s: %w", host, err)
	var network net.Error
	var kerb krberror.Krberror
	switch {
	case errors.As(err, &network),
		errors.As(err, &kerb) && kerb.RootCause == krberror.NetworkingError,
		strings.Contains(err.Error(), krberror.NetworkingError):
		err = connectors.Retryable(err)
	default:
		err = connectors.Permanent(fmt.Errorf("%w; check sasl.username, its password or keytab, "+
			"and sasl.realm", err))
	}
	return nil, nil, err
}

// Close forgets the tickets and ends their renewal. The client of the brokers calls it.
func (m ticketed) Close() { m.client.Destroy() }

var _ sasl.ClosingMechanism = ticketed{}
