package sequencefile

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// testRecordBytesMax is more than any record of the tests has.
const testRecordBytesMax = 1 << 20

type pair struct{ key, value []byte }

// golden is a file that Hadoop's own writer wrote.
type golden struct {
	file    string
	options Options
	codec   string // Java's name
	records func() []pair
	// readOnly tells that the file cannot be written here: another codec, or metadata.
	readOnly bool
}

func goldens() []golden {
	longs := records(func(i int) []byte { return strconv.AppendInt(nil, int64(i+1), 10) })
	nulls := records(func(int) []byte { return nil })
	boths := records(func(i int) []byte { return fmt.Appendf(nil, "k%d", i) })
	const java = "org.apache.hadoop.io.compress."
	plain := func(key, value string) Options {
		return Options{KeyClass: key, ValueClass: value, Compression: None, CompressBy: ByBlock}
	}
	with := func(o Options, compression, by string) Options {
		o.Compression, o.CompressBy = compression, by
		return o
	}
	long, null, both := plain(Long, Text), plain(Null, Text), plain(Bytes, Bytes)
	return []golden{
		{file: "long-text", options: long, records: longs},
		{file: "long-text-meta", options: long, records: longs, readOnly: true},
		{file: "null-text", options: null, records: nulls},
		{file: "null-bytes", options: plain(Null, Bytes), records: nulls},
		{file: "bytes-bytes", options: both, records: boths},
		{file: "long-text-record", options: with(long, "deflate", ByRecord),
			codec: java + "DefaultCodec", records: longs},
		{file: "null-text-record", options: with(null, "deflate", ByRecord),
			codec: java + "DefaultCodec", records: nulls},
		{file: "bytes-bytes-record", options: with(both, "deflate", ByRecord),
			codec: java + "DefaultCodec", records: boths},
		{file: "null-text-record-gz", options: with(null, "gzip", ByRecord),
			codec: java + "GzipCodec", records: nulls},
		{file: "long-text-block", options: with(long, "deflate", ByBlock),
			codec: java + "DefaultCodec", records: longs},
		{file: "null-text-block", options: with(null, "deflate", ByBlock),
			codec: java + "DefaultCodec", records: nulls},
		{file: "bytes-bytes-block", options: with(both, "deflate", ByBlock),
			codec: java + "DefaultCodec", records: boths},
		{file: "long-text-block-gz", options: with(long, "gzip", ByBlock),
			codec: java + "GzipCodec", records: longs},
		{file: "long-text-block-SnappyCodec", options: with(long, "snappy", ByBlock),
			codec: java + "SnappyCodec", records: longs},
		{file: "long-text-block-BZip2Codec", options: long, codec: java + "BZip2Codec",
			records: longs, readOnly: true},
	}
}

func records(key func(i int) []byte) func() []pair {
	return func() (out []pair) {
		for i := range 3 {
			out = append(out, pair{key(i), fmt.Appendf(nil, "value-%d", i)})
		}
		return out
	}
}

func load(t testing.TB, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", file+".seq"))
	require.NoError(t, err)
	return content
}

// readAll returns the header and every record of a file.
func readAll(t testing.TB, content []byte) (Header, []pair) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(content), testRecordBytesMax)
	require.NoError(t, err)
	var out []pair
	for {
		key, value, err := r.Next()
		if err == io.EOF {
			return r.Header(), out
		}
		require.NoError(t, err)
		out = append(out, pair{bytes.Clone(key), bytes.Clone(value)})
	}
}

func TestReadsWhatHadoopWrote(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.file, func(t *testing.T) {
			header, got := readAll(t, load(t, g.file))
			require.Equal(t, g.records(), got)
			require.Equal(t, g.codec, header.Codec)
			require.Equal(t, strings.Contains(g.file, "-block"), header.Block)
			if g.file == "long-text-meta" {
				require.Equal(t, [][2]string{{"origin", "wf"}}, header.Metadata)
			}
		})
	}
}

// goldenSync is the record before which the golden files were told to have a marker, or to begin a
// block.
const goldenSync = 2

// noMarker forces none.
const noMarker = -1

// write returns a file whose sync marker is given. It has one before record forced.
func write(t testing.TB, o Options, sync []byte, forced int, records []pair) []byte {
	t.Helper()
	f, err := New(o)
	require.NoError(t, err)
	f.random = bytes.NewReader(sync)
	var out bytes.Buffer
	w, err := f.Open(&out)
	require.NoError(t, err)
	for i, r := range records {
		if i == forced {
			force(t, w)
		}
		require.NoError(t, w.Append(&connectors.Record{Key: r.key, Value: r.value}))
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// force does what sync() of Hadoop's writer does.
func force(t testing.TB, w format.Writer) {
	t.Helper()
	switch w := w.(type) {
	case *blockWriter:
		require.NoError(t, w.endBlock())
	case *writer:
		w.lastSync = w.Size() - syncInterval
	}
}

// TestWritesWhatHadoopWrote holds Q1: the same bytes without compression, the same expanded bytes
// with it.
func TestWritesWhatHadoopWrote(t *testing.T) {
	for _, g := range goldens() {
		if g.readOnly {
			continue
		}
		t.Run(g.file, func(t *testing.T) {
			want := load(t, g.file)
			r, err := NewReader(bytes.NewReader(want), testRecordBytesMax)
			require.NoError(t, err)
			got := write(t, g.options, r.sync[:], goldenSync, g.records())
			if g.codec == "" {
				require.Equal(t, want, got)
				return
			}
			require.Equal(t, expanded(t, want), expanded(t, got))
		})
	}
}

// expanded returns a compressed file with everything in it expanded.
func expanded(t *testing.T, content []byte) (out []byte) {
	t.Helper()
	in := bytes.NewReader(content)
	r, err := NewReader(in, testRecordBytesMax)
	require.NoError(t, err)
	header := len(content) - in.Len() - r.in.Buffered()
	out = append(out, content[:header]...)
	for r.header.Block {
		if err := r.readBlock(); err == io.EOF {
			return out
		}
		require.NoError(t, err)
		b := &r.block
		out = fmt.Appendf(out, "block of %d records", b.records)
		for _, column := range [][]byte{b.keyLens, b.keys, b.valLens, b.vals} {
			out = append(appendVInt(out, int64(len(column))), column...)
		}
	}
	for {
		key, value, err := r.nextRecord()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		out = fmt.Appendf(out, "record %q = %q", key, value)
	}
}

// TestSyncMarkersStandWhereHadoopPutsThem repeats what Hadoop's writer was seen to do.
func TestSyncMarkersStandWhereHadoopPutsThem(t *testing.T) {
	sync := []byte("0123456789abcdef")
	value := bytes.Repeat([]byte("v"), 10_000) // a record of 10011 bytes: two lengths and a VInt
	content := write(t, Defaults(), sync, noMarker, slices.Repeat([]pair{{nil, value}}, 60))
	marker := append([]byte{0xff, 0xff, 0xff, 0xff}, sync...)
	var at []int
	for from := 0; ; {
		i := bytes.Index(content[from:], marker)
		if i < 0 {
			break
		}
		at = append(at, from+i)
		from += i + len(marker)
	}
	require.Equal(t, []int{110207, 220348, 330489, 440630, 550771}, at)
}

func TestVInt(t *testing.T) {
	for v, want := range map[int64]string{
		0: "00", 127: "7f", -112: "90", 128: "8f80", 255: "8fff", 256: "8e0100", -113: "8770",
		-256: "87ff", -257: "860100", math.MaxInt64: "887fffffffffffffff",
		math.MinInt64: "807fffffffffffffff",
	} {
		t.Run(strconv.FormatInt(v, 10), func(t *testing.T) {
			got := appendVInt(nil, v)
			require.Equal(t, want, hex.EncodeToString(got))
			back, rest, err := cutVInt(got)
			require.NoError(t, err)
			require.Empty(t, rest)
			require.Equal(t, v, back)
			_, _, err = cutVInt(got[:len(got)-1])
			require.ErrorIs(t, err, format.ErrDamaged)
		})
	}
}
