package servers

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestKafka(t *testing.T) {
	k, err := StartKafka(t.Context(), KafkaOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, k.Close()) }()
	_, err = k.Admin().CreateTopic(t.Context(), 1, 1, nil, "t")
	require.NoError(t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Bootstrap()...))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: "t"}).FirstErr())
	n, err := k.Leader(t.Context(), "t", 0)
	require.NoError(t, err)
	require.Equal(t, 1, n.ID)
	n, err = k.Controller(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n.ID)
	n, err = k.TransactionCoordinator(t.Context(), "x")
	require.NoError(t, err)
	require.Equal(t, 1, n.ID)
	require.NoError(t, n.Kill())
	require.NoError(t, n.Start(t.Context()))
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: "t"}).FirstErr())
}
