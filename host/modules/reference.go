package modules

import (
	"net/netip"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/registry"
)

// Kind is where a reference leads.
type Kind string

// The kinds.
const (
	KindFile  Kind = "file" // a plain path, or a URL of a file system
	KindHTTPS Kind = "https"
	KindOCI   Kind = "oci"
)

// Reference names a module, or a signature. The zero value names nothing.
type Reference struct {
	kind Kind
	text string // as it was given
	url  *url.URL
	oci  registry.Reference
}

// Parse reads a path, a URL of a file system, https://host/file, oci://registry/repository:tag or
// oci://registry/repository@sha256:digest. The error is an *Error without Ref.
func Parse(text string) (Reference, error) {
	scheme, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		return Reference{kind: KindFile, text: text}, nil
	}
	switch strings.ToLower(scheme) {
	case "http":
		return Reference{}, refuse(SettingPath, "http:// shows the module to everybody on the way and "+
			"lets them change it", "use https://, oci:// or a file", nil)
	case "https":
		return parseHTTPS(text)
	case "oci":
		return parseOCI(text, rest)
	}
	authority, _, _ := strings.Cut(rest, "/")
	if user, _, ok := strings.Cut(authority, "@"); ok && strings.Contains(user, ":") {
		return Reference{}, refuse(SettingPath, "an address with a password in it ends up in logs",
			"let the environment or a profile hold it", nil)
	}
	return Reference{kind: KindFile, text: text}, nil
}

func parseHTTPS(text string) (Reference, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") == "":
		return Reference{}, refuse(SettingPath, "it is no address of a file",
			"write https://host/path/x.wasm", nil)
	case u.User != nil:
		return Reference{}, refuse(SettingPath, "an address with a password in it ends up in logs",
			"put it into fetch.username and fetch.password, or fetch.token", nil)
	}
	return Reference{kind: KindHTTPS, text: text, url: u}, nil
}

func parseOCI(text, rest string) (Reference, error) {
	ref, err := registry.ParseReference(rest)
	switch {
	case err != nil || ref.Registry == "":
		return Reference{}, refuse(SettingPath, "it names no artifact of a registry",
			"write oci://registry/repository:tag or oci://registry/repository@sha256:...", err)
	case ref.Reference == "":
		return Reference{}, refuse(SettingPath, "it has neither a tag nor a digest",
			"add :tag or @sha256:...", nil)
	}
	if d, err := ref.Digest(); err == nil && d.Algorithm() != "sha256" {
		return Reference{}, refuse(SettingPath, "its digest is not SHA-256", "write @sha256:...", nil)
	}
	return Reference{kind: KindOCI, text: text, oci: ref}, nil
}

// Kind tells where r leads.
func (r Reference) Kind() Kind { return r.kind }

// String returns r for people: as it was given, but for the query of a URL, which may hold what
// gives access to it.
func (r Reference) String() string {
	if r.kind != KindHTTPS {
		return r.text
	}
	u := *r.url
	u.RawQuery, u.Fragment, u.RawFragment = "", "", ""
	if r.url.RawQuery != "" {
		return u.String() + "?..."
	}
	return u.String()
}

// Digest returns the hexadecimal digest that r itself names, or "". It is that of the artifact's
// manifest, which names the digest of the module.
func (r Reference) Digest() string {
	if r.kind != KindOCI {
		return ""
	}
	d, err := r.oci.Digest()
	if err != nil {
		return "" // a tag
	}
	return d.Encoded()
}

// CheckPinned refuses what may be another module tomorrow: a reference that no digest belongs to.
// sha256 is the one that the module must have; "" for any. The error is an *Error without Ref.
func (r Reference) CheckPinned(sha256 string) error {
	switch {
	case r.kind == KindOCI && r.Digest() == "":
		return refuse(SettingPath, "a tag may name another module tomorrow, which --production refuses",
			"name the artifact by @sha256:...", nil)
	case r.kind != KindOCI && sha256 == "":
		return refuse(SettingSHA256, "required with --production", "write the 64 hex digits that "+
			"`sha256sum` prints for the module", nil)
	}
	return nil
}

// server returns host and port that r leads to; "" for files.
func (r Reference) server() string {
	switch r.kind {
	case KindHTTPS:
		return strings.ToLower(r.url.Host)
	case KindOCI:
		return strings.ToLower(r.oci.Registry)
	}
	return ""
}

// Loopback reports whether only this machine answers at r.
func (r Reference) Loopback() bool {
	u, err := url.Parse("//" + r.server())
	return err == nil && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
