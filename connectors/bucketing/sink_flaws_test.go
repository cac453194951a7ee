package bucketing

import (
	"fmt"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// TestFlawF1_FewFiles has four tasks write to three buckets for three epochs. Flink makes a file of
// each. Processes die with an epoch that is decided and not published, the joined one included:
// joining is part of the same commit, so every row is read once all the same.
func TestFlawF1_FewFiles(t *testing.T) {
	run := func(t *ground, change ...func(*Config)) (files int, rows []string) {
		const tasks = 4
		j := t.newJob(change...).start(tasks)
		for epoch := range 3 {
			for task := range tasks {
				for _, bucket := range []string{"a", "b", "c"} {
					j.write(task, fmt.Sprintf("%s@%d%d", bucket, epoch, task))
				}
			}
			j.snapshot()
			j.start(tasks)
		}
		last := j.Epoch + 1
		require.NoError(t, j.Settle(last, true, j.prepare()))
		require.Empty(t, j.Held[last])
		j.Epoch = last
		j.start(1)
		require.Empty(t, strays(j))
		return len(j.files()), j.values()
	}
	for name, newGround := range map[string]func(*testing.T) *ground{
		"memory": func(t *testing.T) *ground { return &ground{T: t} }, "HDFS": lake.ground,
	} {
		t.Run(name, func(t *testing.T) {
			g := newGround(t)
			many, want := run(g)
			require.Len(t, want, 36)
			require.Equal(t, 36, many)
			few, got := run(g, compact(time.Hour))
			require.Equal(t, want, got)
			require.Equal(t, 3, few)
		})
	}
}

// TestFlawF2_VisibleFilesHoldNothingElse has a process die after it wrote more to a part's bucket
// than was decided. Flink leaves a file with a surplus and another that says how much of it counts.
func TestFlawF2_VisibleFilesHoldNothingElse(t *testing.T) {
	onGrounds(t, func(t *ground) {
		j := t.newJob(func(c *Config) { c.Bucketer = Bucketer{} }).start(1)
		j.write(0, "decided").snapshot()
		j.write(0, "lost")
		require.NoError(t, j.Writers[0].Flush(t.Context()))
		j.start(1)
		want := map[string]string{"part-5eed-out-0-1-00000001-0": "decided\n"}
		require.Equal(t, want, j.files())
		j.write(0, "lost").checkpoint().close()
		want["part-5eed-out-0-2-00000002-0"] = "lost\n"
		require.Equal(t, want, j.files())
	})
}

// TestFlawF3_DeadAttemptsLeaveNothing has processes die with open and with closed parts. What they
// left goes with the next claim, and what others have there stays.
func TestFlawF3_DeadAttemptsLeaveNothing(t *testing.T) {
	onGrounds(t, func(t *ground) {
		j := t.newJob(size(10)).start(2)
		other := pend(t.T, j, "part-5eed-other-0-1-00000001-0", 1) // another sink's, of the same job
		least := 1                                                 // closed parts
		if j.showsOpen() {
			least = 3
		}
		for range 3 {
			j.write(0, "a@1").write(0, "a@closed").write(0, "a@open").write(1, "b@open")
			j.settle()
			require.Greater(t, len(strays(j)), least)
			j.start(2)
			require.Equal(t, []string{other}, strays(j))
			require.Empty(t, j.values())
		}
	})
}

// TestFlawF5_FailedRenameIsLoud: a commit that cannot rename says so and succeeds when it can; a
// part that is nowhere is an error that names it.
func TestFlawF5_FailedRenameIsLoud(t *testing.T) {
	onGrounds(t, func(t *ground) {
		j := t.newJob().start(1)
		first := j.write(0, "a").snapshot()
		inTheWay := path.Join(j.root, "a") // where the folder of the bucket goes
		require.NoError(t, j.View().WriteFile(t.Context(), inTheWay, []byte("a file")))
		require.ErrorContains(t, j.Committer.Commit(t.Context(), j.Decided[first]), inTheWay)
		require.NoError(t, j.View().Remove(t.Context(), inTheWay))
		j.notify(first)
		require.Equal(t, []string{"a: a"}, j.rows())

		second := j.write(0, "b").snapshot()
		j.lose(second)
		err := j.Committer.Commit(t.Context(), j.Decided[second])
		require.ErrorIs(t, err, checkpoint.ErrLost)
		require.ErrorContains(t, err, path.Join(j.root, "b/part-5eed-out-0-1-00000001-1"))
		require.Equal(t, connectors.Fatal, connectors.Classify(err))
	})
}

// otherScheme is a file system that nobody has heard of.
type otherScheme struct{ filesystem.FileSystem }

func (otherScheme) Scheme() string { return "viewfs" }

// TestFlawF6_AnySchemeWillDo: the sink asks for what it needs and never for the name.
func TestFlawF6_AnySchemeWillDo(t *testing.T) {
	j := newJob(t)
	j.OnDisk = otherScheme{local.New(local.Options{Disk: j.Disk})}
	j.start(2).write(0, "a").write(1, "b").snapshot()
	j.write(0, "a@lost")
	j.start(1)
	require.Equal(t, []string{"a", "b"}, j.values())
	require.Empty(t, strays(j))
}

// TestFlawF8_NothingIsTried: no file is written to find out what the file system can do.
func TestFlawF8_NothingIsTried(t *testing.T) {
	j := newJob(t)
	j.Hooks = []fstest.Hook{fstest.FailWhen(func(op fstest.Op) bool { return !op.Kind.Reads() }, errTest)}
	require.NoError(t, j.config.CheckConnect(t.Context(), j.Env(2)))
	j.start(2).close()
	require.Empty(t, j.staged())
}

// TestFlawF11_NoNameComesTwice: a counter that begins anew overwrites nothing, and names that are
// taken cost no search.
func TestFlawF11_NoNameComesTwice(t *testing.T) {
	onGrounds(t, func(t *ground) {
		j := t.newJob()
		var want []string
		for range 3 { // each process begins to count at 0
			j.start(1).write(0, "a@1", "a@2")
			j.checkpoint()
			want = append(want, "a@1", "a@2")
		}
		slices.Sort(want)
		require.Equal(t, want, j.values())
		require.Len(t, j.files(), 3)
	})
}

// TestFlawF12_BucketsFollowTheClockThatIsChosen has records of three hours at a fourth.
func TestFlawF12_BucketsFollowTheClockThatIsChosen(t *testing.T) {
	const hour = 3_600_000
	for mode, want := range map[string][]string{
		timeEvent:      {"1970-01-01--00: r0", "1970-01-01--01: r1", "1970-01-01--02: r2"},
		timeRecord:     {"1970-01-01--00: r0", "1970-01-01--01: r1", "1970-01-01--02: r2"},
		timeProcessing: {"1970-01-01--03: r0", "1970-01-01--03: r1", "1970-01-01--03: r2"},
	} {
		require.Equal(t, want, byTime(&ground{T: t}, mode, 0, hour, 2*hour).rows(), mode)
	}
}

// TestFlawF13_TheMachinesZoneDoesNotMatter has a machine east of Greenwich, where the day has
// begun.
func TestFlawF13_TheMachinesZoneDoesNotMatter(t *testing.T) {
	evening := time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)
	for zone, want := range map[string]string{
		"": "2026-11-22--23: x", "UTC": "2026-11-22--23: x", "+09:00": "2026-11-23--08: x",
	} {
		j := newJob(t, func(c *Config) {
			c.Bucketer = NewConfig().Bucketer
			if zone != "" {
				c.Bucketer.Zone = zone
			}
		})
		j.Now = func() time.Time { return evening.In(time.FixedZone("here", 9*3600)) }
		j.start(1).write(0, "x").checkpoint().close()
		require.Equal(t, []string{want}, j.rows())
	}
}
