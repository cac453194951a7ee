package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/operator"
)

// batchTime is the guests' clock during checks.
func batchTime() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 678_000_000, time.UTC) }

// partitionCount is what partitioners choose from.
const partitionCount = 7

// bench runs one function for one check.
type bench struct {
	ctx      context.Context
	module   *guest.Module
	function string
	role     abi.Role
	config   json.RawMessage
	random   *rand.Rand
	log      *recorder // nil unless a check wants it
}

// mode is a way to run a function (N1).
type mode struct {
	name    string
	records int  // of a frame; 0 is the usual
	replace bool // instances, before one frame in three
}

func modes() []mode {
	return []mode{
		{"in one instance", 0, false},
		{"in frames of 3 records", 3, false},
		{"with instances replaced at random", 5, true},
	}
}

// answer is what became of one record.
type answer struct {
	records []connectors.Record // Target holds nothing; see targets
	targets []string
	fault   *connectors.Fault
	// Of partitioners and bucketers.
	partition int32
	bucket    string
	hasBucket bool
}

func (b *bench) operatorConfig(m mode) operator.Config {
	cfg := operator.Config{
		Module: b.module, Function: b.function, Job: "conformance", PluginConfig: b.config,
		Now:    batchTime,
		Limits: operator.Limits{FrameRecords: m.records},
	}
	if m.replace {
		cfg.Replace = func() bool { return b.random.IntN(3) == 0 }
	}
	if b.log != nil {
		cfg.Logger, cfg.Metrics = slog.New(b.log), b.log
	}
	return cfg
}

// run gives the records to the function and returns an answer for each.
func (b *bench) run(m mode, in *connectors.Batch) (answers []answer, err error) {
	cfg := b.operatorConfig(m)
	var faults connectors.Faults
	answers = make([]answer, in.Len())
	switch b.role {
	case abi.RolePartitioner:
		err = b.partition(cfg, in, answers, &faults)
	case abi.RoleBucketer:
		err = b.bucket(cfg, in, answers, &faults)
	default:
		err = b.transform(cfg, in, answers, &faults)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	for i := range faults.List {
		answers[faults.List[i].Index].fault = &faults.List[i]
	}
	return answers, nil
}

func (b *bench) partition(
	cfg operator.Config, in *connectors.Batch, answers []answer, faults *connectors.Faults,
) (err error) {
	p, err := operator.NewPartitioner(b.ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	out := make([]int32, in.Len())
	if err := p.Partition(b.ctx, in, partitionCount, out, faults); err != nil {
		return err
	}
	for i, n := range out {
		answers[i].partition = n
	}
	return nil
}

func (b *bench) bucket(
	cfg operator.Config, in *connectors.Batch, answers []answer, faults *connectors.Faults,
) (err error) {
	a, err := operator.NewBucketAssigner(b.ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	var out connectors.Buckets
	if err := a.Assign(b.ctx, in, &out, faults); err != nil {
		return err
	}
	for i, n := range out.Index {
		if answers[i].hasBucket = n != connectors.NoBucket; answers[i].hasBucket {
			answers[i].bucket = out.Names[n]
		}
	}
	return nil
}

func (b *bench) transform(
	cfg operator.Config, in *connectors.Batch, answers []answer, faults *connectors.Faults,
) (err error) {
	var out connectors.Batch
	var call func() error
	var closer io.Closer
	switch b.role {
	case abi.RoleDeserializer:
		d, err := operator.NewDeserializer(b.ctx, cfg)
		if err != nil {
			return err
		}
		closer, call = d, func() error { return d.Deserialize(b.ctx, in, &out, faults) }
	case abi.RoleSerializer:
		s, err := operator.NewSerializer(b.ctx, cfg)
		if err != nil {
			return err
		}
		closer, call = s, func() error { return s.Serialize(b.ctx, in, &out, faults) }
	default:
		t, err := operator.NewTransform(b.ctx, cfg)
		if err != nil {
			return err
		}
		closer, call = t, func() error { return t.Transform(b.ctx, in, &out, faults) }
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	if err := call(); err != nil {
		return err
	}
	// Positions are the indexes of the input; see newBatch.
	for i := range out.Records {
		r := &out.Records[i]
		a := &answers[r.Position.Lo]
		a.records = append(a.records, *r)
		a.targets = append(a.targets, out.TargetOf(r))
	}
	return nil
}

// newBatch makes a batch of values; record i is at position i of split "split". Every third key,
// timestamp and list of headers is absent, and some keys are empty.
func newBatch(values ...[]byte) *connectors.Batch {
	in := &connectors.Batch{Splits: []string{"split"}}
	for i, v := range values {
		r := in.Append()
		r.Value, r.Position.Lo, r.Ordinal = v, uint64(i), uint64(3*i)
		if i%3 != 0 {
			if r.Key = fmt.Appendf(nil, "key-%d", i); i%5 == 2 {
				r.Key = []byte{}
			}
			r.Timestamp = 1_700_000_000_000 + int64(i)
		}
		if i%3 != 1 {
			r.Headers = []connectors.Header{
				{Key: "a", Value: fmt.Appendf(nil, "%d", i)}, {Key: "null"}, {Key: "empty", Value: []byte{}},
			}
		}
	}
	return in
}

// texts returns values as bytes.
func texts(values ...string) [][]byte {
	out := make([][]byte, len(values))
	for i, v := range values {
		out[i] = []byte(v)
	}
	return out
}

// numbers returns the decimal numbers below n.
func numbers(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = fmt.Appendf(nil, "%d", i)
	}
	return out
}

// mixed returns values of all kinds: null, empty, text, JSON, binary, long.
func (b *bench) mixed(n int) [][]byte {
	values := make([][]byte, n)
	for i := range values {
		switch b.random.IntN(8) {
		case 0:
		case 1:
			values[i] = []byte{}
		case 2:
			values[i] = fmt.Appendf(nil, "%d", b.random.IntN(1000))
		case 3:
			values[i] = fmt.Appendf(nil, `{"id":%d,"tags":["a","\u00df"],"x":null}`, i)
		case 4:
			values[i] = []byte("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 12")
		case 5:
			values[i] = make([]byte, b.random.IntN(300))
			for j := range values[i] {
				values[i][j] = byte(b.random.Uint32())
			}
		case 6:
			values[i] = []byte("a,b,\"c d\"\nGr\u00fc\u00dfe,2,3\n")
		default:
			values[i] = []byte(strings.Repeat("lorem ipsum ", b.random.IntN(40)))
		}
	}
	return values
}

// recorder is a logger and a sink of metrics.
type recorder struct {
	lines    []string
	counted  map[string]float64
	set      map[string]float64
	observed map[string][]float64
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *recorder) WithGroup(string) slog.Handler            { return r }

func (r *recorder) Handle(_ context.Context, x slog.Record) error {
	r.lines = append(r.lines, x.Level.String()+" "+x.Message)
	return nil
}

func (r *recorder) Metric(kind abi.MetricKind, name string, value float64) {
	if r.counted == nil {
		r.counted, r.set = map[string]float64{}, map[string]float64{}
		r.observed = map[string][]float64{}
	}
	switch kind {
	case abi.MetricCounter:
		r.counted[name] += value
	case abi.MetricGauge:
		r.set[name] = value
	case abi.MetricHistogram:
		r.observed[name] = append(r.observed[name], value)
	}
}

// show writes a value for a message: short, printable, null told from empty.
func show(v []byte) string {
	const longest = 40
	if v == nil {
		return "null"
	}
	if len(v) > longest {
		return fmt.Sprintf("%q... (%d bytes)", v[:longest], len(v))
	}
	return fmt.Sprintf("%q", v)
}

func sameBytes(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
