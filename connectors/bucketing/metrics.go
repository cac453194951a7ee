package bucketing

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what the sink does. The host adds the labels job and name.
type metrics struct {
	parts     *prometheus.CounterVec // closed, by reason
	bytes     prometheus.Counter     // in closed parts
	open      prometheus.Gauge
	published prometheus.Counter
	discarded prometheus.Counter
	strays    prometheus.Counter
	joins     prometheus.Counter // inputs of joined parts
	joinBytes prometheus.Counter
	late      prometheus.Counter // buckets that got parts after their mark
	held      prometheus.Gauge
	heldBytes prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{}
	var errs []error
	m.parts = register(reg, &errs, prometheus.NewCounterVec(prometheus.CounterOpts(
		opts("parts_closed_total", "Parts closed, by reason: size, age, idle, limit, epoch.")),
		[]string{"reason"}))
	m.open = register(reg, &errs, prometheus.NewGauge(prometheus.GaugeOpts(
		opts("open_parts", "Parts being written."))))
	m.held = register(reg, &errs, prometheus.NewGauge(prometheus.GaugeOpts(
		opts("held_parts", "Closed parts that wait to be joined."))))
	m.heldBytes = register(reg, &errs, prometheus.NewGauge(prometheus.GaugeOpts(
		opts("held_bytes", "Bytes in closed parts that wait to be joined."))))
	for _, c := range []struct {
		into       *prometheus.Counter
		name, help string
	}{
		{&m.bytes, "closed_bytes_total", "Bytes in closed parts."},
		{&m.published, "parts_published_total", "Parts made visible; a repeated commit counts again."},
		{&m.discarded, "parts_discarded_total", "Closed parts thrown away with their epoch."},
		{&m.joins, "parts_joined_total", "Closed parts that became part of another one."},
		{&m.joinBytes, "joined_bytes_total", "Bytes copied to join parts."},
		{&m.late, "late_buckets_total",
			"Times that a bucket got parts after its success_file; a repeated commit counts, too."},
		{&m.strays, "strays_removed_total", "Parts of earlier runs that nobody will publish, removed."},
	} {
		*c.into = register(reg, &errs,
			prometheus.NewCounter(prometheus.CounterOpts(opts(c.name, c.help))))
	}
	return m, errors.Join(errs...)
}

func opts(name, help string) prometheus.Opts {
	return prometheus.Opts{
		Namespace: "wasmflow", Subsystem: "bucketing_sink", Name: name, Help: help,
	}
}

// register returns the collector that counts: after a restart of the job it is the one of before.
func register[C prometheus.Collector](reg prometheus.Registerer, errs *[]error, c C) C {
	if reg == nil {
		return c
	}
	err := reg.Register(c)
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		if same, ok := before.ExistingCollector.(C); ok {
			return same
		}
	}
	if err != nil {
		*errs = append(*errs, fmt.Errorf("registering a metric: %w", err))
	}
	return c
}

func (m *metrics) closed(why reason, bytes int64) {
	m.parts.WithLabelValues(string(why)).Inc()
	m.bytes.Add(float64(bytes))
}

func (m *metrics) joined(parts int, bytes int64) {
	m.joins.Add(float64(parts))
	m.joinBytes.Add(float64(bytes))
}

func (m *metrics) holds(parts []*heldPart) {
	var bytes int64
	for _, p := range parts {
		bytes += p.token.Size
	}
	m.held.Set(float64(len(parts)))
	m.heldBytes.Set(float64(bytes))
}
