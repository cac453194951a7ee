package devbroker_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors/kafka/devbroker"
)

// TestAbortedRecordsStayHidden reads with fetches that end in the middle of a partition: committed
// and aborted transactions take turns, and whatever fits into a fetch, only the former show (B3).
func TestAbortedRecordsStayHidden(t *testing.T) {
	const transactions, recordsEach = 40, 10
	b, err := devbroker.Start(devbroker.Options{
		Address: "127.0.0.1:0", Topics: []string{"orders"}, Partitions: 2,
	})
	require.NoError(t, err)
	defer b.Close()
	writer, err := kgo.NewClient(kgo.SeedBrokers(b.Address()), kgo.TransactionalID("writer"),
		kgo.DefaultProduceTopic("orders"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer writer.Close()
	for n := range transactions {
		require.NoError(t, writer.BeginTransaction())
		value, end := []byte("committed"), kgo.TryCommit
		if n%2 == 1 {
			value, end = []byte("aborted"), kgo.TryAbort
		}
		var records []*kgo.Record
		for i := range 2 * recordsEach {
			records = append(records, &kgo.Record{
				Partition: int32(i % 2), Value: bytes.Repeat(value, 100),
			})
		}
		require.NoError(t, writer.ProduceSync(t.Context(), records...).FirstErr())
		require.NoError(t, writer.EndTransaction(t.Context(), end))
	}

	for _, fetchBytes := range []int32{1 << 10, 12_000, 30_000, 50_000, 100_000} {
		reader, err := kgo.NewClient(kgo.SeedBrokers(b.Address()), kgo.ConsumeTopics("orders"),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxBytes(fetchBytes))
		require.NoError(t, err)
		for n := 0; n < transactions*recordsEach; {
			fetches := reader.PollFetches(t.Context())
			require.NoError(t, fetches.Err())
			fetches.EachRecord(func(r *kgo.Record) {
				n++
				require.False(t, bytes.HasPrefix(r.Value, []byte("aborted")),
					"offset %d of partition %d shows with fetches of %d bytes", r.Offset, r.Partition,
					fetchBytes)
			})
		}
		reader.Close()
	}
}
