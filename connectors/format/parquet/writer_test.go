package parquet

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/format"
)

const lineSchema = `{"type": "record", "name": "Line", "fields": [
	{"name": "n", "type": "int"}, {"name": "text", "type": ["null", "string"], "default": null}]}`

// lineMaybeSchema is lineSchema, but that n may be null.
var lineMaybeSchema = strings.Replace(lineSchema, `"int"`, `["null", "int"]`, 1)

func openFiles(t testing.TB, schema string, change ...func(*Options)) *Files {
	t.Helper()
	o := NewOptions()
	o.Values.Schema = schema
	for _, c := range change {
		c(&o)
	}
	var p connectors.Problems
	o.Validate(&p, "")
	require.Empty(t, p.List)
	f, err := Open(t.Context(), connectors.Env{}, o)
	require.NoError(t, err)
	return f
}

func writeFile(t testing.TB, f *Files, values ...[]byte) []byte {
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

func lineValues(n int) (values [][]byte) {
	for i := range n {
		values = append(values, fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, i, strings.Repeat("x", i*i)))
	}
	return append(values, []byte(`{"n":-1,"text":null}`))
}

// readLines reads a file of lineSchema with the library's own reader.
func readLines(t testing.TB, content []byte) (values [][]byte) {
	t.Helper()
	type line struct {
		N    int32   `parquet:"n" json:"n"`
		Text *string `parquet:"text,optional" json:"text"`
	}
	r := parquet.NewGenericReader[line](bytes.NewReader(content))
	for {
		var rows [10]line
		n, err := r.Read(rows[:])
		for _, row := range rows[:n] {
			text, err := json.Marshal(row)
			require.NoError(t, err)
			values = append(values, text)
		}
		if err == io.EOF {
			return values
		}
		require.NoError(t, err)
	}
}

func TestWriterConformance(t *testing.T) {
	for _, compression := range Compressions() {
		t.Run(compression, func(t *testing.T) {
			files := openFiles(t, lineSchema, func(o *Options) { o.Compression = compression })
			another := openFiles(t, lineMaybeSchema, func(o *Options) { o.Compression = compression })
			connectortest.RunFormatWriter(t, connectortest.FormatWriterHarness{
				Values: lineValues(100), Blocks: true, Footer: true,
				Joiner: files, Marks: true, OtherKinds: []format.Joiner{another},
				Refused: [][]byte{nil, {}, []byte("{"), []byte(`{"text":"no n"}`), []byte("null"),
					[]byte(`{"n":1,"text":"x","more":1}`), []byte(`{"n":3000000000}`)},
				Open: func(t *testing.T, out io.Writer) format.Writer {
					w, err := files.Open(out)
					require.NoError(t, err)
					return w
				},
				Read: func(t *testing.T, stream []byte) [][]byte { return readLines(t, stream) },
			})
		})
	}
}

// openWriter returns a writer with all that is its own.
func openWriter(t testing.TB, f *Files, out io.Writer) *writer {
	t.Helper()
	w, err := f.Open(out)
	require.NoError(t, err)
	return w.(*writer)
}

// noise returns a row of so many bytes that do not compress, with values that repeat not.
func noise(r *rand.Rand, n int) *connectors.Record {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('a' + r.IntN(26))
	}
	return &connectors.Record{Value: fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, r.Int32(), text)}
}

func smallGroups(o *Options) { o.RowGroupSize = rowGroupMin }

// TestMemoryIsBounded holds P2 for one file: what it holds stays near a row group.
func TestMemoryIsBounded(t *testing.T) {
	f := openFiles(t, lineSchema, smallGroups)
	var out bytes.Buffer
	w := openWriter(t, f, &out)
	r := rand.New(rand.NewPCG(1, 2))
	most, rows := int64(0), 6000
	for range rows {
		require.NoError(t, w.Append(noise(r, 1000)))
		most = max(most, f.memory.bytes.Load())
	}
	require.LessOrEqual(t, most, int64(2*rowGroupMin))
	require.NoError(t, w.Close())
	require.Zero(t, f.memory.bytes.Load())
	require.Zero(t, f.memory.open.Load())
	file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	require.EqualValues(t, rows, file.NumRows())
	require.Greater(t, len(file.RowGroups()), 3)
}

// TestOpenFilesShareTheirMemory holds P2 for many files.
func TestOpenFilesShareTheirMemory(t *testing.T) {
	const groupMax, files = 100 << 20, 1000
	m := memory{groupMax: groupMax}
	var shares []*share
	for range files {
		shares = append(shares, m.enter())
	}
	// Files are written to in turn, each until its row group ends; then half are idle for ever.
	const step = 64 << 10
	for turn := range 40 * files {
		s := shares[turn%files]
		if turn > 20*files && turn%2 == 0 {
			continue
		}
		held := s.bytes + step
		if s.set(held); m.full(held) {
			s.set(0)
		}
		require.LessOrEqual(t, m.bytes.Load(), int64(groupMax*groupsHeld+files*groupBytesMin))
	}
	for _, s := range shares {
		s.leave()
		s.leave()
	}
	require.Zero(t, m.bytes.Load())
	require.Zero(t, m.open.Load())
	require.False(t, m.full(groupBytesMin))
	require.True(t, m.full(groupMax))
}

// TestFilesGivenUpLeaveTheAccount holds that a file which failed does not count for ever.
func TestFilesGivenUpLeaveTheAccount(t *testing.T) {
	f := openFiles(t, lineSchema)
	func() {
		w := openWriter(t, f, io.Discard)
		for _, v := range lineValues(100) {
			require.NoError(t, w.Append(&connectors.Record{Value: v}))
		}
		require.NoError(t, w.fill())
		require.Positive(t, f.memory.bytes.Load())
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		return f.memory.open.Load() == 0 && f.memory.bytes.Load() == 0
	}, time.Minute, time.Millisecond)
}

// TestDictionariesGiveWay holds that a column of too many values is written without a dictionary,
// and that none of them is lost on the way.
func TestDictionariesGiveWay(t *testing.T) {
	f := openFiles(t, lineSchema)
	var out bytes.Buffer
	w := openWriter(t, f, &out)
	r := rand.New(rand.NewPCG(3, 4))
	var want [][]byte
	for range 2500 {
		record := noise(r, 2000)
		require.NoError(t, w.Append(record))
		want = append(want, record.Value)
	}
	require.NoError(t, w.Flush())
	for _, v := range lineValues(50) { // the next row group has a dictionary again
		require.NoError(t, w.Append(&connectors.Record{Value: v}))
		want = append(want, v)
	}
	require.NoError(t, w.Close())
	require.Equal(t, want, readLines(t, out.Bytes()))
	file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	var encodings []string
	for _, group := range file.Metadata().RowGroups {
		pages := map[string]bool{}
		for _, s := range group.Columns[1].MetaData.EncodingStats {
			pages[s.PageType.String()+" "+s.Encoding.String()] = true
		}
		encodings = append(encodings, fmt.Sprint(pages))
	}
	require.Equal(t, []string{
		"map[DATA_PAGE PLAIN:true DATA_PAGE RLE_DICTIONARY:true DICTIONARY_PAGE PLAIN:true]",
		"map[DATA_PAGE RLE_DICTIONARY:true DICTIONARY_PAGE PLAIN:true]",
	}, encodings)
}

// TestBoundsOfBytesExcludeNothing holds P3 for bytes whose beginning has no successor.
func TestBoundsOfBytesExcludeNothing(t *testing.T) {
	f := openFiles(t, `{"type":"record","name":"R","fields":[{"name":"b","type":"bytes"}]}`)
	var out bytes.Buffer
	w := openWriter(t, f, &out)
	full := bytes.Repeat([]byte{0xff}, 20)
	values := [][]byte{
		{}, bytes.Repeat([]byte{'a'}, 20), append([]byte{'b'}, full...), full, full[:16],
	}
	for _, v := range values {
		row := fmt.Sprintf(`{"b":"%s"}`, base64.StdEncoding.EncodeToString(v))
		require.NoError(t, w.Append(&connectors.Record{Value: []byte(row)}))
		require.NoError(t, w.fill())
		require.NoError(t, w.file.ColumnWriters()[0].Flush()) // a page
	}
	require.NoError(t, w.Close())
	file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	index := file.ColumnIndexes()[0]
	for i, v := range values {
		require.LessOrEqual(t, bytes.Compare(index.MinValues[i], v), 0, "page %d", i)
		require.GreaterOrEqual(t, bytes.Compare(index.MaxValues[i], v), 0, "page %d", i)
		require.LessOrEqual(t, len(index.MinValues[i]), 16)
	}
	require.Equal(t, "aaaaaaaaaaaaaaab", string(index.MaxValues[1]))
	require.Equal(t, "c", string(index.MaxValues[2]))
}

// TestBoundsExcludeNothing holds P3: with decimals below zero, pages of nulls and pages of NaN.
func TestBoundsExcludeNothing(t *testing.T) {
	f := openFiles(t, `{"type":"record","name":"R","fields":[
		{"name":"d","type":["null",{"type":"bytes","logicalType":"decimal","precision":20}]},
		{"name":"f","type":["null","double"]}, {"name":"n","type":["null","int"]}]}`)
	var out bytes.Buffer
	w := openWriter(t, f, &out)
	pages := []string{
		`{"d":-5,"f":1.5,"n":-3}`, `{}`, `{"d":7,"f":"NaN","n":4}`,
	}
	for _, row := range pages {
		require.NoError(t, w.Append(&connectors.Record{Value: []byte(row)}))
		require.NoError(t, w.fill())
		for _, c := range w.file.ColumnWriters() {
			require.NoError(t, c.Flush()) // a page
		}
	}
	require.NoError(t, w.Close())
	file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	columns := file.ColumnIndexes()
	decimals, doubles, ints := columns[0], columns[1], columns[2]
	for _, c := range columns {
		require.Equal(t, []bool{false, true, false}, []bool(c.NullPages))
		require.Equal(t, []int64{0, 1, 0}, []int64(c.NullCounts))
		require.Len(t, c.MinValues, len(pages))
		require.Len(t, c.MaxValues, len(pages))
	}
	low, high := decimalBounds(20, decimalBytes(20))
	require.Equal(t, low, decimals.MinValues[0])
	require.Equal(t, high, decimals.MaxValues[2])
	nan := math.Float64frombits(binary.LittleEndian.Uint64(doubles.MaxValues[2]))
	require.True(t, math.IsNaN(nan), "the specification has readers ignore it")
	require.Equal(t, "\xfd\xff\xff\xff", string(ints.MinValues[0]))
	statistics := file.Metadata().RowGroups[0].Columns
	require.Empty(t, statistics[0].MetaData.Statistics.MinValue)
	require.Equal(t, "\xfd\xff\xff\xff", string(statistics[2].MetaData.Statistics.MinValue))
	require.Equal(t, "\x04\x00\x00\x00", string(statistics[2].MetaData.Statistics.MaxValue))
}
