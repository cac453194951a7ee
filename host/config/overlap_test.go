package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

func TestReadsBack(t *testing.T) {
	folder := connectors.FileTarget{Path: "/d/out", Folder: true}
	flat := connectors.FileTarget{Path: "file:///d/out/", Folder: true, Flat: true}
	file := connectors.FileTarget{Path: "/d/out"}
	for _, c := range []struct {
		name   string
		reach  connectors.FileReach
		target connectors.FileTarget
		want   certainty
	}{
		{"another folder", connectors.FileReach{Root: "/d/in", Nested: true}, folder, never},
		{"a name that only begins the same", connectors.FileReach{Root: "/d/ou", Nested: true}, folder, never},
		{"another system", connectors.FileReach{Root: "hdfs://h/d/out"}, flat, never},
		{"the same folder, flat", connectors.FileReach{Root: "/d/out"}, flat, surely},
		{"the same folder, buckets", connectors.FileReach{Root: "/d/out"}, folder, perhaps},
		{"the same folder, nested", connectors.FileReach{Root: "/d/out", Nested: true}, folder, surely},
		{"the same file", connectors.FileReach{Root: "file:///d/out"}, file, surely},
		{"the same folder, filtered", connectors.FileReach{Root: "/d/out", Filtered: true}, flat, perhaps},
		{"above, not nested", connectors.FileReach{Root: "/d"}, folder, never},
		{"above, nested", connectors.FileReach{Root: "/d", Nested: true}, folder, surely},
		{"above, a glob", connectors.FileReach{Root: "/", Filtered: true}, folder, perhaps},
		{"above, a file or folder", connectors.FileReach{Root: "/d"}, file, perhaps},
		{"a bucket", connectors.FileReach{Root: "/d/out/2026"}, folder, perhaps},
	} {
		require.Equal(t, c.want, readsBack(c.reach, c.target), c.name)
	}
}
