package kafka

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

// loginWait is how long a login is tried at first.
const loginWait = 3 * time.Second

// fileEnv is an environment with the files of this machine, and a log.
func fileEnv(log io.Writer) connectors.Env {
	env := testEnv("secured", 1)
	files := local.New(local.Options{})
	env.FileSystems = func(_ context.Context, path string) (filesystem.FileSystem, string, error) {
		return files, path, nil
	}
	env.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return env
}

// secured returns the real broker with a topic "t" of one record.
func secured(t *testing.T) (*servers.Kafka, *servers.Security) {
	t.Helper()
	c := realCluster(t)
	c.topic("t", 1)
	c.fill("t", 0, 0, 1)
	broker, err := real.Kafka(t.Context())
	require.NoError(t, err)
	return broker, real.Security()
}

func must[T any](t *testing.T, f func() (T, error)) T {
	t.Helper()
	v, err := f()
	require.NoError(t, err)
	return v
}

// login is a way of connecting, and what is said when it is refused.
type login struct {
	name   string
	addrs  []string
	tls    *transport.TLS
	sasl   *SASL
	want   string // "" when it is let in
	heals  bool   // another try may succeed
	secret string // in neither the log nor the error
}

// try reads and writes as the login does.
func (l login) try(t *testing.T) {
	var log bytes.Buffer
	env := fileEnv(&log)
	source := newSourceConfig()
	source.Brokers, source.TLS, source.SASL = l.addrs, l.tls, l.sasl
	source.Topics, source.Start = []string{"t"}, Place{Mode: modeEarliest}
	valid(t, source)
	sink := newSinkConfig()
	sink.Brokers, sink.TLS, sink.SASL = l.addrs, l.tls, l.sasl
	sink.Topic, sink.Semantic = "t", semanticAtLeastOnce
	valid(t, sink)
	defer func() {
		if l.secret != "" {
			require.NotContains(t, log.String(), l.secret)
		}
	}()
	for _, side := range []connectors.Checker{source, sink} {
		err := lookUntil(t, side, env, loginWait, func(err error) bool {
			return err == nil && l.want == "" ||
				err != nil && l.want != "" && strings.Contains(err.Error(), l.want)
		})
		if l.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, l.want)
		require.ErrorContains(t, err, l.addrs[0])
		if l.secret != "" {
			require.NotContains(t, err.Error(), l.secret)
		}
		require.Equal(t, l.heals, connectors.Classify(err) == connectors.Retry, "%v", err)
	}
	if l.want != "" {
		return
	}
	opened, err := sink.Open(t.Context(), env)
	require.NoError(t, err)
	defer opened.Close()
	w, err := opened.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	defer w.Close()
	write(t, w, batchOf("secured"))
	require.Positive(t, readOnce(t, source, env))
}

// readOnce reads one batch of the first task and returns its length.
func readOnce(t *testing.T, config *SourceConfig, env connectors.Env) int {
	t.Helper()
	source, err := config.Open(t.Context(), env)
	require.NoError(t, err)
	defer source.Close()
	found, err := source.Enumerate(t.Context(), checkpoint.Position{})
	require.NoError(t, err)
	r, err := source.OpenReader(t.Context(), connectors.ReaderContext{
		Limits: connectors.Limits{Records: 10, Bytes: 1 << 20, LingerMillis: 10_000},
	})
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.AddSplits(t.Context(), found.Found))
	b := new(connectors.Batch)
	require.NoError(t, r.Poll(t.Context(), b))
	return b.Len()
}

func TestRealTLS(t *testing.T) {
	broker, keys := secured(t)
	addrs := must(t, broker.TLS)
	ca := keys.Authority.Cert
	client := must(t, func() (servers.Certificate, error) { return keys.Authority.Issue(servers.UserAdmin) })
	other, err := servers.NewAuthority(t.TempDir())
	require.NoError(t, err)
	stranger := must(t, func() (servers.Certificate, error) { return other.Issue("stranger") })
	for _, l := range []login{
		{name: "all", tls: &transport.TLS{CA: ca, Cert: client.Cert, Key: client.Key}},
		{name: "another authority of the broker", want: "tls.ca",
			tls: &transport.TLS{CA: other.Cert, Cert: client.Cert, Key: client.Key}},
		{name: "no client certificate", tls: &transport.TLS{CA: ca}, want: "tls.cert"},
		{name: "a client certificate of another authority", want: "tls.cert",
			tls: &transport.TLS{CA: ca, Cert: stranger.Cert, Key: stranger.Key}},
		{name: "another server name", want: "tls.server_name",
			tls: &transport.TLS{CA: ca, Cert: client.Cert, Key: client.Key, ServerName: "example.org"}},
		{name: "server name of the certificate",
			tls: &transport.TLS{CA: ca, Cert: client.Cert, Key: client.Key, ServerName: "localhost"}},
		{name: "no TLS", want: "check tls"},
	} {
		l.addrs = addrs
		t.Run(l.name, l.try)
	}
}

func TestRealPasswords(t *testing.T) {
	broker, keys := secured(t)
	const wrong = "wrong-secret"
	for _, mechanism := range []string{saslPlain, saslScramSHA256, saslScramSHA512} {
		for _, l := range []login{
			{name: "right", sasl: &SASL{Username: servers.UserAdmin,
				Password: connectors.NewSecret(servers.Password)}, secret: servers.Password},
			{name: "wrong password", sasl: &SASL{Username: servers.UserAdmin,
				Password: connectors.NewSecret(wrong)}, want: "sasl.password", secret: wrong},
			{name: "unknown user", sasl: &SASL{Username: "stranger",
				Password: connectors.NewSecret(wrong)}, want: "sasl.username", secret: wrong},
			{name: "no right", sasl: &SASL{Username: servers.UserNobody,
				Password: connectors.NewSecret(servers.Password)}, want: "let the user of this job use the topic"},
		} {
			l.sasl.Mechanism = mechanism
			l.addrs = must(t, broker.SASL)
			t.Run(mechanism+"/"+l.name, l.try)
			l.addrs, l.tls = must(t, broker.SASLTLS), &transport.TLS{CA: keys.Authority.Cert}
			t.Run(mechanism+" over tls/"+l.name, l.try)
		}
	}
	t.Run("no login", login{addrs: must(t, broker.SASL), want: "check tls, sasl"}.try)
}

func TestRealTokens(t *testing.T) {
	broker, keys := secured(t)
	addrs := must(t, broker.SASL)
	good := must(t, func() (string, error) { return keys.Tokens.Token(servers.UserAdmin, time.Hour) })
	stale := must(t, func() (string, error) { return keys.Tokens.Token(servers.UserAdmin, -time.Hour) })
	others, err := servers.NewTokens(t.TempDir())
	require.NoError(t, err)
	forged := must(t, func() (string, error) { return others.Token(servers.UserAdmin, time.Hour) })
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(good+"\n"), 0o600))
	issuer := tokenServer(t, good)
	secret := connectors.NewSecret("the secret")
	for _, l := range []login{
		{name: "right", sasl: &SASL{Token: connectors.NewSecret(good)}, secret: good},
		{name: "expired", sasl: &SASL{Token: connectors.NewSecret(stale)}, want: "sasl", secret: stale},
		{name: "forged", sasl: &SASL{Token: connectors.NewSecret(forged)}, want: "sasl", secret: forged},
		{name: "file", sasl: &SASL{TokenFile: file}, secret: good},
		{name: "no file", sasl: &SASL{TokenFile: file + ".missing"}, want: "token.missing"},
		{name: "client", sasl: &SASL{TokenURL: issuer, ClientID: "wasmflow", ClientSecret: secret},
			secret: "the secret"},
		{name: "wrong client secret", sasl: &SASL{TokenURL: issuer, ClientID: "wasmflow",
			ClientSecret: connectors.NewSecret("wrong-secret")}, want: "client_secret", secret: "wrong-secret"},
	} {
		l.addrs, l.sasl.Mechanism = addrs, saslOAuthBearer
		t.Run(l.name, l.try)
	}
}

// tokenServer gives a token to one client and returns its URL.
func tokenServer(t *testing.T, token string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("grant_type") != "client_credentials" || id != "wasmflow" || secret != "the+secret" {
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client"})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "expires_in": 3600})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestRealKerberos(t *testing.T) {
	broker, keys := secured(t)
	conf, keytab := keys.Kerberos.Config(), keys.Kerberos.Keytab()
	for _, l := range []login{
		{name: "keytab", sasl: &SASL{Username: servers.UserAdmin, Keytab: keytab}},
		{name: "realm", sasl: &SASL{Username: servers.UserAdmin, Keytab: keytab, Realm: servers.Realm}},
		{name: "wrong password", sasl: &SASL{Username: servers.UserAdmin,
			Password: connectors.NewSecret("wrong-secret")}, want: "sasl.username", secret: "wrong-secret"},
		{name: "unknown user", sasl: &SASL{Username: "stranger", Keytab: keytab}, want: "sasl.username"},
		{name: "unknown service", sasl: &SASL{Username: servers.UserAdmin, Keytab: keytab, Service: "other"},
			want: "Kerberos ticket"},
		{name: "no right", sasl: &SASL{Username: servers.UserNobody, Keytab: keytab},
			want: "let the user of this job use the topic"},
	} {
		l.addrs, l.sasl.Mechanism, l.sasl.KerberosConfig = must(t, broker.SASL), saslKerberos, conf
		t.Run(l.name, l.try)
	}
}
