package kafka

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// tokenBytesMax bounds a token and the answer with it; brokers take far less.
	tokenBytesMax = 64 << 10
	// tokenTimeout bounds one request for a token. A login waits for it.
	tokenTimeout = 10 * time.Second
	// tokenUsable is the share of a token's life in which it is used again: what is left is time
	// enough for the login that a token is taken for.
	tokenUsable = 0.8
)

func (s *SASL) validateOAuth(p *connectors.Problems) {
	n := 0
	for _, set := range []bool{!s.Token.IsZero(), s.TokenFile != "", s.TokenURL != ""} {
		if set {
			n++
		}
	}
	if n != 1 {
		p.Addf("sasl.token_url", "set one of token, token_file and token_url")
	}
	if s.TokenURL == "" {
		return
	}
	u, err := url.Parse(s.TokenURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		p.Addf("sasl.token_url", "%q is no http or https URL", s.TokenURL)
	}
	p.Require("sasl.client_id", s.ClientID, "name the client that token_url knows")
	if s.ClientSecret.IsZero() {
		p.Addf("sasl.client_secret", "required; write { env = \"NAME\" } or { file = \"path\" }")
	}
}

// oauth returns the mechanism OAUTHBEARER, which asks for a token at each login.
func (s *SASL) oauth(env connectors.Env, config *tls.Config) sasl.Mechanism {
	token := func(context.Context) (string, error) { return s.Token.Reveal(), nil }
	switch {
	case s.TokenFile != "":
		token = func(ctx context.Context) (string, error) { return s.readToken(ctx, env) }
	case s.TokenURL != "":
		issuer := &issuer{sasl: s, now: env.Now}
		issuer.client.Timeout = tokenTimeout
		if config != nil && config.RootCAs != nil {
			issuer.client.Transport = &http.Transport{
				Proxy:           http.ProxyFromEnvironment,
				TLSClientConfig: &tls.Config{RootCAs: config.RootCAs, MinVersion: tls.VersionTLS12},
			}
		}
		token = issuer.token
	}
	return bearer{oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		t, err := token(ctx)
		return oauth.Auth{Token: t}, err
	})}
}

func (s *SASL) readToken(ctx context.Context, env connectors.Env) (string, error) {
	if env.FileSystems == nil {
		return "", errors.New("sasl.token_file: no file system is at hand")
	}
	fs, path, err := env.FileSystems(ctx, s.TokenFile)
	if err != nil {
		return "", fmt.Errorf("sasl.token_file: %w", err)
	}
	b, err := fs.ReadFile(ctx, path, tokenBytesMax)
	if err != nil {
		return "", fmt.Errorf("sasl.token_file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// bearer is OAUTHBEARER whose refusals say why.
type bearer struct{ sasl.Mechanism }

// Authenticate begins a login.
func (b bearer) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, first, err := b.Mechanism.Authenticate(ctx, host)
	if err != nil {
		return nil, nil, fmt.Errorf("getting a token to log in with: %w", err)
	}
	return bearerSession{session}, first, nil
}

type bearerSession struct{ sasl.Session }

// Challenge answers the broker. One that refuses a token says so first, and fails the login, in
// words, once the client has answered with a byte of 1 (RFC 7628, section 3.2.3).
func (s bearerSession) Challenge(answer []byte) (bool, []byte, error) {
	if len(answer) > 0 {
		return false, []byte{1}, nil
	}
	return s.Session.Challenge(answer)
}

// issuer gets tokens from a server. All connections of a client share one token.
type issuer struct {
	sasl   *SASL
	client http.Client
	now    func() time.Time

	mu struct {
		sync.Mutex
		token string
		until time.Time // when the token is used no more
	}
}

// token returns a token that is good for a while. The lock is held over the request: whoever else
// wants a token waits for that one.
func (i *issuer) token(ctx context.Context) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.now().Before(i.mu.until) {
		return i.mu.token, nil
	}
	token, life, err := i.ask(ctx)
	if err != nil {
		return "", fmt.Errorf("sasl.token_url: asking %s: %w", i.sasl.TokenURL, err)
	}
	i.mu.token = token
	i.mu.until = i.now().Add(time.Duration(float64(life) * tokenUsable))
	return token, nil
}

// ask asks for a token and returns how long it lives; 0 when the server does not say.
func (i *issuer) ask(ctx context.Context) (string, time.Duration, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if i.sasl.Scope != "" {
		form.Set("scope", i.sasl.Scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.sasl.TokenURL,
		strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	// Names and secrets are encoded before they are joined (RFC 6749, section 2.3.1).
	req.SetBasicAuth(url.QueryEscape(i.sasl.ClientID),
		url.QueryEscape(i.sasl.ClientSecret.Reveal()))
	answer, err := i.client.Do(req)
	if err != nil {
		return "", 0, connectors.Retryable(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, tokenBytesMax))
	if err != nil {
		return "", 0, connectors.Retryable(err)
	}
	return issued(answer, body)
}

// issued reads the answer of a server.
func issued(answer *http.Response, body []byte) (string, time.Duration, error) {
	var said struct {
		Token       string `json:"access_token"`
		Life        int64  `json:"expires_in"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	err := json.Unmarshal(body, &said)
	switch {
	case answer.StatusCode >= http.StatusInternalServerError,
		answer.StatusCode == http.StatusTooManyRequests:
		return "", 0, connectors.Retryable(errors.New(answer.Status))
	case answer.StatusCode != http.StatusOK:
		return "", 0, connectors.Permanent(fmt.Errorf("%s: %s %s; check client_id and client_secret",
			answer.Status, said.Error, said.Description))
	case err != nil:
		return "", 0, connectors.Permanent(errors.New("the answer is no JSON; is this the address " +
			"of tokens?"))
	case said.Token == "":
		return "", 0, connectors.Permanent(errors.New("the answer has no access_token; is this the " +
			"address of tokens?"))
	}
	return said.Token, time.Duration(max(said.Life, 0)) * time.Second, nil
}
