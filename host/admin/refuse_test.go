package admin_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/admin"
)

func TestPagesOfOtherOriginsAreRefused(t *testing.T) {
	s := serve(t, newJob(), "auto", connectors.Secret{})
	token := "Bearer " + s.RunFile().Token.Reveal()
	for _, c := range []struct {
		name, method, path string
		head               map[string]string
		code               int
	}{
		{"a program", "GET", "/status", nil, 200},
		{"an address typed in", "GET", "/status", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		{"a page of the server", "GET", "/status", map[string]string{"Sec-Fetch-Site": "same-origin"},
			200},
		{"a page elsewhere", "GET", "/status", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"a page on another port", "GET", "/debug/pprof/profile",
			map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"an origin", "GET", "/status", map[string]string{"Origin": "https://evil.example"}, 403},
		{"an opaque origin", "GET", "/status", map[string]string{"Origin": "null"}, 403},
		{"its own origin", "GET", "/status", map[string]string{"Origin": "http://" + s.Address()}, 200},
		{"a change although the token is right", "POST", "/pause",
			map[string]string{"Origin": "https://evil.example", "Authorization": token}, 403},
		{"a change by a program", "POST", "/pause", map[string]string{"Authorization": token}, 202},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, s, c.method, c.path, "", c.head)
			require.Equal(t, c.code, got.code, got.body)
			require.Empty(t, got.head.Get("Access-Control-Allow-Origin"))
		})
	}
}

func TestBodiesMustSayThatTheyAreJSON(t *testing.T) {
	s := serve(t, newJob(), "auto", connectors.Secret{})
	token := "Bearer " + s.RunFile().Token.Reveal()
	for _, media := range []string{
		"", "text/plain", "application/x-www-form-urlencoded", "json", ";",
	} {
		got := send(t, s, "POST", "/stop", `{"now": true}`, map[string]string{
			"Authorization": token, "Content-Type": media,
		})
		require.Equal(t, http.StatusUnsupportedMediaType, got.code, media)
		require.Contains(t, got.body, "send Content-Type: application/json")
	}
	got := send(t, s, "POST", "/stop", `{"now": true}`, map[string]string{
		"Authorization": token, "Content-Type": "application/json; charset=utf-8",
	})
	require.Equal(t, http.StatusAccepted, got.code)
}

func TestFurtherHosts(t *testing.T) {
	s := serveConfig(t, admin.Config{
		Address: "auto", Hosts: []string{"jobs.example"}, Job: newJob(),
		Gatherer: prometheus.NewRegistry(),
	})
	for host, code := range map[string]int{
		"jobs.example": 200, "JOBS.example:80": 200, "localhost": 200, "evil.example": 403,
		"10.0.0.1": 403,
	} {
		require.Equal(t, code, call(t, s, "GET", "/status", "", host, "").code, host)
	}
	wide := serveConfig(t, admin.Config{
		Address: "0.0.0.0:0", Token: connectors.NewSecret("sesame"), Hosts: []string{"jobs.example"},
		Job: newJob(), Gatherer: prometheus.NewRegistry(),
	})
	for host, code := range map[string]int{
		"jobs.example": 200, "evil.example": 403, "10.0.0.1": 200, "127.0.0.1": 200,
	} {
		require.Equal(t, code, call(t, wide, "GET", "/status", "sesame", host, "").code, host)
	}
}

// TestSlowClientsAreCutOff: a request that does not come to its end does not hold its connection.
func TestSlowClientsAreCutOff(t *testing.T) {
	s := serveConfig(t, admin.Config{
		Address: "auto", Job: newJob(), Gatherer: prometheus.NewRegistry(),
		ReadTimeout: 50 * time.Millisecond,
	})
	token := s.RunFile().Token.Reveal()
	for _, c := range []struct{ name, sent string }{
		{"in the first line", "GET /sta"},
		{"in the headers", "GET /status HTTP/1.1\r\nHost: localhost\r\nX: "},
		{"in the body", "POST /extra/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n" +
			"Content-Type: application/json\r\nAuthorization: Bearer " + token + "\r\n\r\n{"},
		{"in the body of a route", "POST /stop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n" +
			"Content-Type: application/json\r\nAuthorization: Bearer " + token + "\r\n\r\n{"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.Address())
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, c.sent)
			require.NoError(t, err)
			got, err := io.ReadAll(bufio.NewReader(conn)) // ends when the server hangs up
			if err == nil {
				require.NotContains(t, string(got), "HTTP/1.1 2")
			}
		})
	}
}

// TestHeadersAreBounded: a caller cannot make the server keep what it likes.
func TestHeadersAreBounded(t *testing.T) {
	s := serve(t, newJob(), "auto", connectors.Secret{})
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Address()+"/status", nil)
	require.NoError(t, err)
	req.Header.Set("X", strings.Repeat("x", 64<<10))
	resp, err := http.DefaultClient.Do(req)
	if err == nil { // else the server hung up before all of it was sent
		defer resp.Body.Close()
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, resp.StatusCode)
	}
}
