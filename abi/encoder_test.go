package abi

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// allColumns is what a frame can carry.
var allColumns = Columns(ColumnHeaders, ColumnSource, ColumnKeyGroup, ColumnSchemaID,
	ColumnPartitionCount)

func testInfo() FrameInfo {
	return FrameInfo{
		BatchTime: 1_700_000_000_123_456_789, Watermark: NoTimestamp,
		OutRecordsSoft: 4096, OutBytesSoft: 1 << 20, Seed: 0x0123456789abcdef,
	}
}

func begin(t testing.TB, l Layout) (*Encoder, []byte) {
	t.Helper()
	size, err := l.Size()
	require.NoError(t, err)
	buf := make([]byte, size)
	for i := range buf {
		buf[i] = 0xa5 // what a guest's memory holds from before must not show through
	}
	e := &Encoder{}
	require.NoError(t, e.Begin(buf, l, testInfo()))
	return e, buf
}

func finish(t testing.TB, e *Encoder, buf []byte) *Frame {
	t.Helper()
	f, err := DecodeFrame(buf[:e.Finish()])
	require.NoError(t, err)
	return f
}

func TestFrameRoundTrip(t *testing.T) {
	e, buf := begin(t, Layout{Records: 8, Columns: allColumns, Headers: 8, Strings: 4, Arena: 1024})
	split, ok := e.String("orders-0")
	require.True(t, ok)
	require.True(t, e.Append([]byte("k"), []byte("value"), 42))
	e.Source(split, 7, 9, 11)
	e.KeyGroup(3)
	e.SchemaID(4)
	e.PartitionCount(5)
	require.True(t, e.Header("a", []byte("1")))
	require.True(t, e.Header("b", nil))
	require.True(t, e.Append(nil, []byte{}, NoTimestamp))
	require.True(t, e.Append([]byte{}, nil, -1))
	require.True(t, e.Header("", []byte{}))
	f := finish(t, e, buf)

	require.Equal(t, testInfo(), f.Info)
	require.Equal(t, 3, f.Len())
	require.Equal(t, Record{Key: []byte("k"), Value: []byte("value"), Timestamp: 42}, f.Record(0))
	require.Equal(t, Record{Value: []byte{}, Timestamp: NoTimestamp}, f.Record(1))
	require.Equal(t, Record{Key: []byte{}, Timestamp: -1}, f.Record(2))
	require.Equal(t, []Header{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b")}},
		f.Headers(nil, 0))
	require.Empty(t, f.Headers(nil, 1))
	require.Equal(t, []Header{{Key: []byte{}, Value: []byte{}}}, f.Headers(nil, 2))
	src, ok := f.Source(0)
	require.True(t, ok)
	require.Equal(t, SourceRef{Split: "orders-0", PositionHi: 7, PositionLo: 9, Ordinal: 11}, src)
	for i, want := range []uint32{3, 0, 0} {
		got, ok := f.KeyGroup(i)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	id, _ := f.SchemaID(0)
	require.EqualValues(t, 4, id)
	n, _ := f.PartitionCount(0)
	require.EqualValues(t, 5, n)
	_, progress := Progress(buf)
	require.False(t, progress)
}

func TestFrameWithoutColumns(t *testing.T) {
	e, buf := begin(t, Layout{Records: 2, Arena: 64})
	require.True(t, e.Append([]byte("k"), []byte("v"), 1))
	require.True(t, e.Header("ignored", []byte("x")))
	e.Source(1, 2, 3, 4)
	f := finish(t, e, buf)
	require.False(t, f.Has(ColumnHeaders))
	_, ok := f.Source(0)
	require.False(t, ok)
	_, ok = f.KeyGroup(0)
	require.False(t, ok)
	require.Empty(t, f.Headers(nil, 0))
}

func TestEncoderStopsWhenFull(t *testing.T) {
	tests := []struct {
		name   string
		layout Layout
		fill   func(e *Encoder) bool
	}{
		{"records", Layout{Records: 1, Arena: 8}, func(e *Encoder) bool {
			return e.Append(nil, nil, 0)
		}},
		{"arena by value", Layout{Records: 9, Arena: 8}, func(e *Encoder) bool {
			return e.Append(nil, []byte("123456789"), 0)
		}},
		{"arena by key and value", Layout{Records: 9, Arena: 8}, func(e *Encoder) bool {
			return e.Append([]byte("12345"), []byte("6789"), 0)
		}},
		{"header entries", Layout{Records: 9, Columns: allColumns, Arena: 8}, func(e *Encoder) bool {
			return e.Header("", nil)
		}},
		{"arena by header", Layout{Records: 9, Columns: allColumns, Headers: 9, Arena: 8},
			func(e *Encoder) bool { return e.Header("12345", []byte("6789")) }},
		{"strings", Layout{Records: 9, Arena: 8}, func(e *Encoder) bool {
			_, ok := e.String("")
			return ok
		}},
		{"arena by string", Layout{Records: 9, Strings: 9, Arena: 8}, func(e *Encoder) bool {
			_, ok := e.String("123456789")
			return ok
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, buf := begin(t, tt.layout)
			require.True(t, e.Append([]byte{}, []byte{}, 0))
			require.EqualValues(t, 8, e.Room())
			require.False(t, tt.fill(e))
			require.Equal(t, 1, finish(t, e, buf).Len())
		})
	}
}

func TestEncoderUndo(t *testing.T) {
	l := Layout{Records: 3, Columns: allColumns, Headers: 3, Strings: 2, Arena: 64}
	e, buf := begin(t, l)
	require.True(t, e.Append([]byte("keep"), nil, 0))
	require.True(t, e.Header("h", []byte("0")))
	room := e.Room()
	require.True(t, e.Append([]byte("gone"), []byte("gone"), 0))
	require.True(t, e.Header("h", []byte("1")))
	e.Undo()
	require.Equal(t, room, e.Room(), "an undone record gives its bytes back")
	require.True(t, e.Append([]byte("gone"), nil, 0))
	at, ok := e.String("stays")
	require.True(t, ok)
	e.Undo()
	require.True(t, e.Append([]byte("next"), nil, 0))
	e.Source(at, 0, 0, 0)
	f := finish(t, e, buf)
	require.Equal(t, 2, f.Len())
	require.Equal(t, "next", string(f.Record(1).Key))
	require.Empty(t, f.Headers(nil, 1))
	src, _ := f.Source(1)
	require.Equal(t, "stays", src.Split, "a string added before Undo is still whole")
}

func TestLayoutRefusals(t *testing.T) {
	for _, l := range []Layout{
		{Records: -1}, {Headers: -1}, {Strings: -1}, {Arena: -1},
		{Arena: FrameBytesMax}, {Records: FrameBytesMax / CoreInSize}, {Arena: 1 << 62},
		{Records: 1 << 30, Columns: allColumns, Headers: 1 << 30},
	} {
		_, err := l.Size()
		require.Error(t, err, "%+v", l)
		require.Error(t, (&Encoder{}).Begin(nil, l, FrameInfo{}), "%+v", l)
	}
	require.ErrorIs(t, (&Encoder{}).Begin(make([]byte, 95), Layout{}, FrameInfo{}), ErrRoom)
}

func TestEncodingAllocatesNothing(t *testing.T) {
	l := Layout{Records: 64, Columns: allColumns, Headers: 64, Strings: 4, Arena: 64 << 10}
	size, err := l.Size()
	require.NoError(t, err)
	buf := make([]byte, size)
	key, value := []byte("key"), make([]byte, 100)
	var e Encoder
	allocs := testing.AllocsPerRun(20, func() {
		if err := e.Begin(buf, l, FrameInfo{}); err != nil {
			t.Fatal(err)
		}
		split, _ := e.String("split")
		for i := range 64 {
			e.Append(key, value, int64(i))
			e.Header("h", value)
			e.Source(split, 0, uint64(i), 0)
		}
		e.Finish()
	})
	require.Zero(t, allocs)
}

func BenchmarkEncode(b *testing.B) {
	for _, columns := range []ColumnSet{0, Columns(ColumnSource), allColumns} {
		b.Run(fmt.Sprintf("columns=%#x", uint32(columns)), func(b *testing.B) {
			const records = 2048
			l := Layout{Records: records, Columns: columns, Arena: records * 128}
			size, err := l.Size()
			require.NoError(b, err)
			buf := make([]byte, size)
			key, value := []byte("key"), make([]byte, 100)
			var e Encoder
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Begin(buf, l, FrameInfo{}); err != nil {
					b.Fatal(err)
				}
				for i := range records {
					e.Append(key, value, int64(i))
					e.Source(0, 0, uint64(i), 0)
				}
				e.Finish()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
		})
	}
}
