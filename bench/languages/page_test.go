package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	root = "../.."
	page = root + "/docs/languages.md"
)

func readPart(t *testing.T, part string) string {
	t.Helper()
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	from, to, err := partOf(string(data), part)
	require.NoError(t, err)
	return string(data)[from:to]
}

// tables returns the cells of a part's tables, rows of it by table.
func tables(part string) [][][]string {
	var all [][][]string
	inside := false
	for line := range strings.Lines(part) {
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		if !inside {
			inside, all = true, append(all, nil)
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		last := len(all) - 1
		all[last] = append(all[last], cells)
	}
	return all
}

// first returns the first cell of all rows but the head.
func first(table [][]string) []string {
	var cells []string
	for _, row := range table[2:] {
		cells = append(cells, row[0])
	}
	slices.Sort(cells)
	return cells
}

// TestPageHasAllLanguages holds L6, and that the page is what this program writes today.
func TestPageHasAllLanguages(t *testing.T) {
	list, err := contenders(root)
	require.NoError(t, err)
	tools := map[string]string{}
	var all []string
	for _, c := range list {
		all = append(all, c.language)
		tools[c.language] = c.tool
	}
	wanted := slices.AppendSeq([]string{scalarC, simdC, "C"}, maps.Keys(bounds()))
	got := tables(readPart(t, costsPart))
	require.Len(t, got, 2)
	for i, columns := range [][]string{costColumns(), loadColumns()} {
		require.Equal(t, columns, got[i][0], "make bench-languages writes other columns")
		require.Subset(t, all, first(got[i]), "make bench-languages writes other rows")
		require.Subset(t, first(got[i]), wanted, "make bench-languages writes other rows")
		for _, row := range got[i] {
			require.Len(t, row, len(columns))
		}
	}
	for _, row := range got[0][2:] {
		if row[0] != "Go" { // whatever Go this is tested with
			require.Equal(t, tools[row[0]], row[1], row[0])
		}
	}
}

// scaffoldNames lists the languages that a plugin can be begun in.
func scaffoldNames(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(root + "/cmd/wasmflow/scaffold")
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		if e.Name() != "any" { // what all have in common
			names = append(names, e.Name())
		}
	}
	return names
}

func TestPageHasAllScaffolds(t *testing.T) {
	got := tables(readPart(t, scaffoldsPart))
	require.Len(t, got, 1)
	require.Equal(t, scaffoldColumns(), got[0][0], "make scaffolds writes other columns")
	require.Subset(t, scaffoldNames(t), first(got[0]), "make scaffolds writes other rows")
	for language := range bounds() {
		name := cmp.Or(map[string]string{"C++": "cpp"}[language], strings.ToLower(language))
		require.Contains(t, first(got[0]), name, "make scaffolds writes other rows")
	}
}

// TestExamplesAreOfGuests: the page's examples are code that the conformance kit runs.
func TestExamplesAreOfGuests(t *testing.T) {
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)<!-- from (\\S+) -->\n```[a-z]+\n(.*?)```\n").
		FindAllStringSubmatch(string(data), -1)
	require.NotEmpty(t, blocks)
	guests := map[string]bool{}
	for _, b := range blocks {
		source, err := os.ReadFile(filepath.Join(root, b[1]))
		require.NoError(t, err)
		require.Contains(t, string(source), b[2], b[1])
		guests[strings.Split(b[1], "/")[1]] = true
	}
	for language := range bounds() {
		short := map[string]string{"C++": "cpp", "JavaScript": "js", "TypeScript": "ts"}
		guest := "conformance-" + cmp.Or(short[language], strings.ToLower(language))
		require.True(t, guests[guest], "the page has no example of %s", guest)
	}
}

func TestWrite(t *testing.T) {
	begin, end := marks(costsPart)
	path := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(path, []byte("a\n"+begin+"old\n"+end+"z\n"), 0o600))
	for range 2 {
		require.NoError(t, write(path, costsPart, "new\n"))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "a\n"+begin+"\nnew\n\n"+end+"z\n", string(data))
	}
	require.ErrorContains(t, write(path, scaffoldsPart, ""), "its marks are gone")
	require.NoError(t, os.WriteFile(path, []byte(end+begin), 0o600))
	require.ErrorContains(t, write(path, costsPart, ""), "its marks are gone")
}

func TestReport(t *testing.T) {
	fine := func(language string, bound, ratio float64) row {
		r := row{contender: contender{language: language, bound: bound}}
		r.costs[upperWork] = figure{each: 100, ratio: ratio, lowest: 0.5, highest: 9}
		return r
	}
	tests := []struct {
		name string
		rows []row
		ok   bool
		says []string
	}{
		{"holds", []row{fine("Zig", 1.5, 1.49), fine(scalarC, 0, 1), fine("C", 0, 1.2)}, true,
			[]string{"| Zig |  | 100 | 1.49 | 0.50, 9.00 | 1.5 holds |  |  |  |"}},
		{"does not hold", []row{fine(scalarC, 0, 1), fine("Zig", 1.5, 1.51)}, false,
			[]string{"| 1.5 **does not hold** |"}},
		{"no bound", []row{fine("Python", 0, 400)}, true, []string{"| 400.00 | 0.50, 9.00 |  |"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, ok := report(tt.rows, 9, 5)
			require.Equal(t, tt.ok, ok)
			for _, want := range tt.says {
				require.Contains(t, text, want)
			}
			for _, table := range tables(text) {
				require.Len(t, table, 2+len(tt.rows))
			}
		})
	}
	rows := []row{fine("Zig", 0, 3), fine("C", 0, 2), fine(simdC, 0, 0.2), fine(scalarC, 0, 1)}
	byCost(rows)
	var order []string
	for _, r := range rows {
		order = append(order, r.language)
	}
	require.Equal(t, []string{scalarC, simdC, "C", "Zig"}, order)
}

// TestScaffoldOutputIsChecked: a job that ends well and writes something else is an error.
func TestScaffoldOutputIsChecked(t *testing.T) {
	dir := t.TempDir()
	part := filepath.Join(dir, "part-0")
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".hidden"), []byte("x\n"), 0o600))
	require.ErrorContains(t, checkOutput("go", dir), `the job wrote ""`)
	tea, coffee := `{"item":"tea","cents":250}`, `{"item":"coffee","cents":310}`
	require.NoError(t, os.WriteFile(part, fmt.Appendln(nil, tea), 0o600))
	require.Error(t, checkOutput("go", dir))
	require.NoError(t, os.WriteFile(part, fmt.Appendf(nil, "%s\n%s\n", tea, coffee), 0o600))
	require.NoError(t, checkOutput("go", dir))
	require.ErrorContains(t, checkOutput("go", filepath.Join(dir, "none")), "reading the output")
}
