package bucketing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// The scenarios of BucketingSinkTest and its neighbours.

const millisecond = time.Millisecond

func closingWithoutInput(t *ground) {
	j := t.newJob().start(1).close()
	require.Equal(t, counts{0, 0, 0}, j.counts())
}

func inactivityWithLateNotify(t *ground) {
	j := t.newJob(inactivity(100 * millisecond)).start(1)
	j.at(0).write(0, "test1").write(0, "test2")
	require.Equal(t, counts{2, 0, 0}, j.counts())
	j.at(101)
	require.Equal(t, counts{0, 2, 0}, j.counts())
	first := j.snapshot()
	require.Equal(t, counts{0, 2, 0}, j.counts())
	j.write(0, "test1").write(0, "test2").at(202)
	second := j.snapshot()
	require.Equal(t, counts{0, 4, 0}, j.counts())

	j.notify(first)
	require.Equal(t, counts{0, 2, 2}, j.counts())
	require.Equal(t, []string{"test1: test1", "test2: test2"}, j.rows())
	j.notify(second)
	require.Equal(t, counts{0, 0, 4}, j.counts())
	require.Equal(t, []string{"test1", "test1", "test2", "test2"}, j.values())
}

func bucketStateTransitions(t *ground) {
	j := t.newJob(inactivity(100 * millisecond)).start(1)
	j.at(0).write(0, "test1").write(0, "test2")
	require.Equal(t, counts{2, 0, 0}, j.counts())
	j.at(101)
	require.Equal(t, counts{0, 2, 0}, j.counts())
	j.write(0, "test3")
	require.Equal(t, counts{1, 2, 0}, j.counts())
	j.checkpoint()
	require.Equal(t, counts{0, 0, 3}, j.counts())
	j.snapshot()
	j.close()
	require.Equal(t, counts{0, 0, 3}, j.counts())

	j.start(1)
	require.Equal(t, []string{"test1", "test2", "test3"}, j.values())
	j.snapshot()
	j.write(0, "test4")
	require.Equal(t, counts{1, 0, 3}, j.counts())

	// The process dies with a part open. Its source reads test4 again.
	j.start(1)
	require.Equal(t, counts{0, 0, 3}, j.counts())
	j.write(0, "test4").checkpoint().close()
	require.Equal(t, []string{"test1", "test2", "test3", "test4"}, j.values())
}

// rescale writes values with one number of tasks, snapshots, dies, and goes on with another one.
func rescale(before, after int, values ...string) func(*ground) {
	return func(t *ground) {
		j := t.newJob().start(before)
		parts := map[string]bool{}
		for i, v := range values {
			j.write(i%before, v)
			parts[fmt.Sprint(i%before, v)] = true
		}
		require.Empty(t, j.values())
		j.snapshot()

		j.start(after)
		require.Equal(t, slices.Sorted(slices.Values(values)), j.values())
		require.Equal(t, counts{0, 0, len(parts)}, j.counts())
		for task := range after {
			j.write(task, fmt.Sprintf("later%d", task))
		}
		j.checkpoint().close()
		require.Len(t, j.values(), len(values)+after)
		require.Equal(t, counts{0, 0, len(parts) + after}, j.counts())
	}
}

func rolloverInterval(t *ground) {
	j := t.newJob(inactivity(1000*millisecond), func(c *Config) {
		c.RolloverInterval = connectors.Duration(100 * millisecond)
	}).start(1)
	j.at(0).write(0, "test1@1")
	require.Equal(t, counts{1, 0, 0}, j.counts())
	j.clock = 101
	j.write(0, "test1@2")
	require.Equal(t, counts{1, 1, 0}, j.counts())
	j.checkpoint()
	require.Equal(t, counts{0, 0, 2}, j.counts())
	j.at(3000).checkpoint().close()
	require.Equal(t, counts{0, 0, 2}, j.counts())
	require.Equal(t, []string{"test1@1", "test1@2"}, j.values())
}

func nonRollingStringWriter(t *ground) {
	j := t.newJob(func(c *Config) { c.Bucketer = Bucketer{} }).start(1)
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprintf("message #%02d", i))
		j.write(0, want[i])
	}
	j.checkpoint().close() // the final epoch of bounded input
	files := j.files()
	require.Len(t, files, 1)
	require.Equal(t, strings.Join(want, "\n")+"\n", files["part-5eed-out-0-1-00000001-0"])
}

func dateTimeRolling(t *ground) {
	j := t.newJob(func(c *Config) {
		c.Bucketer = defaultBucketer()
		c.Bucketer.Pattern = "ss"
	}).start(1)
	for i := range 20 {
		if i%5 == 0 {
			j.at(int64(i/5) * 5000)
		}
		j.write(0, fmt.Sprintf("message #%02d", i))
	}
	j.checkpoint().close()
	files := j.files()
	require.Len(t, files, 4)
	for i, second := range []string{"00", "05", "10", "15"} {
		var want strings.Builder
		for k := range 5 {
			fmt.Fprintf(&want, "message #%02d\n", i*5+k)
		}
		name := fmt.Sprintf("%s/part-5eed-out-0-1-00000001-%d", second, i)
		require.Equal(t, want.String(), files[name], name)
	}
}

func customBucketing(t *ground) {
	j := t.newJob().start(1)
	for i := range 20 {
		j.write(0, fmt.Sprintf("%d@%02d", i%4, i))
	}
	j.checkpoint().close()
	require.Len(t, j.files(), 4)
	rows := j.rows()
	require.Len(t, rows, 20)
	for _, row := range rows {
		bucket, value, _ := strings.Cut(row, ": ")
		require.Equal(t, bucket, strings.Split(value, "@")[0])
	}
}

func inactiveBucketCleanup(t *ground) {
	j := t.newJob(inactivity(5 * time.Minute)).start(1).at(0)
	for _, id := range []string{"0", "1", "2", "3"} {
		j.write(0, id)
	}
	require.Equal(t, counts{4, 0, 0}, j.counts())
	for _, minute := range []int64{2, 6} {
		j.at(minute * 60_000)
		j.write(0, "0").write(0, "1")
	}
	require.Equal(t, counts{2, 2, 0}, j.counts())
	j.checkpoint().close()
	require.Equal(t, counts{0, 0, 4}, j.counts())
	require.Len(t, j.values(), 8)
}

// partIndexIncremented has a file of another program, or of Flink, in the way.
func partIndexIncremented(suffix, existing string) func(*ground) {
	return func(t *ground) {
		j := t.newJob(func(c *Config) {
			c.Bucketer = Bucketer{}
			c.PartSuffix = suffix
			c.BatchSize = 0
		})
		name := path.Join(j.root, existing)
		require.NoError(t, j.View().WriteFile(t.Context(), name, []byte("old\n")))
		j.start(1).at(0).write(0, "test1").at(101).checkpoint().close()
		require.Equal(t, map[string]string{
			existing: "old\n", "part-5eed-out-0-1-00000001-0" + suffix: "test1\n",
		}, j.files())
	}
}

// faultTolerance writes 16,000 strings with 12 tasks, dies once between 70 and 90 % of them, and
// goes on from the last epoch.
func faultTolerance(t *ground) {
	const strings, tasks = 16_000, 12
	epochEvery := 500
	if t.fs != nil {
		epochEvery = 2000 // each takes as many parts as there are tasks
	}
	rng := rand.New(rand.NewPCG(16, 12))
	failAt := strings*7/10 + rng.IntN(strings/5)
	j := t.newJob(func(c *Config) { c.Bucketer, c.BatchSize = Bucketer{}, 10_000 }).start(tasks)

	decided := 0 // strings read when the last epoch was taken
	for i := 0; i < strings; i++ {
		if i == failAt {
			failAt = -1
			j.start(tasks)
			i = decided
		}
		j.write(i%tasks, fmt.Sprintf("message #%05d", i))
		if (i+1)%epochEvery == 0 {
			j.snapshot()
			decided = i + 1
			if rng.IntN(4) > 0 { // some commits are lost with the process, or come late
				j.notify(j.Epoch)
			}
			j.notifyAll()
		}
	}
	j.checkpoint().close()
	values := j.values()
	require.Len(t, values, strings)
	for i, v := range values {
		require.Equal(t, fmt.Sprintf("message #%05d", i), v)
	}
}

// notifyAll commits every decided epoch again, which changes nothing that is committed.
func (j *job) notifyAll() {
	j.T.Helper()
	for e := range j.Decided {
		require.NoError(j.T, j.Committer.Commit(j.Ctx, j.Decided[e]))
		if e+2 < j.Epoch {
			delete(j.Decided, e)
		}
	}
}

// initFileSystem opens a sink on the file system of the scenario.
func initFileSystem(t *ground) {
	j := t.newJob()
	sink, err := j.config.Open(t.Context(), j.Env(1))
	require.NoError(t, err)
	require.NoError(t, sink.Close())
}

func initUnsupported(t *ground) {
	c := NewConfig()
	c.Path = "nope:///base"
	unknown := errors.New("no file system has the scheme nope")
	env := connectors.Env{
		FileSystems: func(context.Context, string) (filesystem.FileSystem, string, error) {
			return nil, "", unknown
		},
	}
	_, err := c.Open(t.Context(), env)
	require.ErrorIs(t, err, unknown)
	require.ErrorContains(t, err, "nope:///base")
	require.ErrorIs(t, c.CheckConnect(t.Context(), env), unknown)
}

func dateTimeBucketer(pattern, want string) func(*ground) {
	return func(t *ground) {
		j := t.newJob(func(c *Config) {
			c.Bucketer = defaultBucketer()
			c.Bucketer.Pattern, c.Bucketer.Zone = pattern, "America/Los_Angeles"
		}).start(1).at(1533363082011)
		j.write(0, "x").checkpoint().close()
		require.Equal(t, []string{want + ": x"}, j.rows())
	}
}

func stringWriter(t *ground) {
	for _, delimiter := range []string{"\n", "\r\n", "*", "##", ""} {
		j := t.newJob(func(c *Config) { c.Writer.Lines.Delimiter = delimiter }).start(1)
		j.write(0, "a@1").write(0, "a@2").checkpoint().close()
		for _, content := range j.files() {
			require.Equal(t, "a@1"+delimiter+"a@2"+delimiter, content)
		}
	}
}

// stringWriterOfEveryBucket has all parts written with the settings of the sink.
func stringWriterOfEveryBucket(t *ground) {
	j := t.newJob(func(c *Config) { c.Writer.Lines.Delimiter = "##" }).start(2)
	for task := range 2 {
		j.write(task, "a@1").write(task, "b@1")
	}
	j.checkpoint().close()
	files := j.files()
	require.Len(t, files, 4)
	for name, content := range files {
		require.Equal(t, path.Dir(name)+"@1##", content)
	}
}

// readAll reads a file through the contract.
func readAll(t *testing.T, fs filesystem.FileSystem, p string) string {
	t.Helper()
	r, err := fs.Open(t.Context(), p, 0)
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return string(data)
}
