package wasmflow

import "time"

// Context is what a function knows beyond its record. It is valid while the function runs.
type Context struct {
	g       *guest
	f       *function
	cursor  uint64
	drawn   uint64 // random numbers drawn for record drawnAt
	drawnAt uint32
}

// Level is the importance of a log line.
type Level uint32

// Levels of log lines.
const (
	LevelDebug Level = 0
	LevelInfo  Level = 1
	LevelWarn  Level = 2
	LevelError Level = 3
)

// Now returns the time of the batch: the same for all its records, and the same again when a batch
// is replayed. time.Now tells the same time.
func (c *Context) Now() time.Time { return time.Unix(0, c.g.frame.header.BatchTime) }

// Function returns the name of the function that runs.
func (c *Context) Function() string { return c.f.name }

// Cursor returns what Emitter.Continue was given when this record was last left, 0 when the record
// is begun.
func (c *Context) Cursor() uint64 { return c.cursor }

// Random returns a random number. The numbers follow from the frame, so that the same frame gives
// the same output in every instance; math/rand does not in a guest, crypto/rand does.
func (c *Context) Random() uint64 {
	record := c.g.out.parent
	if c.drawnAt != record {
		c.drawn, c.drawnAt = 0, record
	}
	c.drawn++
	h := c.g.frame.header.Seed + uint64(record)*0x9e3779b97f4a7c15
	h = scramble(h ^ scramble(c.cursor+1))
	return scramble(h + c.drawn*0xbf58476d1ce4e5b9)
}

// scramble is the finalizer of SplitMix64.
func scramble(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// Log writes a line to the job's log, if the record ends well. The host limits rate and length.
func (c *Context) Log(level Level, text string) { c.g.host.log(level, text) }

// Count adds to a counter of the job's metrics, if the record ends well. Names are lower-case
// letters, digits and '_'.
func (c *Context) Count(name string, delta float64) { c.g.host.metric(metricCounter, name, delta) }

// Gauge sets a gauge of the job's metrics, if the record ends well.
func (c *Context) Gauge(name string, value float64) { c.g.host.metric(metricGauge, name, value) }

// Observe adds an observation to a histogram of the job's metrics, if the record ends well.
func (c *Context) Observe(name string, value float64) {
	c.g.host.metric(metricHistogram, name, value)
}

const (
	metricCounter   = 0
	metricGauge     = 1
	metricHistogram = 2
)
