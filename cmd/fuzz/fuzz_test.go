package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTargetsExist: a target that was renamed would be found out half an hour later.
func TestTargetsExist(t *testing.T) {
	for _, s := range subjects() {
		for _, target := range s.targets {
			files, err := filepath.Glob(filepath.Join("..", "..", target.folder, "*_test.go"))
			require.NoError(t, err)
			declared := regexp.MustCompile(`(?m)^func ` + target.name + `\(f \*testing\.F\)`)
			found := 0
			for _, file := range files {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				found += len(declared.FindAll(text, -1))
			}
			require.Equal(t, 1, found, "%s in %s", target.name, target.folder)
		}
	}
}

func TestExecutions(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int64
	}{
		{"none", "fuzz: elapsed: 0s, gathering baseline coverage: 0/12 completed\n", 0},
		{"last line counts", "fuzz: elapsed: 3s, execs: 17 (5/sec), new interesting: 2 (total: 9)\n" +
			"fuzz: elapsed: 6s, execs: 1234567 (9/sec), new interesting: 2 (total: 9)\nPASS\n", 1234567},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, executions([]byte(c.text))) })
	}
}

func TestKeepIsBounded(t *testing.T) {
	write := func(dir string, n, size int) {
		require.NoError(t, os.MkdirAll(dir, 0o755))
		for i := range n {
			name := filepath.Join(dir, fmt.Sprintf("%d-%03d", size, i))
			require.NoError(t, os.WriteFile(name, bytes.Repeat([]byte{'x'}, size), 0o644))
		}
	}
	for _, c := range []struct {
		name             string
		have, small, big int
		kept             int
	}{
		{"all", 3, 4, 0, 4},
		{"the shortest", 0, 10, 1, 10},
		{"as many as there is room for", keptFilesMax - 2, 5, 0, 2},
		{"nothing", 0, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, corpus := t.TempDir(), filepath.Join(t.TempDir(), "corpus")
			write(corpus, c.have, 5)
			write(found, c.small, 10)
			write(found, c.big, keptBytesMax)
			kept, err := keep(found, corpus)
			require.NoError(t, err)
			require.Equal(t, c.kept, kept)
			require.Equal(t, c.have+c.kept, countFiles(corpus))
			again, err := keep(found, corpus)
			require.NoError(t, err)
			require.Zero(t, again)
		})
	}
}

func TestReport(t *testing.T) {
	var out strings.Builder
	report(&out, []figure{
		{subject: "s", target: "A", cpu: 90 * time.Second, executions: 5, found: 3, kept: 1},
		{subject: "s", target: "B", cpu: 30 * time.Second, executions: 7, findings: 1},
	})
	require.Regexp(t, `s +A +1\.5 +5 +3 +1 +0\n`, out.String())
	require.Regexp(t, `s +B +0\.5 +7 +0 +0 +1\n`, out.String())
	require.Contains(t, out.String(), "s: 2.0 CPU minutes\n")
}
