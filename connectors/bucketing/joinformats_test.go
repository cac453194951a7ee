package bucketing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/parquet"
	"github.com/wasmflow/wasmflow/connectors/format/sequencefile"
)

// TestFormatsWithHeadersAreJoined has two tasks and many epochs, a restart among them, make one file,
// which readers of the format see row for row, in order.
func TestFormatsWithHeadersAreJoined(t *testing.T) {
	run := func(t *testing.T, writer Writer, schema string, values []string,
		read func(*testing.T, string) []string,
	) {
		j := newJob(t, compact(time.Hour), func(c *Config) {
			c.Bucketer, c.Writer, c.Schema = Bucketer{}, writer, schema
		}).start(2)
		for i, v := range values {
			if i == len(values)/2 {
				j.start(2)
			}
			j.write(i%2, v).checkpoint()
			require.Empty(t, j.files())
		}
		j.finish()
		require.Len(t, j.files(), 1)
		for _, content := range j.files() {
			require.Equal(t, values, read(t, content))
		}
		require.Empty(t, strays(j))
		require.Empty(t, j.Faults)
	}
	for _, compression := range avro.Compressions() {
		t.Run("avro, "+compression, func(t *testing.T) {
			run(t, avroWriter(compression), keyValueSchema, pairs(), avroPairs)
		})
	}
	for _, compression := range parquet.Compressions() {
		t.Run("parquet, "+compression, func(t *testing.T) {
			run(t, parquetWriter(compression), keyValueSchema, pairs(), parquetPairs)
		})
	}
	for _, compression := range sequencefile.Compressions() {
		for _, by := range []string{sequencefile.ByRecord, sequencefile.ByBlock} {
			w := writerOf(t, map[string]any{
				"format": "sequence-file", "compression": compression, "compress_by": by,
			})
			t.Run("sequence-file, "+compression+" by "+by, func(t *testing.T) {
				run(t, w, "", messages(), sequenceValues)
			})
		}
	}
}

// TestPartsOfAnotherKindStayApart: the job file, or the schema file that it names, was changed while
// parts were held. Those are published as they are, and no file has rows of both.
func TestPartsOfAnotherKindStayApart(t *testing.T) {
	sequence := func(change func(*Writer)) func(*job) {
		return func(j *job) {
			j.config.Writer = defaultWriter()
			j.config.Writer.Format = "sequence-file"
			change(&j.config.Writer)
		}
	}
	ofAvro := func(schema, compression string) func(*job) {
		return func(j *job) { j.config.Writer, j.config.Schema = avroWriter(compression), schema }
	}
	ofParquet := func(schema, compression string) func(*job) {
		return func(j *job) { j.config.Writer, j.config.Schema = parquetWriter(compression), schema }
	}
	ofFile := func(schema string) func(*job) {
		return func(j *job) {
			const file = "/value.avsc"
			require.NoError(j.T, j.View().WriteFile(j.Ctx, file, []byte(schema)))
			j.config.Writer, j.config.SchemaFile = avroWriter("none"), file
		}
	}
	row := func(j *job, value string) string {
		if j.config.Writer.Format == "parquet" {
			return fmt.Sprintf(`{"text":%s}`, value)
		}
		return value
	}
	const oneText = `{"type":"record","name":"R","fields":[{"name":"text","type":"string"}]}`
	maybeText := strings.Replace(oneText, `"string"`, `["null","string"]`, 1)
	plain := sequence(func(*Writer) {})
	for name, tt := range map[string]struct{ before, after func(*job) }{
		"columns":        {ofParquet(oneText, "none"), ofParquet(maybeText, "none")},
		"codec of pages": {ofParquet(oneText, "none"), ofParquet(oneText, "zstd")},
		"class":          {plain, sequence(func(w *Writer) { w.Sequence.ValueClass = "bytes" })},
		"codec":          {plain, sequence(func(w *Writer) { w.Compression = "gzip" })},
		"schema":         {ofAvro(`"string"`, "none"), ofAvro(`["null", "string"]`, "none")},
		"Avro codec":     {ofAvro(`"string"`, "none"), ofAvro(`"string"`, "snappy")},
		"schema file":    {ofFile(`"string"`), ofFile(`["null", "string"]`)},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, compact(time.Hour), func(c *Config) { c.Bucketer = Bucketer{} })
			tt.before(j)
			j.start(2).write(0, row(j, `"a"`)).write(1, row(j, `"b"`)).checkpoint()
			require.Empty(t, j.files())
			tt.after(j)
			j.start(2).write(0, row(j, `"c"`)).write(1, row(j, `"d"`)).checkpoint()
			require.Len(t, j.files(), 2, "those of before, as they are")
			j.finish()
			require.Len(t, j.files(), 3, "and one of those since")
			require.Empty(t, strays(j))
			require.Empty(t, j.Faults)
		})
	}
}

// TestDamagedPartIsNotJoined: bytes that something else wrote to a held part, or that are missing,
// stop the epoch; what is held stays.
func TestDamagedPartIsNotJoined(t *testing.T) {
	others := func(content []byte) []byte { return bytes.Repeat([]byte("x"), len(content)) }
	longer := func(content []byte) []byte { return append(content, "x"...) }
	shorter := func(content []byte) []byte { return content[:len(content)-1] }
	sequence := func(c *Config) { c.Writer.Format = "sequence-file" }
	text := func(*Config) {}
	for name, tt := range map[string]struct {
		format func(*Config)
		damage func(content []byte) []byte
		is     error
		want   string
	}{
		"SequenceFile":          {sequence, others, format.ErrDamaged, "its classes"},
		"longer SequenceFile":   {sequence, longer, filesystem.ErrDamaged, "it has more than"},
		"Parquet":               {compactParquet(0), others, format.ErrDamaged, "not with PAR1"},
		"longer Parquet":        {compactParquet(0), longer, filesystem.ErrDamaged, "it has more than"},
		"shorter Parquet":       {compactParquet(0), shorter, filesystem.ErrDamaged, "bytes, not"},
		"longer lines":          {text, longer, filesystem.ErrDamaged, "it has more than"},
		"shorter lines":         {text, shorter, filesystem.ErrDamaged, "bytes, not"},
		"lines that are others": {text, others, nil, ""}, // nothing tells them from what was written
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, compact(0), tt.format, func(c *Config) { c.Bucketer = Bucketer{} }).start(2)
			j.write(0, pairs()[0]).write(1, pairs()[1])
			prepared := j.prepare()
			before := strays(j)
			d, err := decode(prepared[1])
			require.NoError(t, err)
			pending := string(d.token.Data)
			content, err := j.View().ReadFile(j.Ctx, pending, 1<<20)
			require.NoError(t, err)
			require.NoError(t, j.View().WriteFile(j.Ctx, pending, tt.damage(content)))
			err = j.Settle(1, false, prepared)
			if tt.is == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, "held back since epoch 1")
			require.ElementsMatch(t, before, strays(j))
		})
	}
}

// TestAPendingPartHeedsItsContext: so a joining ends with its epoch, whatever it reads.
func TestAPendingPartHeedsItsContext(t *testing.T) {
	j := newJob(t, compact(0), func(c *Config) { c.Bucketer = Bucketer{} }).start(1)
	d, err := decode(j.write(0, "row").prepare()[0])
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(j.Ctx)
	part := &pendingPart{ctx: ctx, fs: j.View().(filesystem.PendingReader), token: d.token}
	in, err := part.OpenAt(0)
	require.NoError(t, err)
	cancel()
	_, err = in.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, in.Close())
	_, err = part.OpenAt(0)
	require.ErrorIs(t, err, context.Canceled)
	_, err = part.Read(nil)
	require.ErrorIs(t, err, context.Canceled)
}

// TestAPendingPartIsReadToItsEnd: in whatever steps.
func TestAPendingPartIsReadToItsEnd(t *testing.T) {
	j := newJob(t, compact(0), func(c *Config) { c.Bucketer = Bucketer{} }).start(1)
	j.write(0, "some", "rows")
	d, err := decode(j.prepare()[0])
	require.NoError(t, err)
	const want = "some\nrows\n"
	for offset := range len(want) {
		part := &pendingPart{ctx: j.Ctx, fs: j.View().(filesystem.PendingReader), token: d.token}
		in, err := part.OpenAt(int64(offset))
		require.NoError(t, err)
		require.NoError(t, iotest.TestReader(in, []byte(want[offset:])))
		require.NoError(t, in.Close())
		require.True(t, part.ended)
	}
	part := &pendingPart{ctx: j.Ctx, fs: j.View().(filesystem.PendingReader), token: d.token}
	for range want {
		require.False(t, part.ended)
		_, err := io.ReadFull(part, make([]byte, 1))
		require.NoError(t, err)
	}
	require.True(t, part.ended)
	require.NoError(t, part.close())
}

// TestHeaderLargerThanBatchSize: each record gets a part, and the job goes on.
func TestHeaderLargerThanBatchSize(t *testing.T) {
	j := newJob(t, size(10), func(c *Config) {
		c.Bucketer, c.Writer, c.Schema = Bucketer{}, avroWriter("none"), keyValueSchema
	}).start(1)
	for _, v := range append(pairs()[:3], "no JSON", pairs()[3]) {
		j.write(0, v)
		require.NoError(t, j.Writers[0].Flush(j.Ctx))
	}
	j.checkpoint().close()
	var got []string
	for _, content := range j.files() {
		got = append(got, avroPairs(t, content)...)
	}
	require.ElementsMatch(t, pairs()[:4], got)
	require.Len(t, j.Faults, 1)
}
