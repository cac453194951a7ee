package bucketing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// TestNothingIsJoinedWithoutCompact: what only waits for a mark is published as it was written. Two
// Parquet files behind one another are no file with the rows of both.
func TestNothingIsJoinedWithoutCompact(t *testing.T) {
	j := marked(t, timeProcessing, func(c *Config) {
		c.Writer, c.Schema = parquetWriter("none"), keyValueSchema
	}).start(2)
	first, second := pairs()[0], pairs()[1]
	j.write(0, first).write(1, second).checkpoint()
	var got []string
	for _, content := range j.files() {
		got = append(got, parquetPairs(t, content)...)
	}
	require.ElementsMatch(t, []string{first, second}, got)
	require.Len(t, j.files(), 2)
}

// TestNewPartsBesideHeldOnesOfBefore: compact was switched off while parts were held.
func TestNewPartsBesideHeldOnesOfBefore(t *testing.T) {
	j := newJob(t, compact(time.Minute)).start(1)
	j.write(0, "a@1").checkpoint()
	j.config.Compact.On = false
	j.start(2).write(0, "a@2").write(1, "a@3").checkpoint()
	require.Equal(t, []string{"a@1", "a@2", "a@3"}, j.values())
	require.Len(t, j.files(), 3, "they are published as they are")
}

// TestDamagedHeldPartCanBeGivenUp: the way out that the refusal names is one.
func TestDamagedHeldPartCanBeGivenUp(t *testing.T) {
	j := newJob(t, compact(time.Hour)).start(1)
	j.write(0, "a@1", "b@1").checkpoint()
	d, err := decode(j.Held[j.Epoch][0])
	require.NoError(t, err)
	require.NoError(t, j.View().WriteFile(j.Ctx, string(d.token.Data), []byte("a")))
	err = j.Start(1)
	require.ErrorIs(t, err, filesystem.ErrDamaged)
	require.ErrorContains(t, err, "--accept-missing "+d.token.Target)
	j.Accepted = []string{d.token.Target}
	j.start(1).finish()
	require.Equal(t, []string{"b@1"}, j.values())
}

// TestPartsOfTasksStayApartWhileTheyAreHeld: also where a bucket is held for so long that its parts
// are joined and held again, and by whatever process.
func TestPartsOfTasksStayApartWhileTheyAreHeld(t *testing.T) {
	j := newJob(t, compact(time.Hour), func(c *Config) { c.Compact.Tasks = false }).start(2)
	for i := range joinTier + 1 {
		j.write(0, fmt.Sprintf("a@0%02d", i)).write(1, fmt.Sprintf("a@1%02d", i)).checkpoint()
	}
	require.Len(t, j.Held[j.Epoch], 4, "joined and new ones of either task")
	j.start(2).finish()
	require.Len(t, j.files(), 2)
	for name, content := range j.files() {
		rows := strings.Fields(content)
		require.Len(t, rows, joinTier+1)
		for _, row := range rows {
			require.Equal(t, rows[0][:3], row[:3], "%s has rows of one task", name)
		}
	}
}

// TestWhatIsNotHeldAnyMoreIsForgotten: a sink that does not compact any more goes back to an epoch
// that held parts, which were published since. They must not be in the manifests from then on: once
// a reader takes the files away no start could tell what became of them.
func TestWhatIsNotHeldAnyMoreIsForgotten(t *testing.T) {
	j := newJob(t, compact(time.Minute)).start(1)
	j.write(0, "a@1").checkpoint()
	back := j.Epoch
	j.at(120_000).checkpoint()
	require.Equal(t, []string{"a@1"}, j.values())
	j.Epoch++
	j.Held[j.Epoch], j.Decided[j.Epoch] = j.Held[back], nil // what such a claim carries
	j.config.Compact.On = false
	j.start(1).checkpoint()
	require.Empty(t, j.Held[j.Epoch])
}

// TestRecordsBesideTheChainPublishNothing: a fenced owner has left a record that says that a held
// part is published. It never was.
func TestRecordsBesideTheChainPublishNothing(t *testing.T) {
	j := newJob(t, compact(time.Hour)).start(2)
	j.write(0, "a@1").write(1, "a@2", "b@1").checkpoint()
	said, _, err := j.Committer.(checkpoint.Settler).Settle(j.Ctx, j.Epoch+1, true, nil)
	require.NoError(t, err)
	require.Len(t, said, 2)
	j.Decided[j.Epoch+1000] = said
	j.start(1)
	require.Len(t, j.Held[j.Epoch], 3)
	j.finish()
	require.Equal(t, []string{"a@1", "a@2", "b@1"}, j.values())
}

// TestAClockThatWasWrongHoldsNothingForEver: parts of a day in the future begin to wait
// when the clock was set back.
func TestAClockThatWasWrongHoldsNothingForEver(t *testing.T) {
	j := newJob(t, compact(time.Minute)).start(1)
	j.clock = 365 * 24 * 60 * minute
	j.write(0, "a@1").checkpoint()
	j.clock = 0
	j.start(1).checkpoint()
	j.clock = minute
	j.checkpoint()
	require.Equal(t, []string{"a@1"}, j.values())
}

// TestHeldPartsAreBounded: a bucketer that names ever new buckets must not make the manifest so
// large that no epoch can be decided any more.
func TestHeldPartsAreBounded(t *testing.T) {
	j := newJob(t, compact(time.Hour)).start(1)
	parts := make([]*heldPart, heldPartsMax)
	for i := range parts {
		name := fmt.Sprintf("%s/b%d/part", testRoot, i)
		parts[i] = &heldPart{committable: committable{
			base: testRoot, token: filesystem.Token{Target: name}, hold: &hold{form: j.Sink.form},
		}}
	}
	c := j.Committer.(*committer)
	c.hold.held = parts
	publish, keep, err := c.Settle(j.Ctx, 1, false, nil)
	require.NoError(t, err)
	require.Empty(t, publish)
	require.Len(t, keep, heldPartsMax)
	j.write(0, "one more")
	publish, keep, err = c.Settle(j.Ctx, 1, false, j.prepare())
	require.NoError(t, err)
	require.Len(t, publish, heldPartsMax+1)
	require.Empty(t, keep)
}

// TestRowsThatAreWrittenAgainCountForMore: they take longer than bytes that are copied.
func TestRowsThatAreWrittenAgainCountForMore(t *testing.T) {
	most := func(change func(*Config)) int64 {
		return newJob(t, change).start(1).Committer.(*committer).sink.joinMax
	}
	require.EqualValues(t, joinBytesMax, most(compact(0)))
	require.EqualValues(t, rejoinBytesMax, most(compactParquet(0)))
}

// TestAnEpochWaitsForFewJoins: an epoch is decided after its joins, and not only after those of all
// buckets that are due at once.
func TestAnEpochWaitsForFewJoins(t *testing.T) {
	pair := func(size int64) batch {
		p := &heldPart{}
		p.token.Size = size / 2
		return batch{parts: []*heldPart{p, p}, join: true}
	}
	alone := batch{parts: []*heldPart{{}}}
	const half = joinBytesMax / 2
	tests := []struct {
		name  string
		do    []batch
		flush bool
		want  []bool // joined, of what is done
		stay  int
	}{
		{"few", []batch{pair(half), alone, pair(half)}, false, []bool{true, false, true}, 0},
		{"many", []batch{pair(half), pair(half), pair(half), alone}, false, []bool{true, true, false}, 2},
		{"many at the end", []batch{pair(half), pair(half), pair(half)}, true,
			[]bool{true, true, false}, 0},
		{"a large one", []batch{pair(3 * joinBytesMax), pair(2)}, false, []bool{true}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			do, stay := afford(tt.do, nil, joinBytesMax, tt.flush)
			var joined []bool
			for _, b := range do {
				joined = append(joined, b.join)
			}
			require.Equal(t, tt.want, joined)
			require.Len(t, stay, tt.stay)
		})
	}
}
