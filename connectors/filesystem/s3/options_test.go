package s3_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/s3"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct{ location, authority, path, err string }{
		{"s3://lake/a/b", "lake", "/a/b", ""},
		{"s3://lake/", "lake", "/", ""},
		{"s3://minio@lake/a/../b/*.txt", "minio@lake", "/b/*.txt", ""},
		{"s3://lake/per%20cent", "lake", "/per%20cent", ""},
		{"s3://lake", "", "", "names no bucket and path"},
		{"s3:///a", "", "", "names no bucket and path"},
		{"/a", "", "", "is no URL"},
	} {
		t.Run(c.location, func(t *testing.T) {
			authority, path, err := s3.Split(c.location)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{c.authority, c.path}, []string{authority, path})
		})
	}
}

// configure makes the files of Amazon's programs.
func configure(t *testing.T, config string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	for _, name := range []string{
		"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_PROFILE",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// TestProfileNamesServer: a profile holds everything about a server, so that one job may use two.
func TestProfileNamesServer(t *testing.T) {
	o := fake(t)
	configure(t, "[profile near]\nregion = local\naws_access_key_id = a\n"+
		"aws_secret_access_key = b\nendpoint_url = "+*o.Config.BaseEndpoint+"\n")
	named, err := s3.FromEnvironment(t.Context(), os.LookupEnv, "near@"+testBucket)
	require.NoError(t, err)
	require.NoError(t, opened(t, named).WriteFile(t.Context(), "/a", []byte("x")))
	data, err := opened(t, o).ReadFile(t.Context(), "/a", 10)
	require.NoError(t, err)
	require.Equal(t, "x", string(data))

	_, err = s3.FromEnvironment(t.Context(), os.LookupEnv, "far@"+testBucket)
	require.ErrorContains(t, err, `there is no profile "far"`)
}

func TestNoCredentials(t *testing.T) {
	o := fake(t)
	configure(t, "")
	t.Setenv("AWS_ENDPOINT_URL_S3", *o.Config.BaseEndpoint)
	found, err := s3.FromEnvironment(t.Context(), os.LookupEnv, testBucket)
	require.NoError(t, err)
	_, err = opened(t, found).Stat(t.Context(), "/a")
	require.ErrorContains(t, err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	require.ErrorIs(t, err, filesystem.ErrReadOnly)
}

func TestBadAddressing(t *testing.T) {
	o := optionsOf("http://127.0.0.1:1", "a", "b")
	o.Addressing = "virtual"
	_, err := s3.New(o)
	require.ErrorContains(t, err, "write path or host")
}
