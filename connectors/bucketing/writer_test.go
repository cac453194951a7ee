package bucketing

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/format/lines"
)

var errTest = errors.New("as the test wants")

// openBuckets returns the buckets with an open part, sorted.
func openBuckets(w *writer) []string {
	var names []string
	for _, p := range w.open {
		names = append(names, p.bucket.name)
	}
	slices.Sort(names)
	return names
}

func TestLongestUnwrittenPartIsClosedFirst(t *testing.T) {
	j := newJob(t, func(c *Config) { c.OpenPartsMax = 3 }).start(1)
	j.write(0, "a", "b", "c")
	require.Equal(t, []string{"a", "b", "c"}, openBuckets(j.Writers[0]))
	j.write(0, "a", "d")
	require.Equal(t, []string{"a", "c", "d"}, openBuckets(j.Writers[0]))
	j.write(0, "b")
	require.Equal(t, []string{"a", "b", "d"}, openBuckets(j.Writers[0]))
	require.Equal(t, counts{3, 2, 0}, j.counts())
	j.checkpoint()
	require.Equal(t, []string{"a", "a", "b", "b", "c", "d"}, j.values())
}

func TestRecordsOfOneBucketStayInOrder(t *testing.T) {
	j := newJob(t, size(40)).start(1)
	var want []string
	for i := range 50 {
		v := fmt.Sprintf("a@%03d", i)
		want = append(want, v)
		j.write(0, v, fmt.Sprintf("b@%03d", i))
	}
	j.checkpoint()
	files := j.files()
	var got []string
	for n := range len(files) {
		content := files[fmt.Sprintf("a/part-5eed-out-0-1-00000001-%d", n)]
		got = append(got, strings.Fields(content)...)
	}
	require.Equal(t, want, got)
}

func TestRecordLargerThanAPart(t *testing.T) {
	j := newJob(t, size(10)).start(1)
	big := "a@" + strings.Repeat("x", 1<<20)
	j.write(0, "a@1", big, "a@2").checkpoint()
	require.Equal(t, []string{"a@1", "a@2", big}, j.values())
}

type (
	batchOf   = connectors.Batch
	bucketsOf = connectors.Buckets
	faultsOf  = connectors.Faults
)

// guest answers what a test wants.
type guest func(in *batchOf, out *bucketsOf, faults *faultsOf) error

func (g guest) Assign(
	_ context.Context, in *batchOf, out *bucketsOf, faults *faultsOf,
) error {
	return g(in, out, faults)
}

func (g guest) Close() error { return nil }

func TestBadBucketCostsItsRecordOnly(t *testing.T) {
	j := newJob(t).start(1)
	j.write(0, "good@1", "../escape@2", "good@3", "a/../../b@4", ".wasmflow/x@5", "../escape@6")
	j.checkpoint()
	require.Equal(t, []string{"good: good@1", "good: good@3"}, j.rows())
	require.Len(t, j.Faults, 4)
	require.Contains(t, j.Faults[0], `../escape@2: test.by_value: "../escape" is no bucket name`)
	require.Contains(t, j.Faults[3], `../escape@6`)
	require.Empty(t, strays(j), "a part without records is not kept")
}

func TestFaultPolicyMayEndTheJob(t *testing.T) {
	j := newJob(t).start(1)
	w := j.Writers[0]
	w.context.Faults = func(*connectors.Record, connectors.Fault) error { return errTest }
	b := &connectors.Batch{}
	b.Append().Value = []byte("..")
	require.ErrorIs(t, w.Write(j.Ctx, b), errTest)
	require.ErrorIs(t, w.Write(j.Ctx, b), errTest, "a failed writer stays failed")
	require.ErrorIs(t, w.Flush(j.Ctx), errTest)
	require.ErrorIs(t, w.OnTime(j.Ctx, j.Env(len(j.Writers)).Now()), errTest)
	_, err := w.Prepare(j.Ctx, 1)
	require.ErrorIs(t, err, errTest)
}

func TestGuestAnswers(t *testing.T) {
	tests := []struct {
		name   string
		answer guest
		want   string // error
		rows   []string
		faults []string
	}{
		{"its own fault", func(_ *batchOf, out *bucketsOf, f *faultsOf) error {
			out.Names, out.Index = []string{"x"}, []uint32{0, connectors.NoBucket}
			f.Add(connectors.Fault{Index: 1, Text: "no country", Function: "test.by_value"})
			return nil
		}, "", []string{"x: r0"}, []string{"r1: test.by_value: no country"}},
		{"a bucket and a fault", func(_ *batchOf, out *bucketsOf, f *faultsOf) error {
			out.Names, out.Index = []string{"x"}, []uint32{0, 0}
			f.Add(connectors.Fault{Index: 0, Text: "no", Function: "g"})
			return nil
		}, "", []string{"x: r1"}, []string{"r0: g: no"}},
		{"error", func(*batchOf, *bucketsOf, *faultsOf) error {
			return errTest
		}, "naming buckets: as the test wants", nil, nil},
		{"too few answers", func(_ *batchOf, out *bucketsOf, _ *faultsOf) error {
			out.Names, out.Index = []string{"x"}, []uint32{0}
			return nil
		}, "1 answers for 2 records", nil, nil},
		{"index out of range", func(_ *batchOf, out *bucketsOf, _ *faultsOf) error {
			out.Names, out.Index = []string{"x"}, []uint32{0, 1}
			return nil
		}, "name 1 of 1", nil, nil},
		{"fault out of range", func(_ *batchOf, out *bucketsOf, f *faultsOf) error {
			out.Names, out.Index = []string{"x"}, []uint32{0, 0}
			f.Add(connectors.Fault{Index: 2})
			return nil
		}, "a fault of record 2 of 2", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := newJob(t)
			j.Bucketer = tt.answer
			j.start(1)
			b := &connectors.Batch{}
			b.Append().Value = []byte("r0")
			b.Append().Value = []byte("r1")
			err := j.Writers[0].Write(j.Ctx, b)
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			j.checkpoint()
			require.Equal(t, tt.rows, j.rows())
			require.Equal(t, tt.faults, j.Faults)
		})
	}
}

func TestGuestIsAskedOncePerBatch(t *testing.T) {
	j := newJob(t).start(1)
	j.write(0, "a", "b", "a", "c", "a")
	require.Equal(t, 1, j.Bucketer.(*byValue).calls)
}

func TestNullValueIsAFault(t *testing.T) {
	j := newJob(t, func(c *Config) { c.Bucketer = Bucketer{} }).start(1)
	b := &connectors.Batch{}
	b.Append().Value = []byte("one")
	b.Append()
	b.Append().Value = []byte{}
	require.NoError(t, j.Writers[0].Write(j.Ctx, b))
	j.checkpoint()
	require.Equal(t, map[string]string{"part-5eed-out-0-1-00000001-0": "one\n\n"}, j.files())
	require.Equal(t, []string{": bucketing: " + lines.ErrNull.Error()}, j.Faults)
}

// TestARefusedRecordIsNotTheGuests: who names buckets is not to blame for what the format refuses.
func TestARefusedRecordIsNotTheGuests(t *testing.T) {
	j := newJob(t).start(1)
	b := &connectors.Batch{}
	b.Append()
	require.NoError(t, j.Writers[0].Write(j.Ctx, b))
	require.Equal(t, []string{": bucketing: " + lines.ErrNull.Error()}, j.Faults)
}

// talkative names buckets to which no record goes.
type talkative struct{ count int }

func (a *talkative) Assign(
	_ context.Context, in *connectors.Batch, out *connectors.Buckets, _ *connectors.Faults,
) error {
	for range in.Records {
		a.count++
		out.Names = append(out.Names, strconv.Itoa(a.count))
		out.Index = append(out.Index, connectors.NoBucket)
	}
	return nil
}

func (a *talkative) Close() error { return nil }

// TestBucketsWithoutPartsAreForgotten within an epoch: a guest must not fill memory with names.
func TestBucketsWithoutPartsAreForgotten(t *testing.T) {
	j := newJob(t)
	names := &talkative{}
	j.Bucketer = names
	j.start(1)
	b := &connectors.Batch{}
	for range 1_000 {
		b.Append()
	}
	for names.count < partsEpochMax+b.Len() {
		require.NoError(t, j.Writers[0].Write(j.Ctx, b))
	}
	require.LessOrEqual(t, len(j.Writers[0].buckets), b.Len())
}

func TestOnlyRefusedRecordsMakeNoPart(t *testing.T) {
	j := newJob(t, func(c *Config) { c.Bucketer = Bucketer{} }).start(1)
	b := &connectors.Batch{}
	b.Append()
	require.NoError(t, j.Writers[0].Write(j.Ctx, b))
	j.checkpoint().close()
	require.Empty(t, j.files())
	require.Empty(t, strays(j))
	require.Empty(t, j.Decided[j.Epoch])
}

func TestCharset(t *testing.T) {
	j := newJob(t, func(c *Config) {
		c.Bucketer = Bucketer{}
		c.Writer.Lines.Charset, c.Writer.Lines.Delimiter = "ISO-8859-1", "\u00a7"
	}).start(1)
	j.write(0, "caf\u00e9", "\u65e5\u672c", "th\u00e9").checkpoint()
	require.Equal(t, map[string]string{
		"part-5eed-out-0-1-00000001-0": "caf\xe9\xa7th\xe9\xa7",
	}, j.files())
	require.Len(t, j.Faults, 1)
	require.Contains(t, j.Faults[0], "converting the value")
}

func TestFarTimesAreFaults(t *testing.T) {
	j := byTime(&ground{T: t}, timeEvent, 0, 1<<62, -(1 << 62), timeMax, timeMin)
	require.Equal(t,
		[]string{"0001-01-01--00: r4", "1970-01-01--00: r0", "9999-12-31--23: r3"}, j.rows())
	require.Len(t, j.Faults, 2)
	require.Contains(t, j.Faults[0], "r1: bucketing: the timestamp is outside the years 0 to 9999")
}

// TestManyHoursAtOnce: more hours at a time than spans are remembered must give the same folders.
func TestManyHoursAtOnce(t *testing.T) {
	const hour = 3_600_000
	var timestamps []int64
	for i := range 100 {
		timestamps = append(timestamps, int64(i%13)*hour+int64(i))
	}
	rows := byTime(&ground{T: t}, timeEvent, timestamps...).rows()
	require.Len(t, rows, 100)
	for _, row := range rows {
		var bucketHour, record int
		_, err := fmt.Sscanf(row, "1970-01-01--%02d: r%d", &bucketHour, &record)
		require.NoError(t, err)
		require.Equal(t, record%13, bucketHour, row)
	}
}

func TestTooManyPartsEndTheJob(t *testing.T) {
	j := newJob(t).start(1)
	j.Writers[0].parts = partsEpochMax
	b := &connectors.Batch{}
	b.Append().Value = []byte("a")
	err := j.Writers[0].Write(j.Ctx, b)
	require.ErrorIs(t, err, errPartsMax)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

func TestFailedPartFailsTheEpoch(t *testing.T) {
	for _, kind := range []fstest.Kind{fstest.Write, fstest.Sync, fstest.SyncDir, fstest.Create} {
		t.Run(string(kind), func(t *testing.T) {
			j := newJob(t)
			j.Hooks = []fstest.Hook{fstest.FailWhen(func(op fstest.Op) bool {
				return op.Kind == kind && strings.Contains(op.Path, ".wasmflow/5eed")
			}, errTest)}
			require.NoError(t, j.Start(1))
			b := &connectors.Batch{}
			b.Append().Value = []byte("a")
			err := j.Writers[0].Write(j.Ctx, b)
			if kind != fstest.Create {
				require.NoError(t, err)
			}
			_, err = j.Writers[0].Prepare(j.Ctx, 1)
			require.ErrorIs(t, err, errTest)
			_, err = j.Writers[0].Prepare(j.Ctx, 1)
			require.ErrorIs(t, err, errTest, "the first error stays")
			require.NoError(t, j.Writers[0].Close())
			require.Empty(t, j.files())
		})
	}
}

func TestCloseRemovesWhatIsNotPrepared(t *testing.T) {
	j := newJob(t, size(0)).start(1)
	j.write(0, "a@1", "a@2", "b@3") // rolled parts are closed, not prepared
	require.Equal(t, counts{2, 1, 0}, j.counts())
	j.close()
	require.Empty(t, strays(j))
	require.ErrorContains(t, j.Writers[0].Write(j.Ctx, &connectors.Batch{}), "writer is closed")
}

func TestOpenNeedsAClaim(t *testing.T) {
	j := newJob(t).start(1)
	owner := checkpoint.Owner{Number: 1, Nonce: "00000001"}
	_, err := j.Sink.OpenWriter(j.Ctx, connectors.WriterContext{})
	require.ErrorIs(t, err, errNoJob)
	_, err = j.Sink.OpenCommitter(j.Ctx, connectors.CommitterContext{})
	require.ErrorIs(t, err, errNoJob)
	_, err = j.Sink.OpenWriter(j.Ctx, connectors.WriterContext{Owner: owner})
	require.ErrorContains(t, err, "bucketer test.by_value was not opened")
	j.Sink.env.Name = strings.Repeat("x", 200)
	_, err = j.Sink.OpenWriter(j.Ctx, connectors.WriterContext{Owner: owner, Bucketer: j.Bucketer})
	require.ErrorContains(t, err, "shorten the sink's name")
}

// TestNumbersGoOnWithinAClaim: a second writer of a task never meets the first one's files.
func TestNumbersGoOnWithinAClaim(t *testing.T) {
	j := newJob(t).start(1)
	j.write(0, "a").snapshot()
	again, err := j.Sink.OpenWriter(j.Ctx, j.Writers[0].context)
	require.NoError(t, err)
	j.Writers[0] = again.(*writer)
	j.write(0, "a").snapshot()
	var parts []string
	for _, e := range []checkpoint.Epoch{1, 2} {
		for _, c := range j.Decided[e] {
			d, err := decode(c)
			require.NoError(t, err)
			parts = append(parts, path.Base(d.token.Target))
		}
	}
	require.Equal(t, []string{"part-5eed-out-0-1-00000001-0", "part-5eed-out-0-1-00000001-1"}, parts)
}

// TestWriteAllocatesNothing: per record, once the parts of an epoch are open. A batch may allocate,
// and so may what else runs in this process meanwhile (every goroutine is counted): a tenth of an
// allocation a record is far above both, and far below the one that a record must not cost.
func TestWriteAllocatesNothing(t *testing.T) {
	for name, change := range benchBucketers() {
		t.Run(name, func(t *testing.T) {
			w, b := benchWriter(t, change)
			allocs := testing.AllocsPerRun(20, func() {
				if err := w.Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			})
			require.Less(t, allocs, float64(b.Len())/10, "for %d records", b.Len())
		})
	}
}
