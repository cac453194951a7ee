package file

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/files"
	"github.com/wasmflow/wasmflow/connectors/format/sequencefile"
)

// containers are the formats and what their files are written with.
func containers() map[string]files.Options {
	const schema = `{"type":"record","name":"row","fields":[{"name":"v","type":"string"}]}`
	sequence, avro, parquet := files.Defaults(), files.Defaults(), files.Defaults()
	sequence.Format, sequence.Compression = files.SequenceFile, "snappy"
	avro.Format, avro.Compression = files.Avro, "deflate"
	avro.SetSchema(schema, "")
	parquet.Format, parquet.Compression = files.Parquet, "zstd"
	parquet.SetSchema(schema, "")
	return map[string]files.Options{
		formatSequenceFile: sequence, formatAvro: avro, formatParquet: parquet,
	}
}

// contain returns a file of values, with a block or a row group for each two of them.
func contain(t testing.TB, o files.Options, values []string) string {
	t.Helper()
	opener, err := o.Open(t.Context(), connectors.Env{})
	require.NoError(t, err)
	var out bytes.Buffer
	w, err := opener.Open(&out)
	require.NoError(t, err)
	for i, v := range values {
		require.NoError(t, w.Append(&connectors.Record{Value: []byte(v)}))
		if i%2 == 1 {
			require.NoError(t, w.Flush())
		}
	}
	require.NoError(t, w.Close())
	return out.String()
}

// rowsOf returns n values that are text in a SequenceFile and records of Avro and Parquet.
func rowsOf(name string, n int) (values []string) {
	for i := range n {
		values = append(values, fmt.Sprintf(`{"v":"%s %d%s"}`, name, i, strings.Repeat("x", i)))
	}
	return values
}

func TestContainerConformance(t *testing.T) {
	for name, o := range containers() {
		dir := t.TempDir()
		var want []string
		for i, file := range []string{"a.bin", "b.bin", "c.bin.gz"} {
			if name == formatParquet {
				file = strings.TrimSuffix(file, ".gz")
			}
			values := rowsOf(file, 7)
			want = append(want, values...)
			content := contain(t, o, values)
			if codec := codecOf(file); codec != "" {
				content = compress(t, codec, content)
			}
			age(t, write(t, filepath.Join(dir, file), content), i)
		}
		harness := func(mode string) connectortest.SourceHarness {
			return connectortest.SourceHarness{
				Open: func(t *testing.T, parallelism int) connectors.Source {
					env := testEnv(t)
					env.Parallelism = parallelism
					c := config(dir, func(c *SourceConfig) { c.Mode, c.Format = mode, name })
					s, err := c.Open(t.Context(), env)
					require.NoError(t, err)
					return s
				},
				Values: want, Guarantee: connectors.ExactlyOnce,
			}
		}
		t.Run(name+" once", func(t *testing.T) { connectortest.RunSource(t, harness(modeOnce)) })
		t.Run(name+" continuous", func(t *testing.T) {
			h := harness(modeContinuous)
			h.Endless = len(want)
			connectortest.RunSource(t, h)
		})
	}
}

// TestSequenceFilesOfHadoop reads every file that Hadoop's own writer wrote, with keys.
func TestSequenceFilesOfHadoop(t *testing.T) {
	paths, err := filepath.Glob("../format/sequencefile/testdata/*.seq")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	keys := map[string][]string{
		"long": {"1", "2", "3"}, "bytes": {"k0", "k1", "k2"}, "null": {"", "", ""},
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			own := write(t, filepath.Join(t.TempDir(), "file.seq"), string(content))
			s := open(t, config(own, func(c *SourceConfig) { c.Format = formatSequenceFile }))
			r := reading(t, s, connectors.Limits{}, find(t, s, checkpoint.Position{}).Found...)
			var b connectors.Batch
			require.NoError(t, r.Poll(t.Context(), &b))
			class, _, _ := strings.Cut(filepath.Base(path), "-")
			require.Equal(t, 3, b.Len())
			for i := range b.Records {
				require.Equal(t, class == "null", b.Records[i].Key == nil)
				require.Equal(t, keys[class][i], string(b.Records[i].Key))
				require.Equal(t, fmt.Sprintf("value-%d", i), string(b.Records[i].Value))
			}
			b.Reset()
			require.ErrorIs(t, r.Poll(t.Context(), &b), connectors.ErrEndOfInput)
		})
	}
}

// TestRangesOfContainers holds S2 for files that are cut into ranges of any size: each record is read
// once, in order, and a position in any range leads on behind the records that were read.
func TestRangesOfContainers(t *testing.T) {
	kinds := containers()
	for _, by := range []string{"none", "snappy"} { // markers come by themselves, after 100,000 bytes
		o := kinds[formatSequenceFile]
		o.Compression, o.Sequence.CompressBy = by, sequencefile.ByRecord
		kinds[formatSequenceFile+" by record "+by] = o
	}
	for name, o := range kinds {
		t.Run(name, func(t *testing.T) {
			want := rowsOf("f", 50)
			if o.Sequence.CompressBy == sequencefile.ByRecord {
				want = nil
				for i := range 50 {
					want = append(want, fmt.Sprintf("%d %x", i, noise(8<<10)))
				}
			}
			content := contain(t, o, want)
			path := write(t, filepath.Join(t.TempDir(), "f"), content)
			c := config(path, func(c *SourceConfig) { c.Format, _, _ = strings.Cut(name, " ") })
			s, err := newSource(t.Context(), *c, testEnv(t))
			require.NoError(t, err)
			whole := int64(len(content))
			for _, size := range []int64{max(41, whole/150), whole / 31, whole / 7, whole / 3, whole} {
				s.rangeBytes = size
				splits := find(t, s, checkpoint.Position{}).Found
				require.Equal(t, size < whole, len(splits) > 1)
				require.Equal(t, want, readRanges(t, s, splits), "ranges of %d bytes", size)
			}
		})
	}
}

// noise returns bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// readRanges reads splits one by one, and again from every record on.
func readRanges(t *testing.T, s *Source, splits []checkpoint.Split) (got []string) {
	t.Helper()
	for _, split := range splits {
		rows, err := drain(t, reading(t, s, connectors.Limits{}, split))
		require.NoError(t, err)
		got = append(got, values(rows)...)
		for read := range rows {
			pos, err := decodeRange(split.Position)
			require.NoError(t, err)
			require.Equal(t, uint64(pos.start)+uint64(read), rows[read].Offset)
			pos.next += int64(read)
			rest, err := drain(t, reading(t, s, connectors.Limits{}, checkpoint.Split{
				ID: split.ID, Position: pos.encode(),
			}))
			require.NoError(t, err)
			require.Equal(t, values(rows[read:]), values(rest))
		}
	}
	return got
}

// TestWholeContainersOfEarlierPositions holds that a position from before containers were cut into
// ranges, which counts the records of all of the file, leads on where it stood.
func TestWholeContainersOfEarlierPositions(t *testing.T) {
	for name, o := range containers() {
		want := rowsOf("f", 50)
		path := write(t, filepath.Join(t.TempDir(), "f"), contain(t, o, want))
		s := open(t, config(path, func(c *SourceConfig) { c.Format = name }))
		s.rangeBytes = 40
		split := find(t, s, checkpoint.Position{}).Found[0]
		pos, err := decodeRange(split.Position)
		require.NoError(t, err)
		pos.end, pos.next = endUnknown, 17
		split.Position = pos.encode()
		got, err := drain(t, reading(t, s, connectors.Limits{}, split))
		require.NoError(t, err)
		require.Equal(t, want[17:], values(got))
		require.EqualValues(t, 17, got[0].Offset)
	}
}

// TestPackedParquetIsRefused holds that a file which cannot be read from its end says what to do.
func TestPackedParquetIsRefused(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f.parquet.gz"),
		compress(t, ".gz", contain(t, containers()[formatParquet], rowsOf("f", 2))))
	s := open(t, config(path, func(c *SourceConfig) { c.Format = formatParquet }))
	_, err := drain(t, reading(t, s, connectors.Limits{}, find(t, s, checkpoint.Position{}).Found...))
	require.ErrorIs(t, err, format.ErrUnsupported)
	require.ErrorContains(t, err, "unpack the file")
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

// TestDamagedContainer cuts a file inside its last block: what stands before it is read, then the
// job ends with an error that names the file and the record.
func TestDamagedContainer(t *testing.T) {
	for name, o := range containers() {
		t.Run(name, func(t *testing.T) {
			written := rowsOf("f", 4)
			content := contain(t, o, written)
			path := write(t, filepath.Join(t.TempDir(), "f"), content[:len(content)-1])
			s := open(t, config(path, func(c *SourceConfig) { c.Format = name }))
			r := reading(t, s, connectors.Limits{Records: 1}, find(t, s, checkpoint.Position{}).Found...)
			got, err := drain(t, r)
			whole := 2
			if name == formatParquet {
				whole = 0 // it is read from its end
			}
			require.Equal(t, written[:whole], values(got))
			require.ErrorIs(t, err, format.ErrDamaged)
			require.ErrorContains(t, err, fmt.Sprintf("%s at record %d", path, whole))
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
	}
}

func TestTextIsNoContainer(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), "some text\n")
	for name := range containers() {
		s := open(t, config(path, func(c *SourceConfig) { c.Format = name }))
		_, err := drain(t, reading(t, s, connectors.Limits{}, find(t, s, checkpoint.Position{}).Found...))
		require.ErrorIs(t, err, format.ErrDamaged)
		want := `it begins with "some`
		if name == formatParquet {
			want = `it ends with "ext\n"`
		}
		require.ErrorContains(t, err, want)
	}
}

// TestContainerWithFewerRecordsThanWereRead holds S3: a file that was written anew, under the same
// name and with as many bytes, is no gap.
func TestContainerWithFewerRecordsThanWereRead(t *testing.T) {
	for name, o := range containers() {
		path := write(t, filepath.Join(t.TempDir(), "f"), contain(t, o, rowsOf("f", 3)))
		s := open(t, config(path, func(c *SourceConfig) { c.Format = name }))
		split := find(t, s, checkpoint.Position{}).Found[0]
		pos, err := decodeRange(split.Position)
		require.NoError(t, err)
		pos.next = 4
		split.Position = pos.encode()
		_, err = drain(t, reading(t, s, connectors.Limits{}, split))
		require.ErrorIs(t, err, ErrShrunk)
		require.ErrorContains(t, err, "3 records, not 4")
	}
}

func TestLongRecordOfAContainer(t *testing.T) {
	for name, o := range containers() {
		path := write(t, filepath.Join(t.TempDir(), "f"), contain(t, o, rowsOf("f", 40)))
		s := open(t, config(path, func(c *SourceConfig) { c.Format, c.RecordBytesMax = name, 20 }))
		_, err := drain(t, reading(t, s, connectors.Limits{}, find(t, s, checkpoint.Position{}).Found...))
		require.ErrorIs(t, err, ErrRecordTooLong)
	}
}

func TestDiskErrorBelowAContainerIsNoDamage(t *testing.T) {
	for name, o := range containers() {
		path := write(t, filepath.Join(t.TempDir(), "f"), contain(t, o, rowsOf("f", 40)))
		s := open(t, config(path, func(c *SourceConfig) { c.Format = name }))
		found := find(t, s, checkpoint.Position{}).Found
		s.fs = failingReads{s.fs, false}
		_, err := drain(t, reading(t, s, connectors.Limits{}, found...))
		require.ErrorIs(t, err, errDisk)
		require.False(t, errors.Is(err, format.ErrDamaged))
		require.Equal(t, connectors.Fail, connectors.Classify(err), "a restart may help")
	}
}

func TestContainerConfig(t *testing.T) {
	for name, tt := range map[string]struct {
		change    func(*SourceConfig)
		key, want string
	}{
		"format": {func(c *SourceConfig) { c.Format = "orc" }, "format", "is none of"},
		"tail": {func(c *SourceConfig) { c.Format, c.Mode = formatAvro, modeTail },
			"format", "avro files have an end"},
		"charset": {func(c *SourceConfig) { c.Format, c.Charset = formatAvro, "utf-16be" },
			"charset", "only text has it"},
		"delimiter": {func(c *SourceConfig) { c.Format, c.Delimiter = formatSequenceFile, ";" },
			"delimiter", "only text has it"},
		"unions of text": {func(c *SourceConfig) { c.Unions = unionsTagged }, "unions", "only avro"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config("/data", tt.change)
			var p connectors.Problems
			c.Validate(&p)
			require.NotEmpty(t, p.List)
			require.Equal(t, tt.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, tt.want)
		})
	}
}
