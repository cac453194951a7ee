package bucketing

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// TestOthersAreTold: pending parts of a job that is no more are told of, in one line.
func TestOthersAreTold(t *testing.T) {
	fs := local.New(local.Options{})
	root := t.TempDir()
	var said bytes.Buffer
	now := time.Now()
	c := &committer{sink: &Sink{env: connectors.Env{
		JobID: "mine", Logger: slog.New(slog.NewTextHandler(&said, nil)),
		Now: func() time.Time { return now },
	}}}
	at := place{fs, root}
	c.tellOthers(t.Context(), root, at)
	pending := func(job, part string) {
		w, err := fs.CreatePending(t.Context(), filesystem.PendingName{
			Root: root, Job: job, Part: part, Target: root + "/" + part, Claim: 1,
		})
		require.NoError(t, err)
		_, err = io.WriteString(w, "12345")
		require.NoError(t, err)
		_, err = w.Close(t.Context())
		require.NoError(t, err)
	}
	pending("mine", "a")
	require.NoError(t, fs.WriteFile(t.Context(), root+"/.wasmflow/gone/README", []byte("no part")))
	c.tellOthers(t.Context(), root, at)
	require.Empty(t, said.String())
	pending("gone", "b")
	pending("gone", "c")
	pending("older", "d")
	c.tellOthers(t.Context(), root, at)
	require.Empty(t, said.String(), "they may be alive")
	now = now.Add(25 * time.Hour)
	c.tellOthers(t.Context(), root, at)
	require.Equal(t, 1, strings.Count(said.String(), "\n"))
	require.Contains(t, said.String(), "level=WARN")
	require.Contains(t, said.String(),
		`jobs=2 hold="gone (2 parts, 10 bytes), older (1 parts, 5 bytes)" more=false folder=`+
			root+"/.wasmflow/JOB")
}
