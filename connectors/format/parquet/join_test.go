package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// joinFiles returns one file of several.
func joinFiles(t testing.TB, f *Files, parts ...format.File) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	j, err := f.Join(&out)
	require.NoError(t, err)
	for _, p := range parts {
		if err := j.Add(p); err != nil {
			require.ErrorIs(t, j.Add(format.InMemory(nil)), err, "the first error stays")
			require.ErrorIs(t, j.Close(), err)
			return nil, err
		}
	}
	require.NoError(t, j.Close())
	return out.Bytes(), nil
}

func allRows(content []byte) ([]string, error) {
	return readRange(content, 0, int64(len(content)))
}

// places is a file that notes what is read of it.
type places struct {
	format.File
	opened, read int64
}

// OpenAt implements format.File.
func (p *places) OpenAt(offset int64) (io.ReadCloser, error) {
	p.opened++
	in, err := p.File.OpenAt(offset)
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(in, p), in}, err
}

// Write counts what was read.
func (p *places) Write(b []byte) (int, error) {
	p.read += int64(len(b))
	return len(b), nil
}

// TestSmallRowGroupsBecomeLargeOnes holds W6 and P2 over many files: their rows, in their order, in
// row groups as one writer would have made them, with no more than that in memory.
func TestSmallRowGroupsBecomeLargeOnes(t *testing.T) {
	for _, compression := range Compressions() {
		t.Run(compression, func(t *testing.T) {
			f := openFiles(t, lineSchema, smallGroups, func(o *Options) { o.Compression = compression })
			random := rand.New(rand.NewPCG(5, 6))
			var want []string
			var parts []format.File
			for range 40 {
				var rows [][]byte
				for range 100 {
					row := noise(random, random.IntN(2000)).Value
					rows, want = append(rows, row), append(want, string(row))
				}
				parts = append(parts, format.InMemory(writeFile(t, f, rows...)))
			}
			var out bytes.Buffer
			j, err := f.Join(&out)
			require.NoError(t, err)
			for _, p := range parts {
				require.NoError(t, j.Add(p))
				require.LessOrEqual(t, f.memory.bytes.Load(), int64(2*rowGroupMin))
			}
			require.NoError(t, j.Close())
			require.Zero(t, f.memory.bytes.Load())
			got, err := allRows(out.Bytes())
			require.NoError(t, err)
			require.Equal(t, want, got)
			x, err := ReadIndex(int64(out.Len()), opener(out.Bytes()))
			require.NoError(t, err)
			require.Less(t, len(x.groups), 10)
			require.Greater(t, len(x.groups), 2)
		})
	}
}

// TestLargeFilesAreReadByRowGroup holds P2 for what is read: a file is opened for its index and for
// its rows, and each byte of these is read once.
func TestLargeFilesAreReadByRowGroup(t *testing.T) {
	f := openFiles(t, lineSchema, smallGroups)
	random := rand.New(rand.NewPCG(7, 8))
	var rows [][]byte
	for range 4000 {
		rows = append(rows, noise(random, 1000).Value)
	}
	large := &places{File: format.InMemory(writeFile(t, f, rows...))}
	require.Greater(t, large.Size(), int64(3*wholeBytesMax))
	small := &places{File: format.InMemory(writeFile(t, f, rows[:10]...))}
	joined, err := joinFiles(t, f, small, large)
	require.NoError(t, err)
	require.Equal(t, append(rows[:10:10], rows...), readLines(t, joined))
	require.EqualValues(t, 2, large.opened)
	require.LessOrEqual(t, large.read, large.Size()+tailBytes)
	require.EqualValues(t, 1, small.opened)
	require.Equal(t, small.Size(), small.read)
}

// TestChangedBitsOfEveryTypeAreNoticed holds that no bit of a file can change a value: pages have
// checksums, and what stands around them is compared.
func TestChangedBitsOfEveryTypeAreNoticed(t *testing.T) {
	schema, row := everything(t)
	for _, compression := range Compressions() {
		t.Run(compression, func(t *testing.T) {
			f := openFiles(t, schema, func(o *Options) { o.Compression = compression })
			file := writeFile(t, f, row, row)
			want, err := allRows(file)
			require.NoError(t, err)
			noticed := 0
			const step = 1201 // some dozens, at any place of a byte
			for at := 0; at < 8*len(file); at += step {
				bad := bytes.Clone(file)
				bad[at/8] ^= 1 << (at % 8)
				joined, err := joinFiles(t, f, format.InMemory(bad))
				if err != nil {
					require.ErrorIs(t, err, format.ErrDamaged)
					noticed++
					continue
				}
				got, err := allRows(joined)
				require.NoError(t, err)
				require.Equal(t, want, got, "bit %d of byte %d", at%8, at/8)
			}
			require.Positive(t, noticed)
		})
	}
}

// TestFilesThatAreNotJoined names what is wrong.
func TestFilesThatAreNotJoined(t *testing.T) {
	f := openFiles(t, lineSchema, func(o *Options) { o.Compression = "snappy" })
	rows := lineValues(5)
	whole := writeFile(t, f, rows...)
	errRead := errors.New("no such node")
	for name, tt := range map[string]struct {
		file format.File
		is   error
		want string
	}{
		"codec": {format.InMemory(writeFile(t, openFiles(t, lineSchema), rows...)), format.ErrDamaged,
			"row group 0 is compressed with UNCOMPRESSED, not with SNAPPY"},
		"schema": {format.InMemory(writeFile(t, openFiles(t, lineMaybeSchema), rows...)),
			format.ErrDamaged, "its schema is not that of the file it goes to"},
		"cut":   {format.InMemory(whole[:len(whole)-1]), format.ErrDamaged, "it ends with"},
		"empty": {format.InMemory(nil), format.ErrDamaged, "it has 0 bytes"},
		"text":  {format.InMemory([]byte("PAR1 and no more")), format.ErrDamaged, "it ends with"},
		"encrypted": {format.InMemory([]byte("PARE....PARE")), format.ErrDamaged,
			"it is encrypted"},
		"read": {unreadable{format.InMemory(whole), errRead}, errRead, "no such node"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := joinFiles(t, f, format.InMemory(whole), tt.file)
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// unreadable is a file that cannot be opened.
type unreadable struct {
	format.File
	err error
}

// OpenAt implements format.File.
func (u unreadable) OpenAt(int64) (io.ReadCloser, error) { return nil, u.err }

// TestDeepSchemasAreJoined holds that whatever schema has a form in Parquet can be read and joined.
func TestDeepSchemasAreJoined(t *testing.T) {
	for name, tt := range map[string]struct{ before, after, value, end string }{
		"arrays":                  {`{"type":"array","items":`, `}`, `[`, `]`},
		"maps":                    {`{"type":"map","values":`, `}`, `{"k":`, `}`},
		"arrays that may be null": {`["null",{"type":"array","items":`, `}]`, `[`, `]`},
	} {
		t.Run(name, func(t *testing.T) {
			const deep = levelsMax - 1 // a field is above them
			f := openFiles(t, fieldSchema(
				strings.Repeat(tt.before, deep)+`"int"`+strings.Repeat(tt.after, deep)))
			row := fmt.Sprintf(`{"x":%s7%s}`, strings.Repeat(tt.value, deep), strings.Repeat(tt.end, deep))
			part := format.InMemory(writeFile(t, f, []byte(row)))
			joined, err := joinFiles(t, f, part, part)
			require.NoError(t, err)
			got, err := allRows(joined)
			require.NoError(t, err)
			require.Equal(t, []string{row, row}, got)
		})
	}
}

// TestKinds holds what tells files apart.
func TestKinds(t *testing.T) {
	seen := map[string]string{}
	for name, f := range map[string]*Files{
		"schema":      openFiles(t, lineSchema),
		"other":       openFiles(t, lineMaybeSchema),
		"order":       openFiles(t, orderSchema, func(o *Options) { o.SchemaType = JSONSchema }),
		"compression": openFiles(t, lineSchema, func(o *Options) { o.Compression = "zstd" }),
		"groups":      openFiles(t, lineSchema, smallGroups),
	} {
		other, known := seen[string(f.Kind())]
		require.False(t, known, "%s is as %s", name, other)
		seen[string(f.Kind())] = name
	}
	lenient := openFiles(t, lineSchema, func(o *Options) { o.Values.UnknownFields = "drop" })
	require.Equal(t, openFiles(t, lineSchema).Kind(), lenient.Kind(), "no file shows it")
}

// FuzzJoin holds that whatever is taken for a file of the kind reads the same when it is joined.
func FuzzJoin(f *testing.F) {
	schema, row := everything(f)
	var kinds []*Files
	for _, compression := range Compressions() {
		set := func(o *Options) { o.Compression = compression }
		lines, all := openFiles(f, lineSchema, set), openFiles(f, schema, set)
		kinds = append(kinds, lines, all)
		f.Add(writeFile(f, lines, lineValues(5)...))
		f.Add(writeFile(f, lines))
		f.Add(writeFile(f, all, row))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, kind := range kinds {
			joined, err := joinFiles(t, kind, format.InMemory(file))
			if err != nil {
				require.ErrorIs(t, err, format.ErrDamaged)
				continue
			}
			want, problem := allRows(file)
			got, err := allRows(joined)
			require.Equal(t, want, got)
			require.Equal(t, problem == nil, err == nil, "%v, %v", problem, err)
			opened, err := parquet.OpenFile(bytes.NewReader(joined), int64(len(joined)))
			require.NoError(t, err)
			require.Greater(t, opened.NumRows()+1, int64(len(got)))
		}
	})
}
