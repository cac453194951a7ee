package failpoint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesAreSortedAndUnique(t *testing.T) {
	names := Names()
	require.True(t, slices.IsSorted(names), "names.go is not sorted: %v", names)
	require.Len(t, slices.Compact(slices.Clone(names)), len(names), "names.go has a name twice")
}

// TestEveryNameHasOneCall reads the source of the whole repository: a place that nobody calls
// would let a crash test pass for nothing, and a place with two calls is two places.
func TestEveryNameHasOneCall(t *testing.T) {
	root := repositoryRoot(t)
	calls := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && skipDir(d.Name()):
			return filepath.SkipDir
		case d.IsDir(), !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		return collectCalls(t, path, calls)
	})
	require.NoError(t, err)
	for _, name := range Names() {
		require.Len(t, calls[name], 1, "calls of failpoint %q: %v", name, calls[name])
		delete(calls, name)
	}
	require.Empty(t, calls, "calls of failpoint.Hit whose name is not in names.go")
}

func skipDir(name string) bool {
	return strings.HasPrefix(name, ".") || name == "testdata" || name == "build"
}

// collectCalls adds every failpoint.Hit of a file to calls, by name.
func collectCalls(t *testing.T, path string, calls map[string][]string) error {
	source, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(source), "failpoint.Hit(") {
		return err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, 0)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !isHit(call.Fun) {
			return true
		}
		where := set.Position(call.Pos()).String()
		lit, ok := call.Args[0].(*ast.BasicLit)
		if !ok {
			t.Errorf("%s: failpoint.Hit wants a literal", where)
			return true
		}
		name, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Errorf("%s: %v", where, err)
		}
		calls[name] = append(calls[name], where)
		return true
	})
	return nil
}

func isHit(fun ast.Expr) bool {
	sel, ok := fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Hit" {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "failpoint"
}

func repositoryRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no go.mod above the test")
		dir = parent
	}
}
