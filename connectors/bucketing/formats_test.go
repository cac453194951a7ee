package bucketing

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/twmb/avro/ocf"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/format/sequencefile"
)

// writerOf returns what a job file's table says.
func writerOf(t *testing.T, table map[string]any) Writer {
	t.Helper()
	var w Writer
	require.NoError(t, w.UnmarshalTOML(table))
	var p connectors.Problems
	w.Validate(&p, "writer.")
	require.Empty(t, p.List)
	return w
}

// writeFormat runs a job of two tasks and two epochs and returns the files that readers see.
func writeFormat(t *testing.T, change func(*Config), values []string) map[string]string {
	t.Helper()
	j := newJob(t, func(c *Config) { c.Bucketer = Bucketer{} }, change).start(2)
	for i, v := range values {
		j.write(i%2, v)
		if i == len(values)/2 {
			j.checkpoint()
		}
	}
	j.checkpoint().close()
	require.Len(t, j.files(), 4)
	require.Empty(t, j.Faults)
	return j.files()
}

func messages() (values []string) {
	for i := range 40 {
		values = append(values, fmt.Sprintf("message #%02d %s", i, strings.Repeat("x", 10*i)))
	}
	return values
}

func TestCompressedTextIsReadByOthers(t *testing.T) {
	for compression, tt := range map[string]struct {
		extension string
		expand    func(io.Reader) (io.Reader, error)
	}{
		"gzip": {".gz", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		"zstd": {".zst", func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }},
	} {
		t.Run(compression, func(t *testing.T) {
			files := writeFormat(t, func(c *Config) {
				c.PartSuffix = ".txt"
				c.Writer = writerOf(t, map[string]any{"format": "string", "compression": compression})
			}, messages())
			var got []string
			for name, content := range files {
				require.True(t, strings.HasSuffix(name, ".txt"+tt.extension), name)
				r, err := tt.expand(strings.NewReader(content))
				require.NoError(t, err)
				text, err := io.ReadAll(r)
				require.NoError(t, err)
				got = append(got, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
			}
			require.ElementsMatch(t, messages(), got)
		})
	}
}

func TestSequenceFilesAreReadBack(t *testing.T) {
	for _, compression := range sequencefile.Compressions() {
		for _, by := range []string{"record", "block"} {
			t.Run(compression+" by "+by, func(t *testing.T) {
				files := writeFormat(t, func(c *Config) {
					c.Writer = writerOf(t, map[string]any{
						"format": "sequence-file", "compression": compression, "compress_by": by,
					})
				}, messages())
				var got []string
				for _, content := range files {
					got = append(got, sequenceValues(t, content)...)
				}
				require.ElementsMatch(t, messages(), got)
			})
		}
	}
}

func sequenceValues(t *testing.T, content string) (values []string) {
	t.Helper()
	const recordBytesMax = 1 << 20
	r, err := sequencefile.NewReader(strings.NewReader(content), recordBytesMax)
	require.NoError(t, err)
	for {
		key, value, err := r.Next()
		if err == io.EOF {
			return values
		}
		require.NoError(t, err)
		require.Nil(t, key)
		values = append(values, string(value))
	}
}

// nonRollingSequenceFile is Flink's test of a file without compression; the bytes are those that
// Hadoop writes, but for the sync marker.
func nonRollingSequenceFile(t *ground) {
	j := t.newJob(func(c *Config) {
		c.Bucketer = Bucketer{}
		c.Writer = writerOf(t.T, map[string]any{"format": "sequence-file", "key_class": "int"})
	}).start(1)
	b := &j.batch
	b.Reset()
	for i := range 20 {
		r := b.Append()
		r.Key, r.Value = fmt.Appendf(nil, "%d", i), fmt.Appendf(nil, "message #%d", i)
	}
	require.NoError(t, j.Writers[0].Write(context.Background(), b))
	j.checkpoint().close()
	files := j.files()
	require.Len(t, files, 1)
	content := []byte(files[slices.Collect(maps.Keys(files))[0]])
	const head = "SEQ\x06\x20org.apache.hadoop.io.IntWritable\x19org.apache.hadoop.io.Text" +
		"\x00\x00\x00\x00\x00\x00"
	require.True(t, bytes.HasPrefix(content, []byte(head)))
	var want []byte
	for i := range 20 {
		text := fmt.Sprintf("message #%d", i)
		want = append(want, 0, 0, 0, byte(4+1+len(text)), 0, 0, 0, 4, 0, 0, 0, byte(i), byte(len(text)))
		want = append(want, text...)
	}
	const syncBytes = 16
	require.Equal(t, want, content[len(head)+syncBytes:])
}

// sequenceFileOfEveryBucket has all parts written with the settings of the sink.
func sequenceFileOfEveryBucket(t *ground) {
	j := t.newJob(func(c *Config) {
		c.Writer = writerOf(t.T, map[string]any{"format": "sequence-file", "compression": "gzip"})
	}).start(2)
	for task := range 2 {
		j.write(task, "a@1").write(task, "b@1")
	}
	j.checkpoint().close()
	files := j.files()
	require.Len(t, files, 4)
	for name, content := range files {
		require.Contains(t, content, "org.apache.hadoop.io.compress.GzipCodec")
		bucket, _, _ := strings.Cut(name, "/")
		require.Equal(t, []string{bucket + "@1"}, sequenceValues(t.T, content))
	}
}

// keyValueSchema is what Flink's writer of Avro makes of pairs.
const keyValueSchema = `{"type": "record", "name": "KeyValuePair",
	"namespace": "org.apache.avro.mapreduce", "fields": [
	{"name": "key", "type": "int", "doc": "The key"},
	{"name": "value", "type": "string", "doc": "The value"}]}`

// avroPairs reads a file with the library's own reader.
func avroPairs(t *testing.T, content string) (pairs []string) {
	t.Helper()
	r, err := ocf.NewReader(strings.NewReader(content))
	require.NoError(t, err)
	for {
		var pair struct {
			Key   int32  `avro:"key"`
			Value string `avro:"value"`
		}
		err := r.Decode(&pair)
		if err == io.EOF {
			return pairs
		}
		require.NoError(t, err)
		pairs = append(pairs, fmt.Sprintf(`{"key":%d,"value":"%s"}`, pair.Key, pair.Value))
	}
}

func pairs() (values []string) {
	for i := range 20 {
		values = append(values, fmt.Sprintf(`{"key":%d,"value":"message #%d"}`, i, i))
	}
	return values
}

func TestAvroFilesAreReadByOthers(t *testing.T) {
	for _, compression := range []string{"none", "deflate", "snappy", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			files := writeFormat(t, func(c *Config) {
				c.Writer = avroWriter(compression)
				c.Schema = keyValueSchema
			}, pairs())
			var got []string
			for name, content := range files {
				require.True(t, strings.HasSuffix(name, ".avro"), name)
				got = append(got, avroPairs(t, content)...)
			}
			require.ElementsMatch(t, pairs(), got)
		})
	}
}

func avroWriter(compression string) Writer {
	w := defaultWriter()
	w.Format, w.Compression = "avro", compression
	return w
}

// nonRollingAvro is Flink's test of a file with Snappy.
func nonRollingAvro(t *ground) {
	j := t.newJob(func(c *Config) {
		c.Bucketer, c.Writer, c.Schema = Bucketer{}, avroWriter("snappy"), keyValueSchema
	}).start(1)
	j.write(0, append(pairs(), "no JSON", `{"key":"text"}`)...).checkpoint().close()
	require.Len(t, j.files(), 1)
	for _, content := range j.files() {
		require.Equal(t, pairs(), avroPairs(t.T, content))
	}
	require.Len(t, j.Faults, 2)
}

// avroFileOfEveryBucket has all parts written with the settings of the sink.
func avroFileOfEveryBucket(t *ground) {
	j := t.newJob(func(c *Config) {
		c.Writer, c.Schema = avroWriter("deflate"), `"string"`
		c.Bucketer = defaultBucketer()
		c.Bucketer.Pattern = "ss"
	}).start(2)
	for _, at := range []int64{0, 5000} {
		j.at(at)
		for task := range 2 {
			j.write(task, fmt.Sprintf(`"at %d"`, at))
		}
	}
	j.checkpoint().close()
	require.Len(t, j.files(), 4)
	for name, content := range j.files() {
		r, err := ocf.NewReader(strings.NewReader(content))
		require.NoError(t, err)
		var value string
		require.NoError(t, r.Decode(&value))
		bucket, _, _ := strings.Cut(name, "/")
		require.Equal(t, map[string]string{"00": "at 0", "05": "at 5000"}[bucket], value)
		require.ErrorIs(t, r.Decode(&value), io.EOF)
	}
}

func TestSchemaOfAvro(t *testing.T) {
	for name, tt := range map[string]struct {
		change    func(*Config)
		key, want string
	}{
		"missing": {func(c *Config) { c.Writer.Format = "avro" }, "schema_file", "required"},
		"twice": {func(c *Config) {
			c.Writer.Format, c.Schema, c.SchemaFile = "avro", `"int"`, "/int.avsc"
		}, "schema", "not together with schema_file"},
		"of text": {func(c *Config) { c.SchemaFile = "/int.avsc" }, "schema_file",
			"string has no schema"},
		"unions": {func(c *Config) {
			c.Writer.Format, c.Schema, c.Writer.Avro.Unions = "avro", `"int"`, "both"
		}, "writer.unions", `"both" is none of plain, tagged`},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewConfig()
			c.Path = testRoot
			tt.change(c)
			var p connectors.Problems
			c.Validate(&p)
			require.Len(t, p.List, 1, "%v", p.List)
			require.Equal(t, tt.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, tt.want)
		})
	}
}

// TestSchemaFileIsReadBeforeAJobBegins holds that a schema which is no schema is found by the
// check.
func TestSchemaFileIsReadBeforeAJobBegins(t *testing.T) {
	fs := local.New(local.Options{Disk: fstest.NewDisk()})
	env := connectors.Env{
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			return fs, url, nil
		},
	}
	c := NewConfig()
	c.Path, c.Writer, c.SchemaFile = testRoot, avroWriter("none"), "/order.avsc"
	require.ErrorContains(t, c.CheckConnect(t.Context(), env), "schema_file: ")
	require.NoError(t, fs.WriteFile(t.Context(), "/order.avsc", []byte(`"nope"`)))
	require.ErrorContains(t, c.CheckConnect(t.Context(), env), "reading the schema")
	require.NoError(t, fs.WriteFile(t.Context(), "/order.avsc", []byte(keyValueSchema)))
	require.NoError(t, c.CheckConnect(t.Context(), env))
}

func TestWriterKeysThatMeanNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		table     map[string]any
		key, want string
	}{
		"of another format": {map[string]any{"format": "sequence-file", "charset": "UTF-8"},
			"writer.charset", "sequence-file has no such choice"},
		"classes of text": {map[string]any{"format": "json", "key_class": "int"},
			"writer.key_class", "json has no such choice"},
		"compression": {map[string]any{"format": "csv", "compression": "snappy"},
			"writer.compression", `"snappy" is none of none, gzip, zstd`},
		"compression of SequenceFiles": {
			map[string]any{"format": "sequence-file", "compression": "lzo"},
			"writer.compression", `"lzo" is none of none, deflate, gzip, snappy, zstd`},
		"class": {map[string]any{"format": "sequence-file", "value_class": "map"},
			"writer.value_class", `"map" is none of null, bytes, text, int, long`},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewConfig()
			c.Path = testRoot
			require.NoError(t, c.Writer.UnmarshalTOML(tt.table))
			var p connectors.Problems
			c.Validate(&p)
			require.Len(t, p.List, 1, "%v", p.List)
			require.Equal(t, tt.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, tt.want)
		})
	}
}

func TestPartSuffix(t *testing.T) {
	for _, tt := range [][3]string{
		{"", "", ""}, {".txt", "", ".txt"}, {".txt", ".gz", ".txt.gz"}, {".txt.gz", ".gz", ".txt.gz"},
	} {
		require.Equal(t, tt[2], partSuffix(tt[0], tt[1]))
	}
}
