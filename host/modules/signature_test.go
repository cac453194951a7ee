package modules

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// secretOf writes a private key as openssl does.
func secretOf(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestSignedFiles(t *testing.T) {
	l := newLoader(t)
	for name, key := range map[string]crypto.Signer{
		"ECDSA": ecdsaKey(t), "Ed25519": ed25519Key(t),
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "x.wasm", binary)
			keyFile := write(t, "key.pub", pemOf(t, key.Public()))
			s := Source{Ref: path, PublicKey: keyFile}
			e := refusal(t, l, s)
			require.Equal(t, SettingSignature, e.Setting)
			require.Contains(t, e.Error(), "no signature at "+path+".sig: no such file; sign the module")

			text, err := Sign(secretOf(t, key), binary)
			require.NoError(t, err)
			bare, err := base64.StdEncoding.DecodeString(text[:len(text)-1])
			require.NoError(t, err)
			bundle, err := json.Marshal(map[string]any{
				"mediaType":        bundleType,
				"messageSignature": map[string]any{"signature": bare},
			})
			require.NoError(t, err)
			for form, data := range map[string][]byte{
				"base64": []byte(text), "bare": bare, "bundle": bundle,
			} {
				s.Signature = write(t, "x.sig", data)
				m, err := l.Load(t.Context(), s)
				require.NoError(t, err, form)
				require.Len(t, m.Key, 16)
			}
			require.NoError(t, os.WriteFile(path+".sig", []byte(text), 0o600))
			s.Signature = ""
			_, err = l.Load(t.Context(), s)
			require.NoError(t, err)

			// Another module, although with the digest that is asked for.
			changed := append([]byte{}, binary...)
			changed[len(changed)-1]++
			require.NoError(t, os.WriteFile(path, changed, 0o600))
			s.SHA256 = sumOf(changed)
			e = refusal(t, l, s)
			require.Equal(t, SettingSignature, e.Setting)
			require.Contains(t, e.Error(), "was not made over this module with a key of "+keyFile)
		})
	}
}

func TestSignedURL(t *testing.T) {
	key := ecdsaKey(t)
	text, err := Sign(secretOf(t, key), binary)
	require.NoError(t, err)
	s, access := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/x.wasm", "/unsigned.wasm":
			_, _ = w.Write(binary)
		case "/x.wasm.sig":
			_, _ = w.Write([]byte(text))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	keyFile := write(t, "key.pub", pemOf(t, key.Public()))
	for _, source := range []Source{
		{Ref: s.URL + "/x.wasm?v=1"},
		{Ref: s.URL + "/unsigned.wasm", Signature: s.URL + "/x.wasm.sig"},
		{Ref: s.URL + "/unsigned.wasm", Signature: write(t, "y.sig", []byte(text))},
	} {
		source.PublicKey, source.Access = keyFile, access
		m, err := newLoader(t).Load(t.Context(), source)
		require.NoError(t, err)
		require.NotEmpty(t, m.Key)
	}
	e := refusal(t, newLoader(t), Source{
		Ref: s.URL + "/unsigned.wasm", Access: access, PublicKey: keyFile,
	})
	require.Equal(t, SettingSignature, e.Setting)
	require.Contains(t, e.Error(), "no signature at "+s.URL+"/unsigned.wasm.sig: the server answers")
	for ref, want := range map[string]string{
		"http://127.0.0.1/x": "http:// shows", "oci://127.0.0.1/x:1": "a signature of its own is a file",
	} {
		e := refusal(t, newLoader(t), Source{
			Ref: s.URL + "/x.wasm", Access: access, PublicKey: keyFile, Signature: ref,
		})
		require.Equal(t, SettingSignature, e.Setting)
		require.Contains(t, e.Error(), want)
	}
}

func TestKeysThatCannotBeUsed(t *testing.T) {
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	path := write(t, "x.wasm", binary)
	good := pemOf(t, ecdsaKey(t).Public())
	var many []byte
	for range keysMax + 1 {
		many = append(many, good...)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"private": {secretOf(t, ecdsaKey(t)), `holds a "PRIVATE KEY", which is no public key`},
		"P-384":   {pemOf(t, wide.Public()), "is an ECDSA key on P-384; P-256 and Ed25519"},
		"RSA":     {pemOf(t, old.Public()), "is a key of type *rsa.PublicKey"},
		"no PEM":  {[]byte("hello"), "holds no key in PEM form"},
		"bad": {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("?")}),
			"reading a public key"},
		"too many": {many, "holds more than 16 keys"},
	} {
		t.Run(name, func(t *testing.T) {
			e := refusal(t, newLoader(t), Source{Ref: path, PublicKey: write(t, "key.pub", c.data)})
			require.Equal(t, SettingPublicKey, e.Setting)
			require.Contains(t, e.Error(), c.want)
		})
	}
	e := refusal(t, newLoader(t), Source{Ref: path, PublicKey: path + "x"})
	require.Equal(t, SettingPublicKey, e.Setting)
	require.Contains(t, e.Error(), "no such file")

	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"no PEM": {[]byte("hello"), "holds no key in PEM form"},
		"encrypted": {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY"}),
			"used by cosign only"},
		"P-384":  {secretOf(t, wide), "is an ECDSA key on P-384"},
		"public": {good, `holds a "PUBLIC KEY"`},
	} {
		_, err := Sign(c.data, binary)
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestSignatureFilesThatAreNone(t *testing.T) {
	path := write(t, "x.wasm", binary)
	keyFile := write(t, "key.pub", pemOf(t, ed25519Key(t).Public().(ed25519.PublicKey)))
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {" \n", "it is empty"},
		"a page":            {"<html>" + string(make([]byte, 100)), "neither base64"},
		"not JSON":          {"{", "reading the bundle"},
		"bundle of another": {`{"dsseEnvelope":{}}`, "the bundle holds no signature of a file"},
		"short":             {"AAAA", "was not made over this module"},
	} {
		t.Run(name, func(t *testing.T) {
			e := refusal(t, newLoader(t), Source{
				Ref: path, PublicKey: keyFile, Signature: write(t, "x.sig", []byte(c.text)),
			})
			require.Equal(t, SettingSignature, e.Setting)
			require.Contains(t, e.Error(), c.want)
		})
	}
}

// TestOpenSSL takes keys and signatures that the commands of docs/supply-chain.md made; the
// folder's README has them.
func TestOpenSSL(t *testing.T) {
	folder := filepath.Join("testdata", "openssl")
	module, err := os.ReadFile(filepath.Join(folder, "x.wasm"))
	require.NoError(t, err)
	for _, name := range []string{"ecdsa", "ed25519"} {
		t.Run(name, func(t *testing.T) {
			s := Source{
				Ref:       filepath.Join(folder, "x.wasm"),
				PublicKey: filepath.Join(folder, name, "key.pub"),
				Signature: filepath.Join(folder, name, "x.wasm.sig"),
			}
			m, err := newLoader(t).Load(t.Context(), s)
			require.NoError(t, err)
			require.Equal(t, module, m.Bytes)

			key, err := os.ReadFile(filepath.Join(folder, name, "key.pem"))
			require.NoError(t, err)
			text, err := Sign(key, module)
			require.NoError(t, err)
			s.Signature = write(t, "x.wasm.sig", []byte(text))
			_, err = newLoader(t).Load(t.Context(), s)
			require.NoError(t, err)

			s.Ref = write(t, "y.wasm", append(module, '!'))
			e := refusal(t, newLoader(t), s)
			require.Contains(t, e.Error(), "was not made over this module")
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"x.wasm", "https://h/x?y#z", "oci://h:1/a/b:c", "oci://h/a@sha256:" + sumOf(nil), "http://h/x",
		"oci://h/a:b@sha256:" + sumOf(nil), "HTTPS://u@h/x", "hdfs://h/x", "://", "oci:///:",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := Parse(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		again, err := Parse(ref.text)
		require.NoError(t, err)
		require.Equal(t, ref, again)
		if d := ref.Digest(); d != "" {
			require.Len(t, d, 64)
		}
		_, _ = ref.String(), ref.Loopback()
	})
}

func FuzzSignature(f *testing.F) {
	for _, s := range []string{
		"", "AAAA\n", `{"messageSignature":{"signature":"AAAA"}}`, "0D\x02 \x00",
		`{"dsseEnvelope":{"payload":"","signatures":[{}]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		signature, err := parseSignature(data)
		if err == nil {
			require.NotEmpty(t, signature)
		}
	})
}
