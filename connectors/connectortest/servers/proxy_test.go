package servers

import (
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echoProxy returns a proxy in front of a server that sends everything back, and its address.
func echoProxy(t *testing.T) (*Proxy, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	p, err := NewProxy("127.0.0.1:0", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p, p.proxy.Listen
}

// exchange sends n bytes and returns how many came back before the connection ended, or before
// wait had passed.
func exchange(t *testing.T, c net.Conn, n int, wait time.Duration) (int, error) {
	t.Helper()
	_, err := c.Write(make([]byte, n))
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(wait)))
	return io.ReadFull(c, make([]byte, n))
}

func TestProxy(t *testing.T) {
	const (
		patience = 10 * time.Second
		silence  = 100 * time.Millisecond // after which nothing is expected to come
	)
	for _, tt := range []struct {
		name  string
		fault func(*Proxy) error
		wait  time.Duration
		back  int   // of 100 bytes
		want  error // nil: all came back
	}{
		{"none", func(*Proxy) error { return nil }, patience, 100, nil},
		{"delay", func(p *Proxy) error { return p.Delay(ToClient, silence, 0) }, patience, 100, nil},
		{"stall", func(p *Proxy) error { return p.Stall(ToServer) }, silence, 0, os.ErrDeadlineExceeded},
		{"stall back", func(p *Proxy) error { return p.Stall(ToClient) }, silence, 0, os.ErrDeadlineExceeded},
		{"reset", func(p *Proxy) error { return p.Reset(ToClient) }, patience, 0, syscall.ECONNRESET},
		{"cut", func(p *Proxy) error { return p.CutAfter(ToClient, 40) }, patience, 40, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, addr := echoProxy(t)
			require.NoError(t, tt.fault(p))
			c, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer c.Close()
			n, err := exchange(t, c, 100, tt.wait)
			require.Equal(t, tt.back, n)
			require.ErrorIs(t, err, tt.want)

			p.Heal(t.Context())
			fresh, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer fresh.Close()
			n, err = exchange(t, fresh, 100, patience)
			require.NoError(t, err)
			require.Equal(t, 100, n)
		})
	}
	t.Run("drop", func(t *testing.T) {
		p, addr := echoProxy(t)
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer c.Close()
		_, err = exchange(t, c, 1, patience)
		require.NoError(t, err)
		p.Drop()
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		_, err = c.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		_, err = net.Dial("tcp", addr)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NoError(t, p.Restore())
		fresh, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		require.NoError(t, fresh.Close())
	})
}
