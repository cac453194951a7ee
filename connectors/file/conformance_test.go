package file

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
)

// conformanceFolder holds files of every kind and returns the values of their records.
func conformanceFolder(t *testing.T) (dir string, want []string) {
	t.Helper()
	dir = t.TempDir()
	for i, name := range []string{"a.log", "b.log", "c.log.gz", "d.log"} {
		content := ""
		for j := range 7 {
			want = append(want, strings.Repeat("x", j)+fmt.Sprintf("%s %d", name, j))
			content += want[len(want)-1] + "\n"
		}
		if name == "d.log" {
			content = strings.TrimSuffix(content, "\n")
		}
		if codec := codecOf(name); codec != "" {
			content = compress(t, codec, content)
		}
		age(t, write(t, filepath.Join(dir, name), content), i)
	}
	return dir, want
}

func TestConformance(t *testing.T) {
	dir, want := conformanceFolder(t)
	harness := func(mode string) connectortest.SourceHarness {
		return connectortest.SourceHarness{
			Open: func(t *testing.T, parallelism int) connectors.Source {
				env := testEnv(t)
				env.Parallelism = parallelism
				s, err := config(dir, func(c *SourceConfig) { c.Mode = mode }).Open(t.Context(), env)
				require.NoError(t, err)
				return s
			},
			Values: want, Guarantee: connectors.ExactlyOnce,
		}
	}
	t.Run("once", func(t *testing.T) { connectortest.RunSource(t, harness(modeOnce)) })
	t.Run("continuous", func(t *testing.T) {
		h := harness(modeContinuous)
		h.Endless = len(want)
		connectortest.RunSource(t, h)
	})
	t.Run("ranges", func(t *testing.T) {
		h := harness(modeOnce)
		h.Open = func(t *testing.T, parallelism int) connectors.Source {
			s, err := newSource(t.Context(), *config(dir), testEnv(t))
			require.NoError(t, err)
			s.rangeBytes = 40
			return s
		}
		connectortest.RunSource(t, h)
	})
	t.Run("tail", func(t *testing.T) {
		h := harness(modeTail)
		h.Values = nil // c.log.gz is not followed, and the end of d.log waits for its delimiter
		h.Endless = 7 + 7 + 6
		connectortest.RunSource(t, h)
	})
}
