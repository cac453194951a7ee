package s3

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

const testMarker = "/out/.wasmflow/job/part.1.pending"

func token(target string, texts ...string) filesystem.Token {
	u := upload{marker: texts[0], id: texts[1], tags: texts[2:]}
	return filesystem.Token{Version: tokenVersion, Target: target, Data: u.encode()}
}

func TestTokenNamesOnlyOurs(t *testing.T) {
	f := &FileSystem{}
	u, err := f.uploadOf(token("/out/part", testMarker, "id", "a", "b"))
	require.NoError(t, err)
	require.Equal(t, []string{"id", "a", "b"}, append([]string{u.id}, u.tags...))

	newer := token("/out/part", testMarker, "id")
	newer.Version++
	cut := token("/out/part", testMarker, "id", "a")
	cut.Data = cut.Data[:len(cut.Data)-1]
	for name, bad := range map[string]filesystem.Token{
		"newer": newer, "cut": cut, "empty": {Version: tokenVersion},
		"another object":  token("/out/part", "/out/part", "id"),
		"another folder":  token("/out/part", "/out/job/part.1.pending", "id"),
		"no clean marker": token("/out/part", "/out/.wasmflow/job/../part.1.pending", "id"),
		"no clean target": token("/out/../part", testMarker, "id"),
		"no target":       token("", testMarker, "id"),
	} {
		_, err := f.uploadOf(bad)
		require.ErrorIs(t, err, filesystem.ErrToken, name)
	}
}

func FuzzToken(f *testing.F) {
	f.Add("/out/part", token("", testMarker, "id", "a").Data)
	f.Add("", token("", testMarker, "").Data)
	f.Fuzz(func(t *testing.T, target string, data []byte) {
		u, err := (&FileSystem{}).uploadOf(filesystem.Token{
			Version: tokenVersion, Target: target, Data: data,
		})
		if err != nil {
			require.ErrorIs(t, err, filesystem.ErrToken)
			return
		}
		require.True(t, filesystem.IsPendingPath(u.marker))
		again := mustUpload(t, target, u.encode())
		require.Equal(t, append([]string{u.marker, u.id}, u.tags...),
			append([]string{again.marker, again.id}, again.tags...))
	})
}

func mustUpload(t *testing.T, target string, data []byte) *upload {
	t.Helper()
	u, err := (&FileSystem{}).uploadOf(filesystem.Token{
		Version: tokenVersion, Target: target, Data: data,
	})
	require.NoError(t, err)
	return u
}
