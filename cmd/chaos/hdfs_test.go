package main

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

func TestCrashesAreTheTablesOfFaults(t *testing.T) {
	places := map[string]bool{}
	for i, c := range crashes() {
		require.Equal(t, "H"+strconv.Itoa(i+1), c.letter)
		for _, p := range c.places {
			require.True(t, slices.Contains(failpoint.Names(), p), p)
			require.False(t, places[p], "%s stands twice", p)
			places[p] = true
		}
	}
	require.Len(t, crashes(), 9)
}

// TestWatcherOfHDFSSees holds that what must not happen would be seen.
func TestWatcherOfHDFSSees(t *testing.T) {
	was := filesystem.Info{Path: "/a", Size: 3, ModTime: time.Unix(1, 0), Identity: "7"}
	seen := map[string]filesystem.Info{"/a": was}
	require.NoError(t, unchanged(seen, map[string]filesystem.Info{"/a": was, "/b": {}}))
	require.ErrorContains(t, unchanged(seen, nil), "vanished")
	for _, change := range []func(*filesystem.Info){
		func(i *filesystem.Info) { i.Size = 4 },
		func(i *filesystem.Info) { i.ModTime = time.Unix(2, 0) },
		func(i *filesystem.Info) { i.Identity = "8" },
	} {
		is := was
		change(&is)
		require.ErrorContains(t, unchanged(seen, map[string]filesystem.Info{"/a": is}), "changed")
	}
}

func TestJudgeOfHDFSSees(t *testing.T) {
	line := func(n int) string {
		return `{"seq":"0000000` + strconv.Itoa(n) + `","bucket":"b` + strconv.Itoa(n%buckets) + `"}` + "\n"
	}
	tests := []struct {
		name  string
		files map[string]string
		want  string // "" is nothing
	}{
		{"all", map[string]string{"/o/b0/1": line(0), "/o/b1/1": line(1)}, ""},
		{"lost", map[string]string{"/o/b0/1": line(0)}, "1 lost"},
		{"doubled", map[string]string{"/o/b0/1": line(0) + line(0), "/o/b1/1": line(1)}, "1 doubled"},
		{"in another bucket", map[string]string{"/o/b0/1": line(0) + line(1)}, "1 strange"},
		{"cut", map[string]string{"/o/b0/1": line(0), "/o/b1/1": line(1)[:20]}, "1 strange"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := lakeJudge{lines: 2}
			for i := range inputFiles {
				j.Expect(strconv.Itoa(i), (i+1)*2/inputFiles-i*2/inputFiles)
			}
			for file, text := range tt.files {
				j.see(file, text)
			}
			_, err := j.Verdict()
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}
