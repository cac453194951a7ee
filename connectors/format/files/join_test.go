package files

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/format"
)

func open(t *testing.T, o Options) format.Joiner {
	t.Helper()
	opener, err := o.Open(t.Context(), connectors.Env{})
	require.NoError(t, err)
	return opener.(format.Joiner)
}

// TestLinesAreJoined holds W6 for text that is compressed as a whole.
func TestLinesAreJoined(t *testing.T) {
	var values [][]byte
	for i := range 60 {
		values = append(values, fmt.Appendf(nil, "line %d", i))
	}
	for compression, expand := range map[string]func(io.Reader) (io.Reader, error){
		None:   func(r io.Reader) (io.Reader, error) { return r, nil },
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		t.Run(compression, func(t *testing.T) {
			o := Defaults()
			o.Compression = compression
			opener := open(t, o)
			connectortest.RunFormatWriter(t, connectortest.FormatWriterHarness{
				Values: values, Refused: [][]byte{nil}, Blocks: compression != None, Joiner: opener,
				Open: func(t *testing.T, out io.Writer) format.Writer {
					w, err := opener.(format.Opener).Open(out)
					require.NoError(t, err)
					return w
				},
				Read: func(t *testing.T, stream []byte) (lines [][]byte) {
					if len(stream) == 0 {
						return nil
					}
					r, err := expand(bytes.NewReader(stream))
					require.NoError(t, err)
					text, err := io.ReadAll(r)
					require.NoError(t, err)
					for line := range bytes.Lines(text) {
						lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
					}
					return lines
				},
			})
		})
	}
}

// Schemas of rows that differ in one bit of the index.
const (
	oneLong   = `{"type":"record","name":"R","fields":[{"name":"n","type":"long"}]}`
	maybeLong = `{"type":"record","name":"R","fields":[{"name":"n","type":["null","long"]}]}`
)

// TestFormsTellKindsApart: a part of another schema, class or codec begins a file of its own.
func TestFormsTellKindsApart(t *testing.T) {
	seen := map[string]int{}
	for i, change := range []func(*Options){
		func(*Options) {},
		func(o *Options) { o.Compression = "gzip" },
		func(o *Options) { o.Lines.Delimiter = "\r\n" },
		func(o *Options) { o.Format = JSON },
		func(o *Options) { o.Format = SequenceFile },
		func(o *Options) { o.Format, o.Sequence.KeyClass = SequenceFile, "text" },
		func(o *Options) { o.Format, o.Compression = SequenceFile, "gzip" },
		func(o *Options) {
			o.Format, o.Compression, o.Sequence.CompressBy = SequenceFile, "gzip", "record"
		},
		func(o *Options) { o.Format = Avro; o.SetSchema(`"string"`, "") },
		func(o *Options) { o.Format = Avro; o.SetSchema(`"long"`, "") },
		func(o *Options) { o.Format, o.Compression = Avro, "snappy"; o.SetSchema(`"long"`, "") },
		func(o *Options) { o.Format = Parquet; o.SetSchema(oneLong, "") },
		func(o *Options) { o.Format = Parquet; o.SetSchema(maybeLong, "") },
		func(o *Options) { o.Format, o.Compression = Parquet, "zstd"; o.SetSchema(oneLong, "") },
		func(o *Options) {
			o.Format, o.Parquet.RowGroupSize = Parquet, 1<<20
			o.SetSchema(oneLong, "")
		},
	} {
		o := Defaults()
		change(&o)
		require.NoError(t, o.Joinable())
		form := o.Form(open(t, o))
		require.Equal(t, form, o.Form(open(t, o)))
		before, known := seen[form]
		require.False(t, known, "%d has the form of %d", i, before)
		seen[form] = i
	}
}

// TestFormsOfTextStay: manifests name them, and parts of a form that is not known any more are not
// joined.
func TestFormsOfTextStay(t *testing.T) {
	o := Defaults()
	require.Equal(t, "string-9ab9bcaca4c10d8a", o.Form(open(t, o)))
}
