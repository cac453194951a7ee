package checkpoint

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func at(id string, b byte) Split {
	return Split{ID: id, Position: Position{Version: 1, Data: []byte{b}}}
}

func TestAssembleSources(t *testing.T) {
	enum := Position{Version: 2, Data: []byte("seen")}
	tests := []struct {
		name     string
		progress []SourceProgress
		reports  []map[string][]Split
		want     []SourceState
		wantErr  string
	}{
		{
			name: "assigned and unassigned splits, sorted by source",
			progress: []SourceProgress{
				{Name: "b", Enumerator: enum, Unassigned: []Split{at("b3", 0)}},
				{Name: "a"},
			},
			reports: []map[string][]Split{
				{"b": {at("b1", 4)}}, {"a": {at("a1", 9)}, "b": {at("b2", 5)}},
			},
			want: []SourceState{
				{Name: "a", Splits: []Split{at("a1", 9)}},
				{Name: "b", Enumerator: enum,
					Splits: []Split{at("b1", 4), at("b2", 5), at("b3", 0)}},
			},
		},
		{
			name:     "done and nothing left is finished",
			progress: []SourceProgress{{Name: "a", Done: true}, {Name: "b", Done: true}},
			reports:  []map[string][]Split{{"b": {at("b1", 1)}}},
			want: []SourceState{
				{Name: "a", Finished: true}, {Name: "b", Splits: []Split{at("b1", 1)}},
			},
		},
		{
			name:     "split in two tasks",
			progress: []SourceProgress{{Name: "a"}},
			reports:  []map[string][]Split{{"a": {at("x", 1)}}, {"a": {at("x", 2)}}},
			wantErr:  `source "a": split "x" is there twice`,
		},
		{
			name:     "split in a task and unassigned",
			progress: []SourceProgress{{Name: "a", Unassigned: []Split{at("x", 0)}}},
			reports:  []map[string][]Split{{"a": {at("x", 1)}}},
			wantErr:  `source "a": split "x" is there twice`,
		},
		{
			name:     "unknown source",
			progress: []SourceProgress{{Name: "a"}},
			reports:  []map[string][]Split{{"z": nil}},
			wantErr:  `task 0 reports source "z"`,
		},
		{
			name:     "source twice",
			progress: []SourceProgress{{Name: "a"}, {Name: "a"}},
			wantErr:  `source "a" is there twice`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := assembleSources(tt.progress, reportsOf(tt.reports))
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

// reportsOf returns a report of each task.
func reportsOf(splits []map[string][]Split) (reports []*Report) {
	for task, s := range splits {
		reports = append(reports, &Report{Task: task, Splits: s})
	}
	return reports
}

func TestAssembleCarriesEveryPart(t *testing.T) {
	r := newRig(t, testConfig()).to(StatePreparing)
	r.step(Collected{
		Epoch: 8, Sources: []SourceProgress{{Name: "in"}},
		Modules: []Module{{Plugin: "b"}, {Plugin: "a"}},
	})
	for task := range 2 {
		effects := r.step(Prepared{Report{
			Task: task, Epoch: 8,
			Committables: []Committable{{Sink: "out", Task: task, Epoch: 1, Claim: 3}},
			State:        []StateHandle{{Task: task}},
			Counts:       map[string]Count{"in": {In: 2, Out: uint64(task)}},
		}})
		if task == 0 {
			require.Empty(t, effects)
			continue
		}
		require.Equal(t, Manifest{
			Kind: KindEpoch, Epoch: 8, JobID: "id", JobName: "job",
			Owner: Owner{Number: 3, Nonce: "0000000a"}, Parallelism: 2, Generation: 1, Log: "store",
			Sources: []SourceState{{Name: "in"}},
			Committables: []Committable{
				{Sink: "out", Task: 0, Epoch: 8, Claim: 3}, {Sink: "out", Task: 1, Epoch: 8, Claim: 3},
			},
			State:   []StateHandle{{Task: 0}, {Task: 1}},
			Modules: []Module{{Plugin: "a"}, {Plugin: "b"}},
			Counts:  map[string]Count{"in": {In: 4, Out: 1}},
		}, effects[0].(Decide).Manifest)
	}
}

func TestInputThatEndedWithSplitsLeftIsFatal(t *testing.T) {
	r := newRig(t, testConfig()).to(StateRunning)
	r.step(InputEnded{})
	r.step(Collected{Epoch: 8, Sources: []SourceProgress{{Name: "in", Done: true}}})
	r.step(drained(0, 8))
	require.Equal(t, "StopTasks", names(r.step(prepared(1, 8))))
	r.step(TasksStopped{})
	effects := r.step(AbortDone{})
	require.Equal(t, "End(fatal)", names(effects))
	require.ErrorContains(t, effects[0].(End).Err, "splits are left")
}

func TestReconcile(t *testing.T) {
	states := []SourceState{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	kept, err := Reconcile(states, []string{"a", "new"}, []string{"b", "c", "never-there"})
	require.NoError(t, err)
	require.Equal(t, states[:1], kept)

	_, err = Reconcile(states, []string{"a"}, nil)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "--drop-source b")
	require.ErrorContains(t, err, "--drop-source c", "all problems at once")
}

func BenchmarkAssembleSources(b *testing.B) {
	reports := make([]*Report, 8)
	for t := range reports {
		reports[t] = &Report{Task: t, Splits: map[string][]Split{}}
		for i := range 10_000 / len(reports) {
			reports[t].Splits["in"] = append(reports[t].Splits["in"],
				at(fmt.Sprintf("/data/%d/%d.log", t, i), 1))
		}
	}
	for b.Loop() {
		if _, err := assembleSources([]SourceProgress{{Name: "in"}}, reports); err != nil {
			b.Fatal(err)
		}
	}
}
