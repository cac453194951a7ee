package modules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// manifestBytesMax bounds a manifest: that of a module has one kilobyte.
const manifestBytesMax = 1 << 20

// moduleTypes are the media types under which registries keep modules: that of the specification of
// Wasm artifacts, and the two that tools used before it.
func moduleTypes() []string {
	return []string{
		"application/wasm",
		"application/vnd.wasm.content.layer.v1+wasm",
		"application/vnd.module.wasm.content.layer.v1+wasm",
	}
}

// artifact is what a registry keeps a module in.
type artifact struct {
	f        *fetch
	repo     *remote.Repository
	manifest ocispec.Descriptor
	layers   []ocispec.Descriptor
	close    func()
}

// openArtifact reads the manifest. The caller closes what it returns.
func (f *fetch) openArtifact(ctx context.Context) (a *artifact, err error) {
	client, done, err := f.client(ctx, f.ref)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			done()
		}
	}()
	access := f.access(f.ref)
	credential, err := f.credential(access)
	if err != nil {
		return nil, err
	}
	authorized := &auth.Client{
		Client: client, Credential: credential, Cache: auth.NewCache(),
		Header: http.Header{"User-Agent": {userAgent}},
	}
	if f.ref.Loopback() {
		// A registry on this machine may have its server of tokens there; any other may not send
		// requests here.
		authorized.BlockedRealmPrefixes = []netip.Prefix{}
	}
	a = &artifact{f: f, close: done, repo: &remote.Repository{
		Client: authorized, Reference: f.ref.oci, PlainHTTP: access.PlainHTTP,
		MaxMetadataBytes: manifestBytesMax, ReferrerListMaxPages: 1,
	}}
	var m ocispec.Manifest
	if a.manifest, err = a.readManifest(ctx, f.ref.oci.Reference, f.ref.Digest(), &m); err != nil {
		return nil, err
	}
	a.layers = m.Layers
	return a, nil
}

// credential returns what the job file says, or else what docker login has stored.
func (f *fetch) credential(a Access) (auth.CredentialFunc, error) {
	switch {
	case !a.Token.IsZero():
		return auth.StaticCredential(f.ref.oci.Host(),
			auth.Credential{AccessToken: a.Token.Reveal()}), nil
	case a.Username != "":
		return auth.StaticCredential(f.ref.oci.Host(),
			auth.Credential{Username: a.Username, Password: a.Password.Reveal()}), nil
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, refuse(SettingFetch, "the configuration of docker cannot be read: "+err.Error(),
			"correct it, or give fetch.username and fetch.password", err)
	}
	return credentials.Credential(store), nil
}

// readManifest reads the manifest that reference, a tag or a digest, names. hexDigest is that of
// the digest; "" for a tag. What a digest names comes from the cache if it is there.
func (a *artifact) readManifest(ctx context.Context, reference, hexDigest string,
	m *ocispec.Manifest,
) (ocispec.Descriptor, error) {
	data, cached := a.f.cache.get(hexDigest, manifestBytesMax)
	if hexDigest == "" || !cached {
		desc, body, err := a.repo.FetchReference(ctx, reference)
		if err != nil {
			return desc, a.explain(err)
		}
		if desc.Size > manifestBytesMax {
			err = fmt.Errorf("its manifest has %d bytes; the limit is %d", desc.Size, manifestBytesMax)
		} else {
			data, err = content.ReadAll(body, desc)
		}
		if err = errors.Join(err, body.Close()); err != nil {
			return desc, a.explain(err)
		}
		if hexDigest != "" && hexDigest != digest.FromBytes(data).Encoded() {
			return desc, a.explain(content.ErrMismatchedDigest)
		}
		if hexDigest != "" {
			a.f.keep(data)
		}
	}
	if err := json.Unmarshal(data, m); err != nil {
		return ocispec.Descriptor{}, refuse(SettingPath, "its manifest cannot be read: "+err.Error(),
			"push it again", err)
	}
	if m.MediaType == ocispec.MediaTypeImageIndex || m.MediaType == dockerIndex ||
		m.MediaType == "" && m.Config.Digest == "" {
		return ocispec.Descriptor{}, refuse(SettingPath, "it is an index of artifacts, not one",
			"name the artifact of the module by its digest", nil)
	}
	return ocispec.Descriptor{
		MediaType: m.MediaType, Digest: digest.FromBytes(data), Size: int64(len(data)),
	}, nil
}

const dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"

// module returns the one layer that is a module.
func (a *artifact) module(ctx context.Context) ([]byte, error) {
	var found []ocispec.Descriptor
	var types []string
	for _, x := range a.layers {
		if slices.Contains(moduleTypes(), x.MediaType) {
			found = append(found, x)
		}
		types = append(types, x.MediaType)
	}
	if len(found) != 1 {
		reason := fmt.Sprintf("%d of its layers are Wasm modules", len(found))
		if len(found) == 0 {
			reason = fmt.Sprintf("it has no layer of type %s; it has %q",
				strings.Join(moduleTypes(), " or "), types)
		}
		return nil, refuse(SettingPath, reason, "push one module: oras push REGISTRY/NAME:TAG "+
			"x.wasm:application/wasm", nil)
	}
	data, err := a.blob(ctx, found[0], a.f.source.SizeMax)
	if err != nil {
		return nil, err
	}
	return data, checkMagic(data, "")
}

// blob returns a layer, which may have sizeMax bytes.
func (a *artifact) blob(ctx context.Context, desc ocispec.Descriptor, sizeMax int64,
) ([]byte, error) {
	if err := desc.Digest.Validate(); err != nil || desc.Digest.Algorithm() != digest.SHA256 {
		return nil, refuse(SettingPath, "the digest of a layer is not SHA-256", "push it again", err)
	}
	if desc.Size > sizeMax {
		return nil, tooLarge(desc.Size, sizeMax)
	}
	if data, ok := a.f.cache.get(desc.Digest.Encoded(), sizeMax); ok {
		return data, nil
	}
	body, err := a.repo.Blobs().Fetch(ctx, desc)
	if err != nil {
		return nil, a.explain(err)
	}
	data, err := content.ReadAll(io.LimitReader(body, sizeMax+1), desc)
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, a.explain(err)
	}
	if a.f.ref.Digest() != "" {
		a.f.keep(data)
	}
	return data, nil
}

// explain words an error of the registry.
func (a *artifact) explain(err error) error {
	access := a.f.access(a.f.ref)
	var answer *errcode.ErrorResponse
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return fmt.Errorf("%w: %w", explainStatus(http.StatusNotFound, access), err)
	case errors.As(err, &answer):
		return explainStatus(answer.StatusCode, access)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return explainStatus(http.StatusUnauthorized, access)
	case errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrTrailingData):
		return refuse(SettingPath, "the registry sent other bytes than the digest promises",
			"push it again; if it stays so, do not trust the registry", err)
	}
	return explain(err)
}
