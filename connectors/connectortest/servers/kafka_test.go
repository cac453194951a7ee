package servers

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func startKafka(t *testing.T, o KafkaOptions) *Kafka {
	t.Helper()
	k, err := StartKafka(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

// produce writes one record, however long brokers need.
func produce(t *testing.T, client *kgo.Client) {
	t.Helper()
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: "t"}).FirstErr())
}

func newClient(t *testing.T, seeds []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(seeds...), kgo.DisableClientMetrics())...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// TestOneNode starts each release, kills it and starts it again with what it had.
func TestOneNode(t *testing.T) {
	for _, tt := range []struct {
		version      string
		transactions bool // of the second version
	}{{Kafka43, true}, {Kafka39, false}} {
		t.Run(tt.version, func(t *testing.T) {
			k := startKafka(t, KafkaOptions{Version: tt.version})
			client := newClient(t, k.Bootstrap())
			_, err := k.Admin().CreateTopic(t.Context(), 1, 1, nil, "t")
			require.NoError(t, err)
			produce(t, client)
			for what, find := range map[string]func() (*Node, error){
				"leader":      func() (*Node, error) { return k.Leader(t.Context(), "t", 0) },
				"controller":  func() (*Node, error) { return k.Controller(t.Context()) },
				"coordinator": func() (*Node, error) { return k.TransactionCoordinator(t.Context(), "x") },
			} {
				n, err := find()
				require.NoError(t, err, what)
				require.Equal(t, k.Nodes()[0], n, what)
			}
			versions, err := k.Admin().ApiVersions(t.Context())
			require.NoError(t, err)
			require.Equal(t, tt.transactions, hasTransactionsV2(versions.Sorted()[0].Raw()))

			n := k.Nodes()[0]
			require.NoError(t, n.Kill())
			require.ErrorIs(t, n.Pause(), ErrNotRunning)
			require.NoError(t, n.Start(t.Context()))
			produce(t, client)
			ends, err := k.Admin().ListEndOffsets(t.Context(), "t")
			require.NoError(t, err)
			require.EqualValues(t, 2, ends["t"][0].Offset)
		})
	}
}

func hasTransactionsV2(v *kmsg.ApiVersionsResponse) bool {
	for _, f := range v.FinalizedFeatures {
		if f.Name == "transaction.version" {
			return f.MaxVersionLevel >= 2
		}
	}
	return false
}

// TestThreeNodes kills the leader of a partition behind proxies: another one takes over.
func TestThreeNodes(t *testing.T) {
	k := startKafka(t, KafkaOptions{Nodes: 3, Proxied: true})
	_, err := k.Admin().CreateTopic(t.Context(), 1, 3, nil, "t")
	require.NoError(t, err)
	client := newClient(t, k.Bootstrap())
	produce(t, client)
	leader, err := k.Leader(t.Context(), "t", 0)
	require.NoError(t, err)

	// A client goes through the proxy of the leader, also after it was told its address.
	leader.Proxy().Drop()
	impatient := newClient(t, k.Bootstrap(), kgo.RecordDeliveryTimeout(time.Second))
	require.Error(t, impatient.ProduceSync(t.Context(), &kgo.Record{Topic: "t"}).FirstErr())
	require.NoError(t, leader.Proxy().Restore())
	produce(t, client)

	require.NoError(t, leader.Kill())
	produce(t, client)
	next, err := k.Leader(t.Context(), "t", 0)
	require.NoError(t, err)
	require.NotEqual(t, leader.ID, next.ID)
	require.NoError(t, leader.Start(t.Context()))
	require.NoError(t, next.Pause())
	require.NoError(t, next.Resume())
	require.NoError(t, next.Stop())
	produce(t, client)
}

// TestSecure asks every further listener without what it wants.
func TestSecure(t *testing.T) {
	s, err := NewSecurity(t.TempDir())
	require.NoError(t, err)
	k := startKafka(t, KafkaOptions{Security: s})
	for name, addresses := range map[string]func() ([]string, error){
		"tls": k.TLS, "sasl": k.SASL, "sasl over tls": k.SASLTLS,
	} {
		addrs, err := addresses()
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		require.Error(t, newClient(t, addrs).Ping(ctx), name)
		cancel()
	}
	require.NoError(t, newClient(t, k.Bootstrap()).Ping(t.Context()))
}
