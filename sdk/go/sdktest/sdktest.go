//go:build !wasip1

package sdktest

import (
	"slices"
	"testing"
	"time"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/json"
)

// Record is a record for a function. A nil key or value is null, a zero Timestamp is none.
type Record struct {
	Key, Value []byte
	Timestamp  time.Time
	Headers    []Header
	Origin     Origin
	KeyGroup   uint32
	SchemaID   uint32
	// Partitions is what a partitioner can choose from; RunPartitioner sets it.
	Partitions int
}

// Header is a header of a record; a nil value is null.
type Header struct {
	Key   string
	Value []byte
}

// Origin is where a record comes from.
type Origin struct {
	Split                           string
	PositionHi, PositionLo, Ordinal uint64
}

// Value returns a record with that value and a null key.
func Value(value string) Record { return Record{Value: []byte(value)} }

// KeyValue returns a record with that key and value.
func KeyValue(key, value string) Record {
	return Record{Key: []byte(key), Value: []byte(value)}
}

// Output is what a function made of a record. Key, Value, Timestamp and Headers are those a sink
// would see, taken from the parent where the function left them as they were.
type Output struct {
	Parent     int // index of the record it was made of
	Key, Value []byte
	Timestamp  time.Time
	Headers    []Header
	Name       string // of the output it goes to; "" is the main one
	Target     string
	Partition  int // -1 is none
	Bucket     string
	// Error is set if the record failed; everything above but Parent is empty then.
	Error *wasmflow.Error
	// EndOfStream says that the function ended the stream before this record.
	EndOfStream bool
}

// Log is a line that the plugin logged, Metric a metric it reported: "counter", "gauge",
// "histogram".
type (
	Log struct {
		Level wasmflow.Level
		Text  string
	}
	Metric struct {
		Kind, Name string
		Value      float64
	}
)

// Guest is the opened plugin.
type Guest struct {
	// SoftRecords and SoftBytes are the output after which a function is to be stopped, 0 for no
	// limit. Run calls on until all records are handled, as a host does.
	SoftRecords, SoftBytes uint32
	// BatchTime is what Context.Now returns.
	BatchTime time.Time
	// Seed is what Context.Random draws from.
	Seed uint64
	// Calls counts how often the last Run entered the plugin.
	Calls int
	// Logs and Metrics are what the plugin has reported since it was opened.
	Logs    []Log
	Metrics []Metric

	t         testing.TB
	native    *wasmflow.Native
	functions []function
}

type function struct {
	name    string
	columns []string
	outputs []string
}

// Open opens the plugin with a configuration, JSON, "" for none. It fails the test if the plugin
// refuses.
func Open(t testing.TB, config string) *Guest {
	t.Helper()
	g, refused := open(t, config)
	if refused != nil {
		t.Fatalf("the plugin refuses its configuration: %v", refused)
	}
	return g
}

// Refusal opens the plugin with a configuration and returns why it refuses. It fails the test if
// the plugin does not.
func Refusal(t testing.TB, config string) *wasmflow.FieldError {
	t.Helper()
	_, refused := open(t, config)
	if refused == nil {
		t.Fatalf("the plugin takes the configuration %s", config)
	}
	return refused
}

func open(t testing.TB, config string) (*Guest, *wasmflow.FieldError) {
	t.Helper()
	g := &Guest{t: t, native: wasmflow.NewNative(), BatchTime: time.UnixMilli(1_700_000_000_000)}
	g.native.OnLog(func(level wasmflow.Level, text string) {
		g.Logs = append(g.Logs, Log{level, text})
	})
	g.native.OnMetric(func(kind uint32, name string, value float64) {
		kinds := []string{"counter", "gauge", "histogram"}
		g.Metrics = append(g.Metrics, Metric{kinds[kind], name, value})
	})
	var p json.Parser
	description, err := p.Parse(g.native.Describe())
	if err != nil {
		t.Fatalf("reading the description: %v", err)
	}
	for it := description.Get("functions").Elements(); it.Next(); {
		g.functions = append(g.functions, function{
			name:    it.Value().Get("name").Text(),
			columns: texts(it.Value().Get("columns")),
			outputs: texts(it.Value().Get("outputs")),
		})
	}
	refusal := g.native.Open([]byte(config))
	if refusal == nil {
		return g, nil
	}
	v, err := p.Parse(refusal)
	if err != nil {
		t.Fatalf("reading the refusal: %v", err)
	}
	return g, &wasmflow.FieldError{Field: v.Get("field").Text(), Message: v.Get("message").Text()}
}

func texts(v json.Value) []string {
	var out []string
	for it := v.Elements(); it.Next(); {
		out = append(out, it.Value().Text())
	}
	return out
}

// Description returns the plugin's description, JSON.
func (g *Guest) Description() string { return string(g.native.Describe()) }

// Run gives the records to a function, as one batch, and returns what it made of them.
func (g *Guest) Run(name string, records ...Record) []Output {
	g.t.Helper()
	i := slices.IndexFunc(g.functions, func(f function) bool { return f.name == name })
	if i < 0 {
		g.t.Fatalf("the plugin has no function %s", name)
	}
	f := g.functions[i]
	writeFrame(g, f, records)
	var (
		outputs []Output
		first   uint32
		cursor  uint64
	)
	g.Calls = 0
	for int(first) < len(records) {
		g.Calls++
		address := g.native.Process(uint32(i), first, cursor)
		call := readOutput(g, f, records, address)
		if call.consumed == first && len(call.outputs) == 0 {
			g.t.Fatalf("function %s: a call without progress at record %d", name, first)
		}
		outputs = append(outputs, call.outputs...)
		first, cursor = call.consumed, call.cursor
	}
	return outputs
}

// RunPartitioner gives the records to a partitioner and returns its choices. It fails the test if a
// record fails.
func (g *Guest) RunPartitioner(name string, partitions int, records ...Record) []int {
	g.t.Helper()
	asked := slices.Clone(records)
	for i := range asked {
		asked[i].Partitions = partitions
	}
	var out []int
	for _, o := range g.Run(name, asked...) {
		g.noError(name, o)
		out = append(out, o.Partition)
	}
	return out
}

// RunBucketer gives the records to a bucketer and returns its names. It fails the test if a record
// fails.
func (g *Guest) RunBucketer(name string, records ...Record) []string {
	g.t.Helper()
	var out []string
	for _, o := range g.Run(name, records...) {
		g.noError(name, o)
		out = append(out, o.Bucket)
	}
	return out
}

func (g *Guest) noError(name string, o Output) {
	g.t.Helper()
	if o.Error != nil {
		g.t.Fatalf("function %s fails on record %d: %v", name, o.Parent, o.Error)
	}
}

// Values returns the values of outputs as strings, for comparison: null as "<null>", the failure of
// a record as "error: " and its text.
func Values(outputs []Output) []string {
	var out []string
	for _, o := range outputs {
		switch {
		case o.Error != nil:
			out = append(out, "error: "+o.Error.Text)
		case o.EndOfStream:
			out = append(out, "<end of stream>")
		case o.Value == nil:
			out = append(out, "<null>")
		default:
			out = append(out, string(o.Value))
		}
	}
	return out
}
