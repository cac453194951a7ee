package kafka

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/wasmflow/wasmflow/connectors"
)

func TestLoginsAreValidated(t *testing.T) {
	secret := connectors.NewSecret("x")
	for _, tt := range []struct {
		name string
		sasl SASL
		want string // "" when it is valid
	}{
		{"plain", SASL{Mechanism: saslPlain, Username: "u", Password: secret}, ""},
		{"mechanism", SASL{Mechanism: "ntlm"}, "sasl.mechanism"},
		{"no user", SASL{Mechanism: saslPlain, Password: secret}, "sasl.username"},
		{"no password", SASL{Mechanism: saslScramSHA256, Username: "u"}, "sasl.password"},
		{"token with plain", SASL{Mechanism: saslPlain, Username: "u", Password: secret, Token: secret},
			"sasl.token"},
		{"token", SASL{Mechanism: saslOAuthBearer, Token: secret}, ""},
		{"token of a file", SASL{Mechanism: saslOAuthBearer, TokenFile: "f"}, ""},
		{"no token", SASL{Mechanism: saslOAuthBearer}, "sasl.token_url"},
		{"two tokens", SASL{Mechanism: saslOAuthBearer, Token: secret, TokenFile: "f"}, "sasl.token_url"},
		{"user with a token", SASL{Mechanism: saslOAuthBearer, Token: secret, Username: "u"},
			"sasl.username"},
		{"client", SASL{Mechanism: saslOAuthBearer, TokenURL: "https://i/t", ClientID: "c",
			ClientSecret: secret}, ""},
		{"no URL", SASL{Mechanism: saslOAuthBearer, TokenURL: "i/t", ClientID: "c",
			ClientSecret: secret}, "sasl.token_url"},
		{"no client", SASL{Mechanism: saslOAuthBearer, TokenURL: "https://i/t", ClientSecret: secret},
			"sasl.client_id"},
		{"no client secret", SASL{Mechanism: saslOAuthBearer, TokenURL: "https://i/t", ClientID: "c"},
			"sasl.client_secret"},
		{"keytab", SASL{Mechanism: saslKerberos, Username: "u", Keytab: "k"}, ""},
		{"kerberos password", SASL{Mechanism: saslKerberos, Username: "u", Password: secret}, ""},
		{"both", SASL{Mechanism: saslKerberos, Username: "u", Password: secret, Keytab: "k"},
			"sasl.keytab"},
		{"realm with plain", SASL{Mechanism: saslPlain, Username: "u", Password: secret, Realm: "R"},
			"sasl.realm"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p connectors.Problems
			tt.sasl.validate(&p)
			if tt.want == "" {
				require.Empty(t, p.List)
				return
			}
			require.Len(t, p.List, 1)
			require.Equal(t, tt.want, p.List[0].Key)
		})
	}
}

// TestIssuedTokensAreUsedAgain until a fifth of their life is left.
func TestIssuedTokensAreUsedAgain(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		require.Equal(t, "read write", r.FormValue("scope"))
		fmt.Fprintf(w, `{"access_token":"t%d","expires_in":100}`, asked)
	}))
	defer server.Close()
	now := time.UnixMilli(0)
	i := issuer{sasl: &SASL{TokenURL: server.URL, ClientID: "c", Scope: "read write"},
		now: func() time.Time { return now }}
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{{0, "t1"}, {79 * time.Second, "t1"}, {80 * time.Second, "t2"}, {159 * time.Second, "t2"}} {
		now = time.UnixMilli(0).Add(tt.after)
		token, err := i.token(t.Context())
		require.NoError(t, err)
		require.Equal(t, tt.want, token)
	}
}

func TestAnswersOfTokenServers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		class  connectors.Class
		want   string
	}{
		{"overloaded", 503, "", connectors.Retry, "503"},
		{"too often", 429, "", connectors.Retry, "429"},
		{"refused", 401, `{"error":"invalid_client"}`, connectors.Fatal, "invalid_client"},
		{"a page", 200, "<html>", connectors.Fatal, "address of tokens"},
		{"something else", 200, "{}", connectors.Fatal, "access_token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := issued(&http.Response{
				StatusCode: tt.status, Status: fmt.Sprint(tt.status),
			}, []byte(tt.body))
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, tt.class, connectors.Classify(err))
		})
	}
}

func TestFilesOfKerberos(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	conf := file("krb5.conf", "[libdefaults]\n default_realm = R\n")
	for _, tt := range []struct{ name, conf, keytab, realm, want string }{
		{"no configuration", filepath.Join(dir, "none"), "", "", "sasl.kerberos_config"},
		{"no realm", file("empty.conf", "[libdefaults]\n"), "", "", "sasl.realm"},
		{"garbage", file("garbage.conf", "[libdefaults]\n default_realm\n"), "", "R", "sasl.kerberos_config"},
		{"no keytab", conf, filepath.Join(dir, "none"), "", "sasl.keytab"},
		{"garbage as keytab", conf, file("keytab", "garbage"), "", "sasl.keytab"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &SASL{Mechanism: saslKerberos, Username: "u", KerberosConfig: tt.conf,
				Keytab: tt.keytab, Realm: tt.realm}
			_, err := s.mechanism(t.Context(), fileEnv(new(strings.Builder)), nil)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestClassify says once how to mend what brokers refuse.
func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		name  string
		err   error
		class connectors.Class
		want  string
	}{
		{"password", kerr.SaslAuthenticationFailed, connectors.Fatal, "sasl.password"},
		{"mechanism", kerr.UnsupportedSaslMechanism, connectors.Fatal, "sasl.mechanism"},
		{"right", kerr.TopicAuthorizationFailed, connectors.Fatal, "use the topic"},
		{"too old", kerr.UnsupportedVersion, connectors.Fatal, "too old"},
		{"alert", &net.OpError{Op: remoteError, Err: errors.New("tls: bad certificate")},
			connectors.Fatal, "tls.cert"},
		{"leader", kerr.NotLeaderForPartition, connectors.Retry, ""},
		{"refused", &net.OpError{Op: "dial", Err: errors.New("refused")}, connectors.Retry, ""},
		{"unknown", io.ErrShortBuffer, connectors.Fail, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := classify(fmt.Errorf("doing something: %w", tt.err))
			require.ErrorIs(t, err, tt.err)
			require.Equal(t, tt.class, connectors.Classify(err))
			require.Contains(t, err.Error(), tt.want)
			require.EqualError(t, classify(err), err.Error())
			if tt.want != "" {
				again := classify(fmt.Errorf("more: %w", err))
				require.Equal(t, 1, strings.Count(again.Error(), tt.want), "%v", again)
			}
		})
	}
	require.NoError(t, classify(nil))
}
