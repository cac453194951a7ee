package task

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// Edge leads the records of one output to a stage. Output 0 is the main output.
type Edge struct {
	Output uint16
	To     Stage
}

// Stage is a node of the chain below a source.
type Stage interface {
	// push takes b's records in order. b is not changed and may be re-used afterwards.
	push(ctx context.Context, b *connectors.Batch) error
	// count returns the stage's name and what it has counted.
	count() (string, checkpoint.Count)
	// checkShare fails when too large a share of all records seen was refused.
	checkShare() error
	// close releases what the stage owns.
	close() error
}

// Counters are what one stage of one task counts. They are read by other goroutines.
type Counters struct {
	In      atomic.Uint64 // records that entered
	InBytes atomic.Uint64 // bytes of their keys and values, counted at sources and sinks
	Out     atomic.Uint64 // records that left
	Skipped atomic.Uint64 // refused and skipped
	Dead    atomic.Uint64 // refused and sent to the dead letters

	// Inside tells that a call of the stage's reader, function or writer is under way. It says
	// where a task is that does not answer.
	Inside atomic.Bool
}

// Load reads c. The values are of nearly the same moment, exactly so at a batch boundary.
func (c *Counters) Load() checkpoint.Count {
	return checkpoint.Count{
		In: c.In.Load(), InBytes: c.InBytes.Load(), Out: c.Out.Load(),
		Skipped: c.Skipped.Load(), Dead: c.Dead.Load(),
	}
}

// outputs pushes a function's output batch to the edges.
type outputs struct {
	edges []Edge
	plain bool // every edge reads the main output and the function has no other
	part  connectors.Batch
}

func newOutputs(edges []Edge, named int) outputs { return outputs{edges: edges, plain: named == 0} }

func (o *outputs) push(ctx context.Context, b *connectors.Batch) error {
	for i := range o.edges {
		e := &o.edges[i]
		in := b
		if !o.plain {
			if in = o.selectOutput(b, e.Output); in.Len() == 0 {
				continue
			}
		}
		if err := e.To.push(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// selectOutput returns a view of the records of b that belong to one output. It shares b's bytes.
func (o *outputs) selectOutput(b *connectors.Batch, output uint16) *connectors.Batch {
	p := &o.part
	p.Records, p.Carriers = p.Records[:0], p.Carriers[:0]
	p.Splits, p.Targets = b.Splits, b.Targets
	carried := len(b.Carriers) == len(b.Records)
	for i := range b.Records {
		if b.Records[i].Output != output {
			continue
		}
		p.Records = append(p.Records, b.Records[i])
		if carried {
			p.Carriers = append(p.Carriers, b.Carriers[i])
		}
	}
	return p
}

// TransformStage runs a transform and hands its output on.
type TransformStage struct {
	name      string
	transform connectors.Transform
	guard     *guard
	outputs   outputs
	counters  *Counters
	out       connectors.Batch
	faults    connectors.Faults
}

// NewTransformStage returns the stage named name. named is the number of outputs the function
// has beside the main one.
func NewTransformStage(name string, t connectors.Transform, p Policy, edges []Edge, named int,
	c *Counters,
) *TransformStage {
	return &TransformStage{
		name: name, transform: t, guard: newGuard(name, p, c),
		outputs: newOutputs(edges, named), counters: c,
	}
}

func (s *TransformStage) push(ctx context.Context, b *connectors.Batch) error {
	s.counters.In.Add(uint64(b.Len()))
	s.out.Reset()
	s.faults.Reset()
	s.counters.Inside.Store(true)
	err := s.transform.Transform(ctx, b, &s.out, &s.faults)
	s.counters.Inside.Store(false)
	if err != nil {
		return AtStage(s.name, err, "transforming a batch in %s", s.name)
	}
	if err := s.guard.check(ctx, b, &s.faults); err != nil {
		return err
	}
	if s.out.Len() == 0 {
		return nil
	}
	s.counters.Out.Add(uint64(s.out.Len()))
	return s.outputs.push(ctx, &s.out)
}

func (s *TransformStage) count() (string, checkpoint.Count) { return s.name, s.counters.Load() }

func (s *TransformStage) checkShare() error { return s.guard.checkShare() }

func (s *TransformStage) close() error { return s.transform.Close() }

// SinkStage serializes records and hands them to a writer.
type SinkStage struct {
	name       string
	writer     connectors.SinkWriter
	serializer connectors.Serializer // nil passes records through
	guard      *guard
	counters   *Counters
	out        connectors.Batch
	faults     connectors.Faults
	placement  *placement // nil leaves partitions as they are
	refusals   []refusal  // reported by the partitioner or, during the running Write, the writer
	owned      []io.Closer
}

// refusal is a record that the writer itself or the partitioner refused.
type refusal struct {
	record connectors.Record
	fault  connectors.Fault
}

// NewSinkStage returns the stage named name, without a writer: writers report faults to the
// stage, so the stage comes first and SetWriter completes it.
func NewSinkStage(name string, s connectors.Serializer, p Policy, c *Counters) *SinkStage {
	return &SinkStage{name: name, serializer: s, guard: newGuard(name, p, c), counters: c}
}

// SetWriter completes the stage. The stage owns w from now on.
func (s *SinkStage) SetWriter(w connectors.SinkWriter) { s.writer = w }

// Own has the stage close c after its writer, such as a function that the writer calls.
func (s *SinkStage) Own(c io.Closer) { s.owned = append(s.owned, c) }

// Fault is the WriterContext.Faults of the stage's writer. The policy is applied when Write has
// returned; the record's bytes are valid until then.
func (s *SinkStage) Fault(r *connectors.Record, f connectors.Fault) error {
	s.refusals = append(s.refusals, refusal{record: *r, fault: f})
	return nil
}

func (s *SinkStage) push(ctx context.Context, b *connectors.Batch) error {
	s.counters.In.Add(uint64(b.Len()))
	in := b
	if s.serializer != nil {
		s.out.Reset()
		s.faults.Reset()
		if err := s.serializer.Serialize(ctx, b, &s.out, &s.faults); err != nil {
			return AtStage(s.name, err, "serializing a batch for %s", s.name)
		}
		if err := s.guard.check(ctx, b, &s.faults); err != nil {
			return err
		}
		in = &s.out
	} else {
		s.guard.see(b.Len())
	}
	s.refusals = s.refusals[:0]
	out := in
	if s.placement != nil {
		var err error
		if out, err = s.placement.place(ctx, in, s.Fault); err != nil {
			return AtStage(s.name, err, "choosing partitions for %s", s.name)
		}
	}
	if err := s.write(ctx, out); err != nil {
		return err
	}
	for i := range s.refusals {
		r := &s.refusals[i]
		if err := s.guard.refuse(ctx, in, &r.record, &r.fault); err != nil {
			return err
		}
	}
	s.counters.Out.Add(uint64(in.Len() - len(s.refusals)))
	s.counters.InBytes.Add(payloadBytes(in))
	return nil
}

// prepare makes what was written durable and, where the writer can, invisible until the epoch is
// decided (T2).
func (s *SinkStage) prepare(ctx context.Context, e checkpoint.Epoch,
) ([]checkpoint.Committable, error) {
	s.counters.Inside.Store(true)
	defer s.counters.Inside.Store(false)
	if err := s.writer.Flush(ctx); err != nil {
		return nil, AtStage(s.name, err, "flushing %s for epoch %d", s.name, e)
	}
	p, ok := s.writer.(checkpoint.Preparer)
	if !ok {
		return nil, nil
	}
	cs, err := p.Prepare(ctx, e)
	if err != nil {
		return nil, AtStage(s.name, err, "preparing %s for epoch %d", s.name, e)
	}
	return cs, nil
}

// write hands a batch to the writer.
func (s *SinkStage) write(ctx context.Context, b *connectors.Batch) error {
	s.counters.Inside.Store(true)
	defer s.counters.Inside.Store(false)
	if err := s.writer.Write(ctx, b); err != nil {
		return AtStage(s.name, err, "writing to %s", s.name)
	}
	return nil
}

func (s *SinkStage) count() (string, checkpoint.Count) { return s.name, s.counters.Load() }

func (s *SinkStage) checkShare() error { return s.guard.checkShare() }

func (s *SinkStage) close() error {
	var err error
	if s.writer != nil {
		err = s.writer.Close()
	}
	if s.serializer != nil {
		err = errors.Join(err, s.serializer.Close())
	}
	for _, c := range s.owned {
		err = errors.Join(err, c.Close())
	}
	return err
}

func payloadBytes(b *connectors.Batch) uint64 {
	n := 0
	for i := range b.Records {
		n += len(b.Records[i].Key) + len(b.Records[i].Value)
	}
	return uint64(n)
}

var (
	_ Stage = (*TransformStage)(nil)
	_ Stage = (*SinkStage)(nil)
)
