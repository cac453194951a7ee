package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Users of a cluster with Security, and their password.
const (
	// UserAdmin may do everything, also as the bearer of a certificate with that name.
	UserAdmin = "admin"
	// UserNobody logs in and may do nothing until it is given a right.
	UserNobody = "nobody"
	// Password is that of all users. It holds what needs quoting in files of Java.
	Password = `s3cret "quoted" \ and spaced`
	// scramIterations is the least that brokers take.
	scramIterations = 4096
)

// Security makes a cluster check who asks and what for. Who uses the plain listener may do
// everything, so that a test can prepare what it needs.
type Security struct {
	// Authority signs the brokers' certificates and those of clients.
	Authority *Authority
	// Tokens signs what OAUTHBEARER takes.
	Tokens *Tokens
	// Kerberos is where tickets come from; nil leaves it out.
	Kerberos *KDC
}

// NewSecurity makes keys for a cluster, in files below dir.
func NewSecurity(dir string) (*Security, error) {
	authority, err := NewAuthority(dir)
	if err != nil {
		return nil, err
	}
	tokens, err := NewTokens(dir)
	if err != nil {
		return nil, err
	}
	return &Security{Authority: authority, Tokens: tokens}, nil
}

// addUsers adds the users of SCRAM: unlike the others' they are kept by the cluster.
func (k *Kafka) addUsers(ctx context.Context) error {
	for _, mechanism := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		var users []kadm.UpsertSCRAM // one request names a user once
		for _, user := range []string{UserAdmin, UserNobody} {
			users = append(users, kadm.UpsertSCRAM{
				User: user, Mechanism: mechanism, Iterations: scramIterations, Password: Password,
			})
		}
		altered, err := k.admin.AlterUserSCRAMs(ctx, nil, users)
		if err == nil {
			err = altered.Error()
		}
		if err != nil {
			return fmt.Errorf("adding users: %w", err)
		}
	}
	return nil
}

// flags returns what the virtual machine has to know.
func (s *Security) flags() []string {
	// Brokers read keys from places on this list only.
	flags := []string{"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=" + s.Tokens.url()}
	if s.Kerberos != nil {
		flags = append(flags, "-Djava.security.krb5.conf="+s.Kerberos.Config())
	}
	return flags
}

// apply adds the listeners and the rights of a node to its properties.
func (s *Security) apply(n *Node, p map[string]string) error {
	cert, err := s.Authority.Issue("broker", "127.0.0.1", "localhost")
	if err != nil {
		return err
	}
	keystore := n.data + ".keystore.pem"
	if err := concat(keystore, cert.Key, cert.Cert); err != nil {
		return err
	}
	p["listeners"] += fmt.Sprintf(",TLS://%s,SASL://%s,SASLTLS://%s",
		address(n.tls), address(n.sasl), address(n.saslTLS))
	p["advertised.listeners"] += fmt.Sprintf(",TLS://%s,SASL://%s,SASLTLS://%s",
		address(n.tls), address(n.sasl), address(n.saslTLS))
	p["listener.security.protocol.map"] += ",TLS:SSL,SASL:SASL_PLAINTEXT,SASLTLS:SASL_SSL"
	maps.Copy(p, map[string]string{
		"ssl.keystore.type":                     "PEM",
		"ssl.keystore.location":                 keystore,
		"ssl.truststore.type":                   "PEM",
		"ssl.truststore.location":               s.Authority.Cert,
		"listener.name.tls.ssl.client.auth":     "required",
		"listener.name.sasltls.ssl.client.auth": "none",
		"authorizer.class.name":                 "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                           "User:ANONYMOUS;User:CN=" + UserAdmin + ";User:" + UserAdmin,
	})
	if s.Kerberos != nil {
		p["sasl.kerberos.service.name"] = "kafka"
	}
	mechanisms := s.mechanisms()
	p["sasl.enabled.mechanisms"] = strings.Join(slices.Sorted(maps.Keys(mechanisms)), ",")
	for name, jaas := range mechanisms {
		for _, listener := range []string{"sasl", "sasltls"} {
			prefix := "listener.name." + listener + "." + strings.ToLower(name) + "."
			p[prefix+"sasl.jaas.config"] = jaas
			if name == "OAUTHBEARER" {
				maps.Copy(p, s.Tokens.properties(prefix))
			}
		}
	}
	return nil
}

// mechanisms returns the login modules of brokers.
func (s *Security) mechanisms() map[string]string {
	const module = "org.apache.kafka.common.security."
	var users strings.Builder
	for _, user := range []string{UserAdmin, UserNobody} {
		fmt.Fprintf(&users, ` user_%s="%s"`, user, quote(Password))
	}
	m := map[string]string{
		"PLAIN":         module + "plain.PlainLoginModule required" + users.String() + ";",
		"SCRAM-SHA-256": module + "scram.ScramLoginModule required;",
		"SCRAM-SHA-512": module + "scram.ScramLoginModule required;",
		"OAUTHBEARER":   module + "oauthbearer.OAuthBearerLoginModule required;",
	}
	if s.Kerberos != nil {
		m["GSSAPI"] = s.Kerberos.jaas()
	}
	return m
}

// quote writes a text between the quotes of a login module, in a properties file: each of them
// takes one level of backslashes.
func quote(s string) string {
	inner := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
	return strings.ReplaceAll(inner, `\`, `\\`)
}

// concat writes the content of some files into one that only the user may read.
func concat(path string, parts ...string) error {
	var all []byte
	for _, part := range parts {
		b, err := os.ReadFile(part)
		if err != nil {
			return fmt.Errorf("reading %s: %w", filepath.Base(part), err)
		}
		all = append(all, b...)
	}
	if err := os.WriteFile(path, all, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}

// errNotSecure is returned for a listener that the cluster does not have.
var errNotSecure = errors.New("the cluster was started without Security")

// TLS returns the addresses that take TLS with a client certificate.
func (k *Kafka) TLS() ([]string, error) { return k.secure(func(n *Node) int { return n.tls }) }

// SASL returns the addresses that take a login and do not encrypt.
func (k *Kafka) SASL() ([]string, error) { return k.secure(func(n *Node) int { return n.sasl }) }

// SASLTLS returns the addresses that take a login over TLS.
func (k *Kafka) SASLTLS() ([]string, error) {
	return k.secure(func(n *Node) int { return n.saslTLS })
}

func (k *Kafka) secure(port func(*Node) int) ([]string, error) {
	if k.options.Security == nil {
		return nil, errNotSecure
	}
	var addrs []string
	for _, n := range k.nodes {
		addrs = append(addrs, address(port(n)))
	}
	return addrs, nil
}
