package host

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/task"
)

// metrics are the engine's own series and, while an attempt runs, those of its connectors. The
// latter live in a registry of their own that ends with the attempt, so that the next one can
// register them anew.
type metrics struct {
	engine   *prometheus.Registry
	duration prometheus.Histogram
	pauses   *prometheus.HistogramVec

	mu struct {
		sync.Mutex
		attempt *prometheus.Registry
	}
}

func newMetrics(e *Engine) *metrics {
	m := &metrics{
		engine: prometheus.NewRegistry(),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wasmflow_checkpoint_duration_seconds",
			Help:    "Time from the start of an epoch's commit until its output was published.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}),
	}
	m.pauses = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "wasmflow_task_pause_seconds",
		Help: "Time for which the end of an epoch kept a task from reading. A switch is the end " +
			"of an epoch at which a plugin was exchanged.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
	}, []string{"switch"})
	m.engine.MustRegister(m.duration, m.pauses, &statusCollector{e}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.begin()
	return m
}

// paused counts a pause of a task.
func (m *metrics) paused(p task.Pause, swapped bool) {
	m.pauses.WithLabelValues(strconv.FormatBool(swapped)).Observe(p.Clock.Seconds())
}

// begin replaces the registry of the attempt.
func (m *metrics) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.attempt = prometheus.NewRegistry()
}

// registerer is where connectors of the running attempt register.
func (m *metrics) registerer() prometheus.Registerer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.attempt
}

// Gather implements prometheus.Gatherer.
func (m *metrics) Gather() ([]*dto.MetricFamily, error) {
	m.mu.Lock()
	attempt := m.mu.attempt
	m.mu.Unlock()
	return prometheus.Gatherers{m.engine, attempt}.Gather()
}

// statusCollector turns the engine's status into series.
type statusCollector struct{ e *Engine }

// statusSeries is one series per job.
type statusSeries struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(Status) float64
}

// stageSeries is one series per stage.
type stageSeries struct {
	desc  *prometheus.Desc
	value func(checkpoint.Count) uint64
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("wasmflow_"+name, help, labels, nil)
}

func jobSeries() []statusSeries {
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	return []statusSeries{
		{describe("checkpoint_age_seconds", "Time since the last epoch was decided."), gauge,
			func(s Status) float64 { return s.CheckpointAge }},
		{describe("checkpoint_epoch", "Last epoch whose output was published."), gauge,
			func(s Status) float64 { return float64(s.Epoch) }},
		{describe("paused", "1 while the job is paused by a request, else 0."), gauge,
			func(s Status) float64 {
				if s.Pause == NotPaused {
					return 0
				}
				return 1
			}},
		{describe("restarts_total", "Attempts that failed and were followed by another."), counter,
			func(s Status) float64 { return float64(s.Restarts) }},
		{describe("tasks", "Parallel tasks of the job."), gauge,
			func(s Status) float64 { return float64(s.Tasks) }},
	}
}

func perStage() []stageSeries {
	return []stageSeries{
		{describe("stage_records_in_total", "Records that entered a stage.", "stage"),
			func(c checkpoint.Count) uint64 { return c.In }},
		{describe("stage_records_out_total", "Records that left a stage.", "stage"),
			func(c checkpoint.Count) uint64 { return c.Out }},
		{describe("stage_bytes_total", "Bytes of keys and values read or written.", "stage"),
			func(c checkpoint.Count) uint64 { return c.InBytes }},
		{describe("stage_records_skipped_total", "Records refused and skipped.", "stage"),
			func(c checkpoint.Count) uint64 { return c.Skipped }},
		{describe("stage_dead_letters_total", "Records refused and sent to the dead letters.", "stage"),
			func(c checkpoint.Count) uint64 { return c.Dead }},
	}
}

// swapSeries counts the swaps that are over, by how they ended.
func swapSeries() *prometheus.Desc {
	return describe("plugin_swaps_total", "Swaps of plugins that are over.", "result")
}

// pluginSeries is one series per plugin, of the version that runs.
type pluginSeries struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(PluginStatus) float64
}

func perPlugin() []pluginSeries {
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	return []pluginSeries{
		{describe("plugin_traps_total", "Instances that the running version of a plugin lost to traps.",
			"plugin"), counter,
			func(p PluginStatus) float64 { return float64(p.Vitals.Traps) }},
		{describe("plugin_crash_budget_used", "Traps in the window of the crash budget.", "plugin"), gauge,
			func(p PluginStatus) float64 { return float64(p.CrashBudget.Used) }},
		{describe("plugin_crash_budget_spent", "1 while a plugin has spent its crash budget, else 0.",
			"plugin"), gauge,
			func(p PluginStatus) float64 {
				if p.CrashBudget.Spent {
					return 1
				}
				return 0
			}},
		{describe("plugin_records_bypassed_total",
			"Records that a plugin with a spent crash budget was not called for.", "plugin"), counter,
			func(p PluginStatus) float64 { return float64(p.CrashBudget.Bypassed) }},
		{describe("plugin_captures_skipped_total", "Failures of a plugin that were not captured, "+
			"because there are enough like them or were too many in a second.", "plugin"), counter,
			func(p PluginStatus) float64 { return float64(p.CapturesSkipped) }},
	}
}

// Describe implements prometheus.Collector.
func (c *statusCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- swapSeries()
	for _, s := range jobSeries() {
		ch <- s.desc
	}
	for _, s := range perPlugin() {
		ch <- s.desc
	}
	for _, s := range perStage() {
		ch <- s.desc
	}
}

// Collect implements prometheus.Collector.
func (c *statusCollector) Collect(ch chan<- prometheus.Metric) {
	status := c.e.Status()
	for _, s := range []SwapState{SwapDone, SwapRefused, SwapReturned} {
		ch <- prometheus.MustNewConstMetric(swapSeries(), prometheus.CounterValue,
			float64(c.e.swaps.history.count(s)), string(s))
	}
	for _, s := range jobSeries() {
		ch <- prometheus.MustNewConstMetric(s.desc, s.kind, s.value(status))
	}
	for _, p := range c.e.Plugins() {
		for _, s := range perPlugin() {
			ch <- prometheus.MustNewConstMetric(s.desc, s.kind, s.value(p), p.Plugin)
		}
	}
	for _, s := range perStage() {
		for stage, count := range status.Stages {
			ch <- prometheus.MustNewConstMetric(s.desc, prometheus.CounterValue,
				float64(s.value(count)), stage)
		}
	}
}

var (
	_ prometheus.Collector = (*statusCollector)(nil)
	_ prometheus.Gatherer  = (*metrics)(nil)
)
