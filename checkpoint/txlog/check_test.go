package txlog_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
)

// verifier tells what it was asked about.
type verifier struct{}

func (verifier) Verify(
	_ context.Context, committed []checkpoint.Committable, keep checkpoint.Retained,
) ([]checkpoint.Finding, error) {
	return []checkpoint.Finding{{Severity: checkpoint.Note, Subject: "files",
		Text: fmt.Sprintf("%d pieces of epoch %d, applied %d", len(committed), committed[0].Epoch,
			keep.Applied)}}, nil
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *world)
		root   string
		want   []string
	}{
		{name: "sound", want: []string{"note: files: 1 pieces of epoch 3, applied 3"}},
		{
			name:   "shortened",
			change: func(w *world) { w.cluster.Take(testCommits) },
			want:   []string{"record 1 was there before, the highest is 0 now"},
		},
		{
			name:   "damaged",
			change: func(w *world) { w.append([]byte("hello")) },
			want:   []string{"problem: log kafka:out: ", "what else writes"},
		},
		{
			name: "another job's",
			change: func(w *world) {
				w.hint(checkpoint.Hint{JobID: "other", JobName: testJob, Log: testName, LastEpoch: 1})
			},
			want: []string{"job id jobid1, the store knows other", "note: files"},
		},
		{name: "no store", root: "/laptop", want: []string{"run --adopt", "note: files"}},
		{
			name:   "moved away",
			change: func(w *world) { w.run(w.open(nil).store, 1) },
			want:   []string{`the job was last in log "store" and moves here`, "note: files"},
		},
		{
			name: "module is missing",
			change: func(w *world) {
				p := w.open(nil)
				m, _, err := p.Claim(w.ctx)
				require.NoError(w.t, err)
				sha, err := p.StoreModule(w.ctx, []byte("code"))
				require.NoError(w.t, err)
				next := manifest(p, m)
				next.Modules = []checkpoint.Module{{Plugin: "p", SHA256: sha}}
				_, err = p.Begin(w.ctx, next.Epoch)
				require.NoError(w.t, err)
				require.NoError(w.t, p.Decide(w.ctx, next))
				require.NoError(w.t, w.fs().Remove(w.ctx, testDir+"/modules/"+sha+"-2"))
			},
			want: []string{`plugin "p" in record 5 needs it`, "note: files"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.run(w.open(nil), 2)
			if tt.change != nil {
				tt.change(w)
			}
			root := testRoot
			if tt.root != "" {
				root = tt.root
			}
			folder, err := storelog.NewJobStore(w.fs(), root, testJob, nil)
			require.NoError(t, err)
			found, err := w.topicView().Check(w.ctx, folder, 3,
				map[string]checkpoint.Verifier{"files": verifier{}})
			require.NoError(t, err)
			text := fmt.Sprint(found)
			for _, want := range tt.want {
				require.Contains(t, text, want)
			}
			require.LessOrEqual(t, len(found), len(tt.want), text)
		})
	}
}

// topicView reads the log without claiming.
func (w *world) topicView() *txlog.View {
	return txlog.NewView(broker.NewClient(broker.ClientOptions{
		Broker: w.cluster, Commits: testCommits,
	}), testName, testJob)
}

// TestStoreCheckKnowsThatTheLogIsElsewhere holds that the folder of a job with its log in a topic
// is not taken for a damaged one.
func TestStoreCheckKnowsThatTheLogIsElsewhere(t *testing.T) {
	w := newWorld(t)
	w.run(w.open(nil), 1)
	found, err := w.view().Check(w.ctx, nil)
	require.NoError(t, err)
	require.Len(t, found, 1, "%v", found)
	require.Contains(t, found[0].Text, `its log in "kafka:out"`)

	w.run(w.open(nil).store, 1)
	w.run(w.open(nil), 2)
	found, err = w.view().Check(w.ctx, nil)
	require.NoError(t, err)
	require.Len(t, found, 1, "%v", found)

}
