package file

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// sourceMetrics count what the source does. The host adds the labels job and name.
type sourceMetrics struct {
	found    prometheus.Counter
	finished prometheus.Counter
	skipped  prometheus.Counter
	bytes    prometheus.Counter
}

func newSourceMetrics(reg prometheus.Registerer) (*sourceMetrics, error) {
	m := &sourceMetrics{}
	for _, c := range [...]struct {
		into *prometheus.Counter
		name string
		help string
	}{
		{&m.found, "splits_found_total", "Files and ranges of files found."},
		{&m.finished, "splits_finished_total", "Files and ranges of files read to their end."},
		{&m.skipped, "splits_skipped_total", "Files given up: they changed before they were read."},
		{&m.bytes, "read_bytes_total", "Bytes read, after decompression."},
	} {
		counter := prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "wasmflow", Subsystem: "file_source", Name: c.name, Help: c.help,
		})
		registered, err := register(reg, counter)
		if err != nil {
			return nil, fmt.Errorf("registering metric %s: %w", c.name, err)
		}
		*c.into = registered
	}
	return m, nil
}

// register returns the counter that counts: after a restart of the job it is the one of before.
func register(reg prometheus.Registerer, c prometheus.Counter) (prometheus.Counter, error) {
	if reg == nil {
		return c, nil
	}
	err := reg.Register(c)
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		if counter, ok := before.ExistingCollector.(prometheus.Counter); ok {
			return counter, nil
		}
	}
	return c, err
}
