package file

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// TestUpstream runs Flink's tests of its file source with what a reader sees as the measure.
func TestUpstream(t *testing.T) {
	connectortest.UpstreamPage{
		Page: "flink-file-source.md", Package: "connectors/file",
		Title: "Flink's file source, test by test",
		Intro: "What becomes of the tests of ContinuousFileMonitoringFunction, " +
			"ContinuousFileReaderOperator and GlobFilePathFilter in the source `file`. A test that " +
			"runs is found under its own name below `TestUpstream` in connectors/file and checks what " +
			"a reader sees: which lines, each once, in which order.",
		Files: upstreamFiles(),
	}.Run(t, *update)
}

func upstreamFiles() []connectortest.UpstreamFile {
	const watermarks = "sources stamp no records and make no watermarks: `timestamp` is a key of " +
		"every source, kept by the engine"
	return []connectortest.UpstreamFile{
		{Name: "ContinuousFileProcessingTest", Tests: []connectortest.Upstream{
			{Name: "testInvalidPathSpecification", Run: invalidPath,
				Note: "the text is our own: `path does not exist: X; correct the key path`"},
			{Name: "testFileReadingOperatorWithIngestionTime", Note: watermarks},
			{Name: "testFileReadingOperatorWithEventTime", Run: readsEveryLine, Note: watermarks},
			{Name: "testReaderSnapshotRestore", Run: readerSnapshotRestore},
			{Name: "testFilePathFiltering", Run: filePathFiltering},
			{Name: "testNestedFilesProcessing", Run: nestedFiles},
			{Name: "testSortingOnModTime", Run: sortedByTime, Note: "files of one time are in path order"},
			{Name: "testProcessOnce", Run: processOnce},
			{Name: "testFunctionRestore", Run: functionRestore,
				Note: "the state is the set of files seen, not their newest time, so late files are read"},
			{Name: "testProcessContinuously", Run: processContinuously},
		}},
		{Name: "ContinuousFileProcessingITCase", Tests: []connectortest.Upstream{
			{Name: "testProgram", Run: filesAppear},
		}},
		{Name: "ContinuousFileProcessingCheckpointITCase", Tests: []connectortest.Upstream{
			{Name: "runCheckpointedProgram", Run: crashes},
		}},
		{Name: "ContinuousFileProcessingRescalingTest", Tests: []connectortest.Upstream{
			{Name: "testReaderScalingDown", Run: rescale(2, 1)},
			{Name: "testReaderScalingUp", Run: rescale(1, 2)},
		}},
		{Name: "ContinuousFileProcessingMigrationTest", Tests: []connectortest.Upstream{
			{Name: "testReaderRestore", Note: "is about the binary state of old Flink versions"},
			{Name: "testMonitoringSourceRestore", Note: "is about the binary state of old Flink versions"},
		}},
		globTests(),
	}
}

const (
	upstreamFilesCount = 5
	upstreamLines      = 10
)

// upstreamFile writes file i and returns its lines. It is written under a hidden name first.
func upstreamFile(t *testing.T, dir string, i int) []string {
	t.Helper()
	content := ""
	var want []string
	for j := range upstreamLines {
		want = append(want, fmt.Sprintf("%d: This is test line. %d", i, j))
		content += want[j] + "\n"
	}
	hidden := age(t, write(t, filepath.Join(dir, fmt.Sprintf(".file%d", i)), content), i)
	rename(t, hidden, filepath.Join(dir, fmt.Sprintf("file%d", i)))
	return want
}

// upstreamFolder writes all files and returns their lines in order.
func upstreamFolder(t *testing.T) (dir string, want []string) {
	t.Helper()
	dir = t.TempDir()
	for i := range upstreamFilesCount {
		want = append(want, upstreamFile(t, dir, i)...)
	}
	return dir, want
}

func invalidPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "invalid")
	e, err := open(t, config(path)).Enumerate(t.Context(), checkpoint.Position{})
	require.ErrorIs(t, err, ErrNoPath)
	require.ErrorContains(t, err, path)
	require.Empty(t, e.Found)
}

func readsEveryLine(t *testing.T) {
	dir, want := upstreamFolder(t)
	require.Equal(t, want, values(readAll(t, config(dir))))
}

func readerSnapshotRestore(t *testing.T) {
	dir, want := upstreamFolder(t)
	s := open(t, config(dir))
	r := reading(t, s, connectors.Limits{}, find(t, s, checkpoint.Position{}).Found...)
	splits, err := r.Snapshot(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, splits, upstreamFilesCount)
	first, err := drain(t, r)
	require.NoError(t, err)
	second, err := drain(t, reading(t, s, connectors.Limits{}, splits...))
	require.NoError(t, err)
	require.Equal(t, want, values(first))
	require.Equal(t, first, second)
}

func filePathFiltering(t *testing.T) {
	dir, _ := upstreamFolder(t)
	for i := range upstreamFilesCount {
		write(t, filepath.Join(dir, fmt.Sprintf("other%d", i)), "not read\n")
	}
	c := config(dir, func(c *SourceConfig) { c.Exclude = []string{"file*"} })
	found := find(t, open(t, c), checkpoint.Position{}).Found
	require.Len(t, found, upstreamFilesCount)
	for _, split := range found {
		require.Contains(t, split.ID, "/other")
	}
}

func nestedFiles(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i, folder := range []string{".", "firstLevelDir", "secondLevelDir",
		"firstLevelDir/thirdLevelDir"} {
		want = append(want, upstreamFile(t, mkdir(t, dir, folder), i)...)
	}
	require.Equal(t, want, values(readAll(t, config(dir, func(c *SourceConfig) { c.Nested = true }))))
	require.Equal(t, want[:upstreamLines], values(readAll(t, config(dir))), "nested is off by default")
}

func mkdir(t *testing.T, dir, sub string) string {
	t.Helper()
	write(t, filepath.Join(dir, sub, ".keep"), "")
	return filepath.Join(dir, sub)
}

func sortedByTime(t *testing.T) {
	dir := t.TempDir()
	for _, i := range []int{3, 1, 4, 0, 2} {
		upstreamFile(t, dir, i)
	}
	age(t, filepath.Join(dir, "file0"), 100)
	require.Equal(t, []string{"file1", "file2", "file3", "file4", "file0"}, paths(t, dir, config(dir)))
}

func processOnce(t *testing.T) {
	dir := t.TempDir()
	want := upstreamFile(t, dir, 0)
	s := open(t, config(dir))
	e := find(t, s, checkpoint.Position{})
	require.True(t, e.Done)
	for i := 1; i < upstreamFilesCount; i++ {
		upstreamFile(t, dir, i)
	}
	got, err := drain(t, reading(t, s, connectors.Limits{}, e.Found...))
	require.NoError(t, err)
	require.Equal(t, want, values(got))
	require.Empty(t, find(t, s, e.State).Found)
}

func functionRestore(t *testing.T) {
	dir, _ := upstreamFolder(t)
	w := newWatch(t, dir)
	w.read()
	known, err := decodeSeen(w.state)
	require.NoError(t, err)
	require.Len(t, known.files, upstreamFilesCount)
	for path, f := range known.files {
		info, err := w.source.fs.Stat(t.Context(), path)
		require.NoError(t, err)
		require.Equal(t, seenFile{size: info.Size, modTime: info.ModTime.UnixNano()}, f)
	}
	again := newWatch(t, dir)
	again.state = w.state
	require.Empty(t, again.read(), "another process with the state reads nothing again")
}

func processContinuously(t *testing.T) {
	dir := t.TempDir()
	w := newWatch(t, dir)
	require.Empty(t, w.read())
	for i := range upstreamFilesCount {
		require.Equal(t, upstreamFile(t, dir, i), w.read())
	}
}

// filesAppear reads while files come, with two readers that share them.
func filesAppear(t *testing.T) {
	dir := t.TempDir()
	w := newWatch(t, dir)
	readers := []connectors.SourceReader{
		reading(t, w.source, connectors.Limits{Records: 3}),
		reading(t, w.source, connectors.Limits{Records: 3}),
	}
	counts := map[string]int{}
	var want []string
	for i := range 2 * upstreamFilesCount {
		want = append(want, upstreamFile(t, dir, i)...)
		e := find(t, w.source, w.state)
		w.state = e.State
		require.NoError(t, readers[i%2].AddSplits(t.Context(), e.Found))
		for _, r := range readers {
			pollInto(t, r, counts)
		}
	}
	for _, r := range readers {
		for pollInto(t, r, counts) {
		}
	}
	require.Len(t, counts, len(want))
	for _, l := range want {
		require.Equal(t, 1, counts[l], l)
	}
}

// pollInto counts the lines of one Poll and reports whether there may be more.
func pollInto(t *testing.T, r connectors.SourceReader, counts map[string]int) bool {
	t.Helper()
	var b connectors.Batch
	err := r.Poll(t.Context(), &b)
	if err == connectors.ErrEndOfInput {
		return false
	}
	require.NoError(t, err)
	for _, l := range lines(&b) {
		counts[l.Value]++
	}
	return true
}

// crashes stops the job at random moments and starts it again at the last decided epoch, while
// files appear. What was read since that epoch does not count.
func crashes(t *testing.T) {
	const runs, steps = 60, 12
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	w := newWatch(t, dir)
	decided := map[string]int{}
	var state checkpoint.Position
	var splits []checkpoint.Split
	var want []string
	discover := func(r connectors.SourceReader, at checkpoint.Position) checkpoint.Position {
		e := find(t, w.source, at)
		require.NoError(t, r.AddSplits(t.Context(), e.Found))
		return e.State
	}
	for run := range runs {
		r := reading(t, w.source, connectors.Limits{Records: 1 + rng.IntN(7)}, splits...)
		counts, at := map[string]int{}, state
		if run == runs-1 { // the last run is left to its end
			at = discover(r, at)
			for pollInto(t, r, counts) {
			}
		}
		for range steps {
			switch rng.IntN(4) {
			case 0:
				if len(want) < 4*upstreamFilesCount*upstreamLines && run < runs-1 {
					want = append(want, upstreamFile(t, dir, len(want)/upstreamLines)...)
				}
			case 1:
				at = discover(r, at)
			case 2:
				pollInto(t, r, counts)
			default:
				var err error
				splits, err = r.Snapshot(t.Context(), 1)
				require.NoError(t, err)
				state = at
				for l, n := range counts {
					decided[l] += n
				}
				clear(counts)
			}
		}
	}
	require.Empty(t, splits)
	require.Len(t, decided, len(want))
	for _, l := range want {
		require.Equal(t, 1, decided[l], l)
	}
}

// rescale reads the first file in part with some readers and goes on with another number of them.
func rescale(before, after int) func(*testing.T) {
	return func(t *testing.T) {
		dir, want := upstreamFolder(t)
		s := open(t, config(dir))
		counts := map[string]int{}
		var splits []checkpoint.Split
		for _, r := range spread(t, s, before, find(t, s, checkpoint.Position{}).Found) {
			require.True(t, pollInto(t, r, counts))
			left, err := r.Snapshot(t.Context(), 1)
			require.NoError(t, err)
			splits = append(splits, left...)
		}
		require.Len(t, counts, 3*before)
		for _, r := range spread(t, s, after, splits) {
			for pollInto(t, r, counts) {
			}
		}
		require.Len(t, counts, len(want))
		for _, l := range want {
			require.Equal(t, 1, counts[l], l)
		}
	}
}

func spread(t *testing.T, s *Source, n int,
	splits []checkpoint.Split) (out []connectors.SourceReader) {
	t.Helper()
	for range n {
		out = append(out, reading(t, s, connectors.Limits{Records: 3}))
	}
	for i, split := range splits {
		require.NoError(t, out[i%n].AddSplits(t.Context(), []checkpoint.Split{split}))
	}
	return out
}

func globTests() connectortest.UpstreamFile {
	const noNull = "a list that is not given is an empty one, where Flink throws"
	return connectortest.UpstreamFile{Name: "GlobFilePathFilterTest", Tests: []connectortest.Upstream{
		{Name: "testDefaultConstructorCreateMatchAllFilter", Run: filters(nil, nil, "dir/file.txt")},
		{Name: "testMatchAllFilesByDefault", Run: filters([]string{}, []string{}, "dir/file.txt")},
		{Name: "testExcludeFilesNotInIncludePatterns",
			Run: filters([]string{"dir/*"}, nil, "dir/file.txt", "!dir1/file.txt")},
		{Name: "testExcludeFilesIfMatchesExclude",
			Run: filters([]string{"dir/*"}, []string{"dir/file.txt"}, "!dir/file.txt")},
		{Name: "testIncludeFileWithAnyCharacterMatcher",
			Run: filters([]string{"dir/?.txt"}, nil, "dir/a.txt", "!dir/aa.txt")},
		{Name: "testIncludeFileWithCharacterSetMatcher",
			Run: filters([]string{"dir/[acd].txt"}, nil, "dir/a.txt", "dir/c.txt", "dir/d.txt",
				"!dir/z.txt")},
		{Name: "testIncludeFileWithCharacterRangeMatcher",
			Run: filters([]string{"dir/[a-d].txt"}, nil, "dir/a.txt", "dir/b.txt", "dir/c.txt", "dir/d.txt",
				"!dir/z.txt")},
		{Name: "testExcludeHDFSFile",
			Run: filters([]string{"**"}, []string{"/dir/file2.txt"}, "dir/file1.txt", "!dir/file2.txt",
				"dir/file3.txt"), Note: "a pattern is tried against the path without scheme and host"},
		{Name: "testExcludeFilenameWithStart",
			Run: filters([]string{"**"}, []string{`\*`}, "!*", "**", "other.txt")},
		{Name: "testSingleStarPattern", Run: filters([]string{"*"}, nil, "a", "!a/b", "!a/b/c")},
		{Name: "testDoubleStarPattern", Run: filters([]string{"**"}, nil, "a", "a/b", "a/b/c")},
		{Name: "testIncludePatternIsNull", Note: noNull,
			Run: filters(nil, []string{"b"}, "a", "!b", "dir/c")},
		{Name: "testExcludePatternIsNull", Note: noNull, Run: filters([]string{"a"}, nil, "a", "!b")},
		{Name: "testGlobFilterSerializable", Run: filterTravels,
			Note: "a filter travels as the patterns of the job file, not as an object"},
	}}
}

// filterTravels has two processes make their filters of the same job file.
func filterTravels(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"file1.txt", "file2.txt", "file3.txt"} {
		write(t, filepath.Join(dir, name), name+"\n")
	}
	c := config(dir, func(c *SourceConfig) {
		c.Include, c.Exclude = []string{"**"}, []string{"file2.txt"}
	})
	want := []string{"file1.txt", "file3.txt"}
	require.Equal(t, want, values(readAll(t, c)))
	require.Equal(t, want, values(readAll(t, c)))
}

// filters checks names below the root "/"; those with a "!" must be left out.
func filters(include, exclude []string, names ...string) func(*testing.T) {
	return func(t *testing.T) {
		f, err := compileFilter(include, exclude)
		require.NoError(t, err)
		s := &Source{root: "/", filter: f}
		for _, name := range names {
			want := true
			if name[0] == '!' {
				name, want = name[1:], false
			}
			require.Equal(t, want, s.wanted(filesystem.Info{Path: "/" + name}), name)
		}
	}
}
