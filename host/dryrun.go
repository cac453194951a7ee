package host

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/task"
)

// DryKind tells what a DryEvent shows.
type DryKind string

// The kinds of dry-run events.
const (
	DryRead    DryKind = "read"    // a record came from a source
	DryWritten DryKind = "written" // a record would be written to a sink
	DryRefused DryKind = "refused" // a function refused a record
)

// DryEvent is one thing that happened to a record in a dry run. Events follow a record: what comes
// between two DryRead events belongs to the first. A read record without another event was
// dropped by a function.
type DryEvent struct {
	Kind     DryKind
	Stage    string // source or sink
	Split    string
	Position string
	Record   *connectors.Record // valid during the call only
	Error    string             // for DryRefused: what the function said
}

// DryRun sends the first n records of every source through the functions of the job and tells emit
// what would happen. Sources are read from their start, one record at a time; sinks are not
// opened, nothing is claimed and nothing is committed.
func (e *Engine) DryRun(ctx context.Context, n int, emit func(DryEvent)) error {
	d := &dryRun{e: e, left: n, emit: emit}
	for _, s := range e.plan.sources {
		if err := d.source(ctx, s); err != nil {
			return task.AtStage(s.Name, err, "trying source %s", s.Name)
		}
	}
	return nil
}

type dryRun struct {
	e    *Engine
	left int
	emit func(DryEvent)
}

// source runs the chain below one source in a task of its own.
func (d *dryRun) source(ctx context.Context, s *config.Source) (err error) {
	src, err := s.Config.Open(ctx, d.e.env("", s.Name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	answer, err := src.Enumerate(ctx, checkpoint.Position{})
	if err != nil {
		return err
	}
	reader, err := src.OpenReader(ctx, connectors.ReaderContext{
		Limits: connectors.Limits{Records: 1, Bytes: int(d.e.cfg.Job.Settings.Batch.Bytes)},
	})
	if err != nil {
		return err
	}
	preview := &previewReader{SourceReader: reader, dry: d, name: s.Name, left: d.left}
	commands := make(chan task.Command, 2)
	t, err := d.task(ctx, s, preview, commands)
	if err != nil {
		return errors.Join(err, reader.Close())
	}
	commands <- task.Command{Kind: task.CommandAddSplits, Splits: answer.Found}
	return t.Run(ctx)
}

// task builds the chain with writers that only show.
func (d *dryRun) task(ctx context.Context, s *config.Source, r *previewReader,
	commands chan task.Command,
) (*task.Task, error) {
	run := &taskRun{counters: map[string]*task.Counters{}}
	b := &taskBuilder{
		dry: true,
		a:   &attempt{e: d.e, guests: newGuestMetrics(prometheus.NewRegistry())},
		run: run, stages: map[string]task.Stage{},
		cfg: task.Config{
			Linger: d.e.cfg.Job.Settings.Batch.Linger.D(), Now: d.e.cfg.Now, Commands: commands,
			Report: func(r task.Report) {
				if r.Kind == task.ReportEnded {
					commands <- task.Command{Kind: task.CommandStop}
				}
			},
		},
	}
	letters := task.NewSinkStage(config.DeadLetterName, nil, task.Policy{Action: task.ActionFail},
		&task.Counters{})
	letters.SetWriter(&previewWriter{dry: d, name: config.DeadLetterName, refused: true})
	b.dead = task.NewDeadLetter(letters)
	b.refusals = task.Policy{Action: task.ActionDeadLetter, DeadLetter: b.dead}
	b.cfg.Sinks, b.cfg.Stages = []*task.SinkStage{letters}, []task.Stage{letters}
	b.open = func(run *sinkRun, _ connectors.WriterContext) (connectors.SinkWriter, error) {
		return &previewWriter{dry: d, name: run.name}, nil
	}
	b.reader = func(*config.Source) (connectors.SourceReader, error) { return r, nil }
	for _, sink := range d.e.plan.sinks {
		if sink != d.e.plan.dead {
			b.a.sinks = append(b.a.sinks, &sinkRun{name: sink.Name})
		}
	}
	return b.finish(ctx, []*config.Source{s})
}

// previewReader hands on the first records of a source and shows them.
type previewReader struct {
	connectors.SourceReader
	dry  *dryRun
	name string
	left int
	idle time.Time // since when an unbounded source has had nothing
}

// previewPatience is how long a dry run waits for a source that has nothing to read.
const previewPatience = 2 * time.Second

func (r *previewReader) Poll(ctx context.Context, dst *connectors.Batch) error {
	now := r.dry.e.cfg.Now()
	if r.left == 0 || !r.idle.IsZero() && now.Sub(r.idle) > previewPatience {
		return connectors.ErrEndOfInput
	}
	if err := r.SourceReader.Poll(ctx, dst); err != nil {
		return err
	}
	if dst.Len() == 0 {
		if r.idle.IsZero() {
			r.idle = now
		}
		return nil
	}
	r.idle = time.Time{}
	r.left -= dst.Len()
	for i := range dst.Records {
		rec := &dst.Records[i]
		r.dry.emit(DryEvent{
			Kind: DryRead, Stage: r.name, Split: dst.Splits[rec.Split],
			Position: task.PositionString(rec.Position), Record: rec,
		})
	}
	return nil
}

// previewWriter shows what a sink would be given.
type previewWriter struct {
	dry     *dryRun
	name    string
	refused bool // it stands for the dead letters
}

func (w *previewWriter) Write(_ context.Context, b *connectors.Batch) error {
	for i := range b.Records {
		r := &b.Records[i]
		ev := DryEvent{
			Kind: DryWritten, Stage: w.name, Position: task.PositionString(r.Position), Record: r,
		}
		if int(r.Split) < len(b.Splits) {
			ev.Split = b.Splits[r.Split]
		}
		if w.refused {
			ev.Kind, ev.Error = DryRefused, task.ErrorOf(r)
		}
		w.dry.emit(ev)
	}
	return nil
}

// Partitions lets functions that place records run: no sink is asked, so there is one place.
func (w *previewWriter) Partitions(context.Context, string) (int32, error) { return 1, nil }

func (w *previewWriter) Flush(context.Context) error { return nil }
func (w *previewWriter) Close() error                { return nil }
