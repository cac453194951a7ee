package hdfs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
)

// TestKerberos writes to a cluster where everybody logs in, NameNode, DataNode and WebHDFS.
func TestKerberos(t *testing.T) {
	kdc, err := servers.StartKDC(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, kdc.Close()) }()
	h, err := servers.StartHDFS(t.Context(), servers.HDFSOptions{
		Kerberos: kdc, Properties: map[string]string{
			"wasmflow.kerberos.principal": servers.HDFSPrincipal + "@" + servers.Realm,
			"wasmflow.kerberos.keytab":    kdc.Keytab(),
		},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, h.Close()) }()
	env := map[string]string{"HADOOP_CONF_DIR": h.Conf(), "KRB5_CONFIG": kdc.Config()}
	o, err := hdfs.FromEnvironment(func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}, "")
	require.NoError(t, err)
	fs := open(t, o)
	defer func() { require.NoError(t, fs.Close()) }()
	token, err := create(t, fs, filesystem.PendingName{
		Root: "/base", Job: "job", Part: "part", Target: "/base/part", Claim: 1,
	}, "data").Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, fs.Publish(t.Context(), token))
	data, err := fs.ReadFile(t.Context(), "/base/part", 100)
	require.NoError(t, err)
	require.Equal(t, "data", string(data))
	require.NoError(t, fs.PublishExclusive(t.Context(), "/log/1", []byte("first")))
	require.ErrorIs(t, fs.PublishExclusive(t.Context(), "/log/1", []byte("second")),
		filesystem.ErrExists)

	o.Kerberos.Principal = "nobody-knows-me"
	stranger := open(t, o)
	defer func() { require.NoError(t, stranger.Close()) }()
	_, err = stranger.Stat(t.Context(), "/base")
	require.ErrorContains(t, err, "getting a Kerberos ticket for nobody-knows-me")
}
