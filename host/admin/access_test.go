package admin

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

// TestReachableServerDemandsTheToken checks the rules of a server on an address that other
// machines reach (A2), without opening one.
func TestReachableServerDemandsTheToken(t *testing.T) {
	rules, drawn := newAccess(false, connectors.NewSecret("sesame"))
	require.True(t, drawn.IsZero())
	rules.open = map[string]bool{"/healthz": true, "/readyz": true}
	h := rules.guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	for _, c := range []struct {
		name, method, path, authorization string
		code                              int
	}{
		{"health", "GET", "/healthz", "", 200},
		{"ready", "HEAD", "/readyz", "", 200},
		{"metrics", "GET", "/metrics", "", 401},
		{"metrics of a scraper", "GET", "/metrics", "Bearer sesame", 200},
		{"the kind in small letters", "GET", "/metrics", "bearer sesame", 200},
		{"another kind", "GET", "/metrics", "Basic sesame", 401},
		{"no kind", "GET", "/metrics", "sesame", 401},
		{"an empty token", "GET", "/metrics", "Bearer ", 401},
		{"a longer token", "GET", "/metrics", "Bearer sesame ", 401},
		{"a path that only begins like it", "GET", "/healthz/x", "", 401},
		{"a path with a slash more", "GET", "//healthz", "", 401},
		{"root", "GET", "/", "", 401},
		{"changing health", "POST", "/healthz", "", 401},
		{"a method of nobody", "BREW", "/status", "", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.path, nil)
			r.Host = "wasmflow.prod.svc:9000"
			if c.authorization != "" {
				r.Header.Set("Authorization", c.authorization)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			require.Equal(t, c.code, w.Code)
			require.NotContains(t, w.Body.String(), "sesame")
		})
	}
}

func TestDrawnTokensDiffer(t *testing.T) {
	_, a := newAccess(true, connectors.Secret{})
	_, b := newAccess(true, connectors.Secret{})
	require.NotEqual(t, a.Reveal(), b.Reveal())
	require.GreaterOrEqual(t, len(a.Reveal()), 26, "128 bits in base32")
}

func TestLimitListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := newLimitListener(inner, 1)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial()
	first, err := l.Accept()
	require.NoError(t, err)
	require.Len(t, l.slots, 1)

	dial()
	accepted := make(chan error, 1)
	go func() { // ends when the first connection gives its slot back
		c, err := l.Accept()
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
		accepted <- err
	}()
	select {
	case err := <-accepted:
		t.Fatalf("Accept() = %v with no free slot", err)
	default:
	}
	require.NoError(t, first.Close())
	require.NoError(t, <-accepted)
	require.Error(t, first.Close())
	require.Len(t, l.slots, 1, "a slot is given back once")

	go func() { // ends with Close
		_, err := l.Accept()
		accepted <- err
	}()
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-accepted, net.ErrClosed)
}
