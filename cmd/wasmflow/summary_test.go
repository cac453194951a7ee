package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
)

// jobOf parses a job file of collection sources and discard sinks.
func jobOf(t *testing.T, text string) *config.Job {
	t.Helper()
	p, _, _ := testProcess(t)
	job, err := config.Parse("job.toml", []byte(text), registry(p), config.Options{Dir: "/"})
	require.NoError(t, err)
	return job
}

const chainJob = `
name = "chain"
plugins.p = { path = "p.wasm" }
sources.in = { connector = "collection", records = ["x"], on_error = "skip" }
transforms.map = { from = ["in"], plugin = "p", function = "f", on_error = "dead-letter" }
sinks.out = { connector = "discard", from = ["map"] }
dead_letter = { connector = "discard" }
`

const fanOutJob = `
name = "fan"
sources.in = { connector = "collection", records = ["x"] }
sinks.a = { connector = "discard", from = ["in"] }
sinks.b = { connector = "discard", from = ["in"] }
`

const routeJob = `
name = "route"
plugins.p = { path = "p.wasm" }
sources.in = { connector = "collection", records = ["x"] }
transforms.route = { from = ["in"], plugin = "p", function = "f" }
sinks.de = { connector = "discard", from = ["route.de"] }
sinks.rest = { connector = "discard", from = ["route"] }
`

func TestSummary(t *testing.T) {
	counts := func(in, out, skipped, dead uint64) checkpoint.Count {
		return checkpoint.Count{In: in, InBytes: 10 * in, Out: out, Skipped: skipped, Dead: dead}
	}
	for _, c := range []struct {
		name   string
		job    string
		result host.Result
		before map[string]checkpoint.Count
		err    error
		want   string
	}{
		{"a chain adds up", chainJob, host.Result{
			Outcome: checkpoint.Finished, Epoch: 7,
			Counts: map[string]checkpoint.Count{
				"in": counts(1000, 990, 4, 0), "map": counts(990, 900, 0, 30),
				"out": counts(900, 900, 0, 0), "dead_letter": counts(30, 30, 0, 0),
			},
		}, nil, nil, `
chain finished after 0.0 s; everything up to epoch 7 is published

                      in  out  dropped  skipped  dead letters  bytes
        source in   1000  990        6        4             0  10000
    transform map    990  900       60        0            30
         sink out    900  900        0        0             0   9000
 sink dead_letter     30   30        0        0             0    300

1000 records read = 900 written + 66 dropped + 4 skipped + 30 dead letters
`},
		{"a second run", chainJob, host.Result{
			Outcome: checkpoint.Stopped, Epoch: 9,
			Counts: map[string]checkpoint.Count{
				"in": counts(10, 10, 0, 0), "map": counts(10, 10, 0, 0), "out": counts(10, 10, 0, 0),
			},
		}, map[string]checkpoint.Count{"in": counts(4, 4, 0, 0)}, nil, `
chain stopped after 0.0 s; everything up to epoch 9 is published

                      in  out  dropped  skipped  dead letters  bytes
         source in    10   10        0        0             0    100
     transform map    10   10        0        0             0
          sink out    10   10        0        0             0    100
  sink dead_letter     0    0        0        0             0      0

10 records read = 10 written + 0 dropped + 0 dead letters
4 of them were read by earlier runs
`},
		{"a lost record is seen", chainJob, host.Result{
			Outcome: checkpoint.Finished, Epoch: 2,
			Counts: map[string]checkpoint.Count{
				"in": counts(10, 10, 0, 0), "map": counts(10, 8, 0, 2), "out": counts(8, 8, 0, 0),
				"dead_letter": counts(1, 1, 0, 0),
			},
		}, nil, nil, `
chain finished after 0.0 s; everything up to epoch 2 is published

                      in  out  dropped  skipped  dead letters  bytes
         source in    10   10        0        0             0    100
     transform map    10    8        0        0             2
          sink out     8    8        0        0             0     80
  sink dead_letter     1    1        0        0             0     10

10 records read IS NOT 8 written + 0 dropped + 2 dead letters: please report this as a bug
`},
		{"one to many", chainJob, host.Result{
			Outcome: checkpoint.Finished, Epoch: 2,
			Counts: map[string]checkpoint.Count{
				"in": counts(10, 10, 0, 0), "map": counts(10, 25, 0, 0), "out": counts(25, 25, 0, 0),
			},
		}, nil, nil, `
chain finished after 0.0 s; everything up to epoch 2 is published

                      in  out  dropped  skipped  dead letters  bytes
         source in    10   10        0        0             0    100
     transform map    10   25        0        0             0
          sink out    25   25        0        0             0    250
  sink dead_letter     0    0        0        0             0      0

10 records read, 25 written; they need not be equal: map makes several records of one
`},
		{"fan-out", fanOutJob, host.Result{
			Outcome: checkpoint.Finished, Epoch: 2,
			Counts: map[string]checkpoint.Count{
				"in": counts(3, 3, 0, 0), "a": counts(3, 3, 0, 0), "b": counts(3, 3, 0, 0),
			},
		}, nil, nil, `
fan finished after 0.0 s; everything up to epoch 2 is published

              in  out  dropped  skipped  dead letters  bytes
  source in    3    3        0        0             0     30
     sink a    3    3        0        0             0     30
     sink b    3    3        0        0             0     30

3 records read, 6 written; they need not be equal: in is read by 2 stages
`},
		{"an output that nobody reads", routeJob, host.Result{
			Outcome: checkpoint.Finished, Epoch: 2,
			Counts: map[string]checkpoint.Count{
				"in": counts(10, 10, 0, 0), "route": counts(10, 10, 0, 0),
				"de": counts(3, 3, 0, 0), "rest": counts(5, 5, 0, 0),
			},
		}, nil, nil, `
route finished after 0.0 s; everything up to epoch 2 is published

                    in  out  dropped  skipped  dead letters  bytes
        source in   10   10        0        0             0    100
  transform route   10   10        0        0             0
          sink de    3    3        0        0             0     30
        sink rest    5    5        0        0             0     50

10 records read = 8 written + 0 dropped + 2 for outputs that nobody reads + 0 dead letters
`},
		{"a stage that is gone", fanOutJob, host.Result{
			Outcome: checkpoint.Fenced, Epoch: 7,
			Counts: map[string]checkpoint.Count{"old": counts(1, 1, 0, 0)},
		}, nil, checkpoint.ErrFenced, `
fan fenced after 0.0 s; everything up to epoch 7 is published

             in  out  dropped  skipped  dead letters  bytes
  source in   0    0        0        0             0      0
     sink a   0    0        0        0             0      0
     sink b   0    0        0        0             0      0

0 records read, 0 written; they need not be equal: in is read by 2 stages
`},
		{"a failure before the first epoch", fanOutJob, host.Result{Outcome: checkpoint.Fatal}, nil,
			errors.New("disk on fire"), "fan failed after 0.0 s; nothing is published\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := summarize(jobOf(t, c.job), c.result, c.before, c.err)
			var b strings.Builder
			require.NoError(t, s.print(&b))
			require.Equal(t, squeeze(c.want), squeeze(b.String()))
		})
	}
}

// squeeze removes what only aligns columns, so that a longer number elsewhere does not matter.
func squeeze(s string) string {
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(s)) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestSummaryTellsFailures(t *testing.T) {
	job := jobOf(t, fanOutJob)
	s := summarize(job, host.Result{Outcome: checkpoint.Fatal}, nil, errors.New("disk on fire"))
	require.Equal(t, "failed", s.Outcome)
	require.Equal(t, "disk on fire", s.Error)
	other := summarize(jobOf(t, chainJob), host.Result{
		Outcome: checkpoint.Finished,
		Counts:  map[string]checkpoint.Count{"old": {In: 1}},
	}, nil, nil)
	require.Equal(t, `earlier runs had a stage "old"`, other.Incomparable)
}
