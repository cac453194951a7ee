package sequencefile

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/format"
)

func TestWriterConformance(t *testing.T) {
	var texts, numbers [][]byte
	for i := range 100 {
		texts = append(slices.Clip(texts), fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", i*i)))
		numbers = append(slices.Clip(numbers), fmt.Appendf(nil, "%d", (i-50)*99_991))
	}
	classes := map[string]connectortest.FormatWriterHarness{
		Text:  {Values: append(slices.Clip(texts), []byte{}), Refused: [][]byte{nil, []byte("\xff")}},
		Bytes: {Values: append(slices.Clip(texts), []byte{0, 0xff}, []byte{}), Refused: [][]byte{nil}},
		Int:   {Values: numbers, Refused: [][]byte{nil, {}, []byte("1.0"), []byte("2147483648")}},
		Long: {Values: append(slices.Clip(numbers), []byte("-9223372036854775808")),
			Refused: [][]byte{nil, []byte("x"), []byte("9223372036854775808")}},
	}
	for _, compression := range Compressions() {
		for _, by := range []string{ByRecord, ByBlock} {
			if compression == None && by == ByRecord {
				continue // the same files
			}
			for class, h := range classes {
				o := Options{KeyClass: Null, ValueClass: class, Compression: compression, CompressBy: by}
				if compression != None && class != Text {
					continue // classes do not look at codecs
				}
				h.Blocks = compression != None && by == ByBlock
				h.Open = func(t *testing.T, out io.Writer) format.Writer {
					f, err := New(o)
					require.NoError(t, err)
					f.random = strings.NewReader("0123456789abcdef") // the same in every file
					w, err := f.Open(out)
					require.NoError(t, err)
					return w
				}
				h.Read = readValues
				h.Joiner, h.Marks = newFormat(t, o), true
				h.OtherKinds = nil
				for _, change := range []func(*Options){
					func(o *Options) { o.KeyClass = Text },
					func(o *Options) { o.ValueClass = Null },
					func(o *Options) { o.Compression, o.CompressBy = "gzip", ByBlock },
					func(o *Options) { o.Compression, o.CompressBy = "zstd", ByRecord },
				} {
					other := o
					if change(&other); other != o {
						h.OtherKinds = append(h.OtherKinds, newFormat(t, other))
					}
				}
				t.Run(compression+" by "+by+" of "+class, func(t *testing.T) {
					connectortest.RunFormatWriter(t, h)
				})
			}
		}
	}
}

func newFormat(t *testing.T, o Options) *Format {
	t.Helper()
	f, err := New(o)
	require.NoError(t, err)
	return f
}

// TestJoinedIsAsWrittenAtOnce holds that a joined file without blocks has the very bytes that one
// writer would have written: its markers are where Hadoop's are, so that it can be split.
func TestJoinedIsAsWrittenAtOnce(t *testing.T) {
	for _, compression := range []string{None, "deflate"} {
		o := Options{KeyClass: Null, ValueClass: Text, Compression: compression, CompressBy: ByRecord}
		open := func(sync string, out io.Writer) (*Format, format.Writer) {
			f := newFormat(t, o)
			f.random = strings.NewReader(strings.Repeat(sync, 2))
			w, err := f.Open(out)
			require.NoError(t, err)
			return f, w
		}
		var whole, joined bytes.Buffer
		f, all := open("0123456789abcdef", &whole)
		joining, err := f.Join(&joined)
		require.NoError(t, err)
		for file := range 40 {
			var part bytes.Buffer
			_, w := open("fedcba9876543210", &part)
			for i := range 30 {
				r := &connectors.Record{Value: noise(file*30 + i)}
				require.NoError(t, w.Append(r))
				require.NoError(t, all.Append(r))
			}
			require.NoError(t, w.Close())
			require.NoError(t, joining.Add(format.InMemory(part.Bytes())))
		}
		require.NoError(t, joining.Close())
		require.NoError(t, all.Close())
		require.Greater(t, whole.Len(), 3*syncInterval)
		require.True(t, bytes.Equal(whole.Bytes(), joined.Bytes()), compression)
	}
}

// noise returns text that hardly compresses.
func noise(seed int) []byte {
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	text := make([]byte, 400)
	for i := range text {
		text[i] = byte(' ' + random.IntN('~'-' '))
	}
	return text
}

func readValues(t *testing.T, stream []byte) (out [][]byte) {
	_, records := readAll(t, stream)
	for _, r := range records {
		require.Nil(t, r.key)
		out = append(out, r.value)
	}
	return out
}

func TestKeysAreWrittenAndRefused(t *testing.T) {
	for _, compression := range []string{None, "snappy"} {
		for _, by := range []string{ByRecord, ByBlock} {
			t.Run(compression+" by "+by, func(t *testing.T) {
				f, err := New(Options{
					KeyClass: Int, ValueClass: Null, Compression: compression, CompressBy: by,
				})
				require.NoError(t, err)
				var out bytes.Buffer
				w, err := f.Open(&out)
				require.NoError(t, err)
				require.NoError(t, w.Append(&connectors.Record{Key: []byte("7"), Value: []byte("v")}))
				var refusal *format.Refusal
				err = w.Append(&connectors.Record{Key: []byte("seven")})
				require.ErrorAs(t, err, &refusal)
				require.ErrorContains(t, err, "the key does not fit")
				require.NoError(t, w.Append(&connectors.Record{Key: []byte("-8")}))
				require.NoError(t, w.Close())
				_, got := readAll(t, out.Bytes())
				require.Equal(t, []pair{{[]byte("7"), nil}, {[]byte("-8"), nil}}, got)
			})
		}
	}
}

// TestBlocksAreHadoops holds that a block ends where Hadoop's does: after a million bytes of keys
// and values.
func TestBlocksAreHadoops(t *testing.T) {
	f, err := New(Options{
		KeyClass: Bytes, ValueClass: Bytes, Compression: "deflate", CompressBy: ByBlock,
	})
	require.NoError(t, err)
	var out bytes.Buffer
	w, err := f.Open(&out)
	require.NoError(t, err)
	key, value := make([]byte, 996), make([]byte, 8996) // 1000 and 9000 with their lengths
	for range 250 {
		require.NoError(t, w.Append(&connectors.Record{Key: key, Value: value}))
	}
	require.NoError(t, w.Close())
	r, err := NewReader(bytes.NewReader(out.Bytes()), testRecordBytesMax)
	require.NoError(t, err)
	for _, want := range []int{100, 100, 50} {
		require.NoError(t, r.readBlock())
		require.Equal(t, want, r.block.records)
	}
	require.ErrorIs(t, r.readBlock(), io.EOF)
}

func TestEveryFileHasItsOwnMarker(t *testing.T) {
	f, err := New(Defaults())
	require.NoError(t, err)
	seen := map[[syncBytes]byte]bool{}
	for range 3 {
		var out bytes.Buffer
		w, err := f.Open(&out)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		r, err := NewReader(&out, testRecordBytesMax)
		require.NoError(t, err)
		seen[r.sync] = true
	}
	require.Len(t, seen, 3)
}

func TestValidate(t *testing.T) {
	for key, o := range map[string]Options{
		"key_class":   {KeyClass: "map", ValueClass: Text, Compression: None, CompressBy: ByBlock},
		"value_class": {KeyClass: Null, ValueClass: "", Compression: None, CompressBy: ByBlock},
		"compression": {KeyClass: Null, ValueClass: Text, Compression: "lzo", CompressBy: ByBlock},
		"compress_by": {KeyClass: Null, ValueClass: Text, Compression: None, CompressBy: "file"},
	} {
		t.Run(key, func(t *testing.T) {
			var p connectors.Problems
			o.Validate(&p, "writer.")
			require.Len(t, p.List, 1)
			require.Equal(t, "writer."+key, p.List[0].Key)
		})
	}
	var p connectors.Problems
	Defaults().Validate(&p, "")
	require.Empty(t, p.List)
}
