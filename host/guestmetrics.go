package host

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
)

// guestMetrics are the series that guests make. A guest chooses the value of a label, never the
// name of a series, so that it cannot shadow the host's; host/guest bounds how many it makes.
type guestMetrics struct {
	counters   *prometheus.CounterVec
	gauges     *prometheus.GaugeVec
	histograms *prometheus.HistogramVec
}

func newGuestMetrics(r prometheus.Registerer) *guestMetrics {
	labels := []string{"stage", "metric"}
	m := &guestMetrics{
		counters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasmflow_guest_counter_total", Help: "Counters of guests, by the name they gave.",
		}, labels),
		gauges: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "wasmflow_guest_gauge", Help: "Gauges of guests, by the name they gave.",
		}, labels),
		histograms: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wasmflow_guest_histogram", Help: "Histograms of guests, by the name they gave.",
			Buckets: prometheus.ExponentialBuckets(0.001, 10, 10),
		}, labels),
	}
	r.MustRegister(m.counters, m.gauges, m.histograms)
	return m
}

// of returns what takes the metrics of the guest of a stage.
func (m *guestMetrics) of(stage string) guest.MetricSink { return stageMetrics{m, stage} }

type stageMetrics struct {
	*guestMetrics
	stage string
}

// Metric implements guest.MetricSink. A counter that would fall stays as it is.
func (s stageMetrics) Metric(kind abi.MetricKind, name string, value float64) {
	switch kind {
	case abi.MetricCounter:
		if value > 0 {
			s.counters.WithLabelValues(s.stage, name).Add(value)
		}
	case abi.MetricGauge:
		s.gauges.WithLabelValues(s.stage, name).Set(value)
	case abi.MetricHistogram:
		s.histograms.WithLabelValues(s.stage, name).Observe(value)
	}
}
