package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

// reachableJob serves on every address of the machine, so that nothing but certificates and the
// token of the run file lets somebody in.
const reachableJob = endlessJob + `
[admin]
address = "0.0.0.0:0"
tls = { cert = "server-cert.pem", key = "server-key.pem", client_ca = "authority.pem" }
`

// certificates writes an authority, and what it signed for a server and for a client, into dir.
func certificates(t *testing.T, dir string) {
	t.Helper()
	authority, err := servers.NewAuthority(dir)
	require.NoError(t, err)
	_, err = authority.Issue("server", "127.0.0.1")
	require.NoError(t, err)
	_, err = authority.Issue("client")
	require.NoError(t, err)
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

	ca := []string{"--address", address, "--ca", at("authority.pem")}
	client := append([]string{"--cert", at("client-cert.pem"), "--key", at("client-key.pem")}, ca...)
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
			at("authority.pem"), "--token-file", at("token")}, 0, "endless is running"},
		{"neither", append([]string{"status", "endless"}, ca...), exitOutside,
			"the token is missing or wrong"},
		{"another token", append([]string{"status", "endless", "--token-file", at("wrong")}, ca...),
			exitOutside, "the token is missing or wrong"},
		{"an authority nobody knows", []string{"status", "endless", "--address", "https://" + address},
			exitOutside, "certificate"},
		{"plain HTTP", []string{"status", "endless", "--address", address}, exitOutside, "asking job"},
		{"another job", append([]string{"status", "orders"}, client...), exitOutside,
			`is that of job "endless", not of "orders"`},
		{"a key without certificate", []string{"status", "endless", "--key", at("client-key.pem")},
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
				envAddress: "https://" + address, envCA: at("authority.pem"), envToken: file.Token.Reveal(),
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
	require.NoError(t, os.WriteFile(filepath.Join(dir, "server-key.pem"), []byte("no key"), 0o600))
	r := do(t, "run", file)
	require.Equal(t, exitOutside, r.code)
	require.Contains(t, r.stderr, "admin.tls: reading the certificate of the admin server")
	require.NoError(t, os.Remove(filepath.Join(dir, "authority.pem")))
	r = do(t, "run", file)
	require.Equal(t, exitOutside, r.code)
	require.Contains(t, r.stderr, "admin.tls.client_ca: ")
}
