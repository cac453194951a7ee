package modules

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// testRegistry is the part of a registry that readers use, in memory.
type testRegistry struct {
	t         *testing.T
	server    *httptest.Server
	user      string // demanded when set, with password "secret", at its server of tokens
	referring bool   // it lists what refers to an artifact

	mu struct {
		sync.Mutex
		manifests map[string][]byte // by digest
		tags      map[string]string
		blobs     map[string][]byte
		asked     []string // paths
	}
}

const repository = "plugins/enrich"

func newRegistry(t *testing.T, start func(http.Handler) *httptest.Server) *testRegistry {
	r := &testRegistry{t: t}
	r.mu.manifests, r.mu.blobs = map[string][]byte{}, map[string][]byte{}
	r.mu.tags = map[string]string{}
	r.server = start(r)
	t.Cleanup(func() { r.server.CloseClientConnections(); r.server.Close() })
	return r
}

// name is "127.0.0.1:1234/plugins/enrich".
func (r *testRegistry) name() string {
	return strings.TrimPrefix(strings.TrimPrefix(r.server.URL, "https://"), "http://") + "/" +
		repository
}

func (r *testRegistry) blob(mediaType string, data []byte) ocispec.Descriptor {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := digest.FromBytes(data)
	r.mu.blobs[d.String()] = data
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
}

// push stores a manifest and returns its digest.
func (r *testRegistry) push(tag string, m ocispec.Manifest) string {
	r.t.Helper()
	m.Versioned = specs.Versioned{SchemaVersion: 2}
	m.MediaType = ocispec.MediaTypeImageManifest
	m.Config = r.blob("application/vnd.wasm.config.v0+json", []byte("{}"))
	data, err := json.Marshal(m)
	require.NoError(r.t, err)
	return r.pushBytes(tag, data)
}

func (r *testRegistry) pushBytes(tag string, data []byte) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := digest.FromBytes(data).String()
	r.mu.manifests[d] = data
	if tag != "" {
		r.mu.tags[tag] = d
	}
	return d
}

// pushModule stores a module as a tool for Wasm artifacts does.
func (r *testRegistry) pushModule(tag string, module []byte) string {
	r.t.Helper()
	return r.push(tag, ocispec.Manifest{
		Layers: []ocispec.Descriptor{r.blob("application/wasm", module)},
	})
}

// replace puts other bytes under the digest of a blob.
func (r *testRegistry) replace(digest string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.blobs[digest] = data
}

// withdraw removes every tag, and what refers to artifacts.
func (r *testRegistry) withdraw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.tags, r.referring = map[string]string{}, false
}

// requests returns the paths that were asked for since the last call.
func (r *testRegistry) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.mu.asked
	r.mu.asked = nil
	return asked
}

func (r *testRegistry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.asked = append(r.mu.asked, req.URL.Path)
	if req.URL.Path == "/token" {
		if name, password, ok := req.BasicAuth(); !ok || name != r.user || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"token":"pass"}`))
		return
	}
	if r.user != "" && req.Header.Get("Authorization") != "Bearer pass" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+r.server.URL+`/token",service="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	path := strings.TrimPrefix(req.URL.Path, "/v2/"+repository+"/")
	kind, reference, _ := strings.Cut(path, "/")
	switch kind {
	case "manifests":
		if tagged, ok := r.mu.tags[reference]; ok {
			reference = tagged
		}
		r.answer(w, req, reference, ocispec.MediaTypeImageManifest, r.mu.manifests[reference])
	case "blobs":
		r.answer(w, req, reference, "application/octet-stream", r.mu.blobs[reference])
	case "referrers":
		if r.referring {
			r.answer(w, req, "", ocispec.MediaTypeImageIndex, r.referrers(reference))
			return
		}
		w.WriteHeader(http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// referrers lists the manifests whose subject has the digest.
func (r *testRegistry) referrers(subject string) []byte {
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
	}
	for d, data := range r.mu.manifests {
		var m ocispec.Manifest
		if json.Unmarshal(data, &m) == nil && m.Subject != nil && m.Subject.Digest.String() == subject {
			index.Manifests = append(index.Manifests, ocispec.Descriptor{
				MediaType: m.MediaType, ArtifactType: m.ArtifactType, Digest: digest.Digest(d),
				Size: int64(len(data)),
			})
		}
	}
	data, _ := json.Marshal(index)
	return data
}

func (r *testRegistry) answer(w http.ResponseWriter, req *http.Request, digest, mediaType string,
	data []byte,
) {
	if data == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	if digest != "" {
		w.Header().Set("Docker-Content-Digest", digest)
	}
	if req.Method != http.MethodHead {
		_, _ = w.Write(data)
	}
}
