package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reachableJob serves on every address of the machine, so that nothing but certificates and the
// token of the run file lets somebody in.
const reachableJob = endlessJob + `
[admin]
address = "0.0.0.0:0"
tls = { cert = "server.pem", key = "server.key", client_ca = "ca.pem" }
`

// certificates writes an authority, and what it signed for a server and for a client, into dir.
func certificates(t *testing.T, dir string) {
	t.Helper()
	write := func(name, kind string, der []byte) {
		data := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, ca.Public(), ca)
	require.NoError(t, err)
	write("ca.pem", "CERTIFICATE", der)
	for name, usage := range map[string]x509.ExtKeyUsage{
		"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth,
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(2), NotBefore: root.NotBefore, NotAfter: root.NotAfter,
			ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}, root, key.Public(), ca)
		require.NoError(t, err)
		private, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		write(name+".pem", "CERTIFICATE", der)
		write(name+".key", "PRIVATE KEY", private)
	}
}

func TestReachAJobElsewhere(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": reachableJob, "wrong": "guess\n"})
	certificates(t, dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	job := start(t, "run", at("job.toml"))
	job.stdout.await("10\n")
	file := runFile(t, dir, "endless")
	_, port, err := net.SplitHostPort(file.Address)
	require.NoError(t, err)
	address := "127.0.0.1:" + port
	require.NoError(t, os.WriteFile(at("token"), []byte(file.Token.Reveal()+"\n"), 0o600))

	// On the machine of the job the store says all that is needed.
	require.Zero(t, do(t, "pause", at("job.toml")).code)
	require.Contains(t, do(t, "status", at("job.toml")).stdout, "endless is paused")

	ca := []string{"--address", address, "--ca", at("ca.pem")}
	client := append([]string{"--cert", at("client.pem"), "--key", at("client.key")}, ca...)
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a certificate", append([]string{"resume", "endless"}, client...), 0, "endless is running"},
		{"the token", append([]string{"status", "endless", "--token-file", at("token")}, ca...), 0,
			"endless is running"},
		{"a URL", []string{"status", "endless", "--address", "https://" + address + "/", "--ca",
			at("ca.pem"), "--token-file", at("token")}, 0, "endless is running"},
		{"neither", append([]string{"status", "endless"}, ca...), exitOutside,
			"the token is missing or wrong"},
		{"another token", append([]string{"status", "endless", "--token-file", at("wrong")}, ca...),
			exitOutside, "the token is missing or wrong"},
		{"an authority nobody knows", []string{"status", "endless", "--address", "https://" + address},
			exitOutside, "certificate"},
		{"plain HTTP", []string{"status", "endless", "--address", address}, exitOutside, "asking job"},
		{"another job", append([]string{"status", "orders"}, client...), exitOutside,
			`is that of job "endless", not of "orders"`},
		{"a key without certificate", []string{"status", "endless", "--key", at("client.key")},
			exitRefused, "--cert, --key"},
		{"no authority in the file", []string{"status", "endless", "--ca", at("wrong")}, exitRefused,
			"holds no certificate"},
		{"no file", []string{"status", "endless", "--token-file", at("none")}, exitRefused,
			"--token-file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := do(t, tt.args...)
			require.Equal(t, tt.code, r.code, r.stderr)
			require.Contains(t, r.stdout+r.stderr, tt.want)
			require.NotContains(t, r.stdout+r.stderr, file.Token.Reveal())
		})
	}
	t.Run("by the environment", func(t *testing.T) {
		p, stdout, stderr := testProcess(t)
		p.lookupEnv = func(name string) (string, bool) {
			v, ok := map[string]string{
				envAddress: "https://" + address, envCA: at("ca.pem"), envToken: file.Token.Reveal(),
			}[name]
			return v, ok
		}
		require.Zero(t, run([]string{"status", "endless"}, p), stderr)
		require.Contains(t, stdout.String(), "endless is running")
	})
	r := do(t, append([]string{"stop", "endless"}, client...)...)
	require.Zero(t, r.code, r.stderr)
	require.Equal(t, "endless has ended\n", r.stdout)
	require.Zero(t, <-job.code, job.stderr)
	r = do(t, append([]string{"status", "endless"}, client...)...)
	require.Equal(t, exitOutside, r.code)
	require.Contains(t, r.stderr, "the job does not run at the address that was given")
}

func TestRunRefusesCertificatesThatCannotBeRead(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": reachableJob})
	certificates(t, dir)
	file := filepath.Join(dir, "job.toml")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "server.key"), []byte("no key"), 0o600))
	r := do(t, "run", file)
	require.Equal(t, exitOutside, r.code)
	require.Contains(t, r.stderr, "admin.tls: reading the certificate of the admin server")
	require.NoError(t, os.Remove(filepath.Join(dir, "ca.pem")))
	r = do(t, "run", file)
	require.Equal(t, exitOutside, r.code)
	require.Contains(t, r.stderr, "admin.tls.client_ca: ")
}
