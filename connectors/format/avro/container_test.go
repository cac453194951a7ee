package avro

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// testRecordBytesMax is more than any record of the tests has.
const testRecordBytesMax = 1 << 20

const lineSchema = `{"type": "record", "name": "Line", "fields": [
	{"name": "n", "type": "int"}, {"name": "text", "type": ["null", "string"], "default": null}]}`

func openFiles(t testing.TB, schema, compression string) *Files {
	t.Helper()
	o := NewFileOptions()
	o.Schema, o.Compression = schema, compression
	var p connectors.Problems
	o.Validate(&p, "")
	require.Empty(t, p.List)
	f, err := OpenFiles(t.Context(), connectors.Env{}, o)
	require.NoError(t, err)
	f.random = endless("0123456789abcdef") // the same marker in every file
	return f
}

// endless repeats a text for ever.
type endless string

func (e endless) Read(p []byte) (int, error) { return copy(p, e), nil }

func lineValues(n int) (values [][]byte) {
	for i := range n {
		values = append(values, fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, i, strings.Repeat("x", i*i)))
	}
	return append(values, []byte(`{"n":-1,"text":null}`))
}

func writeFile(t testing.TB, f *Files, values [][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := f.Open(&out)
	require.NoError(t, err)
	for _, v := range values {
		require.NoError(t, w.Append(&connectors.Record{Value: v}))
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func readFile(in io.Reader) (values [][]byte, err error) {
	r, err := NewFileReader(in, false, testRecordBytesMax)
	for err == nil {
		var value []byte
		if _, value, err = r.Next(); err == nil {
			values = append(values, bytes.Clone(value))
		}
	}
	if err == io.EOF {
		err = nil
	}
	return values, err
}

func TestFileWriterConformance(t *testing.T) {
	for _, compression := range Compressions() {
		t.Run(compression, func(t *testing.T) {
			files := openFiles(t, lineSchema, compression)
			joiner := openFiles(t, lineSchema, compression)
			joiner.random = endless("fedcba9876543210")
			connectortest.RunFormatWriter(t, connectortest.FormatWriterHarness{
				Values: lineValues(100), Blocks: true, Joiner: joiner, Marks: true,
				OtherKinds: []format.Joiner{
					openFiles(t, `"string"`, compression),
					openFiles(t, lineSchema, map[bool]string{true: "zstd", false: "none"}[compression == "none"]),
				},
				Refused: [][]byte{nil, {}, []byte("{"), []byte(`{"text":"no n"}`),
					[]byte(`{"n":1,"text":"x","more":1}`), []byte(`{"n":3000000000}`)},
				Open: func(t *testing.T, out io.Writer) format.Writer {
					w, err := files.Open(out)
					require.NoError(t, err)
					return w
				},
				Read: func(t *testing.T, stream []byte) [][]byte {
					values, err := readFile(bytes.NewReader(stream))
					require.NoError(t, err)
					return values
				},
			})
		})
	}
}

// everythingFile returns the schema and the JSON of a record of every type.
func everythingFile(t testing.TB) (schema string, json []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "everything.avsc"))
	require.NoError(t, err)
	json, err = os.ReadFile(filepath.Join("testdata", "everything-plain.json"))
	require.NoError(t, err)
	return string(text), bytes.TrimSpace(json)
}

// TestFilesAreReadByAnother has the library's own reader read what is written here.
func TestFilesAreReadByAnother(t *testing.T) {
	schema, json := everythingFile(t)
	for _, compression := range Compressions() {
		t.Run(compression, func(t *testing.T) {
			f := openFiles(t, schema, compression)
			content := writeFile(t, f, [][]byte{json, json, json})
			r, err := ocf.NewReader(bytes.NewReader(content))
			require.NoError(t, err)
			for range 3 {
				var value any
				require.NoError(t, r.Decode(&value))
				encoded, err := avro.MustParse(schema).Encode(value)
				require.NoError(t, err)
				d := newDeserializer(t, func(o *DeserializerOptions) { o.Schema = schema })
				got, fault := deserialized(t, d, encoded)
				require.Empty(t, fault)
				require.Equal(t, string(json), got)
			}
			var value any
			require.ErrorIs(t, r.Decode(&value), io.EOF)
		})
	}
}

// TestFilesOfAnotherAreRead reads what the library's own writer writes.
func TestFilesOfAnotherAreRead(t *testing.T) {
	parsed := avro.MustParse(lineSchema)
	for name, codec := range map[string]ocf.Codec{
		"none": nil, "deflate": ocf.DeflateCodec(6), "snappy": ocf.SnappyCodec(),
		"zstd": ocf.MustZstdCodec(nil, nil),
	} {
		t.Run(name, func(t *testing.T) {
			var options []ocf.WriterOpt
			if codec != nil {
				options = append(options, ocf.WithCodec(codec))
			}
			var out bytes.Buffer
			w, err := ocf.NewWriter(&out, parsed, options...)
			require.NoError(t, err)
			var want [][]byte
			for i := range 2000 {
				text := fmt.Sprintf("line %d %s", i, strings.Repeat("y", i%300))
				require.NoError(t, w.Encode(map[string]any{"n": int32(i), "text": text}))
				want = append(want, fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, i, text))
			}
			require.NoError(t, w.Close())
			got, err := readFile(&out)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestTaggedUnionsOfFiles(t *testing.T) {
	content := writeFile(t, openFiles(t, lineSchema, "none"), [][]byte{[]byte(`{"n":1,"text":"a"}`)})
	r, err := NewFileReader(bytes.NewReader(content), true, testRecordBytesMax)
	require.NoError(t, err)
	_, value, err := r.Next()
	require.NoError(t, err)
	require.JSONEq(t, `{"n":1,"text":{"string":"a"}}`, string(value))
}

// TestFileCuts cuts files at every byte: they read as shorter files, or not at all.
func TestFileCuts(t *testing.T) {
	for _, compression := range Compressions() {
		t.Run(compression, func(t *testing.T) {
			f := openFiles(t, lineSchema, compression)
			var out bytes.Buffer
			w, err := f.Open(&out)
			require.NoError(t, err)
			values := lineValues(4)
			ends := map[int]int{} // records by length
			require.NoError(t, w.Flush())
			ends[out.Len()] = 0
			for i, v := range values {
				require.NoError(t, w.Append(&connectors.Record{Value: v}))
				require.NoError(t, w.Flush())
				ends[out.Len()] = i + 1
			}
			for n := range out.Bytes() {
				got, err := readFile(bytes.NewReader(out.Bytes()[:n]))
				if records, whole := ends[n]; whole {
					require.NoError(t, err)
					require.Len(t, got, records)
					continue
				}
				require.ErrorIs(t, err, format.ErrDamaged, "cut at %d", n)
				require.ErrorContains(t, err, "ends early", "cut at %d", n)
			}
		})
	}
}

func TestFileErrorsOfReadingPass(t *testing.T) {
	broken := errors.New("the disk is gone")
	content := writeFile(t, openFiles(t, lineSchema, "snappy"), lineValues(10))
	for n := range content {
		_, err := readFile(io.MultiReader(bytes.NewReader(content[:n]), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken)
		require.NotErrorIs(t, err, format.ErrDamaged)
	}
}

func TestFileRefusals(t *testing.T) {
	head := func(codec, schema string) string {
		out := containerMagic + "\x04"
		for _, s := range []string{"avro.codec", codec, "avro.schema", schema} {
			out += string(varint(len(s))) + s
		}
		return out + "\x00" + "0123456789abcdef"
	}
	const sync = "0123456789abcdef"
	for name, tt := range map[string]struct {
		content string
		want    error
		text    string
	}{
		"another file":    {"SEQ\x06", format.ErrDamaged, "it begins with"},
		"a foreign codec": {head("xz", `"int"`), format.ErrUnsupported, `"xz"`},
		"no schema": {
			head("null", "{"), format.ErrDamaged, "reading the schema",
		},
		"a foreign marker": {
			head("null", `"int"`) + "\x02\x02\x080123456789abcdeX", format.ErrDamaged, "marker",
		},
		"too many bytes": {
			head("null", `"int"`) + "\x02\x04\x08\x08" + sync, format.ErrDamaged, "too many",
		},
		"too few bytes": {
			head("null", `"int"`) + "\x04\x02\x08" + sync, format.ErrDamaged, "2 records in 1",
		},
		"endless nothing": {
			head("null", `"null"`) + "\xfe\xff\xff\xff\x1f\x00" + sync, format.ErrDamaged, "records in 0",
		},
		"a huge block": {
			head("null", `"int"`) + "\x02\xfe\xff\xff\xff\x1f", format.ErrTooLarge, "a block of",
		},
		"a negative block": {
			head("null", `"int"`) + "\x02\x01", format.ErrDamaged, "in -1 bytes",
		},
		"no checksum": {
			head("snappy", `"int"`) + "\x02\x02\x00" + sync, format.ErrDamaged, "checksum",
		},
		"another checksum": {
			head("snappy", `"int"`) + "\x02\x0e\x01\x00\x08\x00\x00\x00\x00" + sync,
			format.ErrDamaged, "checksum",
		},
		"an endless number": {
			head("null", `"int"`) + strings.Repeat("\xff", 20), format.ErrDamaged, "a number of",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readFile(strings.NewReader(tt.content))
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.text)
		})
	}
}

func varint(n int) []byte { return binary.AppendVarint(nil, int64(n)) }

// FuzzFileReader holds that any bytes end in records or in one of the errors.
func FuzzFileReader(f *testing.F) {
	for _, compression := range Compressions() {
		f.Add(writeFile(f, openFiles(f, lineSchema, compression), lineValues(3)))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<12 {
			return
		}
		r, err := NewFileReader(bytes.NewReader(content), false, 1<<16)
		for n := 0; err == nil && n < 1<<12; n++ {
			_, _, err = r.Next()
		}
		if err != nil && err != io.EOF {
			known := errors.Is(err, format.ErrDamaged) || errors.Is(err, format.ErrUnsupported) ||
				errors.Is(err, format.ErrTooLarge)
			require.True(t, known, "%v", err)
		}
	})
}
