package servers

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

const (
	// tokenKey names the one key there is.
	tokenKey = "test"
	// tokenAudience is whom tokens are for.
	tokenAudience = "kafka"
	// rsaBits is the least that Java's library takes.
	rsaBits = 2048
)

// Tokens signs bearer tokens. Brokers check them against a file with its public key.
type Tokens struct {
	key  *rsa.PrivateKey
	path string // JSON Web Key Set
}

// NewTokens makes a key, with the public half in a file in dir.
func NewTokens(dir string) (*Tokens, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("making a key for tokens: %w", err)
	}
	t := &Tokens{key: key, path: filepath.Join(dir, "jwks.json")}
	set, err := json.Marshal(map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": tokenKey,
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}}})
	if err != nil {
		return nil, fmt.Errorf("encoding the key of tokens: %w", err)
	}
	if err := os.WriteFile(t.path, set, 0o644); err != nil {
		return nil, fmt.Errorf("writing the key of tokens: %w", err)
	}
	return t, nil
}

// Token returns a token for a user that is good for some time, which may have passed.
func (t *Tokens) Token(user string, good time.Duration) (string, error) {
	now := time.Now()
	header, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": tokenKey})
	if err != nil {
		return "", fmt.Errorf("encoding a token's header: %w", err)
	}
	claims, err := json.Marshal(map[string]any{
		"sub": user, "aud": tokenAudience, "scope": "test",
		"iat": now.Add(-time.Hour).Unix(), "exp": now.Add(good).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("encoding a token: %w", err)
	}
	signed := base64.RawURLEncoding.EncodeToString(header) + "." +
		base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, t.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func (t *Tokens) url() string { return "file://" + t.path }

// properties tells a broker how to check tokens.
func (t *Tokens) properties(prefix string) map[string]string {
	return map[string]string{
		"sasl.oauthbearer.jwks.endpoint.url": t.url(),
		"sasl.oauthbearer.expected.audience": tokenAudience,
		prefix + "sasl.server.callback.handler.class": "org.apache.kafka.common.security." +
			"oauthbearer.OAuthBearerValidatorCallbackHandler",
	}
}
