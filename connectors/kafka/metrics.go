package kafka

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// sourceMetrics tell what a source does. The host adds the labels job and name.
type sourceMetrics struct {
	lag         *prometheus.GaugeVec
	commits     prometheus.Counter
	commitFails prometheus.Counter
	resets      prometheus.Counter
}

func newSourceMetrics(reg prometheus.Registerer) (*sourceMetrics, error) {
	counter := func(name, help string) (prometheus.Counter, error) {
		return register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "wasmflow", Subsystem: "kafka_source", Name: name, Help: help,
		}))
	}
	var errs [4]error
	m := &sourceMetrics{}
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
