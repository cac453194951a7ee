package file

import (
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// allStaged names every live file, whatever job it is of.
func (r *sinkRun) allStaged() []string {
	r.T.Helper()
	var names []string
	staging := path.Join(path.Dir(sinkRoot), filesystem.StagingFolder)
	for info, err := range local.New(local.Options{Disk: r.Disk}).List(r.Ctx, staging, true) {
		require.NoError(r.T, err)
		if !info.Dir {
			names = append(names, info.Path)
		}
	}
	return names
}

func TestSinkConformance(t *testing.T) {
	connectortest.RunSink(t, func(t *testing.T) connectortest.SinkHarness {
		r := newSinkRun(t)
		return connectortest.SinkHarness{
			Open: func(t *testing.T, env connectors.Env) connectors.Sink {
				env.FileSystems = r.Env(0).FileSystems
				s, err := r.config.Open(t.Context(), env)
				require.NoError(t, err)
				return s
			},
			Read:      func(*testing.T) []string { return r.rows() },
			Strays:    func(*testing.T) []string { return r.allStaged() },
			Guarantee: r.config.Guarantee(),
			Visible:   connectortest.AtWrite,
			TasksMin:  2, // one file cannot become a folder
		}
	})
}
