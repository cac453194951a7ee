package kafka

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

func TestAWriterCountsPartitionsAndSeesNewOnes(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 3)
	c.topic("wide", 7)
	config := c.sink("out")
	valid(t, config)
	env, now := testEnv("out", 1), time.Now()
	env.Now = func() time.Time { return now }
	s, err := config.Open(t.Context(), env)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	counter := w.(connectors.PartitionCounter)
	require.True(t, config.HasPartitions())

	requireCount := func(target string, want int32) {
		t.Helper()
		n, err := counter.Partitions(t.Context(), target)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	requireCount("", 3)
	requireCount("wide", 7)
	_, err = c.admin.CreatePartitions(t.Context(), 2, "out")
	require.NoError(t, err)
	requireCount("", 3)
	require.Eventually(t, func() bool { // the client's own answer may be some milliseconds old
		now = now.Add(sinkMetadataAge)
		n, err := counter.Partitions(t.Context(), "")
		return err == nil && n == 5
	}, patience, askMetadataAge)
	_, err = counter.Partitions(t.Context(), "none")
	require.ErrorIs(t, err, ErrNoTopic)
}

func TestAnEmbeddedBrokerIsUsedWhereNoneIsNamed(t *testing.T) {
	for _, brokers := range [][]string{nil, {"127.0.0.1:1"}} {
		config := newSinkConfig()
		config.Brokers, config.Topic, config.Semantic = brokers, "out", semanticAtLeastOnce
		config.ExpectEmbedded()
		var p connectors.Problems
		config.Validate(&p)
		require.Empty(t, p.List)
		config.UseEmbedded("127.0.0.1:2")
		want := brokers
		if want == nil {
			want = []string{"127.0.0.1:2"}
		}
		require.Equal(t, want, config.Brokers)
	}
}
