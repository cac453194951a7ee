package file

import (
	"bytes"
	"encoding/base64"
	"io"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// compress returns content as the extension says. ".raw" is deflate without a header.
func compress(t testing.TB, ext, content string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch ext {
	case ".gz", ".gzip":
		w = gzip.NewWriter(&b)
	case ".deflate":
		w = zlib.NewWriter(&b)
	case ".raw":
		w, err = flate.NewWriter(&b, flate.DefaultCompression)
	case ".xz":
		w, err = xz.NewWriter(&b)
	case ".zst":
		w, err = zstd.NewWriter(&b)
	default:
		t.Fatalf("no compressor for %s", ext)
	}
	require.NoError(t, err)
	_, err = io.WriteString(w, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// twoStreams is two bzip2 streams, as parallel compressors write them: "one\ntwo\n" and
// "three\nfour". Go has no compressor for the format.
const twoStreams = "QlpoOTFBWSZTWacUK3cAAALBgAAQAgGEgCAAIYAMAjj1G4u5IpwoSFOKFbuAQlpoOTFBWSZTWQiM" +
	"WDEAAARBgAAQA0CWACAAMQwIIGnqZlG/wxwXckU4UJAIjFgx"

func TestCompressedFiles(t *testing.T) {
	const content = "one\ntwo\nthree\nfour"
	bz2, err := base64.StdEncoding.DecodeString(twoStreams)
	require.NoError(t, err)
	for _, c := range []struct{ name, ext, data string }{
		{"gz", ".gz", compress(t, ".gz", content)},
		{"gz of several members", ".gz", compress(t, ".gz", content[:6]) + compress(t, ".gz",
			content[6:])},
		{"gzip", ".gzip", compress(t, ".gzip", content)},
		{"upper case", ".GZ", compress(t, ".gz", content)},
		{"deflate with header", ".deflate", compress(t, ".deflate", content)},
		{"deflate without header", ".deflate", compress(t, ".raw", content)},
		{"bz2 of several streams", ".bz2", string(bz2)},
		{"xz", ".xz", compress(t, ".xz", content)},
		{"xz of several streams", ".xz", compress(t, ".xz", content[:6]) + compress(t, ".xz",
			content[6:])},
		{"zst", ".zst", compress(t, ".zst", content)},
		{"zst of several frames", ".zst", compress(t, ".zst", content[:6]) + compress(t, ".zst",
			content[6:])},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, filepath.Join(t.TempDir(), "f"+c.ext), c.data)
			s := open(t, config(path))
			found := find(t, s, checkpoint.Position{}).Found
			require.Len(t, found, 1, "a compressed file is one split")
			want := []line{{path, 0, "one"}, {path, 4, "two"}, {path, 8, "three"}, {path, 14, "four"}}
			for n := range len(want) + 1 {
				// Read n records, then go on in another reader at the snapshot.
				r := reading(t, s, connectors.Limits{Records: max(n, 1)}, found...)
				var before []line
				if n > 0 {
					var b connectors.Batch
					require.NoError(t, r.Poll(t.Context(), &b))
					before = lines(&b)
				}
				splits, err := r.Snapshot(t.Context(), 1)
				require.NoError(t, err)
				after, err := drain(t, reading(t, s, connectors.Limits{}, splits...))
				require.NoError(t, err)
				require.Equal(t, want, append(before, after...), "after %d", n)
			}
		})
	}
}
