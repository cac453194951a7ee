package guest

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/abi"
)

// MetricSink takes the metrics of a guest. It is called from the instance's goroutine.
type MetricSink interface {
	Metric(kind abi.MetricKind, name string, value float64)
}

// effect is a log line or a metric waiting for its record's verdict (G6).
type effect struct {
	record uint32 // abi.NoProgress if the guest named none
	metric bool
	level  abi.LogLevel
	kind   abi.MetricKind
	from   int // text of a log line in effects.text
	to     int
	name   int // index into effects.names
	value  float64
}

// metricNames are the names of metrics that the instances of a module have used. A guest that traps
// gets a new instance, so a bound for each instance would bound nothing.
type metricNames struct {
	mu    sync.Mutex
	known map[string]struct{}
}

// admit reports whether the name may be used: it is known, or there is room for it.
func (n *metricNames) admit(name []byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.known[string(name)]; ok {
		return true
	}
	if len(n.known) >= metricNamesMax {
		return false
	}
	if n.known == nil {
		n.known = make(map[string]struct{})
	}
	n.known[string(name)] = struct{}{}
	return true
}

// effects buffers what a call wants to have done to the outside.
type effects struct {
	list    []effect
	text    []byte
	names   []string // of metrics, as far as this instance has used them
	nameOf  map[string]int
	module  *metricNames
	dropped int // beyond the buffer's bounds
}

func (e *effects) log(record uint32, level abi.LogLevel, text []byte) {
	text = text[:min(len(text), logLineBytesMax)]
	if len(e.list) >= effectsMax || len(e.text)+len(text) > effectBytesMax {
		e.dropped++
		return
	}
	from := len(e.text)
	e.text = append(e.text, text...)
	e.list = append(e.list, effect{record: record, level: level, from: from, to: len(e.text)})
}

// metric reports whether the name is one: lower-case letters, digits and '_'.
func (e *effects) metric(record uint32, kind abi.MetricKind, name []byte, value float64) bool {
	if len(name) > metricNameBytesMax {
		return false
	}
	i, ok := e.nameOf[string(name)]
	if !ok {
		if !metricName(name) {
			return false
		}
		if !e.module.admit(name) {
			e.dropped++
			return true
		}
		if e.nameOf == nil {
			e.nameOf = make(map[string]int)
		}
		i = len(e.names)
		e.names = append(e.names, string(name))
		e.nameOf[e.names[i]] = i
	}
	if last := len(e.list) - 1; last >= 0 && kind == abi.MetricCounter {
		// A guest that counts in a loop needs one entry.
		l := &e.list[last]
		if l.metric && l.kind == kind && l.name == i && l.record == record {
			l.value += value
			return true
		}
	}
	if len(e.list) >= effectsMax {
		e.dropped++
		return true
	}
	e.list = append(e.list, effect{record: record, metric: true, kind: kind, name: i, value: value})
	return true
}

func metricName(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// spareEffects keeps the buffers of closed instances of a module for the next ones: a guest that
// floods them and is ended for it would make garbage of megabytes each time.
type spareEffects struct{ pool sync.Pool }

func (s *spareEffects) take(e *effects) {
	if spare, ok := s.pool.Get().(*effects); ok {
		e.list, e.text = spare.list, spare.text
	}
}

func (s *spareEffects) put(e *effects) {
	if cap(e.list) == 0 {
		return
	}
	s.pool.Put(&effects{list: e.list[:0], text: e.text[:0]})
	e.list, e.text = nil, nil
}

func (e *effects) reset() {
	e.list, e.text, e.dropped = e.list[:0], e.text[:0], 0
}

// settle applies the effects of records below end that did not fail, and of no record at all; it
// keeps those of record end where the guest has more to say about it, and drops the rest.
func (e *effects) settle(out *outlet, end uint32, more bool, failed func(record uint32) bool) {
	kept := 0
	for i := range e.list {
		x := &e.list[i]
		switch {
		case x.record == abi.NoProgress, x.record < end && !failed(x.record):
			if x.metric {
				out.metric(x.kind, e.names[x.name], x.value)
			} else {
				out.log(x.level, e.text[x.from:x.to])
			}
		case x.record == end && more:
			e.list[kept] = *x
			kept++
		}
	}
	if e.dropped > 0 {
		out.suppressed += e.dropped
		e.dropped = 0
	}
	if e.list = e.list[:kept]; kept == 0 {
		e.text = e.text[:0]
	}
}

// logBurst is how many seconds' worth of lines may come at once.
const logBurst = 10

// outlet is where effects go: a logger behind a token bucket, and a sink of metrics.
type outlet struct {
	logger  *slog.Logger
	metrics MetricSink
	now     func() time.Time

	perSecond  float64
	tokens     float64
	refilled   time.Time
	suppressed int // lines not shown since the last one that was
}

func newOutlet(cfg InstanceConfig, perSecond int, now func() time.Time) outlet {
	return outlet{
		logger: cfg.Logger, metrics: cfg.Metrics, now: now,
		perSecond: float64(perSecond), tokens: float64(perSecond) * logBurst, refilled: now(),
	}
}

func (o *outlet) metric(kind abi.MetricKind, name string, value float64) {
	if o.metrics != nil {
		o.metrics.Metric(kind, name, value)
	}
}

// log writes one line, unless the guest has used up its rate. The lines of a guest are data, so
// they go out as an attribute-free message with control characters replaced.
func (o *outlet) log(level abi.LogLevel, text []byte) {
	if o.logger == nil || !o.logger.Enabled(context.Background(), slogLevel(level)) {
		return
	}
	now := o.now()
	o.tokens = min(o.tokens+now.Sub(o.refilled).Seconds()*o.perSecond, o.perSecond*logBurst)
	o.refilled = now
	if o.tokens < 1 {
		o.suppressed++
		return
	}
	o.tokens--
	var attrs []slog.Attr
	if o.suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed_before", o.suppressed))
		o.suppressed = 0
	}
	o.logger.LogAttrs(context.Background(), slogLevel(level), printable(string(text)), attrs...)
}

func slogLevel(level abi.LogLevel) slog.Level {
	switch level {
	case abi.LogDebug:
		return slog.LevelDebug
	case abi.LogInfo:
		return slog.LevelInfo
	case abi.LogWarn:
		return slog.LevelWarn
	default:
		return slog.LevelError
	}
}
