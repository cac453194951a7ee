package hdfs_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
)

// interposed returns a file system for which before is called with the name of the temporary file
// when a publication is about to rename it.
func interposed(t *testing.T, before func(temp string) error) *hdfs.FileSystem {
	t.Helper()
	o := cluster.options(t)
	web, err := url.Parse(o.WebHDFS[0])
	require.NoError(t, err)
	forward := httputil.NewSingleHostReverseProxy(web)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("op") == "RENAME" {
			if err := before(strings.TrimPrefix(r.URL.Path, "/webhdfs/v1")); err != nil {
				t.Error(err)
			}
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	o.WebHDFS = []string{proxy.URL}
	fs := open(t, o)
	t.Cleanup(func() { require.NoError(t, fs.Close()) })
	return fs
}

// TestSleeperTakesNoNameForItsOwn: (1) an owner sleeps before it gives its record the name, (2) a
// newer one publishes its own and clears temporary files that are old, (3) the sleeper wakes and
// finds its file gone and the name there.
func TestSleeperTakesNoNameForItsOwn(t *testing.T) {
	newer := open(t, cluster.options(t))
	t.Cleanup(func() { require.NoError(t, newer.Close()) })
	for name, record := range map[string]string{"of the same length": "newer", "longer": "the newer"} {
		t.Run(name, func(t *testing.T) {
			p := cluster.root() + "/epoch-7"
			sleeper := interposed(t, func(temp string) error {
				return errors.Join(newer.PublishExclusive(t.Context(), p, []byte(record)),
					newer.Remove(t.Context(), temp))
			})
			err := sleeper.PublishExclusive(t.Context(), p, []byte("older"))
			require.ErrorIs(t, err, filesystem.ErrExists)
			data, err := newer.ReadFile(t.Context(), p, 100)
			require.NoError(t, err)
			require.Equal(t, record, string(data))
		})
	}
}

// TestLostAnswerOfARenameIsLookedUp: the name is there with what this call published.
func TestLostAnswerOfARenameIsLookedUp(t *testing.T) {
	other := open(t, cluster.options(t))
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	p := cluster.root() + "/epoch-7"
	publisher := interposed(t, func(temp string) error { // what the rename does whose answer is lost
		data, err := other.ReadFile(t.Context(), temp, 100)
		return errors.Join(err, other.Remove(t.Context(), temp),
			other.WriteFile(t.Context(), p, data))
	})
	require.NoError(t, publisher.PublishExclusive(t.Context(), p, []byte("mine")))
}
