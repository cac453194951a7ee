package modules

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/transport"
	"github.com/wasmflow/wasmflow/host/regular"
)

const (
	// fetchTimeout bounds everything that one Load does, over a network or on a disk: 32 MiB arrive
	// within it at a quarter of a megabyte a second.
	fetchTimeout = 2 * time.Minute
	// moduleBytesDefault is the limit of a module where the caller names none.
	moduleBytesDefault = 32 << 20
	// signatureBytesMax bounds what holds a signature: a bundle of cosign with its proofs has 10 KiB.
	signatureBytesMax = 1 << 20
)

// SignatureSuffix is added to the name of a module for that of its signature.
const SignatureSuffix = ".sig"

// Access is the table fetch of a plugin: how its server is reached.
type Access struct {
	Token     connectors.Secret `toml:"token" doc:"Bearer token for the server of path."`
	Username  string            `toml:"username" doc:"User name for the server of path, with password. Without both, and without token, a registry gets what docker login has stored for it."`
	Password  connectors.Secret `toml:"password" doc:"Password of username."`
	PlainHTTP bool              `toml:"plain_http" doc:"Speaks to a registry without TLS, which has to be on this machine."`
	TLS       transport.TLS     `toml:"tls"`
}

// Validate reports problems under the keys of the table.
func (a *Access) Validate(p *connectors.Problems) {
	a.TLS.Validate(p)
	switch {
	case a.Username != "" && a.Password.IsZero():
		p.Addf("password", "required with username; set it, for example password = { env = \"NAME\" }")
	case a.Username == "" && !a.Password.IsZero():
		p.Addf("username", "required with password; name the user")
	case a.Username != "" && !a.Token.IsZero():
		p.Addf("token", "not together with username and password; leave one of them out")
	}
}

// Source says what to load.
type Source struct {
	Ref string
	// SHA256 is the hexadecimal digest that the module must have; empty for any.
	SHA256 string
	// SizeMax bounds the module in bytes; 0 is 32 MiB.
	SizeMax int64
	// PublicKey is the path of a PEM file of the keys of which one must have signed the module;
	// empty demands no signature. Signature is where that is: a path, a URL of a file system or an
	// https:// URL; empty is Ref with .sig behind it or, for an artifact of a registry, what cosign
	// keeps beside that.
	PublicKey, Signature string
	// Access is meant for the server of Home, a reference, and used for no other. An empty Home is
	// Ref.
	Access Access
	Home   string
	// Production refuses what names no digest.
	Production bool
}

// Module is what Load returns.
type Module struct {
	Name   string // for people: the reference without what is nobody's business
	Bytes  []byte // the caller's own
	SHA256 string // of Bytes, in lower-case hexadecimal
	Key    string // beginning of the digest of the public key that signed it; "" for not asked
	// Artifact is the digest of the manifest that named the module, "sha256:..."; "" where it
	// comes from no registry.
	Artifact string
}

// Config configures a Loader.
type Config struct {
	// CacheDir keeps what was fetched under a digest; empty for nothing. It is created with mode
	// 0700.
	CacheDir string
	// FileSystems opens URLs of file systems and the PEM files of Access; nil knows plain paths.
	FileSystems filesystem.Resolver
	// Logger hears of a cache that cannot be used; nil for nobody.
	Logger *slog.Logger

	elsewhere *tls.Config // for servers that a redirect leads to; nil trusts those of the system
}

// Loader loads modules. Any goroutine may use it.
type Loader struct {
	cfg   Config
	cache *cache
}

// New returns a Loader. It touches nothing yet.
func New(cfg Config) *Loader {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Loader{cfg: cfg, cache: &cache{dir: cfg.CacheDir}}
}

// Load returns the module that s names (M1). The error is an *Error, or the context's.
func (l *Loader) Load(ctx context.Context, s Source) (*Module, error) {
	if s.SizeMax == 0 {
		s.SizeMax = moduleBytesDefault
	}
	ref, err := Parse(s.Ref)
	if err != nil {
		return nil, named(err, shown(s.Ref))
	}
	m := &Module{Name: ref.String()}
	if err := l.load(ctx, s, ref, m); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, named(err, m.Name)
	}
	return m, nil
}

// shown is what may be said of a reference that Parse refuses (M6).
func shown(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "the reference"
	}
	u.User, u.RawQuery, u.Fragment, u.RawFragment = nil, "", "", ""
	return u.String()
}

// named makes an *Error about ref of err.
func named(err error, ref string) error {
	var e *Error
	if errors.As(err, &e) {
		return e.at(ref)
	}
	return fmt.Errorf("loading %s: %w", ref, err)
}

func (l *Loader) load(ctx context.Context, s Source, ref Reference, m *Module) error {
	if s.Production {
		if err := ref.CheckPinned(s.SHA256); err != nil {
			return err
		}
	}
	if s.SHA256 = strings.ToLower(s.SHA256); s.SHA256 != "" && !isDigest(s.SHA256) {
		return refuse(SettingSHA256, "the SHA-256 that it must have is none", "write the 64 hex digits "+
			"that `sha256sum` prints for the module", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var keys []publicKey
	if s.PublicKey != "" { // first, for a mistake there is told without a network
		var err error
		if keys, err = l.readKeys(ctx, s.PublicKey); err != nil {
			return err
		}
	}
	f := &fetch{Loader: l, source: s, ref: ref}
	var artifact *artifact
	var err error
	switch ref.kind {
	case KindHTTPS:
		m.Bytes, err = f.https(ctx)
	case KindOCI:
		if artifact, err = f.openArtifact(ctx); err == nil {
			defer artifact.close()
			m.Artifact = string(artifact.manifest.Digest)
			m.Bytes, err = artifact.module(ctx)
		}
	default:
		m.Bytes, err = l.readModule(ctx, ref.text, s.SizeMax)
	}
	if err != nil {
		return err
	}
	sum := sha256.Sum256(m.Bytes)
	m.SHA256 = hex.EncodeToString(sum[:])
	if s.SHA256 != "" && s.SHA256 != m.SHA256 {
		return refuse(SettingSHA256, fmt.Sprintf("has SHA-256 %s, not the %s that it must have",
			m.SHA256, s.SHA256), "put the new digest into sha256 if the change is meant", nil)
	}
	if keys != nil {
		if m.Key, err = f.checkSignature(ctx, artifact, m.Bytes, keys); err != nil {
			return err
		}
	}
	if ref.kind == KindHTTPS && s.SHA256 != "" {
		l.keep(m.Bytes)
	}
	return nil
}

// readModule returns the file at location.
func (l *Loader) readModule(ctx context.Context, location string, sizeMax int64) ([]byte, error) {
	data, err := l.readFile(ctx, location, sizeMax+1)
	switch {
	case err == nil && int64(len(data)) > sizeMax:
		return nil, tooLarge(-1, sizeMax)
	case err == nil:
		return data, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, filesystem.ErrNotFound):
		return nil, refuse(SettingPath, "no such file", "build it, or correct the path", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, filesystem.ErrReadOnly):
		return nil, refuse(SettingPath, fmt.Sprintf("cannot be read: %v", cause(err)),
			"give the user that runs wasmflow the right to it", err)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, passing(fmt.Sprintf("cannot be read: there is no answer after %v", fetchTimeout),
			"look at the disk or the mount that it is on", err)
	case connectors.Classify(err) == connectors.Retry:
		return nil, passing(fmt.Sprintf("cannot be read: %v", cause(err)),
			"see whether the server is there", err)
	}
	return nil, refuse(SettingPath, fmt.Sprintf("cannot be read: %v", cause(err)), "name a .wasm file",
		err)
}

// readFile returns at most sizeMax bytes of a file. It returns by the end of ctx, whatever the file
// system does (M7).
func (l *Loader) readFile(ctx context.Context, location string, sizeMax int64) ([]byte, error) {
	open := func() (io.ReadCloser, error) { return regular.Open(location) }
	if strings.Contains(location, "://") {
		open = func() (io.ReadCloser, error) {
			if l.cfg.FileSystems == nil {
				return nil, errors.New("no file system is at hand")
			}
			fs, path, err := l.cfg.FileSystems(ctx, location)
			if err != nil {
				return nil, err
			}
			return fs.Open(ctx, path, 0)
		}
	}
	return within(ctx, func() ([]byte, error) {
		r, err := open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(r, sizeMax))
		return data, errors.Join(err, r.Close())
	})
}

// keep puts data into the cache. A module that cannot be kept is fetched again.
func (l *Loader) keep(data []byte) {
	if err := l.cache.put(data); err != nil {
		l.cfg.Logger.Warn("keeping a fetched module: the next start fetches it again", "error", err)
	}
}

// cause strips the path from an error of the disk: the text names it already.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// magic begins every Wasm binary.
const magic = "\x00asm"

// checkMagic refuses what is no Wasm binary, with a word for what servers like to send instead.
func checkMagic(data []byte, contentType string) error {
	if bytes.HasPrefix(data, []byte(magic)) {
		return nil
	}
	start := strings.ToLower(string(bytes.TrimSpace(data[:min(len(data), 256)])))
	if strings.HasPrefix(start, "<") || strings.HasPrefix(contentType, "text/html") {
		return refuse(SettingPath, "the server sent a web page, not a module",
			"name the address of the file itself; a page for logging in means that fetch.token is "+
				"missing", nil)
	}
	return refuse(SettingPath, "this is not a WebAssembly binary", "name a .wasm file", nil)
}
