package hdfs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSplit(t *testing.T) {
	for location, want := range map[string][2]string{
		"hdfs://nn:8020/a/b":          {"nn:8020", "/a/b"},
		"hdfs://nn/":                  {"nn", "/"},
		"hdfs:///a/../b/":             {"", "/b"},
		"hdfs://ann@a:1,b:2/x/*.csv?": {"ann@a:1,b:2", "/x/*.csv?"},
		"hdfs://nn/per%20cent":        {"nn", "/per%20cent"},
	} {
		authority, p, err := Split(location)
		require.NoError(t, err, location)
		require.Equal(t, want, [2]string{authority, p}, location)
	}
	for _, location := range []string{"hdfs://nn", "hdfs:/a", "/a", "hdfs://nn/a\x00"} {
		_, _, err := Split(location)
		require.Error(t, err, location)
	}
}

// conf writes Hadoop's files of properties and returns the environment that names them.
func conf(t *testing.T, properties map[string]string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	text := "<configuration>"
	for name, value := range properties {
		text += fmt.Sprintf("<property><name>%s</name><value>%s</value></property>", name, value)
	}
	text += "</configuration>"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hdfs-site.xml"), []byte(text), 0o600))
	return map[string]string{"HADOOP_CONF_DIR": dir, "HADOOP_USER_NAME": "ann"}
}

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestFromEnvironment(t *testing.T) {
	pair := map[string]string{
		"fs.defaultFS": "hdfs://lake", "dfs.ha.namenodes.lake": "a, b",
		"dfs.namenode.rpc-address.lake.a": "one:8020", "dfs.namenode.rpc-address.lake.b": "two:8020",
		"dfs.namenode.http-address.lake.a": "one:9870", "dfs.namenode.http-address.lake.b": "two:9870",
		"dfs.replication": "2", "dfs.blocksize": "64m",
	}
	single := map[string]string{
		"dfs.namenode.rpc-address": "nn:8020", "dfs.namenode.http-address": "0.0.0.0:50070",
	}
	for name, tt := range map[string]struct {
		properties map[string]string
		authority  string
		want       Options
	}{
		"address only": {nil, "nn", Options{
			NameNodes: []string{"nn:8020"}, WebHDFS: []string{"http://nn:9870"}, User: "ann",
			guess: "nn",
		}},
		"user and several addresses": {nil, "bob@a:1,b", Options{
			NameNodes: []string{"a:1", "b:8020"}, User: "bob",
			WebHDFS: []string{"http://a:9870", "http://b:9870"},
		}},
		"nameservice": {pair, "bob@lake", Options{
			NameNodes: []string{"one:8020", "two:8020"}, User: "bob", Replication: 2,
			WebHDFS: []string{"http://one:9870", "http://two:9870"}, BlockSize: 64 << 20,
		}},
		"default cluster": {pair, "", Options{
			NameNodes: []string{"one:8020", "two:8020"}, User: "ann", Replication: 2,
			WebHDFS: []string{"http://one:9870", "http://two:9870"}, BlockSize: 64 << 20,
		}},
		"WebHDFS elsewhere": {single, "nn:8020", Options{
			NameNodes: []string{"nn:8020"}, WebHDFS: []string{"http://nn:50070"}, User: "ann",
		}},
		"another cluster than the configured one": {single, "mm:8020", Options{
			NameNodes: []string{"mm:8020"}, WebHDFS: []string{"http://mm:9870"}, User: "ann",
		}},
		"kerberos": {map[string]string{
			"hadoop.security.authentication": "kerberos", keyPrincipal: "etl@REALM",
			keyKeytab: "/keys", "dfs.namenode.kerberos.principal": "nn/_HOST@REALM",
		}, "nn", Options{
			NameNodes: []string{"nn:8020"}, WebHDFS: []string{"http://nn:9870"}, guess: "nn",
			Kerberos: &Kerberos{
				Principal: "etl", Realm: "REALM", Keytab: "/keys", Config: "/etc/krb5.conf",
				Service: "nn/_HOST",
			},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FromEnvironment(lookupIn(conf(t, tt.properties)), tt.authority)
			require.NoError(t, err)
			got.base = tt.want.base
			require.Equal(t, tt.want, got)
		})
	}
}

func TestFromEnvironmentRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		properties map[string]string
		authority  string
		text       string
	}{
		"no cluster":  {nil, "", "no fs.defaultFS does"},
		"no host":     {nil, ":8020", "is no address of a NameNode"},
		"port":        {nil, "nn:99999", "port 99999 of NameNode nn is not between 1 and 65535"},
		"port 0":      {nil, "a:1,nn:0", "port 0 of NameNode nn is not between 1 and 65535"},
		"half a pair": {map[string]string{"dfs.ha.namenodes.x": "a"}, "x", "no dfs.namenode.rpc-addr"},
		"replication": {map[string]string{"dfs.replication": "0"}, "nn", "no number of replicas"},
		"block size":  {map[string]string{"dfs.blocksize": "big"}, "nn", "is no size"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := FromEnvironment(lookupIn(conf(t, tt.properties)), tt.authority)
			require.ErrorContains(t, err, tt.text)
		})
	}
	_, err := FromEnvironment(lookupIn(map[string]string{"HADOOP_CONF_DIR": "/no/where"}), "nn")
	require.ErrorContains(t, err, "check HADOOP_CONF_DIR")
}

func FuzzParseSize(f *testing.F) {
	for _, text := range []string{"128m", "1", "1E", "9223372036854775807", "9999999e", "m", "-1k"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseSize(text); err == nil && n < 1 {
			t.Fatalf("parseSize(%q) = %d", text, n)
		}
	})
}
