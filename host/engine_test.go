package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/generator"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/task"
)

// memoryLog keeps its records in memory and outlives the attempts that open it.
type memoryLog struct {
	mu      sync.Mutex
	records []checkpoint.Manifest
	owner   checkpoint.Owner
	applied checkpoint.Epoch
	newer   error                             // what CheckOwner returns
	tx      checkpoint.Tx                     // what Begin returns
	decide  func(m checkpoint.Manifest) error // called before an epoch is decided; nil decides
}

func (l *memoryLog) Claim(context.Context) (checkpoint.Manifest, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owner.Number++
	m := checkpoint.Manifest{JobID: "j1"}
	found := len(l.records) > 0
	if found {
		m = l.records[len(l.records)-1]
	}
	m.Kind, m.Previous, m.Epoch, m.Owner = checkpoint.KindClaim, m.Epoch, m.Epoch+1, l.owner
	l.records = append(l.records, m)
	return m, found, nil
}

func (l *memoryLog) Owner() checkpoint.Owner { return l.owner }

func (l *memoryLog) Begin(context.Context, checkpoint.Epoch) (checkpoint.Tx, error) {
	return l.tx, nil
}

func (l *memoryLog) Decide(_ context.Context, m checkpoint.Manifest) error {
	if l.decide != nil {
		if err := l.decide(m); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, m)
	return nil
}

func (l *memoryLog) Applied(_ context.Context, e checkpoint.Epoch) error {
	l.applied = e
	return nil
}

func (l *memoryLog) CheckOwner(context.Context) error { return l.newer }
func (l *memoryLog) Close() error                     { return nil }

func (l *memoryLog) Retained(context.Context) (checkpoint.Retained, error) {
	return checkpoint.Retained{Claim: l.owner.Number, Applied: l.applied}, nil
}

func (l *memoryLog) StoreModule(context.Context, []byte) (string, error) { return "", nil }

// memorySink is a two-phase sink: what is prepared becomes visible by Commit only.
type memorySink struct {
	name     string // in the job
	mu       sync.Mutex
	pending  map[string][]string
	visible  map[string][]string // by token
	commits  int
	write    func(value string) error // called for every record; nil accepts
	refuse   string                   // a value that is a fault
	commit   func(n int) error        // called for every Commit
	opened   int
	recovers int
}

func newMemorySink() *memorySink {
	return &memorySink{
		name: "out", pending: map[string][]string{}, visible: map[string][]string{},
	}
}

func (s *memorySink) Validate(*connectors.Problems)   {}
func (s *memorySink) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }

func (s *memorySink) Open(context.Context, connectors.Env) (connectors.Sink, error) { return s, nil }

func (s *memorySink) OpenWriter(_ context.Context, wc connectors.WriterContext,
) (connectors.SinkWriter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return &memoryWriter{sink: s, wc: wc}, nil
}

func (s *memorySink) OpenCommitter(context.Context, connectors.CommitterContext,
) (checkpoint.Committer, error) {
	return s, nil
}

func (s *memorySink) Commit(_ context.Context, cs []checkpoint.Committable) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits++
	if s.commit != nil {
		if err := s.commit(s.commits); err != nil {
			return err
		}
	}
	for _, c := range cs {
		token := string(c.Data)
		lines, ok := s.pending[token]
		if _, done := s.visible[token]; !ok && !done {
			return fmt.Errorf("publishing %s: %w", token, checkpoint.ErrLost)
		}
		if ok {
			s.visible[token] = lines
			delete(s.pending, token)
		}
	}
	return nil
}

func (s *memorySink) Abort(_ context.Context, cs []checkpoint.Committable) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range cs {
		delete(s.pending, string(c.Data))
	}
	return nil
}

func (s *memorySink) Recover(ctx context.Context, cs []checkpoint.Committable,
	_ checkpoint.Retained,
) error {
	s.recovers++
	return s.Commit(ctx, cs)
}

func (s *memorySink) Close() error { return nil }

// lines returns how often each line is visible.
func (s *memorySink) lines() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for _, ls := range s.visible {
		for _, l := range ls {
			out[l]++
		}
	}
	return out
}

type memoryWriter struct {
	sink  *memorySink
	wc    connectors.WriterContext
	lines []string
	n     int
}

func (w *memoryWriter) Write(_ context.Context, b *connectors.Batch) error {
	for i := range b.Records {
		v := string(b.Records[i].Value)
		if w.sink.write != nil {
			if err := w.sink.write(v); err != nil {
				return err
			}
		}
		if v == w.sink.refuse {
			if err := w.wc.Faults(&b.Records[i], connectors.Fault{Text: "no good"}); err != nil {
				return err
			}
			continue
		}
		w.lines = append(w.lines, v)
	}
	return nil
}

func (w *memoryWriter) Flush(context.Context) error { return nil }

func (w *memoryWriter) Prepare(_ context.Context, e checkpoint.Epoch) ([]checkpoint.Committable, error) {
	if len(w.lines) == 0 {
		return nil, nil
	}
	w.n++
	token := fmt.Sprintf("%d-%d-%d", w.wc.Owner.Number, w.wc.Task, w.n)
	w.sink.mu.Lock()
	w.sink.pending[token] = w.lines
	w.sink.mu.Unlock()
	w.lines = nil
	return []checkpoint.Committable{{
		Sink: w.sink.name, Task: w.wc.Task, Epoch: e, Data: []byte(token),
	}}, nil
}

func (w *memoryWriter) Close() error { return nil }

// bench is an engine over a generator and a memory sink.
type bench struct {
	sink *memorySink
	log  *memoryLog
	job  string
	more []connectors.Spec
}

func newBench(job string) *bench {
	return &bench{sink: newMemorySink(), log: &memoryLog{owner: checkpoint.Owner{Nonce: "n"}}, job: job}
}

func (b *bench) engine(t *testing.T) *Engine {
	t.Helper()
	job, err := config.Parse("job.toml", []byte(b.job), config.Registry{
		Connectors: append(b.more, generator.Spec(), connectors.Spec{
			Name: "memory", NewSink: func() connectors.SinkConfig { return b.sink },
		}),
		Schemes: []string{"file"},
	}, config.Options{})
	require.NoError(t, err)
	e, err := New(t.Context(), Config{
		Job: job, Log: b.log, Decider: job.Decider,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	require.NoError(t, err)
	return e
}

const countingJob = `
name = "counting"
[job]
parallelism = 3
batch = { records = 7 }
[checkpoint]
interval = "10ms"
[restart]
strategy = "fixed-delay"
attempts = 20
delay = "1ms"
[sources.lines]
connector = "generator"
count = 20000
template = "{seq}"
[sinks.out]
connector = "memory"
from = ["lines"]
`

func requireEveryLineOnce(t *testing.T, s *memorySink, n int) {
	t.Helper()
	lines := s.lines()
	require.Len(t, lines, n)
	for l, times := range lines {
		require.Equal(t, 1, times, "line %s", l)
	}
}

func TestEngineFinishesABoundedJob(t *testing.T) {
	b := newBench(countingJob)
	e := b.engine(t)
	res, err := e.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, checkpoint.Finished, res.Outcome)
	requireEveryLineOnce(t, b.sink, 20000)
	require.Equal(t, uint64(20000), res.Counts["lines"].Out)
	require.Equal(t, uint64(20000), res.Counts["out"].Out)
	require.Equal(t, res.Epoch, b.log.applied)
	last := b.log.records[len(b.log.records)-1]
	require.True(t, last.Finished())
	require.Equal(t, "counting", last.JobName)

	again := b.engine(t)
	res, err = again.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, checkpoint.Finished, res.Outcome, "a finished job has nothing left to do")
	requireEveryLineOnce(t, b.sink, 20000)
}

func TestEngineRestartsAndLosesNothing(t *testing.T) {
	tests := []struct {
		name     string
		sabotage func(b *bench)
		restarts int
	}{
		{"a writer fails now and then", func(b *bench) {
			// Three times: on a slow machine no epoch may be decided between two of them, and the job
			// is restarted so often only.
			n := 0
			b.sink.write = func(string) error {
				b.sink.mu.Lock()
				defer b.sink.mu.Unlock()
				if n++; n%4001 == 0 && n <= 3*4001 {
					return errors.New("disk on fire")
				}
				return nil
			}
		}, 3},
		{"the outcome of a decision is unknown and it stands", func(b *bench) {
			n := 0
			b.log.decide = func(m checkpoint.Manifest) error {
				if n++; n == 2 {
					b.log.records = append(b.log.records, m)
					return checkpoint.ErrOutcomeUnknown
				}
				return nil
			}
		}, 1},
		{"the outcome of a decision is unknown and it does not stand", func(b *bench) {
			n := 0
			b.log.decide = func(checkpoint.Manifest) error {
				if n++; n == 2 {
					return checkpoint.ErrOutcomeUnknown
				}
				return nil
			}
		}, 1},
		{"publishing fails for a moment", func(b *bench) {
			b.sink.commit = func(n int) error {
				if n == 2 || n == 3 {
					return connectors.Retryable(errors.New("busy"))
				}
				return nil
			}
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(strings.Replace(countingJob, "count = 20000", "count = 20000\nrate = 25000", 1))
			tt.sabotage(b)
			e := b.engine(t)
			res, err := e.Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, checkpoint.Finished, res.Outcome)
			requireEveryLineOnce(t, b.sink, 20000)
			require.Equal(t, tt.restarts > 0, e.Status().Restarts > 0)
			require.Equal(t, uint64(20000), res.Counts["lines"].Out,
				"totals count each record once, whatever was read again")
		})
	}
}

func TestEngineStopsCleanlyAndGoesOnWithOtherTasks(t *testing.T) {
	b := newBench(strings.Replace(countingJob, "count = 20000", "count = 20000\nrate = 20000", 1))
	for i := 0; ; i++ {
		b.job = strings.Replace(b.job, fmt.Sprintf("parallelism = %d", 3+i),
			fmt.Sprintf("parallelism = %d", 4+i), 1)
		e := b.engine(t)
		var written atomic.Int64
		b.sink.write = func(string) error {
			if written.Add(1) == 5000 {
				e.Stop()
			}
			return nil
		}
		res, err := e.Run(t.Context())
		require.NoError(t, err)
		if res.Outcome == checkpoint.Finished {
			require.Positive(t, i, "the job was stopped at least once")
			break
		}
		require.Equal(t, checkpoint.Stopped, res.Outcome)
	}
	requireEveryLineOnce(t, b.sink, 20000)
}

func TestEngineEndsAtOnceWithItsContext(t *testing.T) {
	b := newBench(strings.Replace(countingJob, "count = 20000", "count = 0\nrate = 1000", 1))
	e := b.engine(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.sink.write = func(string) error { cancel(); return nil }
	_, err := e.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestEngineStopsForGoodWhenFenced(t *testing.T) {
	b := newBench(countingJob)
	b.log.decide = func(m checkpoint.Manifest) error {
		if len(m.Committables) == 0 {
			return nil // nothing was written in it
		}
		return checkpoint.ErrFenced
	}
	e := b.engine(t)
	res, err := e.Run(t.Context())
	require.ErrorIs(t, err, checkpoint.ErrFenced)
	require.Equal(t, checkpoint.Fenced, res.Outcome)
	require.Zero(t, e.Status().Restarts)
	require.NotEmpty(t, b.sink.pending, "a fenced owner discards nothing")
}

func TestEngineTellsAFailureOfItsOwnFromOneOfANewerOwner(t *testing.T) {
	b := newBench(countingJob)
	b.log.newer = fmt.Errorf("checking: %w", checkpoint.ErrFenced)
	b.sink.write = func(string) error { return errors.New("the file is gone") }
	res, err := b.engine(t).Run(t.Context())
	require.ErrorIs(t, err, checkpoint.ErrFenced)
	require.ErrorContains(t, err, "the file is gone")
	require.Equal(t, checkpoint.Fenced, res.Outcome)
	require.Equal(t, 1, b.sink.recovers)
}

func TestEngineDoesNotRestartOverARefusedRecord(t *testing.T) {
	b := newBench(countingJob)
	b.sink.refuse = "777"
	e := b.engine(t)
	res, err := e.Run(t.Context())
	require.ErrorContains(t, err, "out refused the record")
	require.Equal(t, checkpoint.Fatal, res.Outcome)
	require.Zero(t, e.Status().Restarts, "the same record would be refused again")
}

func TestEngineGivesUpByItsStrategy(t *testing.T) {
	b := newBench(strings.Replace(countingJob, "attempts = 20", "attempts = 2", 1))
	b.sink.write = func(string) error { return errors.New("disk on fire") }
	e := b.engine(t)
	res, err := e.Run(t.Context())
	require.ErrorContains(t, err, "writing to out: disk on fire")
	require.Equal(t, checkpoint.Restart, res.Outcome)
	require.Equal(t, 2, e.Status().Restarts)
}

// TestEngineBearsTheEndOfTheLastTaskWhileItDecides: the tasks are gone before the answer comes.
func TestEngineBearsTheEndOfTheLastTaskWhileItDecides(t *testing.T) {
	b := newBench(strings.Replace(countingJob, "parallelism = 3", "parallelism = 1", 1))
	b.job = strings.Replace(b.job, "fixed-delay", "none", 1)
	b.job = strings.Replace(b.job, "attempts = 20\ndelay = \"1ms\"\n", "", 1)
	deciding, answer := make(chan struct{}), make(chan struct{})
	b.log.decide = func(checkpoint.Manifest) error {
		close(deciding) // there is one decision, since nothing restarts the job
		<-answer
		return nil
	}
	b.sink.write = func(string) error {
		select {
		case <-deciding:
			return errors.New("disk on fire")
		default:
			return nil
		}
	}
	b.job = strings.Replace(b.job, "count = 20000", "", 1)
	e := b.engine(t)
	done := make(chan error, 1)
	go func() { // ends with the answer
		_, err := e.Run(t.Context())
		done <- err
	}()
	require.Eventually(t, func() bool {
		return e.Status().State == checkpoint.StateStopping.String()
	}, time.Minute, time.Millisecond)
	close(answer)
	require.ErrorContains(t, <-done, "disk on fire")
}

func TestEngineNamesTheStageThatHangs(t *testing.T) {
	b := newBench(strings.Replace(countingJob, `interval = "10ms"`,
		"interval = \"10ms\"\ntimeout = \"10ms\"\ntolerable_failures = 0", 1))
	b.job = strings.Replace(b.job, "fixed-delay", "none", 1)
	b.job = strings.Replace(b.job, "attempts = 20\ndelay = \"1ms\"\n", "", 1)
	release := make(chan struct{})
	b.sink.write = func(string) error { <-release; return nil }
	e := b.engine(t)
	done := make(chan error, 1)
	go func() { // ends when the sink is released
		_, err := e.Run(t.Context())
		done <- err
	}()
	require.Eventually(t, func() bool {
		return e.Status().State == checkpoint.StateStopping.String()
	}, time.Minute, time.Millisecond)
	close(release)
	err := <-done
	var stage *task.StageError
	require.ErrorAs(t, err, &stage)
	require.Equal(t, "out", stage.Stage)
	require.ErrorIs(t, err, checkpoint.ErrTimeout)
	// A task that was not given anything to write yet does answer.
	require.Regexp(t, `^waiting for out in task [012]: preparing epoch \d+: checkpoint timed out: `+
		`nothing from task [012](, [012])* after `, err.Error())
}
