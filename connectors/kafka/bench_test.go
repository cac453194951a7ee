package kafka

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// benchRecords is how many records one iteration copies.
const benchRecords = 500_000

// BenchmarkCopy moves records of 100 bytes from one topic to another, with the bare client, tuned,
// and with the connector. The broker is in the same process and counts in both: what the connector
// costs is the difference.
func BenchmarkCopy(b *testing.B) {
	for _, tt := range []struct {
		name string
		copy func(*testing.B, []string)
	}{
		{"client", copyWithClient},
		{"connector", func(b *testing.B, brokers []string) { copyWithConnector(b, brokers, false) }},
		{"exactly-once", func(b *testing.B, brokers []string) { copyWithConnector(b, brokers, true) }},
	} {
		b.Run(tt.name, func(b *testing.B) {
			fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "in", "out"),
				kfake.BlackholeProduce(), kfake.SyntheticFetch(kfake.SyntheticBatch{}))
			require.NoError(b, err)
			defer fake.Close()
			b.ReportAllocs()
			tt.copy(b, fake.ListenAddrs())
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRecords, "ns/record")
		})
	}
}

// copyWithClient re-uses the fetched records for producing.
func copyWithClient(b *testing.B, brokers []string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DisableClientMetrics(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"in": {0: kgo.NewOffset().At(0)}}),
		kgo.FetchMaxPartitionBytes(fetchPartitionBytesDefault), kgo.FetchMaxBytes(fetchBytesDefault),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(batchBytesDefault),
		kgo.MaxBufferedRecords(bufferRecordsMax), kgo.ProducerLinger(lingerDefault))
	require.NoError(b, err)
	defer client.Close()
	for b.Loop() {
		for n := 0; n < benchRecords; {
			fetches := client.PollFetches(b.Context())
			require.NoError(b, fetches.Err())
			fetches.EachRecord(func(r *kgo.Record) {
				n++
				r.Topic, r.Context = "out", nil
				client.Produce(context.Background(), r, nil)
			})
		}
		require.NoError(b, client.Flush(b.Context()))
	}
}

// copyWithConnector ends an epoch in every iteration.
func copyWithConnector(b *testing.B, brokers []string, transactional bool) {
	in, out := goodSource(), goodSink()
	in.Brokers, in.Topics, in.Start = brokers, []string{"in"}, Place{Mode: modeEarliest}
	in.CommitOffsets = commitOff
	out.Brokers, out.Topic = brokers, "out"
	if transactional {
		out.Semantic = semanticExactlyOnce
	}
	source, err := in.Open(b.Context(), testEnv("in", 1))
	require.NoError(b, err)
	defer source.Close()
	sink, err := out.Open(b.Context(), testEnv("out", 1))
	require.NoError(b, err)
	defer sink.Close()
	reader, err := source.OpenReader(b.Context(), connectors.ReaderContext{
		Limits: connectors.Limits{Records: 4096, Bytes: 1 << 20, LingerMillis: 5},
	})
	require.NoError(b, err)
	defer reader.Close()
	wc, epoch := connectors.WriterContext{}, checkpoint.Epoch(1)
	var session *Session
	if transactional {
		session, err = out.OpenSession(b.Context(), testEnv("out", 1), SessionOptions{})
		require.NoError(b, err)
		defer session.Close()
		require.NoError(b, session.Fence(b.Context()))
		wc.Tx, err = session.Begin(b.Context(), epoch)
		require.NoError(b, err)
	}
	writer, err := sink.OpenWriter(b.Context(), wc)
	require.NoError(b, err)
	defer writer.Close()
	e, err := source.Enumerate(b.Context(), checkpoint.Position{})
	require.NoError(b, err)
	require.NoError(b, reader.AddSplits(b.Context(), e.Found))
	batch := new(connectors.Batch)
	for b.Loop() {
		for n := 0; n < benchRecords; n += batch.Len() {
			batch.Reset()
			require.NoError(b, reader.Poll(b.Context(), batch))
			require.NoError(b, writer.Write(b.Context(), batch))
		}
		require.NoError(b, writer.Flush(b.Context()))
		if transactional {
			_, err := writer.(checkpoint.Preparer).Prepare(b.Context(), epoch)
			require.NoError(b, err)
			require.NoError(b, session.Append(b.Context(), []byte("record")))
			require.NoError(b, session.Commit(b.Context()))
			epoch++
			_, err = session.Begin(b.Context(), epoch)
			require.NoError(b, err)
		}
	}
}
