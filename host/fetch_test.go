package host

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/modules"
)

// shelf serves files over TLS.
type shelf struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{files: map[string][]byte{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if data := s.files[r.URL.Path]; data != nil && r.Header.Get("Authorization") == "Bearer letmein" {
			_, _ = w.Write(data)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	return s
}

// put serves data at path and returns its address.
func (s *shelf) put(path string, data []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = data
	return s.URL + path
}

// trust makes the job of b fetch its plugin from the shelf.
func (s *shelf) trust(b *swapBench) {
	ca := b.write("ca.pem", pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: s.Certificate().Raw,
	}))
	b.more += "fetch = { token = \"letmein\", tls = { ca = \"" + ca + "\" } }\n"
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestPluginFromAServer(t *testing.T) {
	s := newShelf(t)
	b := newSwapBench(t, 0)
	s.trust(b)
	b.path = s.put("/marks.wasm", moduleOf("v1"))
	b.swaps = "sample = 0, probation = 0"
	b.start()
	next := s.put("/next.wasm", moduleOf("v2"))
	done := b.swap(SwapRequest{Path: next, Config: suffix("-v2")}, SwapDone)
	require.Equal(t, SwapDone, done.State, done.Reason)
	require.Equal(t, next, done.To.Path)
	b.stop()
	require.NotZero(t, b.requireOneVersionPerEpoch())

	// A restart goes on with what the manifest names, and needs nobody for it.
	s.Close()
	b.start()
	require.Equal(t, digestOf(moduleOf("v2")), b.engine.Plugins()[0].Current.SHA256)
	away := b.swap(SwapRequest{Path: next})
	require.Equal(t, SwapRefused, away.State)
	require.Contains(t, away.Reason, "see whether the server is there")
	b.stop()
	b.requireNothingLostOrDoubled()
}

func TestPluginThatAServerDoesNotGive(t *testing.T) {
	s := newShelf(t)
	b := newSwapBench(t, 1)
	s.trust(b)
	b.path = s.URL + "/none.wasm"
	err := b.open()
	var refused *config.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "plugins.marks.path", refused.Problems[0].Key)
	require.Contains(t, err.Error(), "404 Not Found")
	var start *StartError
	require.NotErrorAs(t, err, &start, "it does not get better by itself")

	s.Close()
	require.ErrorAs(t, b.open(), &start, "it may")
	require.ErrorAs(t, start, &refused)
}

func TestProductionDemandsDigests(t *testing.T) {
	s := newShelf(t)
	b := newSwapBench(t, 0)
	s.trust(b)
	b.path, b.options.Production = s.put("/marks.wasm", moduleOf("v1")), true
	b.more += "sha256 = \"" + digestOf(moduleOf("v1")) + "\"\n"
	b.swaps = "sample = 0, probation = 0"
	b.start()
	for ref, want := range map[string]string{
		s.put("/next.wasm", moduleOf("v2")): "required with --production",
		"oci://127.0.0.1/next:1":            "a tag may name another module tomorrow",
		"http://127.0.0.1/next.wasm":        "use https://, oci:// or a file",
	} {
		_, err := b.engine.Swap(SwapRequest{Plugin: "marks", Path: ref})
		require.ErrorIs(t, err, ErrSwapRefused)
		require.ErrorContains(t, err, want)
	}
	done := b.swap(SwapRequest{Path: s.URL + "/next.wasm", SHA256: digestOf(moduleOf("v2"))}, SwapDone)
	require.Equal(t, SwapDone, done.State, done.Reason)
	wrong := b.swap(SwapRequest{Path: s.URL + "/marks.wasm", SHA256: digestOf(moduleOf("v3"))})
	require.Equal(t, SwapRefused, wrong.State)
	require.Contains(t, wrong.Reason, "has SHA-256")
	b.stop()
}

func TestSignedPlugins(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	known, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	sign := func(module []byte) []byte {
		text, err := modules.Sign(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
			module)
		require.NoError(t, err)
		return []byte(text)
	}

	b := newSwapBench(t, 0)
	b.swaps = "sample = 0, probation = 0"
	b.more = "public_key = \"" + b.write("key.pub", pem.EncodeToMemory(&pem.Block{
		Type: "PUBLIC KEY", Bytes: known,
	})) + "\"\n"
	err = b.open()
	require.ErrorContains(t, err, "plugins.marks.signature: ")
	require.ErrorContains(t, err, "no such file; sign the module")

	b.write("marks.wasm.sig", sign(moduleOf("v1")))
	b.start()
	next := b.write("next.wasm", moduleOf("v2"))
	s := b.swap(SwapRequest{Path: next})
	require.Equal(t, SwapRefused, s.State)
	require.Contains(t, s.Reason, "no signature at "+next+".sig")
	s = b.swap(SwapRequest{Path: next, Signature: filepath.Join(b.dir, "marks.wasm.sig")})
	require.Equal(t, SwapRefused, s.State)
	require.Contains(t, s.Reason, "was not made over this module")
	s = b.swap(SwapRequest{
		Path: next, Signature: b.write("elsewhere.sig", sign(moduleOf("v2"))),
	}, SwapDone)
	require.Equal(t, SwapDone, s.State, s.Reason)
	b.stop()

	// What the manifest names was checked when it came.
	require.NoError(t, os.Remove(filepath.Join(b.dir, "marks.wasm.sig")))
	b.start()
	require.Equal(t, digestOf(moduleOf("v2")), b.engine.Plugins()[0].Current.SHA256)
	b.stop()
}
