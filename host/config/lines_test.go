package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines returns the lines of every key, table and element below n, by path.
func lines(n *node, path string, into map[string]int) map[string]int {
	for key, child := range n.table {
		p := join(path, key)
		into[p] = child.line
		lines(child, p, into)
	}
	for i, child := range n.list {
		p := fmt.Sprintf("%s[%d]", path, i)
		into[p] = child.line
		lines(child, p, into)
	}
	return into
}

func TestLinesOfADocument(t *testing.T) {
	doc := strings.ReplaceAll(`# line 1
a = 1 # comment = "not a key"
b.c."d.e".'f' = "x = \" # no comment"
b.g = '\' # a backslash ends nothing here

[t]   # line 6
k = """
x = 1
[not.a.table]
\""" still inside """""
l = '''
y = ''
[no]'''''
m = [ # line 14
  1, "]", [
    "#", { x = 1, y = [ 2,
      3 ] },
  ], # comment ]
]
n = { p = 1, "q.r" = { s = "}" } }
d = 1979-05-27 07:32:00 # a date with a space

[u.v.w]
x = 1
[u]
y = 1
[[list]] # line 26
z = 1
[list.sub]
z = 1
[[list]]
z = 1
[[list.inner]]
z = 1
[[list.inner]]
[ "q" . 'r' ] # line 35
"\u0061b" = 1
'\u0061b' = 1
"" = 1
`, "\n", "\r\n")
	c := &collector{}
	root := parseTree(doc, c)
	require.NoError(t, c.err())
	want := map[string]int{
		"a": 2, "b": 3, "b.c": 3, `b.c."d.e"`: 3, `b.c."d.e".f`: 3, "b.g": 4,
		"t": 6, "t.k": 7, "t.l": 11,
		"t.m": 14, "t.m[0]": 15, "t.m[1]": 15, "t.m[2]": 15, "t.m[2][0]": 16, "t.m[2][1]": 16,
		"t.m[2][1].x": 16, "t.m[2][1].y": 16, "t.m[2][1].y[0]": 16, "t.m[2][1].y[1]": 17,
		"t.n": 20, "t.n.p": 20, `t.n."q.r"`: 20, `t.n."q.r".s`: 20, "t.d": 21,
		"u": 25, "u.v": 23, "u.v.w": 23, "u.v.w.x": 24, "u.y": 26,
		"list": 27, "list[0]": 27, "list[0].z": 28, "list[0].sub": 29, "list[0].sub.z": 30,
		"list[1]": 31, "list[1].z": 32, "list[1].inner": 33, "list[1].inner[0]": 33,
		"list[1].inner[0].z": 34, "list[1].inner[1]": 35,
		"q": 36, "q.r": 36, "q.r.ab": 37, `q.r."\\u0061b"`: 38, `q.r.""`: 39,
	}
	require.Equal(t, want, lines(root, "", map[string]int{}))
}

func TestDeepNestingIsRefused(t *testing.T) {
	deep := func(n int, open, inside, closing string) string {
		return "x = 1\n\ny = " + strings.Repeat(open, n) + inside + strings.Repeat(closing, n)
	}
	for _, c := range []struct {
		name, doc string
		refused   bool
	}{
		{"lists at the limit", deep(nestingMax-1, "[", "1", "]"), false},
		{"lists", deep(nestingMax, "[", "1", "]"), true},
		{"a million lists", deep(1_000_000, "[", "", ""), true},
		{"tables", deep(nestingMax, "{ a = ", "1", "}"), true},
		{"a key", "\n\n" + strings.Repeat("a.", nestingMax) + "a = 1", true},
		{"a million parts", "\n\n" + strings.Repeat("a.", 1_000_000) + "a = 1", true},
		{"a header", "\n\n[" + strings.Repeat("a.", nestingMax) + "a]", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			col := &collector{file: "f"}
			root := parseTree(c.doc, col)
			require.Equal(t, c.refused, root == nil)
			if c.refused {
				require.EqualError(t, col.err(), "f:3: nested more than 64 levels deep; flatten it")
			}
		})
	}
}

// missing returns a path of the tree that has no mark, or "".
func missing(v any, m *mark, path string) string {
	if m == nil {
		return path + "!"
	}
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			if p := missing(x, m.keys[key], join(path, key)); p != "" {
				return p
			}
		}
	case []map[string]any:
		for i, x := range v {
			if p := missing(x, m.item(i), fmt.Sprintf("%s[%d]", path, i)); p != "" {
				return p
			}
		}
	case []any:
		for i, x := range v {
			if p := missing(x, m.item(i), fmt.Sprintf("%s[%d]", path, i)); p != "" {
				return p
			}
		}
	}
	return ""
}

// outOfFile returns a line below m that the document does not have, or 0.
func outOfFile(m *mark, last int) int {
	if m.line < 1 || m.line > last {
		return m.line
	}
	for _, c := range m.keys {
		if line := outOfFile(c, last); line != 0 {
			return line
		}
	}
	for _, c := range m.items {
		if line := outOfFile(c, last); line != 0 {
			return line
		}
	}
	return 0
}

// FuzzLines compares the finder with the parser: whatever the parser accepts must have a line for
// every key and element, and marks for nothing else.
func FuzzLines(f *testing.F) {
	for _, doc := range []string{
		"a = 1", "[a.b]\nc = 'x'", "[[a]]\n[[a]]\nb = [1,\n{ c = 2 }]", "a = \"\"\"\nx\"\"\"\"\"\n",
		"a = '''x'''''\n", "\"\\u0061\" = 1", "a = 1979-05-27 07:32:00", "a.b.c = {d.e = 1}",
		"a = [[1,2],[\"]\"]] # ]", "\xef\xbb\xbfa = 1", "a = {\n b = 1, # c\n}", "a = \"\\\"\"",
	} {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		root, tooDeep := scanLines(doc)
		if line := outOfFile(root, strings.Count(doc, "\n")+1); line != 0 {
			t.Fatalf("scanLines() marks line %d of %q", line, doc)
		}
		if tooDeep != 0 {
			return
		}
		tree := map[string]any{}
		if _, err := decodeTOML(doc, &tree); err != nil {
			return
		}
		if path := missing(tree, root, ""); path != "" {
			t.Fatalf("scanLines() has no line for %s in %q", path, doc)
		}
		if extra := surplus(tree, root, ""); extra != "" {
			t.Fatalf("scanLines() marks %s, which is not in %q", extra, doc)
		}
	})
}

// surplus returns a mark that no value of the tree has, or "".
func surplus(v any, m *mark, path string) string {
	table, _ := v.(map[string]any)
	for key, c := range m.keys {
		x, ok := table[key]
		if !ok {
			return join(path, key)
		}
		if p := surplus(x, c, join(path, key)); p != "" {
			return p
		}
	}
	var list []any
	switch v := v.(type) {
	case []any:
		list = v
	case []map[string]any:
		for _, x := range v {
			list = append(list, x)
		}
	}
	if len(m.items) > len(list) {
		return fmt.Sprintf("%s[%d]", path, len(list))
	}
	for i, c := range m.items {
		if p := surplus(list[i], c, fmt.Sprintf("%s[%d]", path, i)); p != "" {
			return p
		}
	}
	return ""
}

func TestSuggest(t *testing.T) {
	known := []string{"topic", "batch_size", "exactly-once", "from"}
	for _, c := range []struct{ word, want string }{
		{"topik", "topic"}, {"topics", "topic"}, {"otpic", "topic"}, {"tpic", "topic"},
		{"batchsize", "batch_size"}, {"Batch-Size", "batch_size"}, {"exactly_once", "exactly-once"},
		{"form", "from"}, {"frm", "from"}, {"", ""}, {"brokers", ""}, {"xy", ""},
	} {
		require.Equal(t, c.want, Suggest(c.word, known), "Suggest(%q)", c.word)
	}
}
