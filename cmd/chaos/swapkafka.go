package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

// swapPartitions is the number of partitions of the input and of the output.
const swapPartitions = 8

// The topics of the job.
const (
	swapsIn      = "swaps-in"
	swapsOut     = "swaps-out"
	swapsDead    = "swaps-dead"
	swapsCommits = "wasmflow.swaps-kafka.commits"
)

// kafkaTrial is a job from a topic that is written meanwhile into another one, in transactions.
func kafkaTrial(ctx context.Context, cluster *servers.Kafka) (job string, l *ledger, err error) {
	if err := createTopics(ctx, cluster, swapsIn, swapsOut, swapsDead); err != nil {
		return "", nil, err
	}
	brokers := `["` + strings.Join(cluster.Bootstrap(), `", "`) + `"]`
	return fmt.Sprintf(`
[sources.in]
connector = "kafka"
brokers = %[1]s
topics = [%[2]q]
start = "earliest"
[transforms.marked]
from = ["in"]
plugin = "marks"
function = "mark"
on_error = "dead-letter"
[sinks.out]
connector = "kafka"
brokers = %[1]s
from = ["marked"]
topic = %[3]q
[dead_letter]
connector = "kafka"
brokers = %[1]s
topic = %[4]q
`, brokers, swapsIn, swapsOut, swapsDead), newLedger(placeOfPartition), nil
}

// createTopics creates topics and waits until the broker leads all their partitions: it answers
// before it has heard of them.
func createTopics(ctx context.Context, cluster *servers.Kafka, topics ...string) error {
	for _, topic := range topics {
		if _, err := cluster.Admin().CreateTopic(ctx, swapPartitions, -1, nil, topic); err != nil {
			return fmt.Errorf("creating topic %s: %w", topic, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, jobMax)
	defer cancel()
	for {
		ends, err := cluster.Admin().ListEndOffsets(ctx, topics...)
		if err == nil {
			err = ends.Error()
		}
		known := 0
		ends.Each(func(kadm.ListedOffset) { known++ })
		if err == nil && known == len(topics)*swapPartitions {
			return nil
		}
		if werr := wait(ctx, lookEvery); werr != nil {
			return fmt.Errorf("waiting for topics %v: %w", topics, errors.Join(werr, err))
		}
	}
}

// placeOfPartition reads a position of the Kafka source: a kind, the topic's id of 16 bytes, then
// the offset of the next record. The input has one record at each offset.
func placeOfPartition(s checkpoint.Split) (string, int, error) {
	const kind, id = 1, 16
	partition, ok := strings.CutPrefix(s.ID, swapsIn+"-")
	if !ok || s.Position.Version != 1 || len(s.Position.Data) < kind+id || s.Position.Data[0] != kind {
		return "", 0, errors.New("no position in a partition of the input")
	}
	next, size := binary.Uvarint(s.Position.Data[kind+id:])
	if size <= 0 {
		return "", 0, errors.New("no offset in a position")
	}
	return partition, int(next), nil
}

// producing writes the input at a rate of so many records a second until the returned function is
// called, which waits for the last one.
func producing(
	ctx context.Context, cluster *servers.Kafka, rate int,
) (end func() error, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Direct()...), kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(swapsIn))
	if err != nil {
		return nil, fmt.Errorf("opening a client for the input: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { // ends by cancel
		defer client.Close()
		began, n := time.Now(), 0
		failed := make(chan error, 1)
		for wait(ctx, lookEvery/5) == nil {
			for due := int(time.Since(began).Seconds() * float64(rate)); n < due; n++ {
				r := &kgo.Record{
					Partition: int32(n % swapPartitions),
					Value:     fmt.Appendf(nil, "%d-%08d", n%swapPartitions, n/swapPartitions),
				}
				client.Produce(context.WithoutCancel(ctx), r, func(_ *kgo.Record, err error) {
					if err != nil {
						select {
						case failed <- err:
						default:
						}
					}
				})
			}
		}
		err := client.Flush(context.WithoutCancel(ctx))
		select {
		case err = <-failed:
		default:
		}
		done <- err
	}()
	return func() error {
		cancel()
		if err := <-done; err != nil {
			return fmt.Errorf("writing the input: %w", err)
		}
		return nil
	}, nil
}

// followTopic notes the epochs in the commits topic, from its beginning to its end.
func followTopic(cluster *servers.Kafka, l *ledger) func(context.Context) (func() error, error) {
	return func(ctx context.Context) (func() error, error) {
		// The job makes the topic with its first claim; here it has to be found soon.
		client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Direct()...), kgo.DisableClientMetrics(),
			kgo.ConsumeTopics(swapsCommits), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(lookEvery),
			kgo.MetadataMinAge(lookEvery), kgo.MetadataMaxAge(time.Second),
			kgo.UnknownTopicRetries(-1))
		if err != nil {
			return nil, fmt.Errorf("opening a client for the commits: %w", err)
		}
		look := func() (err error) {
			ctx, cancel := context.WithTimeout(ctx, lookEvery)
			defer cancel()
			fetches := client.PollFetches(ctx) // none is an error of the context
			fetches.EachRecord(func(r *kgo.Record) {
				var m checkpoint.Manifest
				if err == nil {
					m, err = checkpoint.DecodeManifest(r.Value)
				}
				if err == nil {
					err = l.add(m)
				}
			})
			return err
		}
		stop := watching(ctx, time.Millisecond, look)
		return func() error {
			defer client.Close()
			if err := stop(); err != nil {
				return err
			}
			return readTopics(ctx, cluster, []string{swapsCommits}, func(r *kgo.Record) error {
				m, err := checkpoint.DecodeManifest(r.Value)
				if err != nil {
					return err
				}
				return l.add(m)
			})
		}, nil
	}
}

// readTopics reads what is committed in topics, from their beginnings to their ends.
func readTopics(
	ctx context.Context, cluster *servers.Kafka, topics []string, see func(*kgo.Record) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, checkMax)
	defer cancel()
	ends, err := cluster.Admin().ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("asking for the ends of %v: %w", topics, err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Direct()...), kgo.DisableClientMetrics(),
		kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(lookEvery))
	if err != nil {
		return fmt.Errorf("opening a client for %v: %w", topics, err)
	}
	defer client.Close()
	left := map[string]int64{}
	for topic, parts := range ends {
		for p, end := range parts {
			if end.Offset > 0 {
				left[topic+"-"+strconv.Itoa(int(p))] = end.Offset
			}
		}
	}
	for len(left) > 0 && err == nil {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("reading %v: %d partitions are not read: %w", topics, len(left), ctx.Err())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			stream := r.Topic + "-" + strconv.Itoa(int(r.Partition))
			if left[stream] <= r.Offset+1 {
				delete(left, stream)
			}
			if !r.Attrs.IsControl() && err == nil {
				err = see(r)
			}
		})
	}
	return err
}

// readOutput shows the judge what the job wrote.
func readOutput(cluster *servers.Kafka) func(context.Context, *swapJudge) error {
	return func(ctx context.Context, j *swapJudge) error {
		return readTopics(ctx, cluster, []string{swapsOut, swapsDead}, func(r *kgo.Record) error {
			stream := r.Topic + "-" + strconv.Itoa(int(r.Partition))
			value, mark, marked := strings.Cut(string(r.Value), " ")
			split, digits, _ := strings.Cut(value, "-")
			n, err := strconv.Atoi(digits)
			dead := r.Topic == swapsDead
			switch {
			case err != nil || dead == marked || dead != refused(value):
				j.records.Strange(stream, string(r.Value))
			case dead:
				sha := ""
				for _, h := range r.Headers {
					if h.Key == "wasmflow-module" {
						sha = string(h.Value)
					}
				}
				j.letter(stream, split, n, sha)
			default:
				j.marked(stream, split, n, mark)
			}
			return nil
		})
	}
}
