package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/envelope"
	"github.com/wasmflow/wasmflow/connectors/format/keyed"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/task"
)

// taskBuilder builds one task from the sinks upwards, so that every edge finds its end.
type taskBuilder struct {
	a      *attempt
	index  int
	run    *taskRun
	cfg    task.Config
	stages map[string]task.Stage
	dead   *task.DeadLetter
	opened []io.Closer // not owned by a task yet

	// What a dry run does otherwise.
	reader   func(s *config.Source) (connectors.SourceReader, error)
	open     func(run *sinkRun, wc connectors.WriterContext) (connectors.SinkWriter, error)
	refusals task.Policy // of every stage, unless it is the zero policy
	dry      bool        // serializers change nothing outside
}

// buildTask opens what task index needs. On an error everything opened for it is closed.
func (a *attempt) buildTask(ctx context.Context, index int, run *taskRun) (*task.Task, error) {
	b := &taskBuilder{
		a: a, index: index, run: run, stages: map[string]task.Stage{},
		cfg: task.Config{
			Index: index, Linger: a.e.cfg.Job.Settings.Batch.Linger.D(), Now: a.e.cfg.Now,
			Gate:     &a.e.control.gate,
			Commands: run.commands,
			Report:   func(r task.Report) { a.events <- taskReport{r} },
			Paused:   a.e.paused,
		},
	}
	run.counters = map[string]*task.Counters{}
	batch := a.e.cfg.Job.Settings.Batch
	limits := connectors.Limits{Records: batch.Records, Bytes: int(batch.Bytes)}
	if len(a.sources) == 1 {
		// With one source it may as well wait itself; with several an idle one would hold up
		// the others.
		limits.LingerMillis = int(batch.Linger.D().Milliseconds())
	}
	b.reader = func(s *config.Source) (connectors.SourceReader, error) {
		run, limits := a.source(s.Name), limits
		if run.limiter != nil {
			// Ten records a second are to come as they fall due, not 4,096 at a time.
			limits.Records, limits.Bytes = run.limiter.BatchMax(limits.Records, limits.Bytes)
		}
		return run.source.OpenReader(ctx, connectors.ReaderContext{Task: index, Limits: limits})
	}
	b.open = func(run *sinkRun, wc connectors.WriterContext) (connectors.SinkWriter, error) {
		wc.Task, wc.Owner = index, a.log.Owner()
		if a.e.cfg.Decider.Joins(run.name) {
			wc.Tx = a.tx
		}
		return run.sink.OpenWriter(ctx, wc)
	}
	return b.finish(ctx, a.e.plan.sources)
}

// finish opens everything and makes the task. On an error everything it opened is closed.
func (b *taskBuilder) finish(ctx context.Context, sources []*config.Source) (*task.Task, error) {
	if err := b.build(ctx, sources); err != nil {
		for _, c := range slices.Backward(b.opened) {
			err = errors.Join(err, c.Close())
		}
		return nil, err
	}
	return task.New(b.cfg), nil
}

func (b *taskBuilder) build(ctx context.Context, sources []*config.Source) error {
	for _, s := range b.a.sinks {
		if err := b.sink(ctx, s); err != nil {
			return task.AtStage(s.name, err, "opening sink %s", s.name)
		}
	}
	var transforms []task.Stage
	for _, t := range slices.Backward(b.a.e.plan.transforms) {
		stage, err := b.transform(ctx, t)
		if err != nil {
			return task.AtStage(t.Name, err, "opening transform %s", t.Name)
		}
		transforms = append(transforms, stage)
	}
	b.cfg.Stages = append(transforms, b.cfg.Stages...)
	for _, s := range sources {
		if err := b.source(ctx, s); err != nil {
			return task.AtStage(s.Name, err, "opening source %s", s.Name)
		}
	}
	b.cfg.DeadLetter = b.dead
	return nil
}

// policy returns what a stage does with records that its function refuses.
func (b *taskBuilder) policy(o config.OnError) task.Policy {
	if b.refusals.Action != "" {
		return b.refusals
	}
	return task.Policy{Action: task.Action(o.Policy), ShareMax: o.ShareMax, DeadLetter: b.dead}
}

func (b *taskBuilder) functions() taskFunctions {
	return taskFunctions{plugins: b.a.e.plugins, metrics: b.a.guests, run: b.run, dry: b.dry}
}

func (b *taskBuilder) counters(name string) *task.Counters {
	c := &task.Counters{}
	b.run.counters[name] = c
	return c
}

func (b *taskBuilder) sink(ctx context.Context, run *sinkRun) error {
	var s *config.Sink
	for _, x := range b.a.e.plan.sinks {
		if x.Name == run.name {
			s = x
		}
	}
	serializer, err := b.serializer(ctx, s)
	if err != nil {
		return err
	}
	if serializer != nil {
		b.opened = append(b.opened, serializer)
	}
	stage := task.NewSinkStage(s.Name, serializer, b.policy(s.OnError), b.counters(s.Name))
	wc := connectors.WriterContext{Faults: stage.Fault}
	if bucketed, ok := s.Config.(connectors.Bucketed); ok {
		if ref, guest := bucketed.BucketerRef(); guest {
			bucketer, err := b.functions().Bucketer(ctx, s.Name, ref)
			if err != nil {
				return err
			}
			b.opened = append(b.opened, bucketer)
			stage.Own(bucketer)
			wc.Bucketer = bucketer
		}
	}
	writer, err := b.open(run, wc)
	if err != nil {
		return err
	}
	b.opened = append(b.opened, writer)
	stage.SetWriter(writer)
	if err := b.partitioner(ctx, s, stage); err != nil {
		return err
	}
	b.stages[s.Name] = stage
	b.cfg.Stages = append(b.cfg.Stages, stage)
	b.cfg.Sinks = append(b.cfg.Sinks, stage)
	if s == b.a.e.plan.dead {
		b.dead = task.NewDeadLetter(stage)
	}
	return nil
}

// partitioner has a function of the job place the records of a sink, if the sink names one.
func (b *taskBuilder) partitioner(ctx context.Context, s *config.Sink, to *task.SinkStage) error {
	if s.Partitioner.IsZero() {
		return nil
	}
	p, err := b.functions().Partitioner(ctx, s.Name, s.Partitioner)
	if err != nil {
		return err
	}
	b.opened = append(b.opened, p)
	return to.SetPartitioner(p)
}

// serializer opens the serializer of a sink, or returns nil when values are written as they are.
// Dead letters without one are written whole where headers are not kept: these say what is wrong.
func (b *taskBuilder) serializer(ctx context.Context, s *config.Sink) (connectors.Serializer, error) {
	fc := b.a.e.sinkContext(b.a.jobID, s)
	fc.Dry = b.dry
	var value connectors.Serializer
	var err error
	switch {
	case !s.Serializer.IsZero():
		value, err = b.functions().Serializer(ctx, fc, s.Serializer)
	case s == b.a.e.plan.dead && !keepsHeaders(s):
		value = envelope.New()
	}
	if err != nil || s.KeySerializer.IsZero() {
		return value, err
	}
	fc.Key = true
	key, err := b.functions().Serializer(ctx, fc, s.KeySerializer)
	if err != nil {
		err = fmt.Errorf("opening its key_serializer: %w", err)
		if value != nil {
			err = errors.Join(err, value.Close())
		}
		return nil, err
	}
	return keyed.NewSerializer(key, value), nil
}

func keepsHeaders(s *config.Sink) bool {
	k, ok := s.Config.(connectors.HeaderKeeper)
	return ok && k.KeepsHeaders()
}

func (b *taskBuilder) transform(ctx context.Context, t *config.Transform) (task.Stage, error) {
	f, err := b.functions().Transform(ctx, t.Name, refOf(t))
	if err != nil {
		return nil, err
	}
	b.opened = append(b.opened, f)
	named := b.functions().Outputs(refOf(t))
	stage := task.NewTransformStage(t.Name, f, b.policy(t.OnError),
		b.a.e.plan.edges(t.Name, named, b.stages), len(named), b.counters(t.Name))
	b.stages[t.Name] = stage
	return stage, nil
}

func (b *taskBuilder) source(ctx context.Context, s *config.Source) error {
	reader, err := b.reader(s)
	if err != nil {
		return err
	}
	b.opened = append(b.opened, reader)
	src := task.Source{
		Name: s.Name, Reader: reader, Policy: b.policy(s.OnError), Counters: b.counters(s.Name),
	}
	if run := b.a.source(s.Name); run != nil && run.limiter != nil {
		src.Limiter = run.limiter
	}
	named := b.functions().Outputs(s.Deserializer)
	src.Named, src.Edges = len(named), b.a.e.plan.edges(s.Name, named, b.stages)
	if src.Deserializer, err = b.deserializer(ctx, s); err != nil {
		return err
	}
	if src.Deserializer != nil {
		b.opened = append(b.opened, src.Deserializer)
	}
	b.cfg.Sources = append(b.cfg.Sources, src)
	return nil
}

// deserializer opens the deserializer of a source, or returns nil when records are taken as read.
func (b *taskBuilder) deserializer(ctx context.Context, s *config.Source,
) (connectors.Deserializer, error) {
	fc := b.a.e.sourceContext(b.a.jobID, s)
	var value connectors.Deserializer
	var err error
	if !s.Deserializer.IsZero() {
		value, err = b.functions().Deserializer(ctx, fc, s.Deserializer)
	}
	if err != nil || s.KeyDeserializer.IsZero() {
		return value, err
	}
	fc.Key = true
	key, err := b.functions().Deserializer(ctx, fc, s.KeyDeserializer)
	if err != nil {
		err = fmt.Errorf("opening its key_deserializer: %w", err)
		if value != nil {
			err = errors.Join(err, value.Close())
		}
		return nil, err
	}
	return keyed.NewDeserializer(key, value), nil
}
