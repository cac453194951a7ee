package task

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// listReader reads the lines of splits whose positions it keeps as a count.
type listReader struct {
	lines     map[string][]string
	perPoll   int
	splits    []checkpoint.Split
	committed []checkpoint.Epoch
	closed    int
}

func (r *listReader) AddSplits(_ context.Context, s []checkpoint.Split) error {
	r.splits = append(r.splits, s...)
	return nil
}

func (r *listReader) Poll(_ context.Context, dst *connectors.Batch) error {
	for len(r.splits) > 0 {
		s := &r.splits[0]
		lines, at := r.lines[s.ID], int(s.Position.Version)
		if at == len(lines) {
			r.splits = r.splits[1:]
			continue
		}
		for ; at < len(lines) && dst.Len() < r.perPoll; at++ {
			rec := dst.Append()
			rec.Value = []byte(lines[at])
			rec.Position.Lo = uint64(at)
			rec.Split = dst.SplitIndex(s.ID)
		}
		s.Position.Version = uint16(at)
		return nil
	}
	return connectors.ErrEndOfInput
}

func (r *listReader) Snapshot(context.Context, checkpoint.Epoch) ([]checkpoint.Split, error) {
	return append([]checkpoint.Split(nil), r.splits...), nil
}

func (r *listReader) OnCommitted(_ context.Context, e checkpoint.Epoch) error {
	r.committed = append(r.committed, e)
	return nil
}

func (r *listReader) Close() error { r.closed++; return nil }

// rules upper-cases, drops "drop", doubles "twice" into output 1 and refuses "bad".
type rules struct{ closed int }

func (*rules) Transform(_ context.Context, in, out *connectors.Batch, f *connectors.Faults) error {
	out.Splits = append(out.Splits, in.Splits...)
	for i := range in.Records {
		text := string(in.Records[i].Value)
		switch {
		case text == "drop":
			continue
		case strings.HasPrefix(text, "bad"):
			f.Add(connectors.Fault{Index: i, Text: "no good", Function: "rules", Module: "m1"})
			continue
		case text == "twice":
			second := out.Append()
			*second = in.Records[i]
			second.Output = 1
		}
		r := out.Append()
		*r = in.Records[i]
		r.Value = []byte(strings.ToUpper(text))
	}
	return nil
}

func (r *rules) Close() error { r.closed++; return nil }

type memoryWriter struct {
	lines    []string
	headers  [][]connectors.Header
	prepared map[checkpoint.Epoch]int
	refuse   string
	fault    func(*connectors.Record, connectors.Fault) error
	closed   int
}

func (w *memoryWriter) Write(_ context.Context, b *connectors.Batch) error {
	for i := range b.Records {
		r := &b.Records[i]
		if w.refuse != "" && string(r.Value) == w.refuse {
			if err := w.fault(r, connectors.Fault{Text: "bucket leaves the root"}); err != nil {
				return err
			}
			continue
		}
		w.lines = append(w.lines, string(r.Value))
		w.headers = append(w.headers, r.Headers)
	}
	return nil
}

func (w *memoryWriter) Flush(context.Context) error { return nil }

func (w *memoryWriter) Prepare(
	_ context.Context, e checkpoint.Epoch,
) ([]checkpoint.Committable, error) {
	w.prepared[e] = len(w.lines)
	return []checkpoint.Committable{{Sink: "out", Epoch: e}}, nil
}

func (w *memoryWriter) Close() error { w.closed++; return nil }

// rig is a task with one source, the rules, and writers for both outputs and dead letters.
type rig struct {
	reader              *listReader
	rules               *rules
	main, second, dead  *memoryWriter
	commands            chan Command
	reports             chan Report
	task                *Task
	counters, refusedBy Counters
}

func newRig(lines map[string][]string, p Policy) *rig {
	w := func() *memoryWriter { return &memoryWriter{prepared: map[checkpoint.Epoch]int{}} }
	r := &rig{
		reader: &listReader{lines: lines, perPoll: 2}, rules: &rules{},
		main: w(), second: w(), dead: w(),
		commands: make(chan Command, 8), reports: make(chan Report, 8),
	}
	sink := func(name string, w *memoryWriter) *SinkStage {
		s := NewSinkStage(name, nil, p, &Counters{})
		w.fault = s.Fault
		s.SetWriter(w)
		return s
	}
	dead := NewSinkStage("dead_letter", nil, Policy{Action: ActionFail}, &Counters{})
	dead.SetWriter(r.dead)
	letters := NewDeadLetter(dead)
	if p.Action == ActionDeadLetter {
		p.DeadLetter = letters
	}
	main, second := sink("out", r.main), sink("second", r.second)
	transform := NewTransformStage("rules", r.rules, p, []Edge{{0, main}, {1, second}}, 1,
		&r.refusedBy)
	r.task = New(Config{
		Index: 3,
		Sources: []Source{{
			Name: "lines", Reader: r.reader, Policy: p, Counters: &r.counters,
			Edges: []Edge{{0, transform}},
		}},
		Stages:     []Stage{transform, main, second, dead},
		Sinks:      []*SinkStage{main, second, dead},
		DeadLetter: letters,
		Linger:     time.Millisecond,
		Now:        time.Now,
		Commands:   r.commands,
		Report:     func(rep Report) { r.reports <- rep },
	})
	return r
}

// runToEnd feeds the splits, prepares one final epoch when they are read, and stops the task.
func (r *rig) runToEnd(t *testing.T, splits ...checkpoint.Split) (Report, error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- r.task.Run(t.Context()) }() // ends by CommandStop or its own error
	r.commands <- Command{Kind: CommandAddSplits, Splits: splits}
	var prepared Report
	for {
		select {
		case err := <-done:
			return prepared, err
		case rep := <-r.reports:
			require.Equal(t, 3, rep.Task)
			switch rep.Kind {
			case ReportEnded:
				r.commands <- Command{Kind: CommandPrepare, Epoch: 9, Final: true}
			case ReportPrepared:
				prepared = rep
				r.commands <- Command{Kind: CommandCommitted, Epoch: 9}
				r.commands <- Command{Kind: CommandStop}
			}
		}
	}
}

func TestTaskTellsThePauseOfAnEpoch(t *testing.T) {
	r := newRig(map[string][]string{"f": {"a"}}, Policy{Action: ActionFail})
	now := time.Now()
	r.task.cfg.Now = func() time.Time { now = now.Add(time.Second); return now }
	pauses := map[checkpoint.Epoch]time.Duration{}
	r.task.cfg.Paused = func(e checkpoint.Epoch, p Pause) { pauses[e] = p.Clock }
	_, err := r.runToEnd(t, checkpoint.Split{ID: "f"})
	require.NoError(t, err)
	require.Equal(t, map[checkpoint.Epoch]time.Duration{9: time.Second}, pauses)
}

func TestWaitsForAProcessorAreThoseOfOneThread(t *testing.T) {
	before := runQueue{thread: 7, waited: time.Second}
	require.Equal(t, time.Second, runQueue{7, 2 * time.Second}.since(before))
	require.Zero(t, runQueue{8, 2 * time.Second}.since(before), "of another one")
	require.Zero(t, runQueue{}.since(runQueue{}), "of a system that does not tell")
}

func TestTaskMovesRecordsThroughTheChain(t *testing.T) {
	r := newRig(map[string][]string{"f": {"a", "drop", "twice", "b"}}, Policy{Action: ActionFail})
	rep, err := r.runToEnd(t, checkpoint.Split{ID: "f"})
	require.NoError(t, err)
	require.Equal(t, []string{"A", "TWICE", "B"}, r.main.lines)
	require.Equal(t, []string{"twice"}, r.second.lines)
	require.Equal(t, checkpoint.Epoch(9), rep.Prepared.Epoch)
	require.Equal(t, map[string][]checkpoint.Split{"lines": nil}, rep.Prepared.Splits,
		"a finished split leaves the manifest")
	require.Len(t, rep.Prepared.Committables, 3)
	require.Equal(t, checkpoint.Count{In: 3, InBytes: 7, Out: 3}, rep.Prepared.Counts["out"])
	require.Equal(t, checkpoint.Count{In: 4, Out: 4}, rep.Prepared.Counts["rules"])
	require.Equal(t, 3, r.main.prepared[9])
	require.Equal(t, []checkpoint.Epoch{9}, r.reader.committed)
	require.Equal(t, uint64(4), r.counters.In.Load())
}

func TestTaskClosesEverythingOnce(t *testing.T) {
	r := newRig(map[string][]string{"f": {"bad"}}, Policy{Action: ActionFail})
	_, err := r.runToEnd(t, checkpoint.Split{ID: "f"})
	require.Error(t, err)
	require.Equal(t, 1, r.reader.closed)
	require.Equal(t, 1, r.rules.closed)
	for _, w := range []*memoryWriter{r.main, r.second, r.dead} {
		require.Equal(t, 1, w.closed)
	}
}

func TestTaskPolicies(t *testing.T) {
	lines := map[string][]string{"f": {"a", "bad 1", "b", "bad 2"}}
	tests := []struct {
		name    string
		policy  Policy
		main    []string
		dead    []string
		wantErr string
	}{
		{"fail names the record", Policy{Action: ActionFail}, nil, nil,
			"rules refused the record at f position 1: no good"},
		{"skip counts", Policy{Action: ActionSkip}, []string{"A", "B"}, nil, ""},
		{"dead letters keep the input", Policy{Action: ActionDeadLetter},
			[]string{"A", "B"}, []string{"bad 1", "bad 2"}, ""},
		{"share above the limit fails", Policy{Action: ActionSkip, ShareMax: 0.4}, []string{"A", "B"},
			nil, "refused 2 of 4 records, a share of 0.5000 above share_max 0.4000"},
		{"share at the limit passes", Policy{Action: ActionSkip, ShareMax: 0.5},
			[]string{"A", "B"}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(lines, tt.policy)
			_, err := r.runToEnd(t, checkpoint.Split{ID: "f"})
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, tt.main, r.main.lines)
			require.Equal(t, tt.dead, r.dead.lines)
		})
	}
}

func TestDeadLettersSayWhereAndWhy(t *testing.T) {
	r := newRig(map[string][]string{"f": {"a", "b", "c", "bad"}}, Policy{Action: ActionDeadLetter})
	_, err := r.runToEnd(t, checkpoint.Split{ID: "f"})
	require.NoError(t, err)
	got := map[string]string{}
	for _, h := range r.dead.headers[0] {
		got[h.Key] = string(h.Value)
	}
	require.Equal(t, map[string]string{
		"wasmflow-source": "lines", "wasmflow-split": "f", "wasmflow-position": "3",
		"wasmflow-ordinal": "0", "wasmflow-function": "rules", "wasmflow-module": "m1",
		"wasmflow-error": "no good",
	}, got)
}

func TestTaskAppliesThePolicyToWhatAWriterRefuses(t *testing.T) {
	r := newRig(map[string][]string{"f": {"a", "b"}}, Policy{Action: ActionFail})
	r.main.refuse = "B"
	_, err := r.runToEnd(t, checkpoint.Split{ID: "f"})
	var rec *RecordError
	require.ErrorAs(t, err, &rec)
	require.Equal(t, "out", rec.Stage)
	require.Equal(t, "1", rec.Position)
}

// ending declares the end of a split at a record that says so.
type ending struct{ ended []string }

func (d *ending) Deserialize(
	_ context.Context, in, out *connectors.Batch, _ *connectors.Faults,
) error {
	d.ended = nil
	out.Splits = append(out.Splits, in.Splits...)
	for i := range in.Records {
		if string(in.Records[i].Value) == "end" {
			d.ended = append(d.ended, in.Splits[in.Records[i].Split])
			return nil
		}
		*out.Append() = in.Records[i]
	}
	return nil
}

func (d *ending) Ended() []string { return d.ended }
func (d *ending) Close() error    { return nil }

func TestASplitThatTheDeserializerEndsLeavesTheManifest(t *testing.T) {
	lines := map[string][]string{"f": {"a", "end", "b", "c"}, "g": {"d"}}
	r := newRig(lines, Policy{Action: ActionFail})
	s := &r.task.sources[0]
	d := &ending{}
	s.Deserializer, s.ender = d, d
	ctx := t.Context()
	require.NoError(t, s.Reader.AddSplits(ctx, splitsOf("f", "g")))
	_, err := r.task.poll(ctx, 0, s)
	require.NoError(t, err)
	require.NoError(t, r.task.prepare(ctx, 9))
	rep := <-r.reports
	require.Equal(t, map[string][]checkpoint.Split{"lines": splitsOf("g")}, rep.Prepared.Splits)
	require.Equal(t, []string{"A"}, r.main.lines)
}

func splitsOf(ids ...string) []checkpoint.Split {
	out := make([]checkpoint.Split, len(ids))
	for i, id := range ids {
		out[i] = checkpoint.Split{ID: id}
	}
	return out
}

func TestTaskEndsWithItsContext(t *testing.T) {
	r := newRig(nil, Policy{Action: ActionFail})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.task.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, r.reader.closed)
}

type failingReader struct{ *listReader }

func (failingReader) Poll(context.Context, *connectors.Batch) error {
	return errors.New("disk on fire")
}

func TestTaskNamesTheSourceThatFailed(t *testing.T) {
	r := newRig(nil, Policy{Action: ActionFail})
	r.task.sources[0].Reader = failingReader{r.reader}
	_, err := r.runToEnd(t, checkpoint.Split{ID: "f"})
	require.EqualError(t, err, "reading lines: disk on fire")
}

func TestPositionString(t *testing.T) {
	require.Equal(t, "18446744073709551615", PositionString(connectors.Position{Lo: 1<<64 - 1}))
	require.Equal(t, "0x00000000000000010000000000000002",
		PositionString(connectors.Position{Hi: 1, Lo: 2}))
}
