package parquet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	parquetformat "github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
)

const readBytesMax = 1 << 20

func opener(content []byte) OpenAt {
	return func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content[offset:])), nil
	}
}

// readRange returns the rows whose row groups begin in a part of a file, and what ended it.
func readRange(content []byte, start, end int64) (rows []string, err error) {
	x, err := ReadIndex(int64(len(content)), opener(content))
	if err != nil {
		return nil, err
	}
	r, err := NewReader(x, opener(content), start, end, readBytesMax)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		_, value, err := r.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, string(value))
	}
}

// lineFile returns a file of rows in row groups of so many, and the rows.
func lineFile(t testing.TB, compression string, n, ofGroup int) (content []byte, rows []string) {
	t.Helper()
	o := NewOptions()
	o.Compression = compression
	p, err := o.parse(lineSchema)
	require.NoError(t, err)
	var out bytes.Buffer
	w, err := newFiles(p, o).Open(&out)
	require.NoError(t, err)
	for i := range n {
		row := fmt.Sprintf(`{"n":%d,"text":"line %d"}`, i, i)
		require.NoError(t, w.Append(&connectors.Record{Value: []byte(row)}))
		rows = append(rows, row)
		if (i+1)%ofGroup == 0 {
			require.NoError(t, w.Flush())
		}
	}
	require.NoError(t, w.Close())
	return out.Bytes(), rows
}

// TestEveryPartOfAFileGetsItsRows cuts a file into parts of every size: together they have each row
// once, in order.
func TestEveryPartOfAFileGetsItsRows(t *testing.T) {
	content, want := lineFile(t, "snappy", 300, 70)
	for size := int64(1); size <= int64(len(content)); size += 1 + size/8 {
		if size < 40 && size%13 != 0 {
			continue // as many parts as bytes take long
		}
		var got []string
		for start := int64(0); start < int64(len(content)); start += size {
			rows, err := readRange(content, start, start+size)
			require.NoError(t, err)
			got = append(got, rows...)
		}
		require.Equal(t, want, got, "parts of %d bytes", size)
	}
}

// TestRowsOfOtherWriters reads what this package does not write.
func TestRowsOfOtherWriters(t *testing.T) {
	type inner struct {
		A int32  `parquet:"a"`
		B string `parquet:"b,optional"`
	}
	type row struct {
		Small   uint8              `parquet:"small"`
		Large   uint64             `parquet:"large"`
		Bare    []int32            `parquet:"bare"`
		Inners  []inner            `parquet:"inners,list"`
		ByInt   map[int32]string   `parquet:"by_int"`
		ByText  map[string]inner   `parquet:"by_text"`
		Instant deprecated.Int96   `parquet:"instant"`
		At      time.Time          `parquet:"at,timestamp(nanosecond)"`
		Raw     []byte             `parquet:"raw"`
		Text    string             `parquet:"text,json"`
		Nothing *float32           `parquet:"nothing,optional"`
		Bares   []inner            `parquet:"bares"`
		Numbers map[string]float64 `parquet:"numbers,optional"`
	}
	var out bytes.Buffer
	w := parquet.NewGenericWriter[row](&out, parquet.Compression(&parquet.Gzip))
	_, err := w.Write([]row{{
		Small: 200, Large: 1<<64 - 1, Bare: []int32{1, -2}, Inners: []inner{{1, "x"}, {2, ""}},
		ByInt: map[int32]string{7: "seven"}, ByText: map[string]inner{"k": {3, "y"}},
		Instant: deprecated.Int96{1_000_000_000, 0, 2440589},
		At:      time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Raw: []byte{0xff},
		Text: `{"a":1}`, Bares: []inner{{4, "z"}},
	}, {At: time.Unix(0, 0)}})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	got, err := readRange(out.Bytes(), 0, int64(out.Len()))
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.JSONEq(t, `{"small":200,"large":18446744073709551615,"bare":[1,-2],
		"inners":[{"a":1,"b":"x"},{"a":2,"b":null}],"by_int":[{"key":7,"value":"seven"}],
		"by_text":{"k":{"a":3,"b":"y"}},"instant":"1970-01-02T00:00:01.000000000Z",
		"at":"2026-01-02T03:04:05.000000006Z","raw":"/w==","text":"{\"a\":1}","nothing":null,
		"bares":[{"a":4,"b":"z"}],"numbers":null}`, got[0])
	require.Contains(t, got[0], `"large":18446744073709551615`)
	require.Contains(t, got[1], `"bare":[],"inners":[],"by_int":[],"by_text":{}`)
}

// TestDamagedFilesNameThePlace holds that a file which ends early, or whose bytes are others', ends
// in an error that says where.
func TestDamagedFilesNameThePlace(t *testing.T) {
	content, rows := lineFile(t, None, 30, 10)
	tail := content[len(content)-footBytes:]
	garbled := bytes.Clone(content)
	x, err := ReadIndex(int64(len(content)), opener(content))
	require.NoError(t, err)
	for i := x.groups[1].begin; i < x.groups[1].end; i++ {
		garbled[i] ^= 0x5a
	}
	for name, tt := range map[string]struct {
		content []byte
		read    int // rows before the error
		want    string
	}{
		"empty":       {nil, 0, "it has 0 bytes"},
		"short":       {content[:len(content)-5], 0, "it ends with"},
		"text":        {[]byte("some text, and no more"), 0, `it ends with "more", not with PAR1`},
		"index alone": {tail, 0, "an index of"},
		"group":       {garbled, 10, "row group 1 at byte"},
		"encrypted":   {[]byte("PARE....PARE"), 0, "it is encrypted"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readRange(tt.content, 0, int64(len(tt.content)))
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, rows[:tt.read], append([]string{}, got...))
			require.True(t, errors.Is(err, format.ErrDamaged) || errors.Is(err, format.ErrUnsupported))
		})
	}
}

// TestCodecsThatAreReadWrongAreRefused holds that no value is made of what the library misreads.
func TestCodecsThatAreReadWrongAreRefused(t *testing.T) {
	type row struct {
		N int64 `parquet:"n"`
	}
	var out bytes.Buffer
	w := parquet.NewGenericWriter[row](&out, parquet.Compression(&parquet.Lz4Raw))
	_, err := w.Write([]row{{1}})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	_, err = readRange(out.Bytes(), 0, int64(out.Len()))
	require.ErrorIs(t, err, format.ErrUnsupported)
	require.ErrorContains(t, err, "column n is compressed with LZ4_RAW; none, snappy, gzip")

	content, _ := lineFile(t, None, 2, 1)
	x, err := ReadIndex(int64(len(content)), opener(content))
	require.NoError(t, err)
	meta := x.file.Metadata()
	meta.RowGroups[1].Columns[0].MetaData.Codec = parquetformat.Zstd
	err = x.place(meta, int64(len(content)))
	require.ErrorContains(t, err, "column n is compressed with UNCOMPRESSED and elsewhere with ZSTD")
}

// TestLongRowIsTooLarge holds the bound of a record.
func TestLongRowIsTooLarge(t *testing.T) {
	content, _ := lineFile(t, None, 1, 1)
	x, err := ReadIndex(int64(len(content)), opener(content))
	require.NoError(t, err)
	r, err := NewReader(x, opener(content), 0, int64(len(content)), 10)
	require.NoError(t, err)
	_, _, err = r.Next()
	require.ErrorIs(t, err, format.ErrTooLarge)
	require.NoError(t, r.Close())
}

// FuzzReader holds that any bytes end in rows of JSON or in one of the errors.
func FuzzReader(f *testing.F) {
	for _, compression := range Compressions() {
		content, _ := lineFile(f, compression, 5, 3)
		f.Add(content)
	}
	schema, row := everything(f)
	o := NewOptions()
	p, err := o.parse(schema)
	require.NoError(f, err)
	var out bytes.Buffer
	w, err := newFiles(p, o).Open(&out)
	require.NoError(f, err)
	require.NoError(f, w.Append(&connectors.Record{Value: row}))
	require.NoError(f, w.Close())
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, content []byte) {
		rows, err := readRange(content, 0, int64(len(content)))
		for _, row := range rows {
			require.True(t, json.Valid([]byte(row)), row)
		}
		if err != nil {
			require.True(t, errors.Is(err, format.ErrDamaged) || errors.Is(err, format.ErrTooLarge) ||
				errors.Is(err, format.ErrUnsupported), err)
		}
	})
}
