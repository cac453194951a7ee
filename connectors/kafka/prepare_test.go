package kafka

import (
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
)

// TestSecondClusterConformance holds a sink whose epochs are decided elsewhere to the contract.
func TestSecondClusterConformance(t *testing.T) {
	for name, opts := range map[string][]kfake.Opt{
		"transactions of version 2": nil,
		"transactions of version 1": {kfake.MaxVersions(kversion.V3_9_0())},
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.RunSink(t, func(t *testing.T) connectortest.SinkHarness {
				c := newCluster(t, opts...)
				c.topic("out", 2)
				return connectortest.SinkHarness{
					Open: func(t *testing.T, env connectors.Env) connectors.Sink {
						config := c.exactlyOnce("out")
						valid(t, config)
						s, err := config.Open(t.Context(), env)
						require.NoError(t, err)
						return s
					},
					Read:   func(*testing.T) []string { return c.values("out") },
					Strays: func(*testing.T) []string { return c.openTransactions() },

					Guarantee: connectors.ExactlyOnce, Visible: connectortest.AtCommit,
				}
			})
		})
	}
}

// openTransactions returns the ids of the job's transactions that hold readers back.
func (c *cluster) openTransactions() []string {
	c.t.Helper()
	listed, err := c.admin.ListTransactions(c.t.Context(), nil, []string{stateOngoing})
	require.NoError(c.t, err)
	return slices.DeleteFunc(listed.TransactionalIDs(), func(id string) bool {
		return !strings.HasPrefix(id, "wasmflow.test.")
	})
}

// solo opens the only writer and the committer of a sink in a second cluster.
func (c *cluster) solo(
	config *SinkConfig, claim uint64,
) (connectors.SinkWriter, checkpoint.Committer) {
	c.t.Helper()
	valid(c.t, config)
	s, err := config.Open(c.t.Context(), testEnv("out", 1))
	require.NoError(c.t, err)
	committer, err := s.(connectors.CommitterOpener).OpenCommitter(c.t.Context(),
		connectors.CommitterContext{})
	require.NoError(c.t, err)
	w, err := s.OpenWriter(c.t.Context(), connectors.WriterContext{
		Owner: checkpoint.Owner{Number: claim},
	})
	require.NoError(c.t, err)
	c.t.Cleanup(func() {
		require.NoError(c.t, w.Close())
		require.NoError(c.t, committer.Close())
		require.NoError(c.t, s.Close())
	})
	return w, committer
}

func prepareSolo(
	t *testing.T, w connectors.SinkWriter, e checkpoint.Epoch, values ...string,
) []checkpoint.Committable {
	t.Helper()
	require.NoError(t, w.Write(t.Context(), batchOf(values...)))
	cs, err := w.(checkpoint.Preparer).Prepare(t.Context(), e)
	require.NoError(t, err)
	require.Len(t, cs, 1)
	return cs
}

// TestIDsAreUsedAgain goes through more epochs than there are ids, and commits each again when the
// next two are begun: what an owner does that recovers.
func TestIDsAreUsedAgain(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	w, committer := c.solo(c.exactlyOnce("out"), 1)
	var before []checkpoint.Committable
	var want []string
	require.NoError(t, w.Write(t.Context(), batchOf("0")))
	for e := range checkpoint.Epoch(2*slots + 1) {
		cs := prepareSolo(t, w, e+1)
		want = append(want, fmt.Sprint(e))
		require.NoError(t, w.Write(t.Context(), batchOf(fmt.Sprint(e+1))))
		require.NoError(t, committer.Commit(t.Context(), cs))
		require.NoError(t, committer.Commit(t.Context(), cs), "again")
		require.NoError(t, committer.Commit(t.Context(), before), "the one before")
		before = cs
	}
	require.Equal(t, want, c.values("out"))
	require.NoError(t, w.Close())
	require.Empty(t, c.openTransactions())
	listed, err := c.admin.ListTransactions(t.Context(), nil, nil)
	require.NoError(t, err)
	ids := slices.DeleteFunc(listed.TransactionalIDs(), func(id string) bool {
		return !strings.HasPrefix(id, "wasmflow.test.out.1.")
	})
	require.Len(t, ids, slots)
}

// TestAnOutageThatIsTooLong: brokers have aborted what was decided. That is told, and never passed
// over, unless a person has accepted it or it was committed before.
func TestAnOutageThatIsTooLong(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	w, committer := c.solo(config, 1)
	cs := prepareSolo(t, w, 5, "a")
	admin, err := config.OpenAdmin(t.Context(), testEnv("", 1))
	require.NoError(t, err)
	defer admin.Close()
	require.NoError(t, admin.Abort(t.Context(), "wasmflow.test.out.1.0.0")) // as the broker does
	err = committer.Commit(t.Context(), cs)
	require.ErrorIs(t, err, checkpoint.ErrLost)
	require.ErrorContains(t, err, "transaction_timeout (1m0s)")
	for name, keep := range map[string]checkpoint.Retained{
		"applied":  {Claim: 2, Applied: 5},
		"accepted": {Claim: 2, Accepted: []string{"wasmflow.test.out.1.0.0"}},
	} {
		require.NoError(t, committer.Recover(t.Context(), cs, keep), name)
	}
	require.ErrorIs(t, committer.Recover(t.Context(), cs, checkpoint.Retained{Claim: 2, Applied: 4}),
		checkpoint.ErrLost)
}

// TestPrepareNeedsTime: what follows it may take as long as what came before.
func TestPrepareNeedsTime(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	config := c.exactlyOnce("out")
	env, now := testEnv("out", 1), time.Now()
	env.Now = func() time.Time { return now }
	s, err := config.Open(t.Context(), env)
	require.NoError(t, err)
	defer s.Close()
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	require.NoError(t, w.Write(t.Context(), batchOf("a")))
	now = now.Add(30 * time.Second)
	_, err = w.(checkpoint.Preparer).Prepare(t.Context(), 1)
	require.ErrorContains(t, err, "open for 30s")
	require.NoError(t, w.Close())
	require.Empty(t, c.openTransactions())
}

// TestTimeoutOfASecondCluster: what brokers refuse names both settings.
func TestTimeoutOfASecondCluster(t *testing.T) {
	c := newCluster(t, kfake.BrokerConfigs(map[string]string{maxTimeoutSetting: "30000"}))
	c.topic("out", 1)
	w, _ := c.solo(c.exactlyOnce("out"), 1)
	err := w.Write(t.Context(), batchOf("a"))
	require.ErrorContains(t, err, "transaction.max.timeout.ms is below transaction_timeout")
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

// TestGoldenCommittables holds what earlier versions wrote.
func TestGoldenCommittables(t *testing.T) {
	const path = "testdata/committables-v1.txt"
	golden := []prepared{
		{id: "wasmflow.job.out.1.0.2", producerID: 4000, epoch: 3, version: 2},
		{id: "x", version: 1},
		{id: strings.Repeat("y", 300), producerID: math.MaxInt64, epoch: math.MaxInt16, version: 2},
	}
	var b strings.Builder
	for _, p := range golden {
		fmt.Fprintf(&b, "%x\n", p.encode())
	}
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
	for i, line := range slices.Collect(strings.Lines(string(want))) {
		data, err := hex.DecodeString(strings.TrimSpace(line))
		require.NoError(t, err)
		p, err := decodePrepared(checkpoint.Committable{Version: 1, Data: data})
		require.NoError(t, err)
		require.Equal(t, golden[i], p)
	}
}

func TestClaimOfAnID(t *testing.T) {
	tr := newTransactions()
	prefix := tr.slotPrefix("job", "out")
	for id, want := range map[string]uint64{
		tr.slotID("job", "out", 17, 3, 2): 17, tr.slotID("job", "out", math.MaxUint64, 0, 0): math.MaxUint64,
		"wasmflow.job.0": 0, prefix + "1.2": 0, prefix + "x.0.0": 0, prefix + "1.0.0.0": 0,
		prefix + "1.a.0": 0,
	} {
		claim, ok := claimOf(id, prefix)
		require.Equal(t, want, claim, id)
		require.Equal(t, want != 0, ok, id)
	}
}

func FuzzCommittable(f *testing.F) {
	f.Add(prepared{id: "wasmflow.job.out.1.0.2", producerID: 4000, epoch: 3, version: 2}.encode())
	f.Add([]byte{kindTransaction})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodePrepared(checkpoint.Committable{Version: committableVersion, Data: data})
		if err != nil {
			return
		}
		again, err := decodePrepared(checkpoint.Committable{
			Version: committableVersion, Data: p.encode(),
		})
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}
