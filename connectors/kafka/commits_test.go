package kafka

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors"
)

// TestCommitsTopicIsMadeForItsUse looks at what the topic is created with.
func TestCommitsTopicIsMadeForItsUse(t *testing.T) {
	c := newCluster(t, kfake.NumBrokers(3))
	config := c.exactlyOnce("")
	config.Commits.Partitions = 2
	config.Commits.Configs = map[string]string{"segment.bytes": "33554432"}
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	require.Equal(t, "wasmflow.test.commits", s.Topic())
	require.Equal(t, "wasmflow.test.0", s.ID())
	topics, err := c.admin.ListTopics(t.Context(), s.Topic())
	require.NoError(t, err)
	require.Len(t, topics[s.Topic()].Partitions, 2)
	require.Equal(t, 3, topics[s.Topic()].Partitions.NumReplicas())
	configs, err := c.admin.DescribeTopicConfigs(t.Context(), s.Topic())
	require.NoError(t, err)
	got := map[string]string{}
	for _, c := range configs[0].Configs {
		got[c.Key] = c.MaybeValue()
	}
	for key, want := range map[string]string{
		"cleanup.policy": "compact", "min.insync.replicas": "2", "segment.bytes": "33554432",
		"max.message.bytes": "8388608", "max.compaction.lag.ms": "60000",
	} {
		require.Equal(t, want, got[key], key)
	}
	other, err := config.OpenSession(t.Context(), testEnv("out", 1), SessionOptions{Group: 1})
	require.NoError(t, err)
	require.Equal(t, int32(1), other.topic.partition)
	require.NoError(t, other.Close())
}

// TestCommitsTopicWaitsForBrokers: it keeps the replicas that it is created with.
func TestCommitsTopicWaitsForBrokers(t *testing.T) {
	for _, tt := range []struct {
		name        string
		brokers     int
		state       string // in how many replicas brokers keep transactions; "" is not told
		replication int16  // of the job file
		want        int    // 0 is refused
	}{
		{name: "one of three is up", brokers: 1, state: "3"},
		{name: "two of three are up", brokers: 2, state: "3"},
		{name: "one of three is up and will do", brokers: 1, state: "3", replication: 1, want: 1},
		{name: "a single broker", brokers: 1, state: "1", want: 1},
		{name: "a single broker that does not tell", brokers: 1, want: 1},
		{name: "two brokers with few replicas", brokers: 2, state: "1", want: 2},
		{name: "more replicas than are of use", brokers: 3, state: "5", want: 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opts := []kfake.Opt{kfake.NumBrokers(tt.brokers)}
			if tt.state != "" {
				opts = append(opts, kfake.BrokerConfigs(map[string]string{stateReplicasSetting: tt.state}))
			}
			c := newCluster(t, opts...)
			config := c.exactlyOnce("")
			config.Commits.Replication = tt.replication
			s := openSession(t, config)
			err := s.Fence(t.Context())
			topics, listed := c.admin.ListTopics(t.Context(), s.Topic())
			require.NoError(t, listed)
			if tt.want == 0 {
				require.ErrorContains(t, err, "it is to have 3 replicas")
				require.ErrorContains(t, err, "set commits.replication to "+strconv.Itoa(tt.brokers))
				require.Equal(t, connectors.Retry, connectors.Classify(err))
				require.Error(t, topics[s.Topic()].Err, "it is not created")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, topics[s.Topic()].Partitions.NumReplicas())
		})
	}
}

// TestCommitsTopicDeleted: the job stops with the reason, whatever notices first.
func TestCommitsTopicDeleted(t *testing.T) {
	for name, deleted := range map[string]func(*testing.T, *cluster, *Session) error{
		"while an epoch is decided": func(t *testing.T, c *cluster, s *Session) error {
			c.delete(s.Topic())
			return decide(t, s, "epoch 2")
		},
		"before a claim": func(t *testing.T, c *cluster, s *Session) error {
			c.delete(s.Topic())
			return s.ReadBack(t.Context(), func([]byte) bool { return true })
		},
		"and created again": func(t *testing.T, c *cluster, s *Session) error {
			c.delete(s.Topic())
			c.topic(s.Topic(), 1)
			var err error
			require.Eventually(t, func() bool { // an answer may be some milliseconds old
				err = s.ReadBack(t.Context(), func([]byte) bool { return true })
				return err != nil
			}, patience, askMetadataAge)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			s := openSession(t, c.exactlyOnce(""))
			require.NoError(t, s.Fence(t.Context()))
			begin(t, s, 1)
			require.NoError(t, decide(t, s, "epoch 1"))
			begin(t, s, 2)
			err := deleted(t, c, s)
			require.ErrorIs(t, err, checkpoint.ErrRefused)
			require.ErrorContains(t, err, "wasmflow.test.commits")
			require.ErrorContains(t, err, "--fresh")
		})
	}
}

// TestCommitRecordTooLarge: the setting to change is named.
func TestCommitRecordTooLarge(t *testing.T) {
	c := newCluster(t)
	config := c.exactlyOnce("")
	config.Commits.RecordBytes = 4096
	s := openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	begin(t, s, 1)
	require.ErrorContains(t, s.Append(t.Context(), make([]byte, 4096)), "commits.record_bytes_max")
	large := strings.Repeat("x", 3*batchBytesDefault)
	config.Commits.RecordBytes = 4 * batchBytesDefault
	require.NoError(t, s.Append(t.Context(), []byte(large)))
	err := s.Commit(t.Context())
	require.ErrorIs(t, err, txlog.ErrNotCommitted)
	require.ErrorContains(t, err, "max.message.bytes")

	config.Commits.Topic = "roomy"
	s = openSession(t, config)
	require.NoError(t, s.Fence(t.Context()))
	begin(t, s, 1)
	require.NoError(t, decide(t, s, large), "larger than batch_bytes_max")
	require.Equal(t, []string{large}, readBack(t, s))
}
