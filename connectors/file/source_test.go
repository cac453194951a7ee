package file

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// testEnv resolves local paths and logs into the test.
func testEnv(t testing.TB) connectors.Env {
	fs := local.New(local.Options{})
	return connectors.Env{
		Name: "orders", Parallelism: 2, Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			p, err := local.Path(url)
			return fs, p, err
		},
	}
}

func config(path string, change ...func(*SourceConfig)) *SourceConfig {
	c := NewSourceConfig()
	c.Path = path
	for _, f := range change {
		f(c)
	}
	return c
}

func open(t testing.TB, c *SourceConfig) *Source {
	t.Helper()
	var p connectors.Problems
	c.Validate(&p)
	require.Empty(t, p.List)
	s, err := c.Open(t.Context(), testEnv(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s.(*Source)
}

func write(t testing.TB, path, content string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
	return path
}

// age sets the modification time of path, in seconds since an arbitrary point.
func age(t testing.TB, path string, seconds int) string {
	t.Helper()
	at := time.Unix(1_700_000_000+int64(seconds), 0)
	require.NoError(t, os.Chtimes(path, at, at))
	return path
}

func find(t testing.TB, s *Source, state checkpoint.Position) connectors.Enumeration {
	t.Helper()
	e, err := s.Enumerate(t.Context(), state)
	require.NoError(t, err)
	return e
}

func reading(t testing.TB, s *Source, limits connectors.Limits,
	splits ...checkpoint.Split) connectors.SourceReader {
	t.Helper()
	if limits.Records == 0 {
		limits.Records = 1000
	}
	if limits.Bytes == 0 {
		limits.Bytes = 1 << 20
	}
	r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Limits: limits})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	require.NoError(t, r.AddSplits(t.Context(), splits))
	return r
}

// line is what tests compare of a record.
type line struct {
	Split  string
	Offset uint64
	Value  string
}

// drain polls r to its end, or until it fails.
func drain(t testing.TB, r connectors.SourceReader) ([]line, error) {
	t.Helper()
	var out []line
	for b := new(connectors.Batch); ; b.Reset() {
		err := r.Poll(t.Context(), b)
		if err == connectors.ErrEndOfInput {
			require.Zero(t, b.Len())
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, lines(b)...)
	}
}

func lines(b *connectors.Batch) []line {
	var out []line
	for i := range b.Records {
		r := &b.Records[i]
		out = append(out, line{b.Splits[r.Split], r.Position.Lo, string(r.Value)})
	}
	return out
}

func values(ls []line) []string {
	out := []string{}
	for _, l := range ls {
		out = append(out, l.Value)
	}
	return out
}

// readAll enumerates once and reads what was found.
func readAll(t testing.TB, c *SourceConfig) []line {
	t.Helper()
	s := open(t, c)
	out, err := drain(t, reading(t, s, connectors.Limits{},
		find(t, s, checkpoint.Position{}).Found...))
	require.NoError(t, err)
	return out
}

func TestReadLines(t *testing.T) {
	for _, c := range []struct {
		name, content string
		delimiter     string
		want          []string
	}{
		{"lines", "a\nb\n", "\n", []string{"a", "b"}},
		{"last line needs no delimiter", "a\nb", "\n", []string{"a", "b"}},
		{"empty lines count", "\n\na\n\n", "\n", []string{"", "", "a", ""}},
		{"one carriage return goes", "a\r\nb\r\r\n\r\nc\r", "\n", []string{"a", "b\r", "", "c"}},
		{"other delimiters keep it", "a\r|b|", "|", []string{"a\r", "b"}},
		{"long delimiter", "a<>b<<>c", "<>", []string{"a", "b<", "c"}},
		{"windows delimiter", "a\r\nb\nc\r\n", "\r\n", []string{"a", "b\nc"}},
		{"delimiter that overlaps itself", "x\n\n\ny\n\n", "\n\n", []string{"x", "\ny"}},
		{"nothing", "", "\n", []string{}},
		{"byte-order mark", "\xef\xbb\xbfa\nb\n", "\n", []string{"a", "b"}},
		{"a mark alone", "\xef\xbb\xbf", "\n", []string{}},
		{"bytes pass unchanged", "\xff\xfe\x00\n", "\n", []string{"\xff\xfe\x00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, filepath.Join(t.TempDir(), "f"), c.content)
			got := readAll(t, config(path, func(s *SourceConfig) { s.Delimiter = c.delimiter }))
			require.Equal(t, c.want, values(got))
		})
	}
}

func TestRecordsAreNamedByTheirFirstByte(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), "one\n\nthree\r\nfour")
	require.Equal(t, []line{
		{path, 0, "one"}, {path, 4, ""}, {path, 5, "three"}, {path, 12, "four"},
	}, readAll(t, config(path)))
}

func TestRecordHasNoKeyAndNoTimestamp(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), "\n")
	s := open(t, config(path))
	var b connectors.Batch
	require.NoError(t, reading(t, s, connectors.Limits{}, find(t, s, checkpoint.Position{}).Found...).
		Poll(t.Context(), &b))
	require.Equal(t, 1, b.Len())
	r := b.Records[0]
	require.Nil(t, r.Key)
	require.NotNil(t, r.Value)
	require.Equal(t, connectors.NoTimestamp, r.Timestamp)
}

// TestEveryRecordBelongsToOneRange cuts small contents into ranges of every size.
func TestEveryRecordBelongsToOneRange(t *testing.T) {
	for _, c := range []struct{ content, delimiter string }{
		{"a\nbb\n\nccc\nd", "\n"},
		{"\n\n\n", "\n"},
		{"a\r\nb\r\n\r\n\rc", "\r\n"},
		{"no delimiter at all", "\n"},
		{"one<=>two<=><=>three<=", "<=>"},
	} {
		path := write(t, filepath.Join(t.TempDir(), "f"), c.content)
		s := open(t, config(path, func(x *SourceConfig) { x.Delimiter = c.delimiter }))
		info, err := s.fs.Stat(t.Context(), path)
		require.NoError(t, err)
		whole, err := drain(t, reading(t, s, connectors.Limits{}, s.splits(info, "")...))
		require.NoError(t, err)
		for size := int64(1); size <= info.Size; size++ {
			var got []line
			for _, split := range s.cut(info, "", size) {
				part, err := drain(t, reading(t, s, connectors.Limits{}, split))
				require.NoError(t, err)
				for _, l := range part {
					l.Split = path
					got = append(got, l)
				}
			}
			require.Equal(t, whole, got, "%q in ranges of %d", c.content, size)
		}
	}
}

func TestLargeFilesAreSplit(t *testing.T) {
	const size = 3*rangeBytesMin + rangeBytesMin/4
	row := strings.Repeat("x", 1023) + "\n"
	path := write(t, filepath.Join(t.TempDir(), "f"), strings.Repeat(row, size/len(row)))
	s := open(t, config(path))
	e := find(t, s, checkpoint.Position{})
	require.Len(t, e.Found, 3, "the rest of a quarter joins the last range")
	require.Equal(t, path, e.Found[0].ID)
	require.Equal(t, fmt.Sprintf("%s#%d", path, rangeBytesMin), e.Found[1].ID)
	total := 0
	for _, split := range e.Found {
		part, err := drain(t, reading(t, s, connectors.Limits{}, split))
		require.NoError(t, err)
		total += len(part)
	}
	require.Equal(t, size/len(row), total)

	t.Run("not where the delimiter overlaps itself", func(t *testing.T) {
		s := open(t, config(path, func(c *SourceConfig) { c.Delimiter = "\n\n" }))
		require.Len(t, find(t, s, checkpoint.Position{}).Found, 1)
	})
	t.Run("not where characters have several bytes", func(t *testing.T) {
		s := open(t, config(path, func(c *SourceConfig) { c.Charset = "utf-16le" }))
		require.Len(t, find(t, s, checkpoint.Position{}).Found, 1)
	})
}

func TestPollKeepsItsLimits(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), "1\n22\n333\n")
	write(t, filepath.Join(dir, "b"), "4\n")
	s := open(t, config(dir))
	found := find(t, s, checkpoint.Position{}).Found
	sizes := func(l connectors.Limits) (out []int) {
		r := reading(t, s, l, found...)
		for b := new(connectors.Batch); r.Poll(t.Context(), b) == nil; b.Reset() {
			out = append(out, b.Len())
		}
		return out
	}
	require.Equal(t, []int{3, 1}, sizes(connectors.Limits{Records: 3}))
	require.Equal(t, []int{4}, sizes(connectors.Limits{Records: 100}), "small files share a batch")
	require.Equal(t, []int{2, 1, 1}, sizes(connectors.Limits{Bytes: 3}))
}

func TestLongRecord(t *testing.T) {
	long := strings.Repeat("x", 2*readBufferBytes)
	path := write(t, filepath.Join(t.TempDir(), "f"), "short\n"+long+"\nafter\n")
	t.Run("fits", func(t *testing.T) {
		require.Equal(t, []string{"short", long, "after"}, values(readAll(t, config(path))))
	})
	for _, max := range []connectors.Size{10, readBufferBytes, 2*readBufferBytes - 1} {
		t.Run("does not fit "+max.String(), func(t *testing.T) {
			s := open(t, config(path, func(c *SourceConfig) { c.RecordBytesMax = max }))
			got, err := drain(t, reading(t, s, connectors.Limits{Records: 1},
				find(t, s, checkpoint.Position{}).Found...))
			require.ErrorIs(t, err, ErrRecordTooLong)
			require.ErrorContains(t, err, "reading "+path+" at byte 6: ")
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
			require.Equal(t, []string{"short"}, values(got))
		})
	}
	t.Run("costs no memory where it begins in an earlier range", func(t *testing.T) {
		s := open(t, config(path, func(c *SourceConfig) { c.RecordBytesMax = 10 }))
		info, err := s.fs.Stat(t.Context(), path)
		require.NoError(t, err)
		splits := s.cut(info, "", 100_000)
		got, err := drain(t, reading(t, s, connectors.Limits{}, splits[1:]...))
		require.NoError(t, err)
		require.Equal(t, []string{"after"}, values(got))
	})
}

// benchmarkFile holds 100-byte lines.
func benchmarkFile(b *testing.B, dir string, n int) string {
	row := append(bytes.Repeat([]byte("x"), 99), '\n')
	path := filepath.Join(dir, "lines")
	require.NoError(b, os.WriteFile(path, bytes.Repeat(row, n), 0o666))
	return path
}

func BenchmarkPoll(b *testing.B) {
	const records = 1 << 18
	path := benchmarkFile(b, b.TempDir(), records)
	s := open(b, config(path))
	found := find(b, s, checkpoint.Position{}).Found
	var batch connectors.Batch
	r := reading(b, s, connectors.Limits{Records: 4096}, found...)
	b.SetBytes(100)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		batch.Reset()
		if err := r.Poll(b.Context(), &batch); err == connectors.ErrEndOfInput {
			require.NoError(b, r.AddSplits(b.Context(), found))
		} else if err != nil {
			b.Fatal(err)
		}
		n += batch.Len()
	}
}

// fuzzSource is a source of one file on a disk in memory.
func fuzzSource(t *testing.T, content, delimiter string) *Source {
	t.Helper()
	disk := fstest.NewDisk()
	f, err := disk.Create("/f")
	require.NoError(t, err)
	_, err = f.Write([]byte(content))
	require.NoError(t, err)
	env := testEnv(t)
	fs := local.New(local.Options{Disk: disk})
	env.FileSystems = func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
		return fs, url, nil
	}
	s, err := newSource(t.Context(), *config("/f", func(c *SourceConfig) { c.Delimiter = delimiter }),
		env)
	require.NoError(t, err)
	return s
}

func limitsOf(records int) connectors.Limits { return connectors.Limits{Records: records} }

// TestLentBytesAcrossBuffers polls with limits that the buffer cannot meet, so that it fills up
// while records are lent.
func TestLentBytesAcrossBuffers(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range 3 {
		var content strings.Builder
		for n := 0; content.Len() < 2*readBufferBytes; n++ {
			l := strings.Repeat(string(rune('a'+n%26)), n*n%(3*readBytesMin))
			want = append(want, l)
			content.WriteString(l + "\n")
		}
		age(t, write(t, filepath.Join(dir, fmt.Sprint(i)), content.String()), i)
	}
	s := open(t, config(dir))
	got, err := drain(t, reading(t, s, connectors.Limits{Records: 1 << 20, Bytes: 1 << 30},
		find(t, s, checkpoint.Position{}).Found...))
	require.NoError(t, err)
	require.True(t, slices.Equal(want, values(got)), "records changed while they were lent")
}
