package bucketing

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckBucket(t *testing.T) {
	tests := []struct{ name, bucket, want string }{
		{"base path", "", ""},
		{"plain", "2018-08-03--23", ""},
		{"hive style", "country=NL/day=2018-08-03", ""},
		{"unicode", "caf\u00e9/\u65e5\u672c", ""},
		{"spaces and signs", "a b+c&d;e'f\"g~h", ""},
		{"dots inside", "a..b/c.d./e...", ""},
		{"longest element", strings.Repeat("x", 255), ""},
		{"deepest", strings.Repeat("a/", 15) + "a", ""},

		{"parent", "..", `the element ".." leaves the bucket`},
		{"parent inside", "a/../../b", `the element ".." leaves the bucket`},
		{"parent last", "a/..", "leaves the bucket"},
		{"same", ".", "leaves the bucket"},
		{"same inside", "a/./b", "leaves the bucket"},
		{"absolute", "/etc/passwd", "it is absolute"},
		{"two slashes", "a//b", "an element is empty"},
		{"slash at the end", "a/", "an element is empty"},
		{"only a slash", "/", "it is absolute"},
		{"staging folder", ".wasmflow/5eed", "begins with a dot or an underscore"},
		{"hidden", ".a", "begins with a dot or an underscore"},
		{"hidden inside", "a/_temporary", "begins with a dot or an underscore"},
		{"zero byte", "a\x00b", "control character"},
		{"line break", "a\nb", "control character"},
		{"escape", "a\x1b[31m", "control character"},
		{"delete", "a\x7f", "control character"},
		{"C1 control", "a\u0085b", "control character"},
		{"no UTF-8", "a\xffb", "no valid UTF-8"},
		{"long element", strings.Repeat("x", 256), "an element of 256 bytes is longer than 255"},
		{"long name", strings.Repeat("x/", 600), "1200 bytes are more than 1024"},
		{"10 kB", strings.Repeat("x", 10_000), "10000 bytes are more than 1024"},
		{"too deep", strings.Repeat("a/", 16) + "a", "17 folders deep is more than 16"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := checkBucket(tt.bucket)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, errBucket)
			require.ErrorContains(t, err, tt.want)
			require.Less(t, len(err.Error()), 300, "an error must not carry a huge name")
			require.NotContains(t, err.Error(), "\x1b", "an error must not carry control characters")
		})
	}
}

// FuzzCheckBucket holds what the check is for: a name that passes stays below the base path, as
// the same text, and is not hidden.
func FuzzCheckBucket(f *testing.F) {
	for _, s := range []string{"a/b", "..", "a/../b", "/a", "a\x00", ".wasmflow", "caf\u00e9", "a//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if checkBucket(name) != nil || name == "" {
			return
		}
		joined := path.Join("/base", name, "part")
		require.Equal(t, "/base/"+name+"/part", joined)
		for element := range strings.SplitSeq(name, "/") {
			require.NotContains(t, "._", element[:1])
		}
	})
}
