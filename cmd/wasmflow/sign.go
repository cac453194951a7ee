package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/modules"
)

const (
	signedBytesMax = 1 << 30  // the largest module that a job file may allow
	keyBytesMax    = 64 << 10 // a private key has 300 bytes
)

// newModules returns what fetches plugins, with a cache beside that of compiled modules.
func newModules(p *process, logger *slog.Logger) *modules.Loader {
	cfg := modules.Config{FileSystems: fileSystems(p, false), Logger: logger}
	if dir := p.cacheDir(); dir != "" {
		cfg.CacheDir = filepath.Join(filepath.Dir(dir), "fetched")
	}
	return modules.New(cfg)
}

// accessFlags declares how the server of a module is reached, for commands without a job file.
func accessFlags(flags *flag.FlagSet, a *modules.Access) {
	flags.StringVar(&a.TLS.CA, "ca", "", "PEM `FILE` of the authorities to trust instead of the "+
		"system's")
	flags.BoolVar(&a.PlainHTTP, "plain-http", false, "speak to a registry on this machine without TLS")
}

func signCommand() command {
	return command{
		name: "sign", usage: "x.wasm",
		summary: "sign a plugin",
		help: `
The signature is written beside the module, where run looks for it when the job
file names public_key:

  openssl genpkey -algorithm ed25519 -out key.pem
  openssl pkey -in key.pem -pubout -out key.pub
  wasmflow sign --key key.pem x.wasm              writes x.wasm.sig

Keys of ECDSA on P-256 do as well. Signatures of cosign sign-blob --key are read,
too; docs/supply-chain.md has more.
`,
		setup: func(flags *flag.FlagSet) action {
			key := flags.String("key", "", "PEM `FILE` of the private key, PKCS #8, not encrypted")
			return func(_ context.Context, p *process, args []string) error {
				path, err := one("sign", "a .wasm file", args)
				if err != nil {
					return err
				}
				if *key == "" {
					return usagef("sign", "--key: name the file of the private key")
				}
				return sign(p, *key, path)
			}
		},
	}
}

func sign(p *process, keyPath, path string) error {
	key, err := config.ReadFile(keyPath, keyBytesMax)
	if err != nil {
		return usagef("sign", "--key: reading %s: %v; name the PEM file of a private key", keyPath,
			cause(err))
	}
	module, err := config.ReadFile(path, signedBytesMax)
	if err != nil {
		return usagef("sign", "reading %s: %v; build the plugin, or correct the path", path, cause(err))
	}
	signature, err := modules.Sign(key, module)
	if err != nil {
		return usagef("sign", "--key: %s: %v", keyPath, err)
	}
	out := path + modules.SignatureSuffix
	if err := os.WriteFile(out, []byte(signature), 0o644); err != nil {
		return fmt.Errorf("writing the signature: %w", err)
	}
	fmt.Fprintf(p.stdout, "%s is signed: %s\n", path, out)
	return nil
}

func verifyCommand() command {
	return command{
		name: "verify", usage: "x.wasm",
		summary: "check a plugin's digest and signature",
		help: `
It does what run does before it looks at a module:

  wasmflow verify --key key.pub x.wasm
  wasmflow verify --sha256 9f86d081... https://host/x.wasm
  wasmflow verify --key cosign.pub oci://registry.example/prices@sha256:...

Exit code 0 is fine, 2 a module that is not the one that was meant, 3 a server
that does not answer.
`,
		setup: func(flags *flag.FlagSet) action {
			s := modules.Source{SizeMax: signedBytesMax}
			flags.StringVar(&s.PublicKey, "key", "", "PEM `FILE` of public keys, one of which must have "+
				"signed the module")
			flags.StringVar(&s.Signature, "signature", "", "`PLACE` of the signature; by default beside "+
				"the module")
			flags.StringVar(&s.SHA256, "sha256", "", "`DIGEST` the module must have")
			accessFlags(flags, &s.Access)
			return func(ctx context.Context, p *process, args []string) error {
				ref, err := one("verify", "a module", args)
				if err != nil {
					return err
				}
				s.Ref = ref
				if err := makeAbsolute(&s.Access.TLS.CA); err != nil {
					return err
				}
				return verify(ctx, p, s)
			}
		},
	}
}

func verify(ctx context.Context, p *process, s modules.Source) error {
	ref, err := modules.Parse(s.Ref)
	if err == nil && s.PublicKey == "" && s.SHA256 == "" && ref.Digest() == "" {
		return usagef("verify", "name what to check: --key, --sha256, or both")
	}
	m, err := newModules(p, quiet()).Load(ctx, s)
	var refused *modules.Error
	if errors.As(err, &refused) && refused.Setting == modules.SettingPublicKey {
		return fmt.Errorf("--key: %w", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s is what it should be\n  sha256  %s\n", m.Name, m.SHA256)
	if m.Artifact != "" {
		fmt.Fprintf(p.stdout, "  digest  %s of the artifact\n", m.Artifact)
	}
	if m.Key != "" {
		fmt.Fprintf(p.stdout, "  signed by key %s of %s\n", m.Key, s.PublicKey)
	}
	return nil
}
