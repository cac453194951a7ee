package printsink_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	printsink "github.com/wasmflow/wasmflow/connectors/print"
)

// setup opens a print sink of a job with so many tasks.
func setup(t *testing.T, spec connectors.Spec, c printsink.Config,
	parallelism int) connectors.Sink {
	t.Helper()
	config := spec.NewSink().(*printsink.Config)
	if c.Stream != "" {
		config.Stream = c.Stream
	}
	config.ID = c.ID
	var p connectors.Problems
	config.Validate(&p)
	require.Empty(t, p.List)
	s, err := config.Open(t.Context(), connectors.Env{Parallelism: parallelism})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func batch(values ...string) *connectors.Batch {
	b := &connectors.Batch{}
	for _, v := range values {
		b.Append().Value = []byte(v)
	}
	return b
}

var update = flag.Bool("update", false, "write docs/flink-print.md")

// TestUpstream runs Flink's tests of its print sink.
func TestUpstream(t *testing.T) {
	prints := func(c printsink.Config, task, parallelism int, out, err string) func(*testing.T) {
		return func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			s := setup(t, printsink.SpecTo(&stdout, &stderr), c, parallelism)
			w, openErr := s.OpenWriter(t.Context(), connectors.WriterContext{Task: task})
			require.NoError(t, openErr)
			require.NoError(t, w.Write(t.Context(), batch("hello world!")))
			require.NoError(t, w.Close())
			require.Equal(t, out, stdout.String())
			require.Equal(t, err, stderr.String())
		}
	}
	named := printsink.Config{ID: "mySink"}
	connectortest.UpstreamPage{
		Page: "flink-print.md", Package: "connectors/print",
		Title: "Flink's print sink, test by test",
		Intro: "What becomes of the tests of PrintSinkFunction in the sink `print`. A test that runs " +
			"is found under its own name below `TestUpstream` in connectors/print.",
		Files: []connectortest.UpstreamFile{
			{Name: "PrintSinkFunctionTest", Tests: []connectortest.Upstream{
				{Name: "testPrintSinkStdOut",
					Run: prints(printsink.Config{}, 0, 1, "hello world!\n", "")},
				{Name: "testPrintSinkStdErr",
					Run: prints(printsink.Config{Stream: "stderr"}, 0, 1, "", "hello world!\n")},
				{Name: "testPrintSinkWithPrefix",
					Run: prints(printsink.Config{}, 1, 2, "2> hello world!\n", "")},
				{Name: "testPrintSinkWithIdentifierAndPrefix",
					Run: prints(named, 1, 2, "mySink:2> hello world!\n", "")},
				{Name: "testPrintSinkWithIdentifierButNoPrefix",
					Run: prints(named, 0, 1, "mySink> hello world!\n", "")},
			}},
		},
	}.Run(t, *update)
}

// countingWriter notes every Write.
type countingWriter struct{ writes []string }

func (c *countingWriter) Write(p []byte) (int, error) {
	c.writes = append(c.writes, string(p))
	return len(p), nil
}

func TestOneWriteForABatch(t *testing.T) {
	var out countingWriter
	s := setup(t, printsink.SpecTo(&out, nil), printsink.Config{}, 1)
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	require.NoError(t, w.Write(t.Context(), batch("a", "", "c")))
	require.NoError(t, w.Write(t.Context(), batch()))
	b := batch("d")
	b.Append() // null value
	require.NoError(t, w.Write(t.Context(), b))
	require.NoError(t, w.Flush(t.Context()))
	require.Equal(t, []string{"a\n\nc\n", "d\nnull\n"}, out.writes)
}

func TestLinesOfTasksAndSinksDoNotMix(t *testing.T) {
	var out bytes.Buffer // unsafe for concurrent use, as a stream may be
	spec := printsink.SpecTo(&out, nil)
	const tasks, batches = 3, 50
	var wg sync.WaitGroup
	for _, id := range []string{"a", "b"} {
		s := setup(t, spec, printsink.Config{ID: id}, tasks)
		for task := range tasks {
			w, err := s.OpenWriter(t.Context(), connectors.WriterContext{Task: task})
			require.NoError(t, err)
			wg.Go(func() {
				for range batches {
					if err := w.Write(t.Context(), batch("x", "y")); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	seen := map[string]int{}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for i := 0; i < len(lines); i += 2 {
		prefix, _, _ := strings.Cut(lines[i], "> ")
		require.Equal(t, prefix+"> y", lines[i+1])
		seen[prefix]++
	}
	for _, id := range []string{"a", "b"} {
		for task := range tasks {
			require.Equal(t, batches, seen[fmt.Sprintf("%s:%d", id, task+1)])
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken pipe")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestAWriteThatFails(t *testing.T) {
	s := setup(t, printsink.SpecTo(nil, brokenWriter{}), printsink.Config{Stream: "stderr"}, 1)
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	err = w.Write(t.Context(), batch("x"))
	require.ErrorIs(t, err, errBroken)
	require.EqualError(t, err, "printing to stderr: broken pipe")
	require.Equal(t, connectors.Fatal, connectors.Classify(err), "a restart writes to the same stream")
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name      string
		config    printsink.Config
		key, text string
	}{
		{"stream", printsink.Config{Stream: "out"}, "stream", `"out" is none of stdout, stderr`},
		{"id", printsink.Config{Stream: "stdout", ID: "a\nb"}, "id", "line break"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p connectors.Problems
			c.config.Validate(&p)
			require.Len(t, p.List, 1)
			require.Equal(t, c.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, c.text)
		})
	}
}

func TestSpec(t *testing.T) {
	spec := printsink.Spec()
	require.Equal(t, "print", spec.Name)
	require.Nil(t, spec.NewSource)
	require.Equal(t, connectors.AtLeastOnce, spec.NewSink().Guarantee())
}

func BenchmarkWrite(b *testing.B) {
	var out discardWriter
	config := printsink.SpecTo(out, nil).NewSink()
	s, err := config.Open(b.Context(), connectors.Env{Parallelism: 2})
	if err != nil {
		b.Fatal(err)
	}
	w, err := s.OpenWriter(b.Context(), connectors.WriterContext{})
	if err != nil {
		b.Fatal(err)
	}
	in := batch(strings.Split(strings.Repeat("0123456789;", 1000), ";")...)
	b.ReportAllocs()
	for n := 0; n < b.N; n += in.Len() {
		if err := w.Write(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

type discardWriter struct{}

func (discardWriter) Write(p []byte) (int, error) { return len(p), nil }
