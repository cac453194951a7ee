package socket_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/socket"
)

var limits = connectors.Limits{Records: 4096, Bytes: 1 << 20, LingerMillis: 5}

// backoff keeps tests quick.
const backoff = connectors.Duration(time.Millisecond)

// warnings counts what is logged at level warn.
type warnings struct {
	mu     sync.Mutex
	lines  []string
	onWarn func()
}

func (w *warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler           { return w }
func (w *warnings) WithGroup(string) slog.Handler                { return w }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	w.mu.Lock()
	w.lines = append(w.lines, r.Message)
	w.mu.Unlock()
	if w.onWarn != nil {
		w.onWarn()
	}
	return nil
}

func (w *warnings) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lines)
}

func env(w *warnings) connectors.Env {
	files := local.New(local.Options{})
	return connectors.Env{
		Job: "job", Name: "wire", Parallelism: 2, Now: time.Now, Logger: slog.New(w),
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			return files, url, nil
		},
	}
}

// listen opens a listener on loopback.
func listen(t *testing.T) net.Listener {
	t.Helper()
	return listenAt(t, "127.0.0.1:0")
}

func listenAt(t *testing.T, address string) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// vacant returns an address on which nobody listens.
func vacant(t *testing.T) string {
	t.Helper()
	ln := listen(t)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

// serve handles one connection after another, each by the next handler, and closes it. The test
// does not end before the handlers did.
func serve(t *testing.T, ln net.Listener, handlers ...func(net.Conn) error) {
	t.Helper()
	var done sync.WaitGroup
	done.Go(func() {
		for i, handle := range handlers {
			conn, err := ln.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("accepting connection %d: %v", i, err)
				}
				return
			}
			if err := handle(conn); err != nil {
				t.Errorf("handling connection %d: %v", i, err)
			}
			_ = conn.Close() // a failed TLS handshake has closed it already
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		done.Wait()
	})
}

// send writes texts, one Write each, and ends.
func send(texts ...string) func(net.Conn) error {
	return func(c net.Conn) error {
		for _, text := range texts {
			if _, err := io.WriteString(c, text); err != nil {
				return err
			}
		}
		return nil
	}
}

// untilClosed writes text and then waits for the client to close.
func untilClosed(text string) func(net.Conn) error {
	return func(c net.Conn) error {
		_, err := io.WriteString(c, text)
		_, errClose := io.Copy(io.Discard, c)
		return errors.Join(err, errClose)
	}
}

// source opens the source and a reader that holds its split.
func source(t *testing.T, c *socket.SourceConfig, w *warnings) connectors.SourceReader {
	t.Helper()
	var p connectors.Problems
	c.Validate(&p)
	require.Empty(t, p.List)
	s, err := c.Open(t.Context(), env(w))
	require.NoError(t, err)
	e, err := s.Enumerate(t.Context(), checkpoint.Position{})
	require.NoError(t, err)
	require.True(t, e.Done)
	r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Limits: limits})
	require.NoError(t, err)
	require.NoError(t, r.AddSplits(t.Context(), e.Found))
	t.Cleanup(func() {
		require.NoError(t, r.Close())
		require.NoError(t, r.Close(), "Close is idempotent")
		require.NoError(t, s.Close())
	})
	return r
}

func sourceConfig(address string, attempts int) *socket.SourceConfig {
	c := socket.Spec().NewSource().(*socket.SourceConfig)
	c.Address, c.Attempts, c.Backoff = address, attempts, backoff
	return c
}

// pollN polls until n records came.
func pollN(t *testing.T, r connectors.SourceReader, n int) []string {
	t.Helper()
	var out []string
	var b connectors.Batch
	for len(out) < n {
		b.Reset()
		require.NoError(t, r.Poll(t.Context(), &b))
		for i := range b.Records {
			out = append(out, string(b.Records[i].Value))
		}
	}
	return out
}

// drain polls until Poll returns an error.
func drain(t *testing.T, r connectors.SourceReader) ([]string, error) {
	t.Helper()
	var out []string
	var b connectors.Batch
	for {
		b.Reset()
		if err := r.Poll(t.Context(), &b); err != nil {
			require.Zero(t, b.Len())
			return out, err
		}
		for i := range b.Records {
			out = append(out, string(b.Records[i].Value))
		}
	}
}

func sinkConfig(address string, attempts int) *socket.SinkConfig {
	c := socket.Spec().NewSink().(*socket.SinkConfig)
	c.Address, c.Attempts, c.Backoff = address, attempts, backoff
	return c
}

// sink opens the sink and a writer of each of two tasks.
func sink(t *testing.T, c *socket.SinkConfig, w *warnings) [2]connectors.SinkWriter {
	t.Helper()
	var p connectors.Problems
	c.Validate(&p)
	require.Empty(t, p.List)
	s, err := c.Open(t.Context(), env(w))
	require.NoError(t, err)
	var writers [2]connectors.SinkWriter
	for task := range writers {
		writers[task], err = s.OpenWriter(t.Context(), connectors.WriterContext{Task: task})
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		for _, w := range writers {
			require.NoError(t, w.Close())
		}
		require.NoError(t, s.Close())
		require.NoError(t, s.Close(), "Close is idempotent")
	})
	return writers
}

func batch(values ...string) *connectors.Batch {
	b := &connectors.Batch{}
	for _, v := range values {
		b.Append().Value = []byte(v)
	}
	return b
}

// lines collects what a server reads until its client closes.
type lines struct{ read chan string }

func newLines() *lines { return &lines{read: make(chan string, 1)} }

func (l *lines) handle(c net.Conn) error {
	b, err := io.ReadAll(c)
	l.read <- string(b)
	return err
}

func (l *lines) wait(t *testing.T) []string {
	t.Helper()
	text := <-l.read
	require.True(t, text == "" || strings.HasSuffix(text, "\n"), "ends within a record: %q", text)
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// reset makes the next Close send a reset, as the kernel of a killed server does.
func reset(c net.Conn) error { return c.(*net.TCPConn).SetLinger(0) }
