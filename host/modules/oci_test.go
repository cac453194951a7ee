package modules

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

// noDocker keeps what docker login has stored for the user of the test out of it.
func noDocker(t *testing.T) { t.Setenv("DOCKER_CONFIG", t.TempDir()) }

func TestRegistry(t *testing.T) {
	noDocker(t)
	r := newRegistry(t, httptest.NewTLSServer)
	access := trusting(t, r.server)
	manifest := r.pushModule("1.0", binary)
	for _, mediaType := range moduleTypes() {
		r.push(mediaType[len(mediaType)-4:], ocispec.Manifest{Layers: []ocispec.Descriptor{
			r.blob("text/plain", []byte("a licence")), r.blob(mediaType, binary),
		}})
	}
	for _, tag := range []string{"1.0", "wasm", "+wasm"[1:]} {
		m, err := newLoader(t).Load(t.Context(), Source{
			Ref: "oci://" + r.name() + ":" + tag, Access: access, SHA256: sumOf(binary),
		})
		require.NoError(t, err)
		require.Equal(t, binary, m.Bytes)
	}

	l := newLoader(t)
	pinned := Source{Ref: "oci://" + r.name() + "@" + manifest, Access: access, Production: true}
	m, err := l.Load(t.Context(), pinned)
	require.NoError(t, err)
	require.Equal(t, manifest, m.Artifact)
	require.Equal(t, sumOf(binary), m.SHA256)
	r.requests()
	_, err = l.Load(t.Context(), pinned)
	require.NoError(t, err)
	require.Empty(t, r.requests(), "both the manifest and the module are in the cache")

	tagged := Source{Ref: "oci://" + r.name() + ":1.0", Access: access}
	next := append([]byte{}, append(binary, '2')...)
	r.pushModule("1.0", next)
	m, err = l.Load(t.Context(), tagged)
	require.NoError(t, err)
	require.Equal(t, next, m.Bytes, "a tag is asked for every time")
}

func TestRegistryRefusals(t *testing.T) {
	noDocker(t)
	r := newRegistry(t, httptest.NewTLSServer)
	access := trusting(t, r.server)
	module := r.blob("application/wasm", binary)
	r.push("two", ocispec.Manifest{Layers: []ocispec.Descriptor{module, module}})
	r.push("image", ocispec.Manifest{Layers: []ocispec.Descriptor{
		r.blob("application/vnd.oci.image.layer.v1.tar+gzip", []byte("x")),
	}})
	r.push("large", ocispec.Manifest{Layers: []ocispec.Descriptor{
		r.blob("application/wasm", append(binary, make([]byte, 1000)...)),
	}})
	lying := r.blob("application/wasm", append(binary, 'x'))
	r.replace(lying.Digest.String(), append(binary, 'y'))
	r.push("lying", ocispec.Manifest{Layers: []ocispec.Descriptor{lying}})
	longer := r.blob("application/wasm", append(binary, 'z'))
	longer.Size--
	r.push("longer", ocispec.Manifest{Layers: []ocispec.Descriptor{longer}})
	text := r.blob("application/wasm", []byte("hello"))
	r.push("text", ocispec.Manifest{Layers: []ocispec.Descriptor{text}})
	index, err := json.Marshal(ocispec.Index{
		MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{module},
	})
	require.NoError(t, err)
	r.pushBytes("index", index)
	r.pushBytes("junk", []byte("{{"))
	weak := module
	weak.Digest = digest.SHA512.FromBytes(binary)
	r.push("sha512", ocispec.Manifest{Layers: []ocispec.Descriptor{weak}})
	r.push("gone", ocispec.Manifest{Layers: []ocispec.Descriptor{{
		MediaType: "application/wasm", Digest: digest.FromString("nowhere"), Size: 7,
	}}})
	absent := "@sha256:" + strings.Repeat("a", 64)

	for _, c := range []struct{ reference, setting, want string }{
		{":two", SettingPath, "2 of its layers are Wasm modules; push one module"},
		{":image", SettingPath, `it has no layer of type application/wasm or `},
		{":large", SettingModule, "has 1018 bytes; the limit is 100"},
		{":lying", SettingPath, "the registry sent other bytes than the digest promises"},
		{":longer", SettingPath, "cannot be fetched"},
		{":text", SettingPath, "not a WebAssembly binary"},
		{":index", SettingPath, "it is an index of artifacts, not one"},
		{":junk", SettingPath, "its manifest cannot be read"},
		{":sha512", SettingPath, "the digest of a layer is not SHA-256"},
		{":gone", SettingPath, "404 Not Found"},
		{":absent", SettingPath, "404 Not Found; correct the address"},
		{absent, SettingPath, "404 Not Found"},
	} {
		t.Run(c.reference, func(t *testing.T) {
			e := refusal(t, newLoader(t), Source{
				Ref: "oci://" + r.name() + c.reference, Access: access, SizeMax: 100,
			})
			require.Equal(t, c.setting, e.Setting)
			require.Contains(t, e.Error(), c.want)
		})
	}
}

func TestRegistryCredentials(t *testing.T) {
	noDocker(t)
	r := newRegistry(t, httptest.NewTLSServer)
	r.user = "robot"
	r.pushModule("1", binary)
	access := trusting(t, r.server)
	source := func(change func(a *Access)) Source {
		a := access
		change(&a)
		return Source{Ref: "oci://" + r.name() + ":1", Access: a}
	}
	require.Equal(t, SettingFetch, refusal(t, newLoader(t), source(func(*Access) {})).Setting)
	e := refusal(t, newLoader(t), source(func(a *Access) {
		a.Username, a.Password = "robot", connectors.NewSecret("wrong-one")
	}))
	require.Equal(t, SettingPassword, e.Setting)
	require.NotContains(t, e.Error(), "wrong-one")
	require.Equal(t, SettingToken, refusal(t, newLoader(t), source(func(a *Access) {
		a.Token = connectors.NewSecret("wrong")
	})).Setting)

	for _, change := range []func(a *Access){
		func(a *Access) { a.Username, a.Password = "robot", connectors.NewSecret("secret") },
		func(a *Access) { a.Token = connectors.NewSecret("pass") },
	} {
		_, err := newLoader(t).Load(t.Context(), source(change))
		require.NoError(t, err)
	}

	// What docker login stores.
	host, _, _ := strings.Cut(r.name(), "/")
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host,
		base64.StdEncoding.EncodeToString([]byte("robot:secret")))
	path := filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	_, err := newLoader(t).Load(t.Context(), source(func(*Access) {}))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	require.Contains(t, refusal(t, newLoader(t), source(func(*Access) {})).Error(),
		"the configuration of docker cannot be read")
}

func TestRegistryWithoutTLS(t *testing.T) {
	noDocker(t)
	r := newRegistry(t, httptest.NewServer)
	r.pushModule("1", binary)
	ref := "oci://" + r.name() + ":1"
	require.Contains(t, refusal(t, newLoader(t), Source{Ref: ref}).Error(), "does not speak TLS")
	m, err := newLoader(t).Load(t.Context(), Source{Ref: ref, Access: Access{PlainHTTP: true}})
	require.NoError(t, err)
	require.Equal(t, binary, m.Bytes)
	e := refusal(t, newLoader(t), Source{
		Ref: "oci://registry.invalid/x:1", Access: Access{PlainHTTP: true},
	})
	require.Contains(t, e.Error(), "the way leads over http://", "only to this machine")
}

// cosign writes signatures as its versions do.
type cosign struct {
	r   *testRegistry
	key *ecdsa.PrivateKey
}

func (c cosign) sign(message []byte) []byte {
	sum := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(rand.Reader, c.key, sum[:])
	require.NoError(c.r.t, err)
	return signature
}

// tag stores a signature over claim under the tag of the artifact.
func (c cosign) tag(manifest, claim string) {
	payload := fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":""},"image":`+
		`{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`,
		claim)
	layer := c.r.blob(payloadType, payload)
	layer.Annotations = map[string]string{
		signatureKey: base64.StdEncoding.EncodeToString(c.sign(payload)),
	}
	c.r.push(strings.Replace(manifest, ":", "-", 1)+".sig", ocispec.Manifest{
		Layers: []ocispec.Descriptor{layer},
	})
}

// refer stores a bundle that refers to the artifact and states predicate of claim.
func (c cosign) refer(manifest, claim, predicate string) {
	statement := fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":`+
		`{"sha256":%q}}],"predicateType":%q}`, strings.TrimPrefix(claim, "sha256:"), predicate)
	pae := fmt.Appendf(nil, "DSSEv1 28 application/vnd.in-toto+json %d %s", len(statement), statement)
	data, err := json.Marshal(map[string]any{
		"mediaType": bundleType,
		"dsseEnvelope": map[string]any{
			"payload": statement, "payloadType": "application/vnd.in-toto+json",
			"signatures": []map[string]any{{"sig": c.sign(pae)}},
		},
	})
	require.NoError(c.r.t, err)
	c.r.push("", ocispec.Manifest{
		ArtifactType: bundleType, Layers: []ocispec.Descriptor{c.r.blob(bundleType, data)},
		Subject: &ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(manifest),
		},
	})
}

func TestSignaturesInARegistry(t *testing.T) {
	noDocker(t)
	const provenance = "https://slsa.dev/provenance/v1"
	for _, c := range []struct {
		name      string
		referring bool
		sign      func(good, bad cosign, manifest, other string)
		want      string // "" is accepted
	}{
		{"tag", false, func(good, _ cosign, m, _ string) { good.tag(m, m) }, ""},
		{"tag beside referrers", true, func(good, _ cosign, m, _ string) { good.tag(m, m) }, ""},
		{"bundle", true, func(good, _ cosign, m, _ string) { good.refer(m, m, statementClaim) }, ""},
		{"bundle among others", true, func(good, bad cosign, m, other string) {
			bad.refer(m, m, statementClaim)
			good.refer(m, m, provenance)
			good.refer(m, m, statementClaim)
		}, ""},
		{"unsigned", false, func(_, _ cosign, _, _ string) {}, "is not signed; sign it: cosign sign"},
		{"unsigned with referrers", true, func(_, _ cosign, _, _ string) {}, "is not signed"},
		{"another key", false, func(_, bad cosign, m, _ string) { bad.tag(m, m) },
			"none of the 1 signatures"},
		{"another key in a bundle", true, func(_, bad cosign, m, _ string) {
			bad.refer(m, m, statementClaim)
		}, "none of the 1 signatures"},
		{"of another artifact", false, func(good, _ cosign, m, other string) { good.tag(m, other) },
			"none of the 1 signatures"},
		{"bundle of another artifact", true, func(good, _ cosign, m, other string) {
			good.refer(m, other, statementClaim)
		}, "is not signed"},
		{"another statement", true, func(good, _ cosign, m, _ string) { good.refer(m, m, provenance) },
			"is not signed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRegistry(t, httptest.NewTLSServer)
			r.referring = c.referring
			manifest, other := r.pushModule("1", binary), r.pushModule("2", append(binary, '2'))
			good := cosign{r, ecdsaKey(t)}
			c.sign(good, cosign{r, ecdsaKey(t)}, manifest, other)
			keys := append(pemOf(t, ed25519Key(t).Public()), pemOf(t, good.key.Public())...)
			s := Source{
				Ref: "oci://" + r.name() + "@" + manifest, Access: trusting(t, r.server),
				PublicKey: write(t, "keys.pem", keys), Production: true,
			}
			l := newLoader(t)
			if c.want != "" {
				e := refusal(t, l, s)
				require.Equal(t, SettingPublicKey, e.Setting)
				require.Contains(t, e.Error(), c.want)
				return
			}
			m, err := l.Load(t.Context(), s)
			require.NoError(t, err)
			require.Len(t, m.Key, 16)
			// Which signatures there are is asked anew: this one was withdrawn.
			r.withdraw()
			require.Contains(t, refusal(t, l, s).Error(), "is not signed")
		})
	}
}
