package devbroker_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors/kafka/devbroker"
)

// TestBrokerKeepsItsTopics stops a broker and starts another in its folder.
func TestBrokerKeepsItsTopics(t *testing.T) {
	options := devbroker.Options{
		Address: "127.0.0.1:0", Folder: t.TempDir() + "/broker", Topics: []string{"orders"}, Partitions: 2,
	}
	b, err := devbroker.Start(options)
	require.NoError(t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Address()))
	require.NoError(t, err)
	require.NoError(t, client.ProduceSync(t.Context(),
		&kgo.Record{Topic: "orders", Value: []byte("v")}, &kgo.Record{Topic: "orders", Value: []byte("w")},
	).FirstErr())
	client.Close()
	b.Close()

	b, err = devbroker.Start(options)
	require.NoError(t, err)
	defer b.Close()
	client, err = kgo.NewClient(kgo.SeedBrokers(b.Address()), kgo.ConsumeTopics("orders"))
	require.NoError(t, err)
	defer client.Close()
	var got []string
	for len(got) < 2 {
		fetches := client.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	require.ElementsMatch(t, []string{"v", "w"}, got)
	topics, err := kadm.NewClient(client).ListTopics(t.Context(), "orders")
	require.NoError(t, err)
	require.Len(t, topics["orders"].Partitions, 2)
}

// TestTroubleIsTold takes the folder away from a broker.
func TestTroubleIsTold(t *testing.T) {
	folder, told := t.TempDir()+"/broker", make(chan string, 100)
	b, err := devbroker.Start(devbroker.Options{
		Address: "127.0.0.1:0", Folder: folder, Topics: []string{"orders"}, Partitions: 1,
		Trouble: func(text string) { told <- text },
	})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(folder))
	require.NoError(t, os.WriteFile(folder, nil, 0o600))
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Address()))
	require.NoError(t, err)
	defer client.Close()
	for range 2 {
		require.ErrorIs(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders"}).FirstErr(),
			kerr.UnknownServerError)
	}
	b.Close()
	close(told)
	var texts []string
	for text := range told {
		texts = append(texts, text)
	}
	require.Contains(t, strings.Join(texts, "\n"), "not a directory")
	require.Equal(t, slices.Compact(slices.Clone(texts)), texts, "nothing is told twice in a row")
}

func TestOnlyLoopbackAddresses(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":9092", "192.0.2.1:9092", "example.org:9092"} {
		_, err := devbroker.Start(devbroker.Options{Address: address})
		require.ErrorIs(t, err, devbroker.ErrNotLoopback, address)
	}
	for _, address := range []string{"127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000"} {
		_, err := devbroker.Start(devbroker.Options{Address: address})
		require.Error(t, err, address)
	}
}
