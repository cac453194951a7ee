package socket_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/socket"
)

// Everything since the last Flush comes again, complete and in order, and nothing older: K4.
func TestABrokenConnectionLosesNothing(t *testing.T) {
	for _, flush := range []bool{false, true} {
		t.Run(fmt.Sprintf("flush %v", flush), func(t *testing.T) {
			ln, again, got := listen(t), make(chan struct{}), newLines()
			serve(t, ln, func(c net.Conn) error {
				in := bufio.NewReader(c)
				for range 2 { // a record of each task
					if _, err := in.ReadString('\n'); err != nil {
						return err
					}
				}
				<-again
				return reset(c)
			}, got.handle)
			w := &warnings{}
			s, err := sinkConfig(ln.Addr().String(), 0).Open(t.Context(), env(w))
			require.NoError(t, err)
			var writers [2]connectors.SinkWriter
			var want []string
			for task := range writers {
				writers[task], err = s.OpenWriter(t.Context(), connectors.WriterContext{Task: task})
				require.NoError(t, err)
				value := fmt.Sprintf("task %d record 0", task)
				require.NoError(t, writers[task].Write(t.Context(), batch(value)))
				if flush {
					require.NoError(t, writers[task].Flush(t.Context()))
				} else {
					want = append(want, value)
				}
			}
			close(again)
			for n := 1; w.count() == 0; n++ {
				value := fmt.Sprintf("task 0 record %d", n)
				require.NoError(t, writers[0].Write(t.Context(), batch(value)))
				want = append(want, value)
			}
			for task := range writers {
				require.NoError(t, writers[task].Flush(t.Context()))
			}
			require.NoError(t, s.Close())
			sent := got.wait(t)
			slices.Sort(want)
			slices.Sort(sent)
			require.Equal(t, want, sent, "each record once on the new connection")
		})
	}
}

// A window that grows too large gives up its oldest batches and nothing else.
func TestTheWindowIsBounded(t *testing.T) {
	ln, stop, got := listen(t), make(chan struct{}), newLines()
	serve(t, ln, func(c net.Conn) error {
		go func() {
			<-stop
			_ = c.SetReadDeadline(time.Unix(1, 0))
		}()
		if _, err := io.Copy(io.Discard, c); !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		return reset(c)
	}, got.handle)
	w := &warnings{}
	s, err := sinkConfig(ln.Addr().String(), 0).Open(t.Context(), env(w))
	require.NoError(t, err)
	writer, err := s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	const recordBytes, records = 1 << 20, 20
	filler := strings.Repeat("x", recordBytes)
	value := func(n int) string { return fmt.Sprintf("%s %d", filler, n) }
	for n := range records {
		require.NoError(t, writer.Write(t.Context(), batch(value(n))))
	}
	close(stop)
	n := records
	for ; w.count() == 0; n++ {
		require.NoError(t, writer.Write(t.Context(), batch(value(n))))
	}
	require.NoError(t, writer.Flush(t.Context()))
	require.NoError(t, s.Close())
	sent := got.wait(t)
	require.GreaterOrEqual(t, len(sent), 4, "what a send buffer may hold is kept")
	require.LessOrEqual(t, len(sent), 9, "the oldest are not")
	for i, line := range sent {
		require.Equal(t, value(n-len(sent)+i), line)
	}
}

func TestTasksShareOneConnection(t *testing.T) {
	ln, got := listen(t), newLines()
	serve(t, ln, got.handle) // a second connection would never be served
	s, err := sinkConfig(ln.Addr().String(), 1).Open(t.Context(), env(&warnings{}))
	require.NoError(t, err)
	const tasks, batches = 4, 100
	var wg sync.WaitGroup
	for task := range tasks {
		w, err := s.OpenWriter(t.Context(), connectors.WriterContext{Task: task})
		require.NoError(t, err)
		wg.Go(func() {
			for n := range batches {
				b := batch(fmt.Sprintf("%d %d a", task, n), fmt.Sprintf("%d %d b", task, n))
				if err := w.Write(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
			if err := errors.Join(w.Flush(t.Context()), w.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.Close())
	lines := got.wait(t)
	require.Len(t, lines, 2*tasks*batches)
	next := map[string]int{}
	for i := 0; i < len(lines); i += 2 {
		task, rest, _ := strings.Cut(lines[i], " ")
		require.Equal(t, fmt.Sprintf("%d a", next[task]), rest, "in order")
		require.Equal(t, strings.TrimSuffix(lines[i], "a")+"b", lines[i+1], "batches do not mix")
		next[task]++
	}
}

func TestOpenRefused(t *testing.T) {
	address := vacant(t)
	_, err := sinkConfig(address, 1).Open(t.Context(), env(&warnings{}))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorContains(t, err, "sending messages to "+address+": gave up after the only attempt")

	// Where more attempts are allowed, the first Write makes them.
	w := &warnings{}
	writer := sink(t, sinkConfig(address, 3), w)[0]
	require.Equal(t, 1, w.count())
	require.NoError(t, writer.Flush(t.Context()), "nothing to send needs no server")
	err = writer.Write(t.Context(), batch("x"))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorContains(t, err, "sending messages to "+address+": gave up after 3 attempts in a row")
	require.Equal(t, 2, w.count())
}

// A sink may be opened before its server.
func TestTheServerComesLater(t *testing.T) {
	address, got := vacant(t), newLines()
	s, err := sinkConfig(address, 0).Open(t.Context(), env(&warnings{}))
	require.NoError(t, err)
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	serve(t, listenAt(t, address), got.handle)
	require.NoError(t, w.Write(t.Context(), batch("x")))
	require.NoError(t, w.Flush(t.Context()))
	require.NoError(t, s.Close())
	require.Equal(t, []string{"x"}, got.wait(t))
}

// A server that accepts and closes at once must not look like one that works.
func TestAServerThatHangsUp(t *testing.T) {
	ln := listen(t)
	serve(t, ln, reset, reset, reset)
	s, err := sinkConfig(ln.Addr().String(), 3).Open(t.Context(), env(&warnings{}))
	if err == nil { // else the reset came before the handshake was over
		w, errOpen := s.OpenWriter(t.Context(), connectors.WriterContext{})
		require.NoError(t, errOpen)
		for err == nil {
			err = errors.Join(w.Write(t.Context(), batch("x")), w.Flush(t.Context()))
		}
		require.NoError(t, s.Close())
	}
	var gaveUp *socket.GaveUpError
	require.ErrorAs(t, err, &gaveUp)
	require.Equal(t, 3, gaveUp.Attempts)
}

func TestAServerThatOnlyReads(t *testing.T) {
	ln, got := listen(t), newLines()
	serve(t, ln, func(c net.Conn) error {
		return errors.Join(c.(*net.TCPConn).CloseWrite(), got.handle(c))
	})
	s, err := sinkConfig(ln.Addr().String(), 1).Open(t.Context(), env(&warnings{}))
	require.NoError(t, err)
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	for _, v := range []string{"a", "b"} {
		require.NoError(t, w.Write(t.Context(), batch(v)))
		require.NoError(t, w.Flush(t.Context()))
	}
	require.NoError(t, s.Close())
	require.Equal(t, []string{"a", "b"}, got.wait(t))
}

func TestWriteEndsWithItsContext(t *testing.T) {
	ln, stalled := listen(t), make(chan struct{})
	serve(t, ln, func(net.Conn) error { <-stalled; return nil })
	defer close(stalled)
	s, err := sinkConfig(ln.Addr().String(), 0).Open(t.Context(), env(&warnings{}))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for task := range 2 { // one holds the connection, the other waits for it
		w, err := s.OpenWriter(t.Context(), connectors.WriterContext{Task: task})
		require.NoError(t, err)
		wg.Go(func() {
			b := batch(strings.Repeat("x", 1<<20))
			var err error
			for err == nil {
				err = w.Write(ctx, b)
			}
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	cancel()
	wg.Wait()
	require.NoError(t, s.Close())
}

func TestNullValues(t *testing.T) {
	ln, got := listen(t), newLines()
	serve(t, ln, got.handle)
	s, err := sinkConfig(ln.Addr().String(), 1).Open(t.Context(), env(&warnings{}))
	require.NoError(t, err)
	var faults []connectors.Fault
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{
		Faults: func(_ *connectors.Record, f connectors.Fault) error {
			faults = append(faults, f)
			return nil
		},
	})
	require.NoError(t, err)
	b := batch("a")
	b.Append()
	b.Append().Value = []byte{}
	require.NoError(t, w.Write(t.Context(), b))
	require.NoError(t, s.Close())
	require.Equal(t, []string{"a", ""}, got.wait(t))
	require.Equal(t, []connectors.Fault{
		{Index: 1, Text: "a null value cannot be written to a socket", Function: "socket"},
	}, faults)
}

func TestNullValuesWithoutAPolicy(t *testing.T) {
	ln := listen(t)
	serve(t, ln, untilClosed(""))
	w := sink(t, sinkConfig(ln.Addr().String(), 1), &warnings{})[0]
	b := batch("a")
	b.Append()
	require.ErrorContains(t, w.Write(t.Context(), b), "record 1 of a batch: a null value")
}

// One operation is one record.
func BenchmarkWrite(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var server sync.WaitGroup
	server.Go(func() {
		c, err := ln.Accept()
		if err != nil {
			b.Error(err)
			return
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			b.Error(err)
		}
	})
	s, err := sinkConfig(ln.Addr().String(), 1).Open(b.Context(), env(&warnings{}))
	if err != nil {
		b.Fatal(err)
	}
	w, err := s.OpenWriter(b.Context(), connectors.WriterContext{})
	if err != nil {
		b.Fatal(err)
	}
	in := batch(slices.Repeat([]string{strings.Repeat("0123456789", 10)}, 4096)...)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += in.Len() {
		if err := w.Write(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(w.Flush(b.Context()), s.Close(), ln.Close()); err != nil {
		b.Fatal(err)
	}
	server.Wait()
}
