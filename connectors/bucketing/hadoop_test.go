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

// write writes records, in one part or in several that are joined, and returns what Hadoop prints.
func (r *readByHadoop) write(j *job, few bool) (want []string) {
	b := &connectors.Batch{}
	for i := range 50 {
		value := fmt.Sprintf("%s %d %s", r.name, i, strings.Repeat("\u00e4", i))
		record := b.Append()
		record.Value = []byte(value)
		if r.schema != "" {
			record.Value = fmt.Appendf(nil, "%q", value)
		}
		if strings.HasSuffix(r.name, "keys long") {
			record.Key = fmt.Appendf(nil, "%d", i)
		}
		want = append(want, r.print(i, value))
		if few && i%20 == 0 {
			require.NoError(j.T, j.Writers[0].Write(j.Ctx, b))
			j.checkpoint()
			b.Reset()
		}
	}
	require.NoError(j.T, j.Writers[0].Write(j.Ctx, b))
	if few {
		j.finish()
	} else {
		j.checkpoint().close()
	}
	return want
}

// TestHadoopReadsOurFiles has Hadoop's own client print what the sink wrote to a real HDFS, as it
// was written and joined, row for row: all files in one run, because a virtual machine takes a second to start.
func TestHadoopReadsOurFiles(t *testing.T) {
	g := lake.ground(t)
	var want []string
	var files []string
	for _, kind := range filesForHadoop() {
		for _, few := range []bool{false, true} {
			j := g.newJob(func(c *Config) {
				c.Bucketer, c.Schema = Bucketer{}, kind.schema
				c.Compact.On = few
				require.NoError(t, c.Writer.UnmarshalTOML(kind.writer))
			}).start(1)
			want = append(want, kind.write(j, few)...)
			require.Empty(t, j.Faults)
			for name := range j.files() {
				files = append(files, path.Join(j.root, name))
			}
		}
	}
	require.Len(t, files, 2*len(filesForHadoop()))
	text, err := lake.cluster.Shell(t.Context(), append([]string{"-text"}, files...)...)
	require.NoError(t, err)
	got := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Sort(got)
	slices.Sort(want)
	require.Equal(t, want, got)
}
