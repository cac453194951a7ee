package file

import (
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest/sinkjob"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

const (
	sinkRoot = "/data/out"
	sinkName = sinkjob.Sink
	sinkJob  = sinkjob.JobID
)

// sinkRun is a job with the sink.
type sinkRun struct {
	*sinkjob.Job[*Sink, *sinkWriter]
	config *SinkConfig
}

func newSinkRun(t *testing.T, change ...func(*SinkConfig)) *sinkRun {
	t.Helper()
	r := &sinkRun{config: NewSinkConfig()}
	r.config.Path = sinkRoot
	for _, f := range change {
		f(r.config)
	}
	r.Job = sinkjob.New[*Sink, *sinkWriter](t, r.config)
	return r
}

func replacing(c *SinkConfig) { c.WriteMode = overwrite }

// put makes a file of somebody else's.
func (r *sinkRun) put(p, content string) {
	r.T.Helper()
	fs := local.New(local.Options{Disk: r.Disk})
	require.NoError(r.T, fs.WriteFile(r.Ctx, p, []byte(content)))
}

func (r *sinkRun) start(tasks int) *sinkRun {
	r.T.Helper()
	require.NoError(r.T, r.Start(tasks))
	return r
}

func (r *sinkRun) write(task int, values ...string) *sinkRun {
	r.T.Helper()
	var b connectors.Batch
	for _, v := range values {
		b.Append().Value = []byte(v)
	}
	require.NoError(r.T, r.Writers[task].Write(r.Ctx, &b))
	return r
}

func (r *sinkRun) flush() *sinkRun {
	r.T.Helper()
	for _, w := range r.Writers {
		require.NoError(r.T, w.OnTime(r.Ctx, time.Now()))
	}
	return r
}

// decide prepares and decides an epoch.
func (r *sinkRun) decide() *sinkRun {
	r.T.Helper()
	r.Decide()
	return r
}

// commit commits the last epoch, of which the log learns.
func (r *sinkRun) commit() *sinkRun {
	r.T.Helper()
	r.Commit(r.Epoch)
	r.Applied = r.Epoch
	return r
}

func (r *sinkRun) close() *sinkRun {
	r.T.Helper()
	r.Close()
	return r
}

// files returns what a reader sees in the folder of the path.
func (r *sinkRun) files() map[string]string {
	r.T.Helper()
	return r.Files(path.Dir(sinkRoot))
}

// staged returns the live names.
func (r *sinkRun) staged() []string {
	r.T.Helper()
	var names []string
	fs := local.New(local.Options{Disk: r.Disk})
	for info, err := range fs.List(r.Ctx, filesystem.Staging(path.Dir(sinkRoot), sinkJob), false) {
		require.NoError(r.T, err)
		names = append(names, path.Base(info.Path))
	}
	return names
}

type contents = map[string]string
