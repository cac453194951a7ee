package sequencefile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// TestCuts cuts every golden file at every byte: it reads as fewer records, or not at all (Q4).
func TestCuts(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.file, func(t *testing.T) {
			whole := load(t, g.file)
			records := g.records()
			shorter := 0
			step := 1
			if strings.Contains(g.file, "BZip2") {
				step = 64 // a megabyte of memory for every block tried
			}
			for n := 0; n < len(whole); n += step {
				got, err := readSome(whole[:n])
				for i, r := range got {
					require.Equal(t, records[i], r)
				}
				if err == nil {
					shorter++
					continue
				}
				require.ErrorIs(t, err, format.ErrDamaged, "cut at %d", n)
				require.ErrorContains(t, err, "ends early", "cut at %d", n)
			}
			want := 4 // behind the header, two records and a marker
			if strings.Contains(g.file, "-block") {
				want = 2 // behind the header and a block
			}
			if step == 1 {
				require.Equal(t, want, shorter)
			}
		})
	}
}

func readSome(content []byte) ([]pair, error) {
	r, err := NewReader(bytes.NewReader(content), testRecordBytesMax)
	if err != nil {
		return nil, err
	}
	var out []pair
	for {
		key, value, err := r.Next()
		switch {
		case err == io.EOF:
			return out, nil
		case err != nil:
			return out, err
		}
		out = append(out, pair{bytes.Clone(key), bytes.Clone(value)})
	}
}

func TestRefusals(t *testing.T) {
	head := func(key, value, rest string) string {
		return "SEQ\x06" + string(appendString(nil, key)) + string(appendString(nil, value)) + rest
	}
	const (
		text = "org.apache.hadoop.io.Text"
		sync = "0123456789abcdef"
		none = "\x00\x00\x00\x00\x00\x00" + sync // no compression, no metadata
	)
	for name, tt := range map[string]struct {
		content string
		want    error
		text    string
	}{
		"another file":   {"PK\x03\x04", format.ErrDamaged, "it begins with"},
		"an old version": {"SEQ\x05", format.ErrUnsupported, "version 5"},
		"a foreign class": {
			head("org.example.Own", text, none), format.ErrUnsupported, "org.example.Own"},
		"a foreign codec": {head(text, text, "\x01\x00\x03Lzo\x00\x00\x00\x00"+sync),
			format.ErrUnsupported, `"Lzo"`},
		"marks of compression": {head(text, text, "\x00\x01"), format.ErrDamaged, "marks of compression"},
		"endless metadata": {
			head(text, text, "\x00\x00\xff\xff\xff\xff"), format.ErrDamaged, "entries"},
		"a long name":     {"SEQ\x06\x8c\x7f\xff\xff\xff", format.ErrDamaged, "in the header"},
		"a negative name": {"SEQ\x06\xff", format.ErrDamaged, "in the header"},
		"a large record": {head(text, text, none+"\x7f\xff\xff\xff\x00\x00\x00\x00"),
			format.ErrTooLarge, "2147483647 bytes"},
		"a key beyond its record": {head(text, text, none+"\x00\x00\x00\x01\x00\x00\x00\x02"),
			format.ErrDamaged, "a key of 2 bytes in a record of 1"},
		"a foreign marker": {head(text, text, none+"\xff\xff\xff\xff0123456789abcdeX\x00\x00\x00\x01"),
			format.ErrDamaged, "sync marker"},
		"text of another length": {
			head(text, text, none+"\x00\x00\x00\x02\x00\x00\x00\x01\x01\x00"),
			format.ErrDamaged, "text with"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readSome([]byte(tt.content))
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.text)
		})
	}
}

// TestErrorsOfReadingPass holds that what is wrong with a disk is not called damage.
func TestErrorsOfReadingPass(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, g := range goldens() {
		content := load(t, g.file)
		for _, n := range []int{0, 10, len(content) / 2, len(content) - 1} {
			in := io.MultiReader(bytes.NewReader(content[:n]), iotest.ErrReader(broken))
			r, err := NewReader(in, testRecordBytesMax)
			for err == nil {
				_, _, err = r.Next()
			}
			require.ErrorIs(t, err, broken)
			require.NotErrorIs(t, err, format.ErrDamaged)
		}
	}
}

// TestALengthCostsNoMemory holds Q3: a short file that claims a long record, or a small block that
// expands to a huge one, ends in an error.
func TestALengthCostsNoMemory(t *testing.T) {
	content := write(t, Options{KeyClass: Null, ValueClass: Bytes, Compression: "deflate",
		CompressBy: ByRecord}, []byte("0123456789abcdef"), noMarker, []pair{{nil, make([]byte, 1<<20)}})
	require.Less(t, len(content), 10_000)
	r, err := NewReader(bytes.NewReader(content), 1<<19)
	require.NoError(t, err)
	_, _, err = r.Next()
	require.ErrorIs(t, err, format.ErrTooLarge)
}

// FuzzReader holds that any bytes end in records or in one of the errors.
func FuzzReader(f *testing.F) {
	for _, g := range goldens() {
		f.Add(load(f, g.file))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := readSome(content)
		if err == nil || len(got) > 0 {
			require.NotEmpty(t, content)
		}
		if err != nil {
			known := errors.Is(err, format.ErrDamaged) || errors.Is(err, format.ErrUnsupported) ||
				errors.Is(err, format.ErrTooLarge)
			require.True(t, known, "%v", err)
		}
	})
}
