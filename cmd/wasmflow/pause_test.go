package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/admin"
)

// liveStatus returns what status --json says of a running job.
func liveStatus(t *testing.T, file string) *admin.Status {
	t.Helper()
	r := do(t, "status", "--json", file)
	require.Zero(t, r.code, r.stderr)
	var s jobStatus
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &s))
	require.True(t, s.Running)
	return s.Live
}

func TestPauseFromTheCommandLine(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": endlessJob})
	file := filepath.Join(dir, "job.toml")
	for _, tt := range []struct {
		args  []string
		doing string
	}{
		{[]string{"pause", file}, "pausing"},
		{[]string{"resume", file}, "resuming"},
		{[]string{"checkpoint", file}, "beginning an epoch of"},
		{[]string{"checkpoint", "--list", file}, "asking for the epochs of"},
		{[]string{"plugins", file}, "asking for the plugins of"},
		{[]string{"stop", file}, "stopping"},
		{[]string{"swap", file, "upper", "x.wasm"}, "swapping upper of"},
		{[]string{"rollback", file, "upper"}, "rolling back upper of"},
	} {
		r := do(t, tt.args...)
		require.Equal(t, exitOutside, r.code, tt.doing)
		require.Contains(t, r.stderr, "wasmflow: "+tt.doing+" endless: the job does not run as far as")
		require.Contains(t, r.stderr, "start it with `wasmflow run`")
	}
	job := start(t, "run", file)
	job.stdout.await("10\n")
	r := do(t, "pause", file)
	require.Zero(t, r.code, r.stderr)
	require.Equal(t, "endless is paused\n", r.stdout)

	s := liveStatus(t, file)
	require.Equal(t, admin.StatePaused, s.State)
	n := int(s.Sources[0].RecordsOut)
	require.Len(t, published(t, filepath.Join(dir, "output")), n, "all that was read is published")
	require.Contains(t, do(t, "status", file).stdout, "endless is paused\n")

	r = do(t, "checkpoint", "--json", file)
	require.Zero(t, r.code, r.stderr)
	var begun CheckpointBegun
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &begun))
	require.Equal(t, s.Checkpoint.Epoch+1, uint64(begun.Epoch), "no other epoch comes in a pause")
	require.Equal(t, n, int(liveStatus(t, file).Sources[0].RecordsOut))

	r = do(t, "checkpoint", "--list", file)
	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stdout, "MANIFEST BYTES")
	require.Contains(t, r.stdout, "  pause  ")
	// In the pause no other epochs can have taken its place in the list.
	r = do(t, "checkpoint", "--list", "--json", file)
	var list CheckpointList
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &list))
	require.Equal(t, begun.Epoch, list.Checkpoints[0].Epoch)
	require.Equal(t, host.CauseRequest, list.Checkpoints[0].Cause)

	r = do(t, "resume", file)
	require.Zero(t, r.code, r.stderr)
	require.Equal(t, "endless is running\n", r.stdout)
	r = do(t, "checkpoint", file)
	require.Zero(t, r.code, r.stderr)
	require.Regexp(t, `^epoch \d+ of endless is published\n$`, r.stdout)
	r = do(t, "checkpoint", "--timeout", "0s", file)
	require.Regexp(t, `^epoch \d+ of endless begins\n$`, r.stdout)

	require.Zero(t, do(t, "pause", "--timeout", "0s", file).code)
	job.signals <- os.Interrupt
	require.Zero(t, <-job.code, job.stderr)
	lines := published(t, filepath.Join(dir, "output"))
	require.ElementsMatch(t, numbered(len(lines)), lines)
}

// awaitMarkers waits until readers of the topic are not held up: a broker answers the end of a
// transaction before that.
func (s *shop) awaitMarkers() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		ends, err := s.admin().ListEndOffsets(s.t.Context(), "enriched")
		require.NoError(s.t, err)
		stable, err := s.admin().ListCommittedOffsets(s.t.Context(), "enriched")
		require.NoError(s.t, err)
		return reflect.DeepEqual(ends.Offsets(), stable.Offsets())
	}, time.Minute, 10*time.Millisecond)
}

// TestPausedKafkaJobHasNoOpenTransaction pauses a job with an exactly-once Kafka sink while orders
// come in: what was read is committed, and the broker knows of no transaction however long it
// takes.
func TestPausedKafkaJobHasNoOpenTransaction(t *testing.T) {
	s := newShop(t)
	s.sell(2000)
	file := s.job(3, "")
	job := start(t, "run", file)
	for s.written("enriched") < 100 {
	}
	for range 2 {
		r := do(t, "pause", file)
		require.Zero(t, r.code, r.stderr)
		s.awaitMarkers()
		listed, err := s.admin().ListTransactions(t.Context(), nil, []string{"Ongoing"})
		require.NoError(t, err)
		require.Empty(t, listed)
		before := liveStatus(t, file)
		written := s.written("enriched")
		s.sell(500)
		require.Zero(t, do(t, "checkpoint", file).code, "an epoch without records, while orders wait")
		after := liveStatus(t, file)
		require.Equal(t, before.Sources[0].RecordsIn, after.Sources[0].RecordsIn)
		require.Equal(t, admin.StatePaused, after.State)
		require.Equal(t, written, s.written("enriched"))
		require.Zero(t, do(t, "resume", file).code)
	}
	s.stop(job)
}
