package connectortest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// FileSystemHarness tells how to reach a file system under test.
type FileSystemHarness struct {
	// Open returns the file system as a new process sees it. All processes of one test see the
	// same place. The suite closes what it opens.
	Open func(t *testing.T) filesystem.FileSystem
	// Root returns a base path that holds nothing yet; a new one for every call.
	Root func(t *testing.T) string
	// LargePartBytes is the size of the suite's large part; choose one that needs several
	// requests or blocks where a system splits files. 0 means 1 MiB.
	LargePartBytes int
	// NoEmptyParts leaves out parts without bytes, for a fake that refuses what real servers take.
	NoEmptyParts bool
	// Readable asks for parts that can be read before they are published.
	Readable bool
}

// racers is how many callers race for one name: more than any machine of ours has cores.
const racers = 24

// fileSystemTest is one case of the suite.
type fileSystemTest struct {
	name string
	run  func(*fileSystemSuite, *testing.T)
}

// RunFileSystem checks an implementation of the file-system contract against F1 to F6.
func RunFileSystem(t *testing.T, h FileSystemHarness) {
	if h.LargePartBytes == 0 {
		h.LargePartBytes = 1 << 20
	}
	tests := []fileSystemTest{
		{"part is invisible before Publish", (*fileSystemSuite).partIsInvisible},
		{"part is written whole", (*fileSystemSuite).partIsWhole},
		{"names are kept as they are", (*fileSystemSuite).oddNames},
		{"names that leave the root are refused", (*fileSystemSuite).escapingNames},
		{"token publishes from another process", (*fileSystemSuite).otherProcess},
		{"Publish again is success", (*fileSystemSuite).publishTwice},
		{"Publish over another length is a conflict", (*fileSystemSuite).publishConflict},
		{"Publish of nothing is missing", (*fileSystemSuite).publishMissing},
		{"racing Publish of one token", (*fileSystemSuite).publishRace},
		{"Discard leaves what is published", (*fileSystemSuite).discardPublished},
		{"Discard removes and may repeat", (*fileSystemSuite).discardTwice},
		{"token of a newer version is refused", (*fileSystemSuite).newerToken},
		{"Abort removes an open part", (*fileSystemSuite).abort},
		{"Abort after Close does nothing", (*fileSystemSuite).abortAfterClose},
		{"Write after Close is an error", (*fileSystemSuite).writeAfterClose},
		{"pending name is used once", (*fileSystemSuite).pendingNameOnce},
		{"strays are found by job", (*fileSystemSuite).strays},
		{"WriteFile replaces whole files", (*fileSystemSuite).writeFile},
		{"Remove of nothing is success", (*fileSystemSuite).remove},
		{"ReadFile is bounded", (*fileSystemSuite).readFile},
		{"Open reads from an offset", (*fileSystemSuite).open},
		{"Stat tells file from folder", (*fileSystemSuite).stat},
		{"List is in path order", (*fileSystemSuite).list},
		{"missing paths are ErrNotFound", (*fileSystemSuite).missing},
		{"cancelled context stops work", (*fileSystemSuite).cancelled},
	}
	if !h.NoEmptyParts {
		tests = append(tests,
			fileSystemTest{"empty part is published", (*fileSystemSuite).emptyPart})
	}
	// What a system does not offer is not asked for.
	offered := h.open(t)
	if offered.Abilities().ExclusivePublish {
		tests = append(tests, []fileSystemTest{
			{"racing PublishExclusive has one winner", (*fileSystemSuite).exclusiveRace},
			{"PublishExclusive keeps what stands", (*fileSystemSuite).exclusiveKeeps},
		}...)
	}
	if _, ok := offered.(filesystem.PendingReader); ok {
		tests = append(tests, fileSystemTest{
			"part is read before Publish", (*fileSystemSuite).readPending,
		})
	}
	if _, ok := offered.(filesystem.LiveFiles); ok {
		tests = append(tests, []fileSystemTest{
			{"live file grows before its readers", (*fileSystemSuite).liveGrows},
			{"live file is shown under a free name", (*fileSystemSuite).liveExclusive},
			{"live file replaces another", (*fileSystemSuite).liveReplaces},
			{"live file begins with a copy", (*fileSystemSuite).liveCopy},
		}...)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.run(&fileSystemSuite{
				h: h, ctx: t.Context(), fs: h.open(t), root: h.Root(t),
			}, t)
		})
	}
}

func (h FileSystemHarness) open(t *testing.T) filesystem.FileSystem {
	t.Helper()
	fs := h.Open(t)
	t.Cleanup(func() { require.NoError(t, fs.Close()) })
	return fs
}

// fileSystemSuite is one case: a process at an empty place.
type fileSystemSuite struct {
	h    FileSystemHarness
	ctx  context.Context
	fs   filesystem.FileSystem
	root string
}

// name returns the name of a part whose target is below the root.
func (s *fileSystemSuite) name(target string) filesystem.PendingName {
	return filesystem.PendingName{
		Root: s.root, Job: "job1", Part: "part-" + path.Base(target), Claim: 7,
		Target: path.Join(s.root, target), Readable: s.h.Readable,
	}
}

func (s *fileSystemSuite) create(
	t *testing.T, n filesystem.PendingName, data []byte,
) filesystem.PendingWriter {
	t.Helper()
	w, err := s.fs.CreatePending(s.ctx, n)
	require.NoError(t, err)
	written, err := w.Write(data)
	require.NoError(t, err)
	require.Equal(t, len(data), written)
	require.Equal(t, int64(len(data)), w.Size())
	return w
}

// closed writes a part and closes it.
func (s *fileSystemSuite) closed(
	t *testing.T, n filesystem.PendingName, data []byte,
) filesystem.Token {
	t.Helper()
	token, err := s.create(t, n, data).Close(s.ctx)
	require.NoError(t, err)
	require.Equal(t, n.Target, token.Target)
	require.Equal(t, int64(len(data)), token.Size)
	require.NotZero(t, token.Version)
	return token
}

func (s *fileSystemSuite) content(t *testing.T, p string) string {
	t.Helper()
	r, err := s.fs.Open(s.ctx, p, 0)
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return string(data)
}

// visible returns the files a reader of the output sees, without the root and without hidden
// folders.
func (s *fileSystemSuite) visible(t *testing.T) []string {
	t.Helper()
	var names []string
	for info, err := range s.fs.List(s.ctx, s.root, true) {
		if err != nil {
			require.ErrorIs(t, err, filesystem.ErrNotFound)
			break
		}
		name := strings.TrimPrefix(info.Path, s.root+"/")
		if !info.Dir && !strings.HasPrefix(name, filesystem.StagingFolder+"/") {
			names = append(names, name)
		}
	}
	return names
}

func (s *fileSystemSuite) strayParts(t *testing.T, job string) []string {
	t.Helper()
	var parts []string
	for stray, err := range s.fs.ListStrays(s.ctx, s.root, job) {
		require.NoError(t, err)
		parts = append(parts, fmt.Sprintf("%s/%d", stray.Part, stray.Claim))
	}
	slices.Sort(parts)
	return parts
}

// put publishes data under a path below the root.
func (s *fileSystemSuite) put(t *testing.T, target, data string) {
	t.Helper()
	require.NoError(t, s.fs.Publish(s.ctx, s.closed(t, s.name(target), []byte(data))))
}

func (s *fileSystemSuite) partIsInvisible(t *testing.T) {
	n := s.name("bucket/a")
	w := s.create(t, n, []byte("hello"))
	require.Empty(t, s.visible(t))
	token, err := w.Close(s.ctx)
	require.NoError(t, err)
	require.Empty(t, s.visible(t))
	_, err = s.fs.Stat(s.ctx, n.Target)
	require.ErrorIs(t, err, filesystem.ErrNotFound)
	require.NoError(t, s.fs.Publish(s.ctx, token))
	require.Equal(t, []string{"bucket/a"}, s.visible(t))
}

func (s *fileSystemSuite) partIsWhole(t *testing.T) {
	want := make([]byte, s.h.LargePartBytes+17)
	for i := range want {
		want[i] = byte(i * 31 >> 3)
	}
	n := s.name("large")
	w := s.create(t, n, want[:1])
	for rest := want[1:]; len(rest) > 0; {
		k := min(len(rest), 100_003)
		_, err := w.Write(rest[:k])
		require.NoError(t, err)
		rest = rest[k:]
	}
	token, err := w.Close(s.ctx)
	require.NoError(t, err)
	require.NoError(t, s.fs.Publish(s.ctx, token))
	require.True(t, s.content(t, n.Target) == string(want), "content differs")
}

func (s *fileSystemSuite) emptyPart(t *testing.T) {
	n := s.name("empty")
	require.NoError(t, s.fs.Publish(s.ctx, s.closed(t, n, nil)))
	require.Empty(t, s.content(t, n.Target))
	require.Equal(t, []string{"empty"}, s.visible(t))
}

func (s *fileSystemSuite) oddNames(t *testing.T) {
	names := []string{"a b/c d", "caf\u00e9", "per%20cent", "plus+and&", "x=1/y=2", "\u65e5\u672c"}
	for _, name := range names {
		s.put(t, name, name)
	}
	slices.Sort(names)
	require.Equal(t, names, s.visible(t))
	for _, name := range names {
		require.Equal(t, name, s.content(t, path.Join(s.root, name)))
	}
}

func (s *fileSystemSuite) escapingNames(t *testing.T) {
	for _, change := range []func(*filesystem.PendingName){
		func(n *filesystem.PendingName) { n.Target = path.Dir(s.root) + "/outside" },
		func(n *filesystem.PendingName) { n.Target = s.root + "/../outside" },
		func(n *filesystem.PendingName) { n.Target = s.root },
		func(n *filesystem.PendingName) { n.Target = s.root + "/.wasmflow/x" },
		func(n *filesystem.PendingName) { n.Job = "../job" },
		func(n *filesystem.PendingName) { n.Part = "../part" },
		func(n *filesystem.PendingName) { n.Part = "" },
	} {
		n := s.name("inside")
		change(&n)
		_, err := s.fs.CreatePending(s.ctx, n)
		require.Error(t, err, "%+v", n)
	}
	_, err := s.fs.Stat(s.ctx, path.Dir(s.root)+"/outside")
	require.ErrorIs(t, err, filesystem.ErrNotFound)
}

func (s *fileSystemSuite) otherProcess(t *testing.T) {
	n := s.name("a")
	token := s.closed(t, n, []byte("hello"))
	// Only what a manifest carries crosses over.
	token.Data = bytes.Clone(token.Data)
	require.NoError(t, s.h.open(t).Publish(s.ctx, token))
	require.Equal(t, "hello", s.content(t, n.Target))
}

func (s *fileSystemSuite) publishTwice(t *testing.T) {
	n := s.name("a")
	token := s.closed(t, n, []byte("hello"))
	for range 3 {
		require.NoError(t, s.fs.Publish(s.ctx, token))
	}
	require.NoError(t, s.h.open(t).Publish(s.ctx, token))
	require.Equal(t, "hello", s.content(t, n.Target))
	require.Empty(t, s.strayParts(t, n.Job))
}

func (s *fileSystemSuite) publishConflict(t *testing.T) {
	n := s.name("a")
	first := s.closed(t, n, []byte("first"))
	require.NoError(t, s.fs.Publish(s.ctx, first))
	n.Part = "part-other"
	other := s.closed(t, n, []byte("longer than first"))
	require.ErrorIs(t, s.fs.Publish(s.ctx, other), filesystem.ErrConflict)
	require.Equal(t, "first", s.content(t, n.Target))
}

func (s *fileSystemSuite) publishMissing(t *testing.T) {
	token := s.closed(t, s.name("a"), []byte("hello"))
	require.NoError(t, s.fs.Discard(s.ctx, token))
	require.ErrorIs(t, s.fs.Publish(s.ctx, token), filesystem.ErrMissing)
	require.Empty(t, s.visible(t))
}

func (s *fileSystemSuite) publishRace(t *testing.T) {
	n := s.name("deep/folder/a")
	token := s.closed(t, n, []byte("hello"))
	others := []filesystem.FileSystem{s.fs, s.h.open(t), s.h.open(t)}
	errs := race(func(i int) error { return others[i%len(others)].Publish(s.ctx, token) })
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, "hello", s.content(t, n.Target))
	require.Equal(t, []string{"deep/folder/a"}, s.visible(t))
}

// race runs do in many goroutines at once and returns what each of them got.
func race(do func(i int) error) []error {
	errs := make([]error, racers)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range racers {
		// Ends when do returns; done waits for it.
		done.Go(func() {
			start.Wait()
			errs[i] = do(i)
		})
	}
	start.Done()
	done.Wait()
	return errs
}
