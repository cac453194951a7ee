package kafka

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sourceMetrics tell what a source does. The host adds the labels job and name.
type sourceMetrics struct {
	lag         *prometheus.GaugeVec
	commits     prometheus.Counter
	commitFails prometheus.Counter
	resets      prometheus.Counter
	*clientMetrics
}

func newSourceMetrics(reg prometheus.Registerer) (*sourceMetrics, error) {
	counter := func(name, help string) (prometheus.Counter, error) {
		return register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "wasmflow", Subsystem: "kafka_source", Name: name, Help: help,
		}))
	}
	var errs [5]error
	m := &sourceMetrics{}
	m.clientMetrics, errs[4] = newClientMetrics(reg, "kafka_source", "fetch")
	m.commits, errs[0] = counter("offset_commits_total", "Commits of group offsets that succeeded.")
	m.commitFails, errs[1] = counter("offset_commit_failures_total",
		"Commits of group offsets that failed.")
	m.resets, errs[2] = counter("out_of_range_total",
		"Times an offset was no longer in the log and reading went on elsewhere.")
	m.lag, errs[3] = register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "wasmflow", Subsystem: "kafka_source", Name: "lag_records",
		Help: "Offsets between the last epoch's position and the end of the partition.",
	}, []string{"topic", "partition"}))
	return m, errors.Join(errs[:]...)
}

// clientMetrics tell what goes over the wire in one direction. They are hooks of a client.
type clientMetrics struct {
	records prometheus.Counter
	bytes   prometheus.Counter
	latency prometheus.Histogram
}

// newClientMetrics registers the metrics of a direction, "fetch" or "produce".
func newClientMetrics(
	reg prometheus.Registerer, subsystem, direction string,
) (*clientMetrics, error) {
	var errs [3]error
	m := &clientMetrics{}
	m.records, errs[0] = register(reg, prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "wasmflow", Subsystem: subsystem, Name: direction + "_records_total",
		Help: "Records in the batches of successful " + direction + " requests.",
	}))
	m.bytes, errs[1] = register(reg, prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "wasmflow", Subsystem: subsystem, Name: direction + "_bytes_total",
		Help: "Bytes of these batches as they went over the wire, compressed.",
	}))
	m.latency, errs[2] = register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "wasmflow", Subsystem: subsystem, Name: direction + "_seconds",
		Help: "From sending a " + direction + " request to the whole answer.",
		// From an answer out of memory to one that waited for an election.
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
	}))
	return m, errors.Join(errs[:]...)
}

// OnProduceBatchWritten implements kgo.HookProduceBatchWritten.
func (m *clientMetrics) OnProduceBatchWritten(
	_ kgo.BrokerMetadata, _ string, _ int32, b kgo.ProduceBatchMetrics,
) {
	m.records.Add(float64(b.NumRecords))
	m.bytes.Add(float64(b.CompressedBytes))
}

// OnFetchBatchRead implements kgo.HookFetchBatchRead.
func (m *clientMetrics) OnFetchBatchRead(
	_ kgo.BrokerMetadata, _ string, _ int32, b kgo.FetchBatchMetrics,
) {
	m.records.Add(float64(b.NumRecords))
	m.bytes.Add(float64(b.CompressedBytes))
}

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (m *clientMetrics) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	if (key == int16(kmsg.Produce) || key == int16(kmsg.Fetch)) && e2e.Err() == nil {
		m.latency.Observe(e2e.DurationE2E().Seconds())
	}
}

// txMetrics tell what becomes of transactions.
type txMetrics struct {
	commits  prometheus.Counter
	duration prometheus.Histogram
	*clientMetrics
}

// txMetrics returns the metrics of the transactions that the sink's records are in.
func (s *Sink) txMetrics(t *Tx) (*txMetrics, error) {
	reg := s.env.Registerer
	m := &txMetrics{clientMetrics: s.metrics}
	var errs [3]error
	m.commits, errs[0] = register(reg, prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "wasmflow", Subsystem: "kafka_sink", Name: "transactions_committed_total",
		Help: "Transactions that were committed: one for each epoch.",
	}))
	m.duration, errs[1] = register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "wasmflow", Subsystem: "kafka_sink", Name: "transaction_commit_seconds",
		Help:    "From the commit record to the answer that the transaction is committed.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
	}))
	_, errs[2] = register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "wasmflow", Subsystem: "kafka_sink", Name: "transaction_open_seconds",
		Help: "How long the open transaction has held records that nobody may read yet.",
	}, func() float64 { return t.age().Seconds() }))
	return m, errors.Join(errs[:]...)
}

func (m *txMetrics) committed(took time.Duration) {
	m.commits.Inc()
	m.duration.Observe(took.Seconds())
}

// OnProduceBatchWritten implements kgo.HookProduceBatchWritten.
func (t *Tx) OnProduceBatchWritten(
	meta kgo.BrokerMetadata, topic string, partition int32, b kgo.ProduceBatchMetrics,
) {
	if m := t.metrics.Load(); m != nil {
		m.OnProduceBatchWritten(meta, topic, partition, b)
	}
}

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (t *Tx) OnBrokerE2E(meta kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	if m := t.metrics.Load(); m != nil {
		m.OnBrokerE2E(meta, key, e2e)
	}
}

// register returns the collector that counts: after a restart of the job it is the one of before.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) (C, error) {
	if reg == nil {
		return c, nil
	}
	err := reg.Register(c)
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		if existing, ok := before.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("registering a metric: %w", err)
	}
	return c, nil
}

var (
	_ kgo.HookProduceBatchWritten = (*clientMetrics)(nil)
	_ kgo.HookFetchBatchRead      = (*clientMetrics)(nil)
	_ kgo.HookBrokerE2E           = (*clientMetrics)(nil)
	_ kgo.HookProduceBatchWritten = (*Tx)(nil)
	_ kgo.HookBrokerE2E           = (*Tx)(nil)
)
