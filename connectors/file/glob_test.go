package file

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		glob string
		yes  []string
		no   []string
	}{
		{"*.log", []string{"a.log", ".log"}, []string{"a.log.1", "b/a.log"}},
		{"**.log", []string{"a.log", "b/c/a.log"}, []string{"a.txt"}},
		{"a/**/z", []string{"a/b/z", "a/b/c/z"}, []string{"a/z"}},
		{"?", []string{"a", "\u00e9"}, []string{"/", "ab", ""}},
		{"[a-c]x", []string{"ax", "cx"}, []string{"dx", "a-x"}},
		{"[!a-c]x", []string{"dx"}, []string{"ax", "/x"}},
		{"[+-9]", []string{"+", "0", "."}, []string{"/"}},
		{"[-a]", []string{"-", "a"}, []string{"b"}},
		{"[a-]", []string{"-", "a"}, []string{"b"}},
		{"[]a]", []string{"]", "a"}, []string{"b"}},
		{"[^.*\\]", []string{"^", ".", "*", "\\"}, []string{"a"}},
		{"{one,two/three}.*", []string{"one.x", "two/three."}, []string{"two.x", "{one,two/three}.x"}},
		{"a,b}", []string{"a,b}"}, []string{"a"}},
		{"a.+(b)$|^", []string{"a.+(b)$|^"}, []string{"axx"}},
		{`\*\\`, []string{`*\`}, []string{`**`}},
		{"a\nb*", []string{"a\nbc\n"}, []string{"a"}},
	} {
		t.Run(c.glob, func(t *testing.T) {
			p, err := compileGlob(c.glob)
			require.NoError(t, err)
			for _, s := range c.yes {
				require.True(t, p.match(s), "%q", s)
			}
			for _, s := range c.no {
				require.False(t, p.match(s), "%q", s)
			}
		})
	}
	for _, bad := range []string{"[a", "[", "[a/b]", "{a", "{a{b}}", "[b-a]", `a\`} {
		t.Run("refused "+bad, func(t *testing.T) {
			_, err := compileGlob(bad)
			require.ErrorContains(t, err, "reading pattern")
		})
	}
}

func TestSplitGlob(t *testing.T) {
	for _, c := range []struct{ location, root, rest string }{
		{"/logs/app.log", "/logs/app.log", ""},
		{"/logs/*.log", "/logs/", "*.log"},
		{"/logs/2026-*/x/*.log", "/logs/", "2026-*/x/*.log"},
		{"/*", "/", "*"},
		{`/logs/\[a\].log`, "/logs/[a].log", ""},
		{`/lo\*gs/a?`, "/lo*gs/", "a?"},
		{"hdfs://h:8020/logs/{a,b}", "hdfs://h:8020/logs/", "{a,b}"},
		{"s3://bucket", "s3://bucket", ""},
		{"*.log", "", "*.log"},
	} {
		root, rest := splitGlob(c.location)
		require.Equal(t, [2]string{c.root, c.rest}, [2]string{root, rest}, c.location)
	}
}

// paths lists what the configuration finds, below dir.
func paths(t *testing.T, dir string, c *SourceConfig) []string {
	t.Helper()
	files, err := open(t, c).list(t.Context())
	require.NoError(t, err)
	out := []string{}
	for _, f := range files {
		out = append(out, below(dir, f.Path))
	}
	return out
}

func TestWhichFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	for i, p := range []string{
		"b.log", "a.log", "a.txt", ".hidden", "_temporary", "c.log._COPYING_",
		"sub/d.log", "sub/deep/e.log", ".git/f.log", "_delta/g.log", "sub2/h.log",
	} {
		age(t, write(t, filepath.Join(dir, p), "x\n"), i)
	}
	nested := func(c *SourceConfig) { c.Nested = true }
	include := func(g ...string) func(*SourceConfig) { return func(c *SourceConfig) { c.Include = g } }
	exclude := func(g ...string) func(*SourceConfig) { return func(c *SourceConfig) { c.Exclude = g } }
	for _, c := range []struct {
		name, path string
		change     []func(*SourceConfig)
		want       []string
	}{
		{"a folder, by age", "", nil, []string{"b.log", "a.log", "a.txt"}},
		{"nested", "", []func(*SourceConfig){nested},
			[]string{"b.log", "a.log", "a.txt", "sub/d.log", "sub/deep/e.log", "sub2/h.log"}},
		{"a file", "/a.txt", nil, []string{"a.txt"}},
		{"a file that is hidden", "/.hidden", nil, []string{".hidden"}},
		{"glob", "/*.log", nil, []string{"b.log", "a.log"}},
		{"glob over folders", "/sub*/*.log", nil, []string{"sub/d.log", "sub2/h.log"}},
		{"glob that names folders", "/sub*", nil, []string{"sub/d.log", "sub2/h.log"}},
		{"glob that names folders, nested", "/sub*", []func(*SourceConfig){nested},
			[]string{"sub/d.log", "sub/deep/e.log", "sub2/h.log"}},
		{"glob over all depths", "/**/*.log", nil, []string{"sub/d.log", "sub/deep/e.log", "sub2/h.log"}},
		{"glob with a slash in braces", "/{a.log,sub/d.log}", nil, []string{"a.log", "sub/d.log"}},
		{"glob without a match", "/*.gz", nil, []string{}},
		{"include", "", []func(*SourceConfig){include("*.txt")}, []string{"a.txt"}},
		{"include by whole path", "", []func(*SourceConfig){include(dir + "/a.*")},
			[]string{"a.log", "a.txt"}},
		{"include of a depth", "", []func(*SourceConfig){nested, include("sub/*")},
			[]string{"sub/d.log"}},
		{"exclude wins", "", []func(*SourceConfig){include("*.log"), exclude("a*")}, []string{"b.log"}},
		{"exclude a folder", "", []func(*SourceConfig){nested, exclude("sub")},
			[]string{"b.log", "a.log", "a.txt", "sub2/h.log"}},
		{"a file and its own filter", "/a.txt", []func(*SourceConfig){include("*.log")}, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, paths(t, dir, config(dir+c.path, c.change...)))
		})
	}
}
