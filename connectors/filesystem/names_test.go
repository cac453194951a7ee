package filesystem

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPendingNameValidate(t *testing.T) {
	good := PendingName{Root: "/base", Job: "a1", Part: "part-1", Target: "/base/b/part-1"}
	require.NoError(t, good.Validate())

	tests := []struct {
		name   string
		change func(*PendingName)
		want   string
	}{
		{"relative root", func(n *PendingName) { n.Root = "base" }, "no clean absolute path"},
		{"unclean root", func(n *PendingName) { n.Root = "/base/../etc" }, "no clean absolute path"},
		{"target outside", func(n *PendingName) { n.Target = "/etc/passwd" }, "not below root"},
		{"target climbs", func(n *PendingName) { n.Target = "/base/../x" }, "no clean absolute path"},
		{"target beside", func(n *PendingName) { n.Target = "/base2/x" }, "not below root"},
		{"target is root", func(n *PendingName) { n.Target = "/base" }, "not below root"},
		{"target staged", func(n *PendingName) { n.Target = "/base/.wasmflow/x" }, "staging folder"},
		{"zero byte", func(n *PendingName) { n.Target = "/base/a\x00b" }, "no clean absolute path"},
		{"no job", func(n *PendingName) { n.Job = "" }, "names no file"},
		{"job climbs", func(n *PendingName) { n.Job = ".." }, "names no file"},
		{"part with slash", func(n *PendingName) { n.Part = "a/b" }, "slash"},
		{"long part", func(n *PendingName) { n.Part = strings.Repeat("x", 201) }, "longer than 200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := good
			tt.change(&n)
			require.ErrorContains(t, n.Validate(), tt.want)
		})
	}
}

func TestPendingPath(t *testing.T) {
	n := PendingName{Root: "/base", Job: "a1", Part: "part.7.x", Target: "/base/p", Claim: 12}
	require.Equal(t, "/base/.wasmflow/a1/part.7.x.12.pending", n.PendingPath())
	root := PendingName{Root: "/", Job: "a1", Part: "p", Target: "/p"}
	require.NoError(t, root.Validate())
	require.Equal(t, "/.wasmflow/a1/p.0.pending", root.PendingPath())
}

func TestParsePendingRefusesForeignNames(t *testing.T) {
	for _, name := range []string{
		"", "part", "part.pending", ".7.pending", "part.x.pending", "part.-1.pending",
		"part.07.pending", "part.+7.pending", "part.7.pending.crc", "part.18446744073709551616.pending",
	} {
		_, _, ok := ParsePending(name)
		require.False(t, ok, name)
	}
}

func TestIsPendingPath(t *testing.T) {
	for p, want := range map[string]bool{
		"/base/.wasmflow/a1/part.7.pending":      true,
		"/.wasmflow/a1/p.0.pending":              true,
		"/b\xff/.wasmflow/a1/p.0.pending":        true, // what Validate takes comes back
		"base/.wasmflow/a1/part.7.pending":       false,
		"/base/.wasmflow/a1/../part.7.pending":   false,
		"/base/.wasmflow/a1/part.7.pending/":     false,
		"/base/.wasmflow/a1/part":                false,
		"/base/a1/part.7.pending":                false,
		"/base/.wasmflow/a\x00/part.7.pending":   false,
		"/base/.wasmflow/a1/more/part.7.pending": false,
		"":                                       false,
	} {
		require.Equal(t, want, IsPendingPath(p), p)
	}
}

func FuzzParsePending(f *testing.F) {
	f.Add("part.7.pending")
	f.Add("a.b.0.pending")
	f.Fuzz(func(t *testing.T, name string) {
		part, claim, ok := ParsePending(name)
		if !ok || strings.Contains(name, "/") {
			return
		}
		n := PendingName{Root: "/r", Job: "j", Part: part, Claim: claim}
		require.Equal(t, name, path.Base(n.PendingPath()))
	})
}
