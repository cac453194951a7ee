package file

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
)

var errSinkTest = errors.New("as the test wants")

func TestSinkWithOneTaskWritesAFile(t *testing.T) {
	r := newSinkRun(t).start(1)
	require.Equal(t, contents{"out": ""}, r.files())
	r.write(0, "a", "b").flush()
	require.Equal(t, contents{"out": "a\nb\n"}, r.files(), "readers see records before their epoch")
	r.decide().commit().write(0, "c").decide().commit().close()
	require.Equal(t, contents{"out": "a\nb\nc\n"}, r.files())
	require.Empty(t, r.staged(), "what is committed whole has one name")
	found, err := r.Committer.(checkpoint.Verifier).
		Verify(t.Context(), r.Decided[r.Epoch], checkpoint.Retained{})
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestSinkWithSeveralTasksWritesAFolder(t *testing.T) {
	r := newSinkRun(t).start(3)
	r.write(0, "a").write(2, "c").decide().commit().close()
	require.Equal(t, contents{"out/1": "a\n", "out/2": "", "out/3": "c\n"}, r.files())
}

func TestSinkGoesBackToTheDecidedLength(t *testing.T) {
	r := newSinkRun(t).start(2)
	r.write(0, "a").write(1, "b").decide()
	r.write(0, "undecided").write(1, "undecided").flush()
	r.start(2) // crashed
	require.Equal(t, contents{"out/1": "a\n", "out/2": "b\n"}, r.files())
	r.write(0, "c").decide().commit().close()
	require.Equal(t, contents{"out/1": "a\nc\n", "out/2": "b\n"}, r.files())
	r.start(2).close()
	require.Equal(t, contents{"out/1": "a\nc\n", "out/2": "b\n"}, r.files())
}

func TestSinkTakesBackWhatWasNeverDecided(t *testing.T) {
	for _, tasks := range []int{1, 2} {
		r := newSinkRun(t).start(tasks)
		r.write(0, "undecided").flush()
		r.start(tasks) // crashed before its first epoch: no-overwrite must not meet its own file
		r.write(0, "a").decide().commit().close()
		for name, content := range r.files() {
			require.NotContains(t, content, "undecided", name)
		}
	}
}

func TestSinkRefusesWhatStandsThere(t *testing.T) {
	tests := []struct {
		name, path string
		tasks      int
	}{
		{"file for file", "/data/out", 1},
		{"file for folder", "/data/out", 2},
		{"numbered file in folder", "/data/out/2", 2},
		{"numbered file of a larger run", "/data/out/7", 2},
		{"folder for file", "/data/out/x", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newSinkRun(t)
			r.put(tt.path, "precious")
			err := r.Start(tt.tasks)
			require.ErrorIs(t, err, ErrTaken)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
			require.Equal(t, contents{strings.TrimPrefix(tt.path, "/data/"): "precious"}, r.files())
		})
	}
	r := newSinkRun(t)
	r.put("/data/out/notes.txt", "precious")
	r.start(2).write(0, "a").decide().commit().close()
	require.Equal(t, contents{"out/notes.txt": "precious", "out/1": "a\n", "out/2": ""}, r.files())
}

func TestSinkOverwrites(t *testing.T) {
	tests := []struct {
		name, path string
		tasks      int
		want       contents
	}{
		{"file for file", "/data/out", 1, contents{"out": "a\n"}},
		{"file for folder", "/data/out", 2, contents{"out/1": "a\n", "out/2": ""}},
		{"numbered file", "/data/out/2", 2, contents{"out/1": "a\n", "out/2": ""}},
		{"numbered file of a larger run", "/data/out/7", 2, contents{"out/1": "a\n", "out/2": ""}},
		{"other file in folder", "/data/out/x", 2, contents{"out/1": "a\n", "out/2": "", "out/x": "old"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newSinkRun(t, replacing)
			r.put(tt.path, "old")
			r.start(tt.tasks).write(0, "a").decide().commit().close()
			require.Equal(t, tt.want, r.files())
			// A restart goes on; it does not overwrite.
			r.start(tt.tasks).close()
			require.Equal(t, tt.want, r.files())
		})
	}
	r := newSinkRun(t, replacing)
	r.put("/data/out/x", "precious")
	require.ErrorContains(t, r.Start(1), "a folder, and with one task it is a file")
}

func TestSinkWithOtherNumbersOfTasks(t *testing.T) {
	r := newSinkRun(t).start(3)
	r.write(0, "a").write(1, "b").write(2, "c").decide()
	r.write(2, "undecided").flush()
	r.start(1) // the folder stays one; files 2 and 3 rest
	r.write(0, "d").decide().commit().decide().commit()
	require.Equal(t, contents{"out/1": "a\nd\n", "out/2": "b\n", "out/3": "c\n"}, r.files())
	r.Named = []checkpoint.Epoch{r.Epoch}
	r.close().start(4)
	r.write(2, "e").write(3, "f").decide().commit().close()
	require.Equal(t,
		contents{"out/1": "a\nd\n", "out/2": "b\n", "out/3": "c\ne\n", "out/4": "f\n"}, r.files())
}

func TestSinkRefusesToTurnAFileIntoAFolder(t *testing.T) {
	r := newSinkRun(t).start(1)
	r.write(0, "a").decide().commit().close()
	require.ErrorContains(t, r.Start(2), "a file that one task wrote, and with 2 tasks it would be")
	require.Equal(t, contents{"out": "a\n"}, r.files())
}

// TestSinkOlderOwnerWritesToNobody: an owner that sleeps through a takeover wakes and writes on.
func TestSinkOlderOwnerWritesToNobody(t *testing.T) {
	r := newSinkRun(t).start(1)
	r.write(0, "a").decide().commit()
	zombie := r.Writers[0]
	r.start(1).write(0, "b").flush()

	var b connectors.Batch
	b.Append().Value = []byte("from the grave")
	require.NoError(t, zombie.Write(t.Context(), &b))
	require.NoError(t, zombie.Flush(t.Context()))
	require.Equal(t, contents{"out": "a\nb\n"}, r.files())
	_, err := zombie.Prepare(t.Context(), 2)
	require.Error(t, err, "the zombie must see that it is no more")
	r.write(0, "c").decide().commit().close()
	require.NoError(t, zombie.sink.Close())
	require.Equal(t, contents{"out": "a\nb\nc\n"}, r.files())
}

// TestSinkHealsAReplacedTarget: whatever takes the target's name, the live name still leads to what
// is decided, and the next claim shows it again.
func TestSinkHealsAReplacedTarget(t *testing.T) {
	r := newSinkRun(t).start(1)
	r.write(0, "a").decide().commit()
	r.put(sinkRoot, "replaced\n")
	r.write(0, "b")
	_, err := r.Writers[0].Prepare(t.Context(), 2)
	require.ErrorContains(t, err, "/data/out was replaced while the job wrote it")
	require.NoError(t, r.Writers[0].Close())
	require.NoError(t, r.Sink.Close())
	require.Len(t, r.staged(), 1)
	r.start(1).write(0, "b").decide().commit().close()
	require.Equal(t, contents{"out": "a\nb\n"}, r.files())
	require.Empty(t, r.staged())
}

func TestSinkMissesDecidedOutput(t *testing.T) {
	r := newSinkRun(t).start(1)
	r.write(0, "a", "b").decide().commit().close()
	r.put(sinkRoot, "a\n") // somebody cut it
	r.Applied = 0
	err := r.Start(1)
	require.ErrorIs(t, err, checkpoint.ErrLost)
	require.ErrorContains(t, err, "recovering /data/out to 4 bytes of epoch 1")
	require.ErrorContains(t, err, "the file is shorter; put it back as it was, or remove it")
	verify(t, r, checkpoint.Retained{}, checkpoint.Problem, "it is shorter than what is decided")
	r.Applied = r.Epoch
	require.ErrorIs(t, r.Start(1), checkpoint.ErrLost, "a file that is cut is no removed one")

	require.NoError(t, r.FileSystem().Remove(t.Context(), sinkRoot))
	r.Applied = 0
	err = r.Start(1)
	require.ErrorIs(t, err, checkpoint.ErrLost)
	require.ErrorContains(t, err, "--accept-missing /data/out")
	verify(t, r, checkpoint.Retained{}, checkpoint.Problem, "it is missing")
	accepted := checkpoint.Retained{Claim: r.Claim, Accepted: []string{"/data/out"}}
	verify(t, r, accepted, checkpoint.Note, "it is missing: a person accepted its loss")
	require.NoError(t, r.Committer.Recover(t.Context(), r.Decided[r.Epoch], accepted))
	r.Applied = r.Epoch // committed, then taken away by its reader
	r.start(1).write(0, "c").decide().commit()
	require.Equal(t, contents{"out": "c\n"}, r.files())

	// Taken away while the process is dead: its live name is still there.
	require.NoError(t, r.FileSystem().Remove(t.Context(), sinkRoot))
	r.start(1).write(0, "d").decide().commit().close()
	require.Equal(t, contents{"out": "d\n"}, r.files())
}

// verify holds what Verify finds of the newest epoch.
func verify(
	t *testing.T, r *sinkRun, keep checkpoint.Retained, severity checkpoint.Severity, text string,
) {
	t.Helper()
	v, ok := r.Committer.(checkpoint.Verifier)
	require.True(t, ok)
	found, err := v.Verify(t.Context(), r.Decided[r.Epoch], keep)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "/data/out", found[0].Subject)
	require.Equal(t, severity, found[0].Severity)
	require.Equal(t, text, found[0].Text)
}

// TestSinkGoesBackToARetainedEpoch: a person restarts from an epoch before the newest one.
func TestSinkGoesBackToARetainedEpoch(t *testing.T) {
	r := newSinkRun(t).start(1)
	r.write(0, "a").decide().commit().write(0, "b").decide().commit().write(0, "c").decide().commit()
	r.Epoch = 1
	r.start(1)
	require.Equal(t, contents{"out": "a\n"}, r.files())
	require.Len(t, r.staged(), 2, "epoch 3 is retained, and only the older file has all of it")
	r.Epoch = 3
	r.start(1).close()
	require.Equal(t, contents{"out": "a\nb\nc\n"}, r.files())
}

func TestSinkPathChanged(t *testing.T) {
	r := newSinkRun(t).start(1)
	r.write(0, "a").decide().write(0, "undecided").flush()
	r.config.Path = "/data/elsewhere"
	r.start(1).write(0, "b").decide().commit().close()
	require.Equal(t, contents{"out": "a\n", "elsewhere": "b\n"}, r.files())
	require.Len(t, r.staged(), 1, "a retained epoch names it")
	r.Named = []checkpoint.Epoch{r.Epoch}
	r.start(1).close()
	require.Equal(t, contents{"out": "a\n", "elsewhere": "b\n"}, r.files())
	require.Empty(t, r.staged())
}

func TestSinkRecoverAgainChangesNothing(t *testing.T) {
	r := newSinkRun(t).start(2)
	r.write(0, "a").decide().write(0, "undecided").flush()
	r.Claim++
	opened, err := r.config.Open(t.Context(), r.Env(2))
	require.NoError(t, err)
	r.Sink = opened.(*Sink)
	owner := checkpoint.Owner{Number: r.Claim, Nonce: "00000002"}
	c, err := r.Sink.OpenCommitter(t.Context(), connectors.CommitterContext{Owner: owner})
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, c.Recover(t.Context(), r.Decided[1], r.Retained()))
		require.Equal(t, contents{"out/1": "a\n", "out/2": ""}, r.files())
		require.Len(t, r.staged(), 2)
	}
	require.NoError(t, c.Abort(t.Context(), r.Decided[1]))
	require.NoError(t, r.Sink.Close())
}

func TestSinkFaults(t *testing.T) {
	r := newSinkRun(t).start(1)
	var b connectors.Batch
	b.Append().Value = []byte("a")
	b.Append()
	b.Append().Value = []byte("b")
	require.NoError(t, r.Writers[0].Write(t.Context(), &b))
	r.decide().commit().close()
	require.Equal(t, contents{"out": "a\nb\n"}, r.files())
	require.Equal(t, []string{
		": file: the value is null, which a line of text cannot hold",
	}, r.Faults)
}

func TestSinkErrorsStay(t *testing.T) {
	r := newSinkRun(t)
	r.Hooks = []fstest.Hook{fstest.FailWhen(func(op fstest.Op) bool {
		return op.Kind == fstest.Write
	}, errSinkTest)}
	r.start(1).write(0, "a")
	require.ErrorIs(t, r.Writers[0].Flush(t.Context()), errSinkTest)
	_, err := r.Writers[0].Prepare(t.Context(), 1)
	require.ErrorIs(t, err, errSinkTest)
	require.ErrorIs(t, r.Writers[0].Write(t.Context(), &connectors.Batch{}), errSinkTest)
}

func TestSinkNeedsAClaim(t *testing.T) {
	c := NewSinkConfig()
	c.Path = sinkRoot
	r := newSinkRun(t)
	s, err := c.Open(t.Context(), r.Env(1))
	require.NoError(t, err)
	_, err = s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.ErrorIs(t, err, errNoClaim)
	_, err = s.(*Sink).OpenCommitter(t.Context(), connectors.CommitterContext{})
	require.ErrorIs(t, err, errNoClaim)
	r.start(1)
	_, err = r.Sink.OpenWriter(t.Context(), connectors.WriterContext{})
	require.ErrorContains(t, err, "task 0 has one already")
}

func TestSinkNeedsLiveFiles(t *testing.T) {
	c := NewSinkConfig()
	c.Path = "s3://bucket/out"
	env := connectors.Env{
		FileSystems: func(context.Context, string) (filesystem.FileSystem, string, error) {
			return objectStore{}, "/out", nil
		},
	}
	require.ErrorContains(t, c.CheckConnect(t.Context(), env),
		`a file system of scheme "s3" cannot grow a file that readers see`)
}

// objectStore has no live files.
type objectStore struct{ filesystem.FileSystem }

func (objectStore) Scheme() string { return "s3" }

func TestSinkConfigValidate(t *testing.T) {
	c := NewSinkConfig()
	c.WriteMode, c.Format, c.Nulls = "append", "xml", "zero"
	var p connectors.Problems
	c.Validate(&p)
	var keys []string
	for _, x := range p.List {
		keys = append(keys, x.Key)
	}
	require.Equal(t, []string{"path", "write_mode", "format", "nulls"}, keys)
	require.Equal(t, connectors.ExactlyOnce, c.Guarantee())
	require.Equal(t, "file", Spec().Name)
}

// TestUpstreamCsvOutputFormat runs Flink's tests of null fields.
func TestUpstreamCsvOutputFormat(t *testing.T) {
	rows := []string{`["One",null,8]`}
	t.Run("CsvOutputFormatTest/testNullAllow", func(t *testing.T) {
		r := newSinkRun(t, func(c *SinkConfig) { c.Format, c.Nulls = "csv", "empty" }).start(1)
		r.write(0, rows...).decide().commit().close()
		require.Equal(t, contents{"out": "One,,8\n"}, r.files())
		require.Empty(t, r.Faults)
	})
	t.Run("CsvOutputFormatTest/testNullDisallowOnDefault", func(t *testing.T) {
		r := newSinkRun(t, func(c *SinkConfig) { c.Format = "csv" }).start(1)
		r.write(0, append(rows, `["Two","x",9]`)...).decide().commit().close()
		require.Equal(t, contents{"out": "Two,x,9\n"}, r.files())
		require.Len(t, r.Faults, 1)
		require.Contains(t, r.Faults[0], "field 1: it is null")
	})
}
