package socket_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/delimited"
	"github.com/wasmflow/wasmflow/connectors/socket"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

func TestRecords(t *testing.T) {
	long := strings.Repeat("0123456789", 100_000)
	for _, c := range []struct {
		name, delimiter, charset string
		send                     []string
		want                     []string
	}{
		{"tail at the end of the input", "\n", "utf-8", []string{"a\nb"}, []string{"a", "b"}},
		{"one carriage return is dropped", "\n", "utf-8", []string{"a\r\nb\r\r\n"}, []string{"a", "b\r"}},
		{"delimiter of several bytes", "<>", "utf-8", []string{"a<", ">b\r<>", "<c>"}, []string{"a",
			"b\r", "<c>"}},
		{"charset", "\n", "ISO-8859-1", []string{"gr\xfc\xdfe\n"}, []string{"gr\u00fc\u00dfe"}},
		{"records larger than a read", "\n", "utf-8", []string{long, "\n", long}, []string{long, long}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := listen(t)
			serve(t, ln, send(c.send...))
			config := sourceConfig(ln.Addr().String(), 1)
			config.Delimiter, config.Charset = c.delimiter, c.charset
			r := source(t, config, &warnings{})
			got, err := drain(t, r)
			require.ErrorIs(t, err, connectors.ErrEndOfInput)
			require.Equal(t, c.want, got)
			state, err := r.Snapshot(t.Context(), 1)
			require.NoError(t, err)
			require.Empty(t, state, "a finished split is left out")
		})
	}
}

func TestRefusedThenAccepted(t *testing.T) {
	address := vacant(t)
	w := &warnings{}
	r := source(t, sourceConfig(address, 0), w)
	var b connectors.Batch
	for w.count() < 3 {
		require.NoError(t, r.Poll(t.Context(), &b))
		require.Zero(t, b.Len())
	}
	serve(t, listenAt(t, address), untilClosed("hello\n"))
	require.Equal(t, []string{"hello"}, pollN(t, r, 1))
	require.NoError(t, r.Close())
}

func TestGivesUp(t *testing.T) {
	t.Run("refused at the only attempt", func(t *testing.T) {
		address := vacant(t)
		_, err := drain(t, source(t, sourceConfig(address, 1), &warnings{}))
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.ErrorContains(t, err, "receiving from "+address+": gave up after the only attempt")
		require.Equal(t, connectors.Fail, connectors.Classify(err), "a restart may help")
	})
	t.Run("refused as often as allowed", func(t *testing.T) {
		address := vacant(t)
		w := &warnings{}
		_, err := drain(t, source(t, sourceConfig(address, 4), w))
		var gaveUp *socket.GaveUpError
		require.ErrorAs(t, err, &gaveUp)
		require.Equal(t, 4, gaveUp.Attempts)
		require.Equal(t, address, gaveUp.Address)
		require.ErrorContains(t, err, "gave up after 4 attempts in a row")
		require.Equal(t, 3, w.count())
	})
	t.Run("reset, not ended", func(t *testing.T) {
		ln := listen(t)
		serve(t, ln, func(c net.Conn) error { return reset(c) })
		_, err := drain(t, source(t, sourceConfig(ln.Addr().String(), 1), &warnings{}))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	})
	t.Run("the tail comes before the end", func(t *testing.T) {
		ln := listen(t)
		serve(t, ln, send("te"), send())
		got, err := drain(t, source(t, sourceConfig(ln.Addr().String(), 2), &warnings{}))
		require.ErrorIs(t, err, connectors.ErrEndOfInput)
		require.Equal(t, []string{"te"}, got)
	})
}

func TestRecordTooLong(t *testing.T) {
	ln := listen(t)
	serve(t, ln, send("abc\nabcdef\n"))
	config := sourceConfig(ln.Addr().String(), 1)
	config.RecordBytesMax = 4
	got, err := drain(t, source(t, config, &warnings{}))
	require.ErrorIs(t, err, delimited.ErrTooLong)
	require.ErrorContains(t, err, "receiving from "+ln.Addr().String()+": record 1 of this run")
	require.Equal(t, []string{"abc"}, got)
}

func TestBatchesKeepTheirLimits(t *testing.T) {
	ln := listen(t)
	serve(t, ln, send(strings.Repeat("aaaa\n", 10)))
	config := sourceConfig(ln.Addr().String(), 1)
	s, err := config.Open(t.Context(), env(&warnings{}))
	require.NoError(t, err)
	e, err := s.Enumerate(t.Context(), checkpoint.Position{})
	require.NoError(t, err)
	r, err := s.OpenReader(t.Context(), connectors.ReaderContext{
		Limits: connectors.Limits{Records: 3, Bytes: 6, LingerMillis: 5},
	})
	require.NoError(t, err)
	require.NoError(t, r.AddSplits(t.Context(), e.Found))
	defer func() { require.NoError(t, r.Close()) }()
	var b connectors.Batch
	seen := 0
	for {
		b.Reset()
		if err := r.Poll(t.Context(), &b); err != nil {
			require.ErrorIs(t, err, connectors.ErrEndOfInput)
			require.Equal(t, 10, seen)
			return
		}
		require.LessOrEqual(t, b.Len(), 2)
		seen += b.Len()
	}
}

func TestRecordsCarryTheirPlace(t *testing.T) {
	ln := listen(t)
	serve(t, ln, untilClosed("a\nb\n"), untilClosed("c\n"))
	config := sourceConfig(ln.Addr().String(), 1)
	first := source(t, config, &warnings{})
	before, err := first.Snapshot(t.Context(), 1)
	require.NoError(t, err)
	var places []connectors.Position
	var b connectors.Batch
	for len(places) < 2 {
		b.Reset()
		require.NoError(t, first.Poll(t.Context(), &b))
		for i, rec := range b.Records {
			require.Equal(t, "connection", b.Splits[rec.Split])
			require.Equal(t, connectors.NoTimestamp, b.Records[i].Timestamp)
			places = append(places, rec.Position)
		}
	}
	require.Equal(t, places[0].Hi, places[1].Hi)
	require.Equal(t, []uint64{0, 1}, []uint64{places[0].Lo, places[1].Lo})
	after, err := first.Snapshot(t.Context(), 1)
	require.NoError(t, err)
	require.NotEqual(t, before, after)
	require.NoError(t, first.Close())

	// A restart from the older state must not give the same names to other records.
	second := source(t, config, &warnings{})
	require.NoError(t, second.AddSplits(t.Context(), before))
	b.Reset()
	for b.Len() == 0 {
		require.NoError(t, second.Poll(t.Context(), &b))
	}
	require.Greater(t, b.Records[0].Position.Hi, places[0].Hi)
}

func TestPollEndsWithItsContext(t *testing.T) {
	ln := listen(t)
	serve(t, ln, untilClosed("a\n"))
	r := source(t, sourceConfig(ln.Addr().String(), 1), &warnings{})
	pollN(t, r, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, r.Poll(ctx, &connectors.Batch{}), context.Canceled)
}

// A server that never answers a handshake must not hold Poll, nor Close.
func TestAHandshakeThatHangs(t *testing.T) {
	ln := listen(t)
	serve(t, ln, untilClosed(""))
	config := sourceConfig(ln.Addr().String(), 1)
	config.TLS = &transport.TLS{}
	r := source(t, config, &warnings{})
	for range 3 {
		var b connectors.Batch
		require.NoError(t, r.Poll(t.Context(), &b))
		require.Zero(t, b.Len())
	}
	require.NoError(t, r.Close())
}

func TestReaderWithoutTheSplitIsAtItsEnd(t *testing.T) {
	config := sourceConfig(vacant(t), 1)
	s, err := config.Open(t.Context(), env(&warnings{}))
	require.NoError(t, err)
	r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Task: 1, Limits: limits})
	require.NoError(t, err)
	_, err = drain(t, r)
	require.ErrorIs(t, err, connectors.ErrEndOfInput)
}

func TestEnumerate(t *testing.T) {
	s, err := sourceConfig("127.0.0.1:1", 1).Open(t.Context(), env(&warnings{}))
	require.NoError(t, err)
	e, err := s.Enumerate(t.Context(), checkpoint.Position{Version: 1})
	require.NoError(t, err)
	require.Empty(t, e.Found)
	_, err = s.Enumerate(t.Context(), checkpoint.Position{Version: 2})
	require.ErrorIs(t, err, checkpoint.ErrNewerFormat)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

func TestRestoreRefuses(t *testing.T) {
	r := source(t, sourceConfig("127.0.0.1:1", 1), &warnings{})
	for _, c := range []struct {
		name  string
		split checkpoint.Split
	}{
		{"no version",
			checkpoint.Split{ID: "connection", Position: checkpoint.Position{Data: []byte{1, 1}}}},
		{"cut off", checkpoint.Split{ID: "connection", Position: checkpoint.Position{Version: 1,
			Data: []byte{1}}}},
		{"bytes behind", checkpoint.Split{ID: "connection", Position: checkpoint.Position{Version: 1,
			Data: []byte{1, 1, 1}}}},
		{"unknown split", checkpoint.Split{ID: "x", Position: checkpoint.Position{Version: 1,
			Data: []byte{1, 1}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := r.AddSplits(t.Context(), []checkpoint.Split{c.split})
			require.ErrorIs(t, err, socket.ErrPosition)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
	}
}

func FuzzPosition(f *testing.F) {
	f.Add(uint16(1), []byte{1, 2})
	f.Add(uint16(2), []byte{})
	s, err := sourceConfig("127.0.0.1:1", 1).Open(context.Background(), connectors.Env{Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, version uint16, data []byte) {
		r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Limits: limits})
		require.NoError(t, err)
		in := checkpoint.Split{ID: "connection", Position: checkpoint.Position{Version: version,
			Data: data}}
		if err := r.AddSplits(t.Context(), []checkpoint.Split{in}); err != nil {
			require.True(t, errors.Is(err, socket.ErrPosition) ||
				errors.Is(err, checkpoint.ErrNewerFormat), "%v", err)
			return
		}
		out, err := r.Snapshot(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, out, 1)
	})
}
