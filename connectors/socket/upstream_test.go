package socket_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/socket"
)

var update = flag.Bool("update", false, "write docs/flink-socket.md")

// TestUpstream runs Flink's tests of its socket source and sink.
func TestUpstream(t *testing.T) {
	connectortest.UpstreamPage{
		Page: "flink-socket.md", Package: "connectors/socket",
		Title: "Flink's socket source and sink, test by test",
		Intro: "What becomes of the tests of SocketTextStreamFunction and SocketClientSink in the " +
			"source and the sink `socket`. A test that runs is found under its own name below " +
			"`TestUpstream` in connectors/socket.",
		Files: upstreamFiles(),
	}.Run(t, *update)
}

func upstreamFiles() []connectortest.UpstreamFile {
	const counting = "`attempts` counts connections in a row; one that brought bytes begins anew. " +
		"Refused ones count, too, and are tried again"
	return []connectortest.UpstreamFile{
		{Name: "SocketTextStreamFunctionTest", Tests: []connectortest.Upstream{
			{Name: "testSocketSourceSimpleOutput", Run: testSocketSourceSimpleOutput},
			{Name: "testExitNoRetries", Run: testExitNoRetries,
				Note: "maxRetry 0 is `attempts = 1`"},
			{Name: "testSocketSourceOutputWithRetries", Run: testSocketSourceOutputWithRetries,
				Note: counting},
			{Name: "testSocketSourceOutputInfiniteRetries",
				Run:  testSocketSourceOutputInfiniteRetries,
				Note: "maxRetry -1 is `attempts = 0`"},
			{Name: "testSocketSourceOutputAcrossRetries", Run: testSocketSourceOutputAcrossRetries,
				Note: counting},
		}},
		{Name: "SocketClientSinkTest", Tests: []connectortest.Upstream{
			{Name: "testSocketSink", Run: testSocketSink,
				Note: "the sink writes the delimiter, not the serializer"},
			{Name: "testSinkAutoFlush", Run: testSinkAutoFlush,
				Note: "every batch is written at once"},
			{Name: "testSocketSinkNoRetry", Run: testSocketSinkNoRetry,
				Note: "the text is our own: `sending messages to HOST:PORT: gave up after the only " +
					"attempt (attempts = 1): CAUSE`"},
			{Name: "testRetry", Run: testRetry,
				Note: "all records since the last epoch come again, not only the one that failed"},
		}},
	}
}

func testSocketSourceSimpleOutput(t *testing.T) {
	ln := listen(t)
	serve(t, ln, untilClosed("test1\ncheck\n"))
	r := source(t, sourceConfig(ln.Addr().String(), 1), &warnings{})
	require.Equal(t, []string{"test1", "check"}, pollN(t, r, 2))
}

func testExitNoRetries(t *testing.T) {
	ln := listen(t)
	serve(t, ln, send())
	w := &warnings{}
	got, err := drain(t, source(t, sourceConfig(ln.Addr().String(), 1), w))
	require.ErrorIs(t, err, connectors.ErrEndOfInput)
	require.Empty(t, got)
	require.Zero(t, w.count(), "the end of the stream is the end of the input")
}

func testSocketSourceOutputWithRetries(t *testing.T) {
	ln := listen(t)
	serve(t, ln, send(), send("test1\n"), send(), untilClosed("check\n"))
	r := source(t, sourceConfig(ln.Addr().String(), 10), &warnings{})
	require.Equal(t, []string{"test1", "check"}, pollN(t, r, 2))
}

func testSocketSourceOutputInfiniteRetries(t *testing.T) {
	ln := listen(t)
	handlers := []func(net.Conn) error{send(), send("test1\n"), send()}
	want := []string{"test1"}
	for i := range 20 {
		handlers = append(handlers, send(), send(fmt.Sprintf("check%d\n", i)))
		want = append(want, fmt.Sprintf("check%d", i))
	}
	serve(t, ln, append(handlers, untilClosed(""))...)
	r := source(t, sourceConfig(ln.Addr().String(), 0), &warnings{})
	require.Equal(t, want, pollN(t, r, len(want)))
}

func testSocketSourceOutputAcrossRetries(t *testing.T) {
	ln := listen(t)
	serve(t, ln, send(), send("te"), send(), untilClosed("st1\ncheck1\ncheck2\n"))
	r := source(t, sourceConfig(ln.Addr().String(), 10), &warnings{})
	require.Equal(t, []string{"test1", "check1", "check2"}, pollN(t, r, 3))
}

func testSocketSink(t *testing.T) {
	ln, got := listen(t), newLines()
	serve(t, ln, got.handle)
	s, err := sinkConfig(ln.Addr().String(), 1).Open(t.Context(), env(&warnings{}))
	require.NoError(t, err)
	w, err := s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	require.NoError(t, w.Write(t.Context(), batch("testSocketSinkInvoke")))
	require.NoError(t, w.Flush(t.Context()))
	require.NoError(t, w.Close())
	require.NoError(t, s.Close())
	require.Equal(t, []string{"testSocketSinkInvoke"}, got.wait(t))
}

func testSinkAutoFlush(t *testing.T) {
	ln, read := listen(t), make(chan string)
	serve(t, ln, func(c net.Conn) error {
		line, err := bufio.NewReader(c).ReadString('\n')
		read <- line
		return err
	})
	w := sink(t, sinkConfig(ln.Addr().String(), 1), &warnings{})[0]
	require.NoError(t, w.Write(t.Context(), batch("testSocketSinkInvoke")))
	require.Equal(t, "testSocketSinkInvoke\n", <-read, "neither Flush nor Close is needed")
}

func testSocketSinkNoRetry(t *testing.T) {
	ln := listen(t)
	serve(t, ln, func(c net.Conn) error {
		_, err := bufio.NewReader(c).ReadString('\n')
		return errors.Join(err, reset(c))
	})
	w := &warnings{}
	writer := sink(t, sinkConfig(ln.Addr().String(), 1), w)[0]
	var err error
	for err == nil {
		err = writer.Write(t.Context(), batch("testSocketSinkInvoke"))
	}
	var gaveUp *socket.GaveUpError
	require.ErrorAs(t, err, &gaveUp)
	require.Equal(t, 1, gaveUp.Attempts)
	require.Zero(t, w.count(), "nothing is tried again")
	require.ErrorContains(t, err, "sending messages to "+ln.Addr().String()+
		": gave up after the only attempt (attempts = 1)")
	require.Equal(t, connectors.Fail, connectors.Classify(err))
}

func testRetry(t *testing.T) {
	ln, stop, first, got := listen(t), make(chan struct{}), newLines(), newLines()
	address := ln.Addr().String()
	serve(t, ln, func(c net.Conn) error {
		line, err := bufio.NewReader(c).ReadString('\n')
		first.read <- line
		<-stop
		return errors.Join(err, reset(c), ln.Close())
	})
	// The server is gone until the sink has found out; then it comes back.
	w := &warnings{}
	var once sync.Once
	w.onWarn = func() {
		if w.count() == 2 {
			once.Do(func() { serve(t, listenAt(t, address), got.handle) })
		}
	}
	s, err := sinkConfig(address, 0).Open(t.Context(), env(w))
	require.NoError(t, err)
	writer, err := s.OpenWriter(t.Context(), connectors.WriterContext{})
	require.NoError(t, err)
	require.NoError(t, writer.Write(t.Context(), batch("0")))
	require.Equal(t, []string{"0"}, first.wait(t))
	require.NoError(t, writer.Flush(t.Context()))
	require.Zero(t, w.count(), "no retries at this point")
	close(stop)
	for w.count() < 2 {
		require.NoError(t, writer.Write(t.Context(), batch("1")))
	}
	require.NoError(t, writer.Flush(t.Context()))
	require.NoError(t, writer.Close())
	require.NoError(t, s.Close())
	require.Equal(t, "1", got.wait(t)[0], "the record arrives, and none from before the Flush")
}
