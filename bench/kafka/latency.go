package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/bench/measure"
)

const (
	latencyRate = 20_000 // records a second
	// latencyCommit is the commit interval of the latency runs.
	latencyCommit = 100 * time.Millisecond
	// latencyTick is how often the producer writes its share of a second.
	latencyTick = 5 * time.Millisecond
	// latencyRounds is how often each contender is measured, in turns.
	latencyRounds = 5
	// startRounds is the same for the time to the first record.
	startRounds = 5
)

// latencies are milliseconds from a record's making to its reading by a read_committed reader, by
// letter and round.
type latencies struct{ p50, p99 map[string][]float64 }

// latency measures the letters in turns.
func (b *bench) latency(ctx context.Context, letters ...string) (latencies, error) {
	out := latencies{p50: map[string][]float64{}, p99: map[string][]float64{}}
	for round := range latencyRounds {
		for _, letter := range letters {
			ms, err := b.latencyOf(ctx, b.find(letter))
			if err != nil {
				return out, fmt.Errorf("measuring the latency of (%s): %w", letter, err)
			}
			p50, p99 := measure.Median(ms), measure.Quantile(ms, 0.99)
			b.progress(fmt.Sprintf("latency, round %d of %d: (%s) p50 %.0f ms, p99 %.0f ms",
				round+1, latencyRounds, letter, p50, p99))
			out.p50[letter] = append(out.p50[letter], p50)
			out.p99[letter] = append(out.p99[letter], p99)
		}
	}
	return out, nil
}

func (b *bench) find(letter string) contender {
	for _, c := range b.contenders {
		if c.letter == letter {
			return c
		}
	}
	panic("bench: no contender " + letter)
}

// latencyOf lets c copy a steady stream for a while and returns the latencies of all records but
// those of the first quarter, in which everything warms up.
func (b *bench) latencyOf(ctx context.Context, c contender) ([]float64, error) {
	for _, topic := range []string{inTopic, outTopic} {
		if err := b.cluster.renew(ctx, topic, partitions); err != nil {
			return nil, err
		}
	}
	cmd, err := c.start(ctx, b.dir, setting{brokers: b.brokers, every: latencyCommit, id: b.id(),
		latest: true})
	if err != nil {
		return nil, err
	}
	defer cmd.kill()
	length := time.Duration(b.latencySeconds) * time.Second
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	written := make(chan error, 1)
	go func() { written <- b.stream(ctx) }() // ends with ctx
	ms, err := b.readLatencies(ctx, time.Now().Add(length/4))
	if err = errors.Join(err, <-written); err != nil {
		return nil, err
	}
	if want := latencyRate * b.latencySeconds / 2; len(ms) < want {
		return nil, fmt.Errorf("only %d records came, want at least %d", len(ms), want)
	}
	return ms, nil
}

// stream writes records at the rate until ctx ends. The key is the moment of writing.
func (b *bench) stream(ctx context.Context) error {
	ticker := time.NewTicker(latencyTick)
	defer ticker.Stop()
	var failed produceError
	began, n := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return failed.err()
		case <-ticker.C:
		}
		for due := int(time.Since(began).Seconds() * latencyRate); n < due; n++ {
			key := binary.BigEndian.AppendUint64(make([]byte, 0, keyBytes), uint64(time.Now().UnixNano()))
			b.cluster.client.Produce(context.WithoutCancel(ctx), &kgo.Record{
				Topic: inTopic, Partition: int32(n % partitions), Key: key,
				Value: make([]byte, valueBytes),
			}, failed.promise)
		}
	}
}

// readLatencies reads the output until ctx ends and returns the ages of the records written after
// from.
func (b *bench) readLatencies(ctx context.Context, from time.Time) ([]float64, error) {
	reader, err := b.openReader()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var ms []float64
	for {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			return ms, nil
		}
		if err := fetchError(fetches); err != nil {
			return nil, err
		}
		now := time.Now()
		fetches.EachRecord(func(r *kgo.Record) {
			made := time.Unix(0, int64(binary.BigEndian.Uint64(r.Key)))
			if made.After(from) {
				ms = append(ms, float64(now.Sub(made).Microseconds())/1000)
			}
		})
	}
}

// openReader reads the output topic as its users do.
func (b *bench) openReader() (*kgo.Client, error) {
	starts := (&progress{next: make([]int64, partitions)}).starts()
	reader, err := kgo.NewClient(kgo.SeedBrokers(b.brokers), kgo.DisableClientMetrics(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{outTopic: starts}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, fmt.Errorf("opening a reader: %w", err)
	}
	return reader, nil
}

// starts measures the seconds from the start of a process to the first committed record, by letter
// and round.
func (b *bench) starts(ctx context.Context, letters ...string) (map[string][]float64, error) {
	out := map[string][]float64{}
	for round := range startRounds + 1 {
		for _, letter := range letters {
			took, err := b.startOf(ctx, b.find(letter))
			if err != nil {
				return nil, fmt.Errorf("measuring the start of (%s): %w", letter, err)
			}
			b.progress(fmt.Sprintf("start, round %d of %d: (%s) %.2f s", round, startRounds, letter,
				took.Seconds()))
			if round > 0 { // the first one fills the module cache
				out[letter] = append(out[letter], took.Seconds())
			}
		}
	}
	return out, nil
}

func (b *bench) startOf(ctx context.Context, c contender) (time.Duration, error) {
	if err := b.cluster.renew(ctx, outTopic, partitions); err != nil {
		return 0, err
	}
	reader, err := b.openReader()
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	began := time.Now()
	cmd, err := c.start(ctx, b.dir, setting{brokers: b.brokers, every: time.Second, id: b.id()})
	if err != nil {
		return 0, err
	}
	defer cmd.kill()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for {
		fetches := reader.PollFetches(ctx)
		if err := errors.Join(fetchError(fetches), ctx.Err()); err != nil {
			return 0, err
		}
		if fetches.NumRecords() > 0 {
			return time.Since(began), nil
		}
	}
}
