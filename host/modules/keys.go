package modules

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	// keyFileBytesMax bounds a file of keys.
	keyFileBytesMax = 64 << 10
	// keysMax bounds the keys of a file: the one in use, and those it takes turns with.
	keysMax = 16
)

// publicKey is a key that modules may be signed with: *ecdsa.PublicKey on P-256, or
// ed25519.PublicKey.
type publicKey struct {
	key         any
	fingerprint string
}

// readKeys reads a PEM file of public keys.
func (l *Loader) readKeys(ctx context.Context, location string) ([]publicKey, error) {
	data, err := l.readFile(ctx, location, keyFileBytesMax)
	if err != nil {
		return nil, refuse(SettingPublicKey, fmt.Sprintf("reading the key %s: %v", location, cause(err)),
			"name the PEM file of the public key", err)
	}
	keys, err := parseKeys(data)
	if err != nil {
		return nil, refuse(SettingPublicKey, fmt.Sprintf("%s: %v", location, err),
			"name a PEM file with a public key, as `cosign generate-key-pair` or `openssl pkey -pubout` "+
				"write it", err)
	}
	return keys, nil
}

// parseKeys reads the blocks of a PEM file, each of which has to be a public key.
func parseKeys(data []byte) ([]publicKey, error) {
	var keys []publicKey
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("holds a %q, which is no public key", block.Type)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading a public key: %w", err)
		}
		if err := checkKind(key); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(block.Bytes)
		keys, data = append(keys, publicKey{key, hex.EncodeToString(sum[:8])}), rest
		if len(keys) > keysMax {
			return nil, fmt.Errorf("holds more than %d keys", keysMax)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("holds no key in PEM form")
	}
	return keys, nil
}

func checkKind(key any) error {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return nil
		}
		return fmt.Errorf("is an ECDSA key on %s; P-256 and Ed25519 can be used", key.Params().Name)
	}
	return fmt.Errorf("is a key of type %T; ECDSA on P-256 and Ed25519 can be used", key)
}

// verify reports whether signature, as the algorithm of k makes it, is one over message.
func (k publicKey) verify(message, signature []byte) bool {
	switch key := k.key.(type) {
	case ed25519.PublicKey:
		return len(signature) == ed25519.SignatureSize && ed25519.Verify(key, message, signature)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		return ecdsa.VerifyASN1(key, sum[:], signature)
	}
	panic(fmt.Sprintf("modules: a key of type %T was let in", k.key))
}

// signedBy returns the fingerprint of the key of keys that signed message, or "".
func signedBy(keys []publicKey, message, signature []byte) string {
	for _, k := range keys {
		if k.verify(message, signature) {
			return k.fingerprint
		}
	}
	return ""
}

// Sign returns the signature of a module in the form that Load reads: base64, with a line end. key
// is the content of a PEM file with a private key in PKCS #8, not encrypted.
func Sign(key, module []byte) (string, error) {
	block, _ := pem.Decode(key)
	switch {
	case block == nil:
		return "", errors.New("holds no key in PEM form")
	case block.Type != "PRIVATE KEY":
		return "", fmt.Errorf("holds a %q, not a %q; keys of cosign are encrypted and used by cosign "+
			"only, those of openssl are turned by openssl pkcs8 -topk8 -nocrypt", block.Type, "PRIVATE KEY")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("reading a private key: %w", err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return "", fmt.Errorf("holds a key of type %T, which cannot sign", parsed)
	}
	if err := checkKind(signer.Public()); err != nil {
		return "", err
	}
	message, hash := module, crypto.Hash(0) // Ed25519 hashes by itself
	if _, isECDSA := signer.(*ecdsa.PrivateKey); isECDSA {
		sum := sha256.Sum256(module)
		message, hash = sum[:], crypto.SHA256
	}
	signature, err := signer.Sign(rand.Reader, message, hash)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature) + "\n", nil
}
