package bucketing

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

const (
	benchRecords     = 4096
	benchRecordBytes = 100
)

func benchBucketers() map[string]func(*Config) {
	plugin := connectors.FunctionRef{Plugin: "p", Function: "f"}
	return map[string]func(*Config){
		"base path":                    func(c *Config) { c.Bucketer = Bucketer{} },
		"processing time":              func(c *Config) { c.Bucketer = defaultBucketer() },
		"event time, hours mixed":      func(c *Config) { c.Bucketer.Time = timeEvent },
		"guest, 4 buckets, runs of 16": func(c *Config) { c.Bucketer = Bucketer{Function: plugin} },
	}
}

// nullFileSystem writes nowhere, so that what remains is the sink's own cost.
type nullFileSystem struct{ filesystem.FileSystem }

func (nullFileSystem) CreatePending(
	context.Context, filesystem.PendingName,
) (filesystem.PendingWriter, error) {
	return &nullWriter{}, nil
}

func (nullFileSystem) Discard(context.Context, filesystem.Token) error { return nil }

type nullWriter struct{ bytes int64 }

func (w *nullWriter) Write(p []byte) (int, error) { w.bytes += int64(len(p)); return len(p), nil }
func (w *nullWriter) Size() int64                 { return w.bytes }
func (w *nullWriter) Abort(context.Context) error { return nil }
func (w *nullWriter) Close(context.Context) (filesystem.Token, error) {
	return filesystem.Token{Version: 1, Size: w.bytes}, nil
}

// fixedBuckets answers four names in runs of sixteen records, without allocating.
type fixedBuckets struct {
	index []uint32
	names []string
}

func newFixedBuckets() *fixedBuckets {
	g := &fixedBuckets{names: []string{"a", "b", "c", "d"}}
	for i := range benchRecords {
		g.index = append(g.index, uint32(i/16%4))
	}
	return g
}

func (g *fixedBuckets) Assign(
	_ context.Context, _ *connectors.Batch, out *connectors.Buckets, _ *connectors.Faults,
) error {
	out.Index = append(out.Index, g.index...)
	out.Names = append(out.Names, g.names...)
	return nil
}

func (g *fixedBuckets) Close() error { return nil }

// benchWriter returns a writer to nowhere with its parts open, and a batch for it.
func benchWriter(tb testing.TB, change func(*Config)) (*writer, *connectors.Batch) {
	tb.Helper()
	null := nullFileSystem{local.New(local.Options{})}
	return openBench(tb, null, tb.TempDir(), change), benchBatch()
}

func openBench(
	tb testing.TB, fs filesystem.FileSystem, root string, change func(*Config),
) *writer {
	tb.Helper()
	c := NewConfig()
	c.Path, c.BatchSize = root, 1<<40
	change(c)
	sink, err := c.Open(tb.Context(), connectors.Env{
		JobID: testJob, Name: testSink, Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			return fs, url, nil
		},
	})
	require.NoError(tb, err)
	w, err := sink.OpenWriter(tb.Context(), connectors.WriterContext{
		Owner: checkpoint.Owner{Number: 1, Nonce: "00000001"}, Bucketer: newFixedBuckets(),
	})
	require.NoError(tb, err)
	require.NoError(tb, w.Write(tb.Context(), benchBatch()))
	return w.(*writer)
}

func benchBatch() *connectors.Batch {
	b := &connectors.Batch{}
	for i := range benchRecords {
		r := b.Append()
		r.Value = fmt.Appendf(nil, "%0*d", benchRecordBytes, i)
		r.Timestamp = int64(i%3) * 3_600_000
	}
	return b
}

// BenchmarkWrite writes batches of 4096 records of 100 bytes; the figure is per record. "disk" is
// the same through the local file system, an epoch every 256 MiB included.
func BenchmarkWrite(b *testing.B) {
	for name, change := range benchBucketers() {
		b.Run("null/"+name, func(b *testing.B) {
			w, batch := benchWriter(b, change)
			writeRecords(b, w, batch, nil)
		})
	}
	b.Run("disk/base path", func(b *testing.B) {
		fs := local.New(local.Options{})
		w := openBench(b, fs, b.TempDir(), benchBucketers()["base path"])
		writeRecords(b, w, benchBatch(), fs)
	})
}

// writeRecords reports per record. With a file system it prepares and discards now and then.
func writeRecords(b *testing.B, w *writer, batch *connectors.Batch, fs filesystem.FileSystem) {
	b.Helper()
	const epochBytes = 256 << 20
	b.SetBytes(benchRecordBytes + 1)
	b.ReportAllocs()
	bytes := 0
	for n := 0; n < b.N; n += benchRecords {
		if err := w.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		bytes += benchRecords * (benchRecordBytes + 1)
		if fs == nil || bytes < epochBytes {
			continue
		}
		bytes = 0
		cs, err := w.Prepare(b.Context(), 1)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range cs {
			d, err := decode(c)
			if err != nil {
				b.Fatal(err)
			}
			if err := fs.Discard(b.Context(), d.token); err != nil {
				b.Fatal(err)
			}
		}
	}
}
