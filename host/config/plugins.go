package config

import (
	"encoding/hex"
	"errors"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/modules"
)

// Remote reports whether the module of p comes from a server, not from a file system.
func (p *Plugin) Remote() bool {
	ref, err := modules.Parse(p.Path)
	return err == nil && ref.Kind() != modules.KindFile
}

// Pinned reports whether the job file says which module it has to be.
func (p *Plugin) Pinned() bool {
	ref, err := modules.Parse(p.Path)
	return p.SHA256 != "" || err == nil && ref.Digest() != ""
}

// checkModule checks where the module of a plugin comes from, and how it is known to be the one
// that was meant.
func (l *loader) checkModule(p *Plugin, key string, n *node) {
	at := func(name string) (int, string) { return n.lineOf(name), key + "." + name }
	if line, path := at("sha256"); p.SHA256 != "" {
		p.SHA256 = strings.ToLower(p.SHA256)
		if _, err := hex.DecodeString(p.SHA256); err != nil || len(p.SHA256) != 64 {
			l.addf(line, path, "want the 64 hex digits that `sha256sum` prints for the module")
		}
	}
	if line, path := at("signature"); p.Signature != "" && p.PublicKey == "" {
		l.addf(line, path, "nothing checks it without public_key; name the PEM file of the key")
	}
	l.checkScheme(key+".public_key", p.PublicKey, "keys")
	if f := n.table["fetch"]; f != nil && f.table != nil {
		l.validate(f, key+".fetch", func(out *connectors.Problems) { p.Fetch.Validate(out) })
	}
	if !l.required(n, key, "path", p.Path != "", "name the file of the Wasm module") {
		return
	}
	ref, err := modules.Parse(p.Path)
	if err == nil && l.production {
		err = ref.CheckPinned(p.SHA256)
	}
	var e *modules.Error
	if errors.As(err, &e) {
		line, path := at(e.Setting)
		l.addf(line, path, "%s; %s", e.Reason, e.Remedy)
		return
	}
	switch line, path := at("watch"); {
	case p.Watch && p.Remote():
		l.addf(line, path, "only files are watched; leave it out, and swap the plugin with wasmflow swap")
	case p.Watch && p.SHA256 != "":
		l.addf(line, path, "sha256 says which module it has to be; leave one of them out, and swap a "+
			"pinned plugin with wasmflow swap --sha256")
	}
	switch line, path := at("fetch"); {
	case ref.Kind() == modules.KindFile:
		l.checkScheme(key+".path", p.Path, "plugins")
		if n.table["fetch"] != nil {
			l.addf(line, path, "the module is a file; leave it out, or name it by https:// or oci://")
		}
	case p.Fetch.PlainHTTP && (ref.Kind() != modules.KindOCI || !ref.Loopback()):
		line, path := at(modules.SettingPlainHTTP)
		l.addf(line, path, "only for a registry on this machine: localhost, 127.0.0.1 or [::1]; leave "+
			"it out")
	}
}
