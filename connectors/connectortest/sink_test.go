package connectortest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
)

// bugEnv chooses the mistake of the sink under test in a child process.
const bugEnv = "WASMFLOW_SINK_BUG"

// bugs are mistakes that sinks make; the suite must find each.
var bugs = []string{
	"keeps the bytes of the batch",
	"loses what a Prepare did not follow",
	"shows records when they are prepared",
	"shows records twice when committed twice",
	"shows aborted records",
	"recovers nothing",
	"recovers its own task only",
	"forgets an epoch when the next is prepared",
	"leaves strays",
	"removes what is retained",
	"reads newer formats",
	"reads damaged committables",
	"takes committables of others",
	"uses a part's name again",
	"names the wrong epoch",
}

func TestRunSinkAcceptsARightSink(t *testing.T) { runMemory(t, "") }

// TestRunSinkWithBug is what child processes run.
func TestRunSinkWithBug(t *testing.T) {
	if bug := os.Getenv(bugEnv); bug != "" {
		runMemory(t, bug)
	}
}

// TestRunSinkFindsBugs proves the suite: a checker that never failed is no evidence.
func TestRunSinkFindsBugs(t *testing.T) {
	for _, bug := range bugs {
		t.Run(bug, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestRunSinkWithBug$", "-test.failfast")
			cmd.Env = append(os.Environ(), bugEnv+"="+bug)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the suite is content with a sink that %s", bug)
			require.Contains(t, string(out), "--- FAIL: TestRunSinkWithBug/")
			require.NotContains(t, string(out), "panic:")
		})
	}
}

func runMemory(t *testing.T, bug string) {
	connectortest.RunSink(t, func(*testing.T) connectortest.SinkHarness {
		place := &memory{bug: bug, pending: map[string][][]byte{}, visible: map[string][][]byte{}}
		return connectortest.SinkHarness{
			Open: func(_ *testing.T, env connectors.Env) connectors.Sink {
				return &memorySink{place: place, env: env}
			},
			Read: func(*testing.T) []string { return place.read() },
			Strays: func(*testing.T) []string {
				var names []string
				for name := range place.pending {
					names = append(names, name)
				}
				return names
			},
			Guarantee: connectors.ExactlyOnce,
		}
	})
}

// memory is where the sink writes parts: pending ones and visible ones, by name.
type memory struct {
	bug string
	sync.Mutex
	pending, visible map[string][][]byte
	extra            [][]byte
}

func (m *memory) read() []string {
	m.Lock()
	defer m.Unlock()
	var values []string
	for _, part := range m.visible {
		for _, v := range part {
			values = append(values, string(v))
		}
	}
	for _, v := range m.extra {
		values = append(values, string(v))
	}
	return values
}

type memorySink struct {
	place *memory
	env   connectors.Env
}

func (s *memorySink) OpenWriter(
	_ context.Context, wc connectors.WriterContext,
) (connectors.SinkWriter, error) {
	return &memoryWriter{sink: s, wc: wc}, nil
}

func (s *memorySink) OpenCommitter(
	context.Context, connectors.CommitterContext,
) (checkpoint.Committer, error) {
	return &memoryCommitter{s}, nil
}

func (s *memorySink) Close() error { return nil }

// part is the data of a committable.
type part struct {
	Name  string
	Claim uint64
	Rows  int
}

type memoryWriter struct {
	sink   *memorySink
	wc     connectors.WriterContext
	rows   [][]byte
	number int
}

func (w *memoryWriter) Write(_ context.Context, b *connectors.Batch) error {
	for i := range b.Records {
		v := b.Records[i].Value
		if w.sink.place.bug != "keeps the bytes of the batch" {
			v = slices.Clone(v)
		}
		w.rows = append(w.rows, v)
	}
	return nil
}

func (w *memoryWriter) Flush(context.Context) error { return nil }

func (w *memoryWriter) Prepare(
	_ context.Context, e checkpoint.Epoch,
) ([]checkpoint.Committable, error) {
	m := w.sink.place
	m.Lock()
	defer m.Unlock()
	if len(w.rows) == 0 {
		return nil, nil
	}
	p := part{
		Name:  fmt.Sprintf("part-%d-%d-%d", w.wc.Task, w.wc.Owner.Number, w.number),
		Claim: w.wc.Owner.Number, Rows: len(w.rows),
	}
	if m.bug == "uses a part's name again" {
		p.Name = fmt.Sprintf("part-%d-%d", w.wc.Task, w.number)
	}
	w.number++
	if m.bug == "loses what a Prepare did not follow" && len(w.rows) > 2 {
		w.rows = w.rows[1:]
	}
	m.pending[p.Name] = w.rows
	if m.bug == "shows records when they are prepared" {
		m.visible[p.Name] = w.rows
	}
	if m.bug == "forgets an epoch when the next is prepared" {
		delete(m.pending, fmt.Sprintf("part-%d-%d-%d", w.wc.Task, w.wc.Owner.Number, w.number-2))
	}
	w.rows = nil
	if m.bug == "names the wrong epoch" {
		e++
	}
	data, err := json.Marshal(p)
	return []checkpoint.Committable{{
		Sink: w.sink.env.Name, Task: w.wc.Task, Epoch: e, Claim: w.wc.Owner.Number, Version: 1,
		Data: data,
	}}, err
}

func (w *memoryWriter) Close() error { return nil }

type memoryCommitter struct{ sink *memorySink }

func (c *memoryCommitter) parts(cs []checkpoint.Committable) ([]part, error) {
	var parts []part
	for _, x := range cs {
		bug := c.sink.place.bug
		if x.Sink != c.sink.env.Name && bug != "takes committables of others" {
			continue
		}
		if x.Version != 1 && bug != "reads newer formats" {
			return nil, checkpoint.ErrNewerFormat
		}
		var p part
		if err := json.Unmarshal(x.Data, &p); err != nil {
			if bug == "reads damaged committables" {
				continue
			}
			return nil, fmt.Errorf("%w: %w", checkpoint.ErrCorrupt, err)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func (c *memoryCommitter) Commit(_ context.Context, cs []checkpoint.Committable) error {
	parts, err := c.parts(cs)
	if err != nil {
		return err
	}
	m := c.sink.place
	m.Lock()
	defer m.Unlock()
	for _, p := range parts {
		rows, ok := m.pending[p.Name]
		_, done := m.visible[p.Name]
		switch {
		case !ok && !done:
			return fmt.Errorf("%s: %w", p.Name, checkpoint.ErrLost)
		case !ok && m.bug == "shows records twice when committed twice":
			m.extra = append(m.extra, m.visible[p.Name]...)
		case ok:
			m.visible[p.Name] = rows
			delete(m.pending, p.Name)
		}
	}
	return nil
}

func (c *memoryCommitter) Abort(_ context.Context, cs []checkpoint.Committable) error {
	parts, err := c.parts(cs)
	if err != nil {
		return err
	}
	m := c.sink.place
	m.Lock()
	defer m.Unlock()
	for _, p := range parts {
		if m.bug == "shows aborted records" && m.pending[p.Name] != nil {
			m.visible[p.Name] = m.pending[p.Name]
		}
		delete(m.pending, p.Name)
	}
	return nil
}

func (c *memoryCommitter) Recover(
	ctx context.Context, committed []checkpoint.Committable, keep checkpoint.Retained,
) error {
	m := c.sink.place
	if m.bug == "recovers nothing" {
		committed = nil
	}
	if m.bug == "recovers its own task only" {
		committed = slices.DeleteFunc(slices.Clone(committed), func(x checkpoint.Committable) bool {
			return x.Task >= c.sink.env.Parallelism
		})
	}
	if err := c.Commit(ctx, committed); err != nil {
		return err
	}
	named, err := c.parts(keep.Named)
	if err != nil {
		return err
	}
	m.Lock()
	defer m.Unlock()
	for name := range m.pending {
		kept := slices.ContainsFunc(named, func(p part) bool { return p.Name == name })
		if kept && m.bug != "removes what is retained" || m.bug == "leaves strays" {
			continue
		}
		if !strings.Contains(name, fmt.Sprintf("-%d-", keep.Claim)) {
			delete(m.pending, name)
		}
	}
	return nil
}

func (c *memoryCommitter) Close() error { return nil }

var (
	_ checkpoint.Preparer        = (*memoryWriter)(nil)
	_ connectors.CommitterOpener = (*memorySink)(nil)
)
