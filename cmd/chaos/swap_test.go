package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host"
)

// The compiler that made the committed module. Another one may make another module that does the
// same.
const compiler, compilerVersion = "clang-19", "19.1.7"

func TestMarksIsBuiltFromItsSource(t *testing.T) {
	out, err := exec.Command(compiler, "--version").Output()
	if err != nil || !strings.Contains(string(out), "version "+compilerVersion) {
		t.Logf("%s %s cannot be run (%v): the module was not compared with its source", compiler,
			compilerVersion, err)
		return
	}
	built := filepath.Join(t.TempDir(), "marks.wasm")
	out, err = exec.Command("make", "--silent", "--always-make", "-C", "marks", "OUT="+built).
		CombinedOutput()
	require.NoError(t, err, "%s", out)
	want, err := os.ReadFile(built)
	require.NoError(t, err)
	committed, err := os.ReadFile(filepath.Join("marks", "marks.wasm"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, committed), "run make in marks")
}

func testMarks(t *testing.T) *marks {
	t.Helper()
	t.Chdir(filepath.Join("..", ".."))
	m, err := newMarks()
	require.NoError(t, err)
	return m
}

func TestVersionsDifferInTheirOrdersOnly(t *testing.T) {
	m := testMarks(t)
	all := ways()
	good := m.version(1, step{deed: deedNone})
	late := m.version(42, step{way: &all[4], deed: deedTrap, after: 321})
	require.Contains(t, string(good), "orders: 00000001g0000000")
	require.Contains(t, string(late), "orders: 00000042t0000321")
	require.Len(t, late, len(good))
	require.Equal(t, "traps after the switch", m.bad[m.sha["00000042"]])
	require.Empty(t, m.bad[m.sha["00000001"]])
	require.NotContains(t, string(m.version(3, step{deed: deedGarbage})), "\x00asm")
}

func TestPlanHasEveryWayAndEveryPlace(t *testing.T) {
	s := fullSwaps()
	steps := planSwaps(s.good, s.broken, s.kills, rand.New(rand.NewPCG(1, 2)))
	require.Len(t, steps, 500, "half of the thousand")
	broken, places, random := map[string]int{}, map[string]int{}, 0
	for _, s := range steps {
		switch {
		case s.place != "":
			places[s.place]++
		case s.kill:
			random++
		case s.way != nil:
			broken[s.way.name]++
			require.Equal(t, s.way.late, s.after > 2*sampleRecords-1, "%v", s)
		}
	}
	for _, w := range ways() {
		require.Equal(t, s.broken/len(ways()), broken[w.name], w.name)
	}
	require.Len(t, places, 8)
	require.Equal(t, s.kills/2, random)
}

// epochOf is an epoch in which one split was read to the end it names.
func epochOf(n checkpoint.Epoch, sha, end string) checkpoint.Manifest {
	return checkpoint.Manifest{
		Kind: checkpoint.KindEpoch, Epoch: n, Previous: n - 1,
		Modules: []checkpoint.Module{{Plugin: swappedPlugin, SHA256: sha}},
		Sources: []checkpoint.SourceState{{Name: "in", Splits: []checkpoint.Split{{ID: end}}}},
	}
}

func TestSwapJudge(t *testing.T) {
	const good, bad = "good", "bad"
	tests := []struct {
		name  string
		marks string // of the records, in order: g or b, - for none, twice for a repetition
		want  string // in the error; empty is none
	}{
		{"as the log says", "ggbbgg", ""},
		{"a record is lost", "ggb-gg", "1 lost"},
		{"a record is doubled", "ggbbg2", "1 doubled"},
		{"an epoch by another version", "gggggg", "epoch 2, of bad by its record"},
		{"an epoch by two versions", "ggbggg", "epoch 2, of bad by its record"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger(func(s checkpoint.Split) (string, int, error) {
				n, err := strconv.Atoi(s.ID)
				return "0", n, err
			})
			for i, m := range []checkpoint.Manifest{
				epochOf(1, good, "2"), epochOf(2, bad, "4"), epochOf(3, good, "6"),
			} {
				require.NoError(t, l.add(m), i)
				require.NoError(t, l.add(m), "it is known")
			}
			j := newSwapJudge(l, &marks{sha: map[string]string{"g": good, "b": bad}})
			for n, mark := range tt.marks {
				switch mark {
				case '-':
				case '2':
					j.marked("out", "0", n, "g")
					j.letter("dead", "0", n, good)
				default:
					j.marked("out", "0", n, string(mark))
				}
			}
			_, err := j.verdict(nil)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestLedgerMissesNoEpoch(t *testing.T) {
	l := newLedger(placeOfGenerator)
	m := epochOf(5, "x", "0")
	m.Sources = nil
	require.ErrorContains(t, l.add(m), "epoch 4, which was not seen")
}

func TestJudgeCountsTheEpochsOfAVersionThatIsWrong(t *testing.T) {
	l := newLedger(placeOfGenerator)
	for n := checkpoint.Epoch(1); n <= 4; n++ {
		m := epochOf(n, "bad", "0")
		m.Sources = nil
		require.NoError(t, l.add(m))
	}
	j := newSwapJudge(l, &marks{bad: map[string]string{"bad": "traps"}})
	to := host.Version{SHA256: "bad"}
	_, err := j.verdict([]host.Swap{{To: &to, Wrong: 3}})
	require.NoError(t, err)
	_, err = j.verdict([]host.Swap{{To: &to, Wrong: 2}})
	require.ErrorContains(t, err, "made 3 epochs from epoch 2 on")
}

func TestPausesAreComparedAtThe99thPercentile(t *testing.T) {
	p := newPauses()
	for n := range checkpoint.Epoch(2 * switchesMin) {
		x := pause{Epoch: n, Paused: 0.002}
		if n%2 == 0 {
			x = pause{Epoch: n, Paused: 0.032, Queued: 0.025, Swaps: []string{swappedPlugin}}
		}
		p.seen[n] = x
	}
	summary, err := p.verdict()
	require.NoError(t, err)
	require.Contains(t, summary, "so 30ms longer at p99, 5ms without waiting")
	for n, x := range p.seen {
		x.Queued = 0
		p.seen[n] = x
	}
	_, err = p.verdict()
	require.ErrorContains(t, err, "30ms longer")
}
