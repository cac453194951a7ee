package bucketing

import (
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
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
	ofFile := func(schema string) func(*job) {
		return func(j *job) {
			const file = "/value.avsc"
			require.NoError(j.T, j.View().WriteFile(j.Ctx, file, []byte(schema)))
			j.config.Writer, j.config.SchemaFile = avroWriter("none"), file
		}
	}
	plain := sequence(func(*Writer) {})
	for name, tt := range map[string]struct{ before, after func(*job) }{
		"class":       {plain, sequence(func(w *Writer) { w.Sequence.ValueClass = "bytes" })},
		"codec":       {plain, sequence(func(w *Writer) { w.Compression = "gzip" })},
		"schema":      {ofAvro(`"string"`, "none"), ofAvro(`["null", "string"]`, "none")},
		"Avro codec":  {ofAvro(`"string"`, "none"), ofAvro(`"string"`, "snappy")},
		"schema file": {ofFile(`"string"`), ofFile(`["null", "string"]`)},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, compact(time.Hour), func(c *Config) { c.Bucketer = Bucketer{} })
			tt.before(j)
			j.start(2).write(0, `"a"`).write(1, `"b"`).checkpoint()
			require.Empty(t, j.files())
			tt.after(j)
			j.start(2).write(0, `"c"`).write(1, `"d"`).checkpoint()
			require.Len(t, j.files(), 2, "those of before, as they are")
			j.finish()
			require.Len(t, j.files(), 3, "and one of those since")
			require.Empty(t, strays(j))
			require.Empty(t, j.Faults)
		})
	}
}

// TestDamagedPartIsNotJoined: bytes that something else wrote to a held part stop the epoch; what is
// held stays.
func TestDamagedPartIsNotJoined(t *testing.T) {
	j := newJob(t, compact(0), func(c *Config) {
		c.Bucketer = Bucketer{}
		c.Writer.Format = "sequence-file"
	}).start(2)
	j.write(0, "a").write(1, "b")
	prepared := j.prepare()
	before := strays(j)
	d, err := decode(prepared[1])
	require.NoError(t, err)
	name := filesystem.PendingName{
		Root: j.root, Job: testJob, Part: path.Base(d.token.Target), Target: d.token.Target,
		Claim: j.Claim,
	}
	require.NoError(t, j.View().WriteFile(j.Ctx, name.PendingPath(),
		[]byte(strings.Repeat("x", int(d.token.Size)))))
	err = j.Settle(1, false, prepared)
	require.ErrorIs(t, err, format.ErrDamaged)
	require.ErrorContains(t, err, "held back since epoch 1")
	require.Equal(t, slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(strays(j))))
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
