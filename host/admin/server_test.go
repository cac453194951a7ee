package admin_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/admin"
)

// job is a job that only tells and remembers.
type job struct {
	status admin.Status
	stops  chan bool // the value of every Stop
}

func (j *job) Status() admin.Status { return j.status }
func (j *job) Stop(now bool)        { j.stops <- now }
func (j *job) Pause()               { j.status.State = admin.StatePausing }
func (j *job) Resume()              { j.status.State = admin.StateRunning }

func newJob() *job {
	return &job{
		stops: make(chan bool, 8),
		status: admin.Status{
			Job: "orders", State: admin.StateRunning, PID: 7, Parallelism: 2,
			Checkpoint: admin.Checkpoint{Epoch: 41, AgeSeconds: 0.5},
			Sources: []admin.Source{{
				Stage:  admin.Stage{Name: "in", Kind: "file", RecordsOut: 10, Bytes: 1000},
				Splits: 3, Lag: &admin.Lag{Amount: 512, Unit: "bytes"},
			}},
		},
	}
}

// serve runs a server for j until the end of the test.
func serve(t *testing.T, j *job, address string, token connectors.Secret) *admin.Server {
	t.Helper()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "wasmflow_test_total"})
	counter.Add(3)
	registry.MustRegister(counter)
	return serveConfig(t, admin.Config{
		Address: address, Token: token, Job: j, Gatherer: registry, Routes: extraRoutes(),
	})
}

// extra is the body of a further route.
type extra struct {
	Text string `json:"text"`
}

// extraRoutes are routes as the command adds them.
func extraRoutes() []admin.Route {
	return []admin.Route{{
		Method: "GET", Path: "/extra", Summary: "Something more",
		Answers: []admin.Answer{{Code: 200, Text: "extra"}},
		Serve:   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "extra") },
	}, {
		Method: "POST", Path: "/extra/{name}", Summary: "Changes something more", Body: extra{},
		Params:  []admin.Param{{Name: "name", Text: "its name"}},
		Answers: []admin.Answer{{Code: 200, Text: "what it took", Body: extra{}}},
		Serve: func(w http.ResponseWriter, r *http.Request) {
			var body extra
			if admin.ReadJSON(w, r, &body) {
				admin.WriteJSON(w, 200, body)
			}
		},
	}}
}

func serveConfig(t *testing.T, c admin.Config) *admin.Server {
	t.Helper()
	c.Logger = slog.New(slog.DiscardHandler)
	s, err := admin.Listen(t.Context(), c)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }() // ends with Close below
	t.Cleanup(func() {
		require.NoError(t, s.Close(context.Background()))
		require.NoError(t, s.Close(context.Background()), "Close is idempotent")
		require.NoError(t, <-served)
	})
	return s
}

// answer is what a route said.
type answer struct {
	code int
	body string
	head http.Header
}

// call calls a route with a body of JSON. An empty token or host is left out.
func call(t *testing.T, s *admin.Server, method, path, token, host, body string) answer {
	t.Helper()
	head := map[string]string{"Content-Type": "application/json"}
	if token != "" {
		head["Authorization"] = "Bearer " + token
	}
	if host != "" {
		head["Host"] = host
	}
	return send(t, s, method, path, body, head)
}

// send calls a route with headers of its own.
func send(t *testing.T, s *admin.Server, method, path, body string, head map[string]string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Address()+path,
		strings.NewReader(body))
	require.NoError(t, err)
	for k, v := range head {
		req.Header.Set(k, v)
	}
	req.Host = head["Host"] // the header of that name is not sent
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, string(data), resp.Header}
}

func TestRoutes(t *testing.T) {
	s := serve(t, newJob(), "auto", connectors.Secret{})
	require.True(t, strings.HasPrefix(s.Address(), "127.0.0.1:"))
	token := s.RunFile().Token.Reveal()
	long := `{"text": "` + strings.Repeat("x", 65<<10) + `"}`
	for _, c := range []struct {
		name, method, path, token, body string
		code                            int
		want                            string
	}{
		{"health", "GET", "/healthz", "", "", 200, "ok\n"},
		{"health by HEAD", "HEAD", "/healthz", "", "", 200, ""},
		{"ready", "GET", "/readyz", "", "", 200, "running\n"},
		{"metrics", "GET", "/metrics", "", "", 200, "wasmflow_test_total 3\n"},
		{"status", "GET", "/status", "", "", 200, `"epoch": 41`},
		{"an empty list is no null", "GET", "/status", "", "", 200, `"transforms": []`},
		{"profiles", "GET", "/debug/pprof/", "", "", 200, "goroutine"},
		{"goroutines", "GET", "/debug/pprof/goroutine?debug=1", "", "", 200, "admin_test.TestRoutes"},
		{"the command line is no profile", "GET", "/debug/pprof/cmdline", "", "", 404, ""},
		{"added route", "GET", "/extra", "", "", 200, "extra"},
		{"added route that changes something", "POST", "/extra/x", token, "", 200, ""},
		{"the same without token", "POST", "/extra/x", "", "", 401, "send the token"},
		{"a body that is too long", "POST", "/extra/x", token, long, 413, "longer than 64 KiB"},
		{"more than one value", "POST", "/extra/x", token, `{} {}`, 400, "something follows"},
		{"a list", "POST", "/extra/x", token, `[]`, 400, "decoding the body"},
		{"unknown", "GET", "/nothing", "", "", 404, "not found"},
		{"unknown by POST", "POST", "/nothing", token, "", 404, "not found"},
		{"wrong method", "DELETE", "/status", token, "", 405, "use GET or HEAD"},
		{"any method needs the token", "DELETE", "/status", "", "", 401, "send the token"},
		{"stop without token", "POST", "/stop", "", "", 401, "send the token"},
		{"stop with a wrong token", "POST", "/stop", token + "x", "", 401, "send the token"},
		{"stop with no JSON", "POST", "/stop", token, "now", 400, "decoding the body"},
		{"stop with an unknown field", "POST", "/stop", token, `{"later": 1}`, 400,
			`unknown field \"later\"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := call(t, s, c.method, c.path, c.token, "", c.body)
			require.Equal(t, c.code, got.code, got.body)
			require.Contains(t, got.body, c.want)
			require.NotContains(t, got.body, token)
			require.Equal(t, "no-store", got.head.Get("Cache-Control"))
			if c.code >= 400 && strings.HasPrefix(c.path, "/debug") {
				return // words of the library
			}
			if c.code >= 400 {
				require.Equal(t, "application/problem+json", got.head.Get("Content-Type"))
				var p admin.Problem
				require.NoError(t, json.Unmarshal([]byte(got.body), &p))
				require.Equal(t, c.code, p.Status)
				require.NotEmpty(t, p.Remedy)
			}
		})
	}
}

func TestStop(t *testing.T) {
	j := newJob()
	s := serve(t, j, "auto", connectors.Secret{})
	token := s.RunFile().Token.Reveal()
	for _, c := range []struct {
		body string
		want bool
	}{{"", false}, {"{}", false}, {`{"now": false}`, false}, {`{"now": true}`, true}} {
		got := call(t, s, "POST", "/stop", token, "", c.body)
		require.Equal(t, http.StatusAccepted, got.code)
		require.JSONEq(t, `{"state": "stopping"}`, got.body)
		require.Equal(t, c.want, <-j.stops, "POST /stop %s", c.body)
	}
}

func TestReadyFollowsTheState(t *testing.T) {
	for state, code := range map[admin.State]int{
		admin.StateStarting: 503, admin.StateRunning: 200, admin.StateRestarting: 503,
		admin.StateStopping: 503, admin.StateDone: 503, admin.StateFailed: 503,
		admin.StatePausing: 200, admin.StatePaused: 200,
	} {
		j := newJob()
		j.status.State = state
		got := call(t, serve(t, j, "auto", connectors.Secret{}), "GET", "/readyz", "", "", "")
		require.Equal(t, code, got.code, state)
		require.Equal(t, string(state)+"\n", got.body)
	}
}

func TestConfiguredTokenGuardsReadingToo(t *testing.T) {
	j := newJob()
	s := serve(t, j, "localhost:0", connectors.NewSecret("open sesame"))
	require.True(t, s.RunFile().Token.IsZero(), "a configured token stays out of the run file")
	for _, c := range []struct {
		method, path, token string
		code                int
	}{
		{"GET", "/healthz", "", 200},
		{"GET", "/readyz", "", 200},
		{"GET", "/status", "", 401},
		{"GET", "/metrics", "", 401},
		{"GET", "/extra", "", 401},
		{"POST", "/stop", "", 401},
		{"POST", "/healthz", "", 401},
		{"GET", "/status", "open", 401},
		{"GET", "/status", "open sesame", 200},
		{"GET", "/metrics", "open sesame", 200},
		{"POST", "/stop", "open sesame", 202},
	} {
		got := call(t, s, c.method, c.path, c.token, "", "")
		require.Equal(t, c.code, got.code, "%s %s with token %q", c.method, c.path, c.token)
		require.NotContains(t, got.body, "sesame")
	}
}

func TestHostMustBeLoopback(t *testing.T) {
	s := serve(t, newJob(), "auto", connectors.Secret{})
	token := s.RunFile().Token.Reveal()
	for _, c := range []struct {
		host string
		code int
	}{
		{"localhost", 200}, {"LOCALHOST:80", 200}, {"127.0.0.1:9", 200}, {"127.9.9.9", 200},
		{"[::1]:80", 200}, {"[::1]", 200},
		{"evil.example", 403}, {"evil.example:80", 403}, {"127.0.0.1.evil.example", 403},
		{"10.0.0.1", 403}, {"localhost.evil.example", 403},
	} {
		require.Equal(t, c.code, call(t, s, "GET", "/healthz", "", c.host, "").code, c.host)
		require.Equal(t, c.code, call(t, s, "GET", "/status", token, c.host, "").code, c.host)
	}
}

func TestListenRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, c := range []struct{ name, address, want string }{
		{"no port", "127.0.0.1", "want host:port or auto"},
		{"taken", taken.Addr().String(), "address already in use"},
		{"every address without a token", "0.0.0.0:0", admin.ErrTokenRequired.Error()},
		{"no host without a token", ":0", admin.ErrTokenRequired.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := admin.Listen(t.Context(), admin.Config{
				Address: c.address, Job: newJob(), Gatherer: prometheus.NewRegistry(),
				Logger: slog.New(slog.DiscardHandler),
			})
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestCloseBeforeServe(t *testing.T) {
	s, err := admin.Listen(t.Context(), admin.Config{
		Address: "auto", Job: newJob(), Gatherer: prometheus.NewRegistry(),
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.NoError(t, s.Close(t.Context()))
	require.NoError(t, s.Serve(), "Serve after Close returns at once")
	_, err = net.Dial("tcp", s.Address())
	require.Error(t, err, "the port is given back")
}

func TestCloseWaitsForRequestsUnderWay(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s, err := admin.Listen(t.Context(), admin.Config{
		Address: "auto", Job: newJob(), Gatherer: prometheus.NewRegistry(),
		Logger: slog.New(slog.DiscardHandler),
		Routes: []admin.Route{{Method: "GET", Path: "/slow",
			Serve: func(w http.ResponseWriter, _ *http.Request) {
				close(entered)
				<-leave
				_, _ = io.WriteString(w, "whole")
			}}},
	})
	require.NoError(t, err)
	served, answered, closed := make(chan error, 1), make(chan answer, 1), make(chan error, 1)
	go func() { served <- s.Serve() }() // ends with Close
	go func() { answered <- call(t, s, "GET", "/slow", "", "", "") }()
	<-entered
	go func() { closed <- s.Close(context.Background()) }()
	require.NoError(t, <-served)
	close(leave)
	require.Equal(t, "whole", (<-answered).body)
	require.NoError(t, <-closed)
}

func TestCloseCutsOffWhatDoesNotEnd(t *testing.T) {
	entered := make(chan struct{})
	s, err := admin.Listen(t.Context(), admin.Config{
		Address: "auto", Job: newJob(), Gatherer: prometheus.NewRegistry(),
		Logger: slog.New(slog.DiscardHandler),
		Routes: []admin.Route{{Method: "GET", Path: "/endless",
			Serve: func(_ http.ResponseWriter, r *http.Request) {
				close(entered)
				<-r.Context().Done()
			}}},
	})
	require.NoError(t, err)
	served, failed := make(chan error, 1), make(chan error, 1)
	go func() { served <- s.Serve() }() // ends with Close
	go func() {
		_, err := http.Get("http://" + s.Address() + "/endless")
		failed <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Close(ctx))
	require.NoError(t, <-served)
	require.Error(t, <-failed)
}

func TestStatusIsStableJSON(t *testing.T) {
	decided := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	status := newJob().status
	status.Checkpoint.Decided = &decided
	status.Modules = []admin.Module{{Plugin: "p", SHA256: "ab"}}
	data, err := json.MarshalIndent(status, "", "  ")
	require.NoError(t, err)
	golden, err := os.ReadFile("testdata/status.json")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(golden)), string(data))
}
