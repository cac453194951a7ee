package bucketing

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

// readByHadoop is a kind of file that Hadoop's own client can print.
type readByHadoop struct {
	name   string
	writer map[string]any
	schema string
	// print is what it prints of a record.
	print func(key int, value string) string
}

// filesForHadoop lists SequenceFiles of every compression but zstd, which needs native libraries
// that Hadoop's jars lack, and others that it reads.
func filesForHadoop() []readByHadoop {
	alone := func(_ int, value string) string { return value }
	kinds := []readByHadoop{
		{"gzip", map[string]any{"format": "string", "compression": "gzip"}, "", alone},
	}
	for _, codec := range []string{"none", "deflate", "snappy"} {
		kinds = append(kinds, readByHadoop{
			"avro " + codec, map[string]any{"format": "avro", "compression": codec}, `"string"`,
			func(_ int, value string) string { return fmt.Sprintf("%q", value) },
		})
	}
	for _, codec := range []string{"none", "deflate", "gzip", "snappy"} {
		for _, by := range []string{"record", "block"} {
			for class, print := range map[string]func(int, string) string{
				"null": func(_ int, value string) string { return "(null)\t" + value },
				"long": func(key int, value string) string { return fmt.Sprintf("%d\t%s", key, value) },
			} {
				kinds = append(kinds, readByHadoop{
					fmt.Sprintf("sequence-file %s by %s with keys %s", codec, by, class), map[string]any{
						"format": "sequence-file", "compression": codec, "compress_by": by,
						"key_class": class,
					}, "", print,
				})
			}
		}
	}
	return kinds
}

// TestHadoopReadsOurFiles has Hadoop's own client print what the sink wrote to a real HDFS, row for
// row: all files in one run, because a virtual machine takes a second to start.
func TestHadoopReadsOurFiles(t *testing.T) {
	g := lake.ground(t)
	var want []string
	var files []string
	for _, kind := range filesForHadoop() {
		j := g.newJob(func(c *Config) {
			c.Bucketer, c.Schema = Bucketer{}, kind.schema
			require.NoError(t, c.Writer.UnmarshalTOML(kind.writer))
		}).start(1)
		b := &connectors.Batch{}
		for i := range 50 {
			value := fmt.Sprintf("%s %d %s", kind.name, i, strings.Repeat("\u00e4", i))
			r := b.Append()
			r.Value = []byte(value)
			if kind.schema != "" {
				r.Value = fmt.Appendf(nil, "%q", value)
			}
			if strings.HasSuffix(kind.name, "keys long") {
				r.Key = fmt.Appendf(nil, "%d", i)
			}
			want = append(want, kind.print(i, value))
		}
		require.NoError(t, j.Writers[0].Write(t.Context(), b))
		j.checkpoint().close()
		require.Empty(t, j.Faults)
		for name := range j.files() {
			files = append(files, path.Join(j.root, name))
		}
	}
	require.Len(t, files, len(filesForHadoop()))
	text, err := lake.cluster.Shell(t.Context(), append([]string{"-text"}, files...)...)
	require.NoError(t, err)
	got := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Sort(got)
	slices.Sort(want)
	require.Equal(t, want, got)
}
