package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
)

func TestSignAndVerify(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	known, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	dir := folder(t, map[string]string{
		"x.wasm":  "\x00asm\x01\x00\x00\x00",
		"key.pem": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
		"key.pub": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: known})),
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	const sum = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476"

	got := do(t, "verify", "--key", at("key.pub"), at("x.wasm"))
	require.Equal(t, 2, got.code)
	require.Contains(t, got.stderr, "no signature at "+at("x.wasm.sig")+": no such file")

	got = do(t, "sign", "--key", at("key.pem"), at("x.wasm"))
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, at("x.wasm")+" is signed: "+at("x.wasm.sig")+"\n", got.stdout)

	got = do(t, "verify", "--key", at("key.pub"), "--sha256", sum, at("x.wasm"))
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, "x.wasm is what it should be\n  sha256  "+sum+"\n  signed by key ")

	require.NoError(t, os.WriteFile(at("x.wasm"), []byte("\x00asm\x01\x00\x00\x00\x00\x00"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"verify", "--key", at("key.pub"), at("x.wasm")}, 2, "was not made over this module"},
		{[]string{"verify", "--sha256", sum, at("x.wasm")}, 2, "has SHA-256 "},
		{[]string{"verify", "--key", at("key.pem"), at("x.wasm")}, 2, "--key: " + at("x.wasm") + ": " +
			at("key.pem") + `: holds a "PRIVATE KEY"`},
		{[]string{"verify", at("x.wasm")}, 2, "name what to check: --key, --sha256, or both"},
		{[]string{"verify", "--sha256", sum, "http://127.0.0.1/x"}, 2, "use https://, oci:// or a file"},
		{[]string{"verify", "--sha256", sum, "https://127.0.0.1:1/x"}, 3, "see whether the server is"},
		{[]string{"sign", at("x.wasm")}, 2, "--key: name the file of the private key"},
		{[]string{"sign", "--key", at("none"), at("x.wasm")}, 2,
			"--key: reading " + at("none") + ": no such file or directory; name the PEM file"},
		{[]string{"sign", "--key", at("key.pub"), at("x.wasm")}, 2, `holds a "PUBLIC KEY"`},
		{[]string{"sign", "--key", at("key.pem"), at("none")}, 2,
			"reading " + at("none") + ": no such file or directory; build the plugin"},
	} {
		got := do(t, c.args...)
		require.Equal(t, c.code, got.code, got.stderr)
		require.Contains(t, got.stderr, c.want, strings.Join(c.args, " "))
	}
}

func TestInspectNamesThePlugin(t *testing.T) {
	for ref, want := range map[string]string{
		"build/prices.wasm":                       "[plugins.prices]",
		"https://example.com/prices-1.wasm?key=a": "[plugins.prices-1]",
		"oci://example.com/team/prices:1.4":       "[plugins.prices]",
		"oci://example.com/prices@sha256:00":      "[plugins.prices]",
	} {
		i := inspection{Path: ref, Description: &abi.Description{Functions: []abi.Function{{}}}}
		require.Contains(t, i.jobLines(), want)
	}
}
