package modules

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// binary is as much of a module as this package looks at.
var binary = []byte("\x00asm\x01\x00\x00\x00 some more")

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// write writes a file into a new folder.
func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// disk resolves every location to the local disk.
func disk(_ context.Context, location string) (filesystem.FileSystem, string, error) {
	path, err := local.Path(location)
	return local.New(local.Options{}), path, err
}

func newLoader(t *testing.T) *Loader {
	return New(Config{CacheDir: filepath.Join(t.TempDir(), "fetched"), FileSystems: disk})
}

// TestServerOfFilesIsAway: what may come back by itself is told as such.
func TestServerOfFilesIsAway(t *testing.T) {
	away := errors.New("the server is away")
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"away": {connectors.Retryable(away), true}, "refused": {away, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := New(Config{FileSystems: func(context.Context, string,
			) (filesystem.FileSystem, string, error) {
				return nil, "", c.err
			}})
			_, err := l.Load(t.Context(), Source{Ref: "s3://lake/x.wasm"})
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.want, e.Passing)
			require.ErrorContains(t, err, "the server is away")
		})
	}
}

// TestRightToAFile: a right that is missing on a server is told as on a disk.
func TestRightToAFile(t *testing.T) {
	l := New(Config{FileSystems: func(context.Context, string,
	) (filesystem.FileSystem, string, error) {
		return nil, "", fmt.Errorf("denied: %w", filesystem.ErrReadOnly)
	}})
	_, err := l.Load(t.Context(), Source{Ref: "s3://lake/x.wasm"})
	require.ErrorContains(t, err, "give the user that runs wasmflow the right to it")
}

// TestPasswordsInURLsOfFileSystems: they are refused, and no message holds them (M6). A profile or a
// user alone is no secret.
func TestPasswordsInURLsOfFileSystems(t *testing.T) {
	for _, text := range []string{
		"s3://key:secret@lake/x.wasm", "hdfs://user:secret@name:8020/x.wasm",
	} {
		_, err := New(Config{}).Load(t.Context(), Source{Ref: text})
		require.ErrorContains(t, err, "a password in it")
		require.NotContains(t, err.Error(), "secret")
	}
	for _, text := range []string{"s3://profile@lake/x.wasm", "hdfs://user@name:8020/a:b@c.wasm"} {
		_, err := Parse(text)
		require.NoError(t, err)
	}
}

// serve starts a TLS server and returns it with what trusts it.
func serve(t *testing.T, h http.HandlerFunc) (*httptest.Server, Access) {
	s := httptest.NewTLSServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s, trusting(t, s)
}

func trusting(t *testing.T, s *httptest.Server) Access {
	var a Access
	a.TLS.CA = write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: s.Certificate().Raw,
	}))
	return a
}

// refusal loads s, which has to be refused.
func refusal(t *testing.T, l *Loader, s Source) *Error {
	t.Helper()
	m, err := l.Load(t.Context(), s)
	require.Nil(t, m)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Remedy, e.Reason)
	require.NotEmpty(t, e.Setting, e.Reason)
	return e
}

func TestFiles(t *testing.T) {
	l := newLoader(t)
	path := write(t, "x.wasm", binary)
	for _, ref := range []string{path, "file://" + path} {
		m, err := l.Load(t.Context(), Source{Ref: ref, SHA256: strings.ToUpper(sumOf(binary))})
		require.NoError(t, err)
		require.Equal(t, &Module{Name: ref, Bytes: binary, SHA256: sumOf(binary)}, m)
	}

	for _, c := range []struct {
		name          string
		source        Source
		setting, want string
	}{
		{"missing", Source{Ref: path + "x"}, SettingPath, path + "x: no such file; build it, or"},
		{"missing by URL", Source{Ref: "file://" + path + "x"}, SettingPath, "no such file"},
		{"a folder", Source{Ref: filepath.Dir(path)}, SettingPath, "is a directory"},
		{"too large", Source{Ref: path, SizeMax: 5}, SettingModule, "larger than the limit of 5 bytes"},
		{"another digest", Source{Ref: path, SHA256: strings.Repeat("0", 64)}, SettingSHA256,
			"has SHA-256 " + sumOf(binary) + ", not the 0000"},
		{"no digest", Source{Ref: path, SHA256: "../../x.wasm"}, SettingSHA256, "64 hex digits"},
		{"not pinned", Source{Ref: path, Production: true}, SettingSHA256, "required with --production"},
		{"plain HTTP", Source{Ref: "http://example.com/x.wasm"}, SettingPath, "use https://, oci://"},
		{"a password", Source{Ref: "https://a:b@example.com/x.wasm"}, SettingPath, "ends up in logs"},
		{"no file", Source{Ref: "https://example.com"}, SettingPath, "no address of a file"},
		{"no reference", Source{Ref: "oci://example.com/x"}, SettingPath, "add :tag or @sha256:"},
		{"no artifact", Source{Ref: "oci://example.com"}, SettingPath, "names no artifact"},
		{"another hash", Source{Ref: "oci://example.com/x@sha512:" + strings.Repeat("a", 128)},
			SettingPath, "is not SHA-256"},
		{"a tag in production", Source{Ref: "oci://example.com/x:1", Production: true, SHA256: "00"},
			SettingPath, "name the artifact by @sha256:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := refusal(t, l, c.source)
			require.Equal(t, c.setting, e.Setting)
			require.Contains(t, e.Error(), c.want)
			require.NotContains(t, e.Error(), "a:b")
		})
	}
}

func TestHTTPS(t *testing.T) {
	l := newLoader(t)
	var hits []string
	s, access := serve(t, func(w http.ResponseWriter, r *http.Request) {
		hits = append(hits, r.URL.Path+" "+r.Header.Get("Authorization"))
		_, _ = w.Write(binary)
	})
	ref := s.URL + "/x.wasm?key=hidden"
	m, err := l.Load(t.Context(), Source{Ref: ref, Access: access})
	require.NoError(t, err)
	require.Equal(t, s.URL+"/x.wasm?...", m.Name)
	require.Equal(t, binary, m.Bytes)
	require.Equal(t, []string{"/x.wasm "}, hits)

	access.Token = connectors.NewSecret("letmein")
	pinned := Source{Ref: ref, Access: access, SHA256: sumOf(binary), Production: true}
	for range 2 { // the second time from the cache
		_, err = l.Load(t.Context(), pinned)
		require.NoError(t, err)
	}
	require.Equal(t, "/x.wasm Bearer letmein", hits[1])
	require.Len(t, hits, 2)

	// A cache that was tampered with is not believed.
	kept := filepath.Join(l.cfg.CacheDir, sumOf(binary))
	require.NoError(t, os.WriteFile(kept, []byte("evil"), 0o600))
	m, err = l.Load(t.Context(), pinned)
	require.NoError(t, err)
	require.Equal(t, binary, m.Bytes)
	require.Len(t, hits, 3)

	// What the job file says of its server is not told to another one that a swap names.
	pinned.SHA256, pinned.Production, pinned.Home = "", false, "https://example.com/x.wasm"
	require.Equal(t, SettingCA, refusal(t, l, pinned).Setting)
	pinned.Home = s.URL + "/before.wasm"
	_, err = l.Load(t.Context(), pinned)
	require.NoError(t, err)

	access.Token, access.Username = connectors.Secret{}, "ann"
	access.Password = connectors.NewSecret("secret")
	_, err = l.Load(t.Context(), Source{Ref: ref, Access: access})
	require.NoError(t, err)
	require.Equal(t, "/x.wasm Basic YW5uOnNlY3JldA==", hits[len(hits)-1])
}

func TestHTTPSRefusals(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Error("asked without TLS")
	}))
	defer plain.Close()
	s, access := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/401":
			w.WriteHeader(http.StatusUnauthorized)
		case "/503":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/page":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("\n<!DOCTYPE html><title>sign in</title>"))
		case "/text":
			_, _ = w.Write([]byte("hello"))
		case "/large":
			_, _ = w.Write(append(binary, make([]byte, 1000)...))
		case "/endless":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush() // no length is promised
			_, _ = w.Write(append(binary, make([]byte, 1000)...))
		case "/short":
			w.Header().Set("Content-Length", "90")
			_, _ = w.Write(binary)
		case "/plain":
			http.Redirect(w, r, plain.URL+"/x.wasm?token=hidden", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	with := func(change func(a *Access)) Access {
		a := access
		change(&a)
		return a
	}
	secret := connectors.NewSecret("letmein")
	for _, c := range []struct {
		name, path    string
		access        Access
		setting, want string
	}{
		{"404", "/404", access, SettingPath, "the server answers 404 Not Found; correct the address"},
		{"401", "/401", access, SettingFetch, "answers 401 Unauthorized; give fetch.token"},
		{"wrong token", "/401", with(func(a *Access) { a.Token = secret }), SettingToken, "give a token"},
		{"wrong password", "/401", with(func(a *Access) { a.Username, a.Password = "ann", secret }),
			SettingPassword, "correct user name and password"},
		{"503", "/503", access, SettingPath, "answers 503 Service Unavailable; try again"},
		{"a web page", "/page", access, SettingPath, "sent a web page, not a module"},
		{"not Wasm", "/text", access, SettingPath, "not a WebAssembly binary"},
		{"too large", "/large", access, SettingModule, "has 1018 bytes; the limit is 100"},
		{"too large, length unknown", "/endless", access, SettingModule, "larger than the limit of 100"},
		{"cut short", "/short", access, SettingPath, "the connection broke in the middle"},
		{"down to HTTP", "/plain", access, SettingPath, "the way leads over http://"},
		{"redirects without end", "/loop", access, SettingPath, "more than 5 redirects"},
		{"unknown authority", "/x", Access{}, SettingCA, "signed by an authority that is not known"},
		{"another name", "/x", with(func(a *Access) { a.TLS.ServerName = "other.test" }), SettingPath,
			"the certificate of the server is for another name"},
		{"no CA file", "/x", with(func(a *Access) { a.TLS.CA += "x" }), SettingTLS, "ca.pemx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := refusal(t, newLoader(t), Source{Ref: s.URL + c.path, Access: c.access, SizeMax: 100})
			require.Equal(t, c.setting, e.Setting, "%v", e)
			require.Contains(t, e.Error(), c.want)
			require.NotContains(t, e.Error(), "hidden")
			require.NotContains(t, e.Error(), "letmein")
		})
	}
	t.Run("no TLS", func(t *testing.T) {
		e := refusal(t, newLoader(t), Source{Ref: "https" + strings.TrimPrefix(plain.URL, "http") + "/x"})
		require.Contains(t, e.Error(), "does not speak TLS")
	})
	t.Run("nobody there", func(t *testing.T) {
		s.CloseClientConnections()
		s.Close()
		e := refusal(t, newLoader(t), Source{Ref: s.URL + "/x"})
		require.Contains(t, e.Error(), "see whether the server is there")
	})
}

func TestCancelledFetch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, access := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := newLoader(t).Load(ctx, Source{Ref: s.URL + "/x", Access: access})
	require.ErrorIs(t, err, context.Canceled)
	var e *Error
	require.False(t, errors.As(err, &e), "it is nobody's fault")
}

// clientPair adds a client certificate to a.
func clientPair(t *testing.T, a *Access) {
	t.Helper()
	key := ecdsaKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "robot"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	a.TLS.Cert = write(t, "me.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	a.TLS.Key = write(t, "me.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// serveAsking is serve with a server that asks for a client certificate, and takes any.
func serveAsking(t *testing.T, h http.HandlerFunc) (*httptest.Server, Access) {
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s, trusting(t, s)
}

func TestRedirectsKeepCredentialsAtHome(t *testing.T) {
	seen := func(r *http.Request) string {
		return fmt.Sprintf("%s %q for %q, %d certificates", r.URL.Path, r.Header.Get("Authorization"),
			r.TLS.ServerName, len(r.TLS.PeerCertificates))
	}
	var elsewhere, home []string
	other, _ := serveAsking(t, func(w http.ResponseWriter, r *http.Request) {
		elsewhere = append(elsewhere, seen(r))
		if r.URL.Path == "/x.wasm" {
			http.Redirect(w, r, "/y.wasm", http.StatusFound)
			return
		}
		_, _ = w.Write(binary)
	})
	s, access := serveAsking(t, func(w http.ResponseWriter, r *http.Request) {
		home = append(home, seen(r))
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusFound)
			return
		}
		http.Redirect(w, r, other.URL+"/x.wasm?token=hidden", http.StatusFound)
	})
	access.Token = connectors.NewSecret("letmein")
	access.TLS.ServerName = "example.com" // which the certificate of both servers bears
	clientPair(t, &access)
	source := Source{Ref: s.URL + "/old", Access: access}

	// Both servers have the same certificate, but the other one is not vouched for by the job file.
	e := refusal(t, newLoader(t), source)
	require.Equal(t, SettingPath, e.Setting)
	require.Contains(t, e.Error(), "redirected to another server, whose certificate is not trusted")
	require.NotContains(t, e.Error(), other.Listener.Addr().String())
	require.Empty(t, elsewhere)

	home = nil
	l := newLoader(t)
	l.cfg.elsewhere = &tls.Config{RootCAs: x509.NewCertPool()}
	l.cfg.elsewhere.RootCAs.AddCert(other.Certificate())
	_, err := l.Load(t.Context(), source)
	require.NoError(t, err)
	require.Equal(t, []string{
		`/old "Bearer letmein" for "example.com", 1 certificates`,
		`/new "Bearer letmein" for "example.com", 1 certificates`,
	}, home)
	require.Equal(t, []string{
		`/x.wasm "" for "", 0 certificates`, `/y.wasm "" for "", 0 certificates`,
	}, elsewhere)
}

func TestExpiredCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	long := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "old"},
		NotBefore: long, NotAfter: long.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	defer s.Close()
	e := refusal(t, newLoader(t), Source{Ref: s.URL + "/x", Access: trusting(t, s)})
	require.Contains(t, e.Error(), "has expired, or is not valid yet; it is valid from 2020-01-02 "+
		"03:04:05 until 2021-01-02 03:04:05; renew it")
}

func TestCacheIsBounded(t *testing.T) {
	c := &cache{dir: filepath.Join(t.TempDir(), "cache")}
	first := []byte("first")
	require.NoError(t, c.put(first))
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(c.dir, sumOf(first)), old, old))
	for i := range cacheEntriesMax {
		require.NoError(t, c.put([]byte{byte(i)}))
	}
	_, ok := c.get(sumOf(first), 100)
	require.False(t, ok, "of no use for the longest time")
	data, ok := c.get(sumOf([]byte{7}), 100)
	require.True(t, ok)
	require.Equal(t, []byte{7}, data)
	_, ok = c.get(sumOf([]byte{7}), 0)
	require.False(t, ok, "longer than asked for")
	outside := filepath.Join(filepath.Dir(c.dir), "outside")
	require.NoError(t, os.WriteFile(outside, nil, 0o600))
	_, ok = c.get("../outside", 100)
	require.False(t, ok)
	require.FileExists(t, outside, "what is no digest names no file")
	info, err := os.Stat(c.dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

// pemOf writes the public key of signer as openssl does.
func pemOf(t *testing.T, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func ecdsaKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func ed25519Key(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}
