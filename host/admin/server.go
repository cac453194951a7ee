package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wasmflow/wasmflow/connectors"
)

// Bounds of what a caller may take up (A4).
const (
	connectionsMax  = 64       // scrapers, people and scripts together need a handful
	headerBytesMax  = 16 << 10 // a token and a few headers
	bodyBytesMax    = 64 << 10 // requests are small JSON objects
	scrapesMax      = 4        // gathering walks every metric of the job
	readTimeout     = 10 * time.Second
	writeTimeout    = time.Minute // a scrape over a slow line
	idleTimeout     = 2 * time.Minute
	gatherTimeout   = 10 * time.Second
	autoListen      = "127.0.0.1:0"
	addressAuto     = "auto"
	contentTypeJSON = "application/json"
)

// Config says where a server listens and what it shows.
type Config struct {
	Address  string            // host:port, or "auto": a free port of 127.0.0.1
	Token    connectors.Secret // zero: none is configured
	Job      Job
	Gatherer prometheus.Gatherer
	Logger   *slog.Logger
}

// Server serves the routes of one job.
type Server struct {
	listener net.Listener
	mux      *http.ServeMux
	http     *http.Server
	drawn    connectors.Secret
}

// Listen takes the address and sets up the routes. Nothing is answered before Serve. An address
// that other machines can reach without a token configured is ErrTokenRequired.
func Listen(ctx context.Context, c Config) (*Server, error) {
	address := c.Address
	if address == addressAuto {
		address = autoListen
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listening for admin requests on %q: want host:port or auto: %w",
			address, err)
	}
	if !isLoopback(host) && c.Token.IsZero() {
		return nil, fmt.Errorf("listening for admin requests on %s: %w", address, ErrTokenRequired)
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for admin requests: %w", err)
	}
	// The name that was asked for may have led elsewhere, so the address itself decides.
	bound, ok := listener.Addr().(*net.TCPAddr)
	loopback := ok && bound.IP.IsLoopback()
	if !loopback && c.Token.IsZero() {
		return nil, errors.Join(fmt.Errorf("listening for admin requests on %s: %w", bound,
			ErrTokenRequired), listener.Close())
	}
	rules, drawn := newAccess(loopback, c.Token)
	s := &Server{listener: newLimitListener(listener, connectionsMax), mux: http.NewServeMux(),
		drawn: drawn}
	s.http = &http.Server{
		Handler:        rules.guard(s.mux),
		MaxHeaderBytes: headerBytesMax,
		ReadTimeout:    readTimeout,
		WriteTimeout:   writeTimeout,
		IdleTimeout:    idleTimeout,
		// What it logs is about callers, not about the job.
		ErrorLog: slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	s.routes(c)
	return s, nil
}

func (s *Server) routes(c Config) {
	s.Handle("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "ok")
	}))
	s.Handle("GET /readyz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		state, code := c.Job.Status().State, http.StatusServiceUnavailable
		if state == StateRunning {
			code = http.StatusOK
		}
		writeText(w, code, string(state))
	}))
	s.Handle("GET /status", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, c.Job.Status().filled())
	}))
	s.Handle("GET /metrics", promhttp.HandlerFor(c.Gatherer, promhttp.HandlerOpts{
		MaxRequestsInFlight: scrapesMax, Timeout: gatherTimeout,
	}))
	s.Handle("POST /stop", stopHandler(c.Job))
	s.profileRoutes()
}

// stopRequest is the body of POST /stop; an empty body is {}.
type stopRequest struct {
	Now bool `json:"now"`
}

func stopHandler(job Job) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req stopRequest
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&req); err != nil && !errors.Is(err, io.EOF) {
			WriteError(w, http.StatusBadRequest, `want {"now": true} or {"now": false}`)
			return
		}
		job.Stop(req.Now)
		WriteJSON(w, http.StatusAccepted, struct {
			State State `json:"state"`
		}{StateStopping})
	})
}

// Handle adds a route: a pattern of http.ServeMux with a method. It comes under the same rules as
// the others: any method but GET and HEAD needs the token (A1). Call it before Serve.
// A longer body than 64 KiB is cut off with an error.
func (s *Server) Handle(pattern string, h http.Handler) {
	s.mux.Handle(pattern, http.MaxBytesHandler(h, bodyBytesMax))
}

// Address returns the host:port at which this machine reaches the server.
func (s *Server) Address() string {
	addr, ok := s.listener.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsUnspecified() {
		return s.listener.Addr().String()
	}
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(addr.Port))
}

// RunFile returns what a client on this machine needs to find the server.
func (s *Server) RunFile() RunFile {
	host, _ := os.Hostname() // for messages only
	return RunFile{Address: s.Address(), Token: s.drawn, Host: host, PID: os.Getpid()}
}

// Serve answers requests until Close. It returns nil after Close.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving admin requests: %w", err)
	}
	return nil
}

// Close stops listening and waits for the requests under way; those that are not done when ctx
// ends are cut off. It is idempotent.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	// Serve may never have run; then the server does not know its listener.
	if lerr := s.listener.Close(); lerr != nil && !errors.Is(lerr, net.ErrClosed) {
		err = errors.Join(err, lerr)
	}
	if err != nil {
		return fmt.Errorf("closing the admin server: %w", err)
	}
	return nil
}

func writeText(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // the caller went away
}

// WriteJSON answers with v, indented for people who look at it with curl.
func WriteJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", contentTypeJSON)
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the caller went away
}

// errorBody is the answer to a request that is refused.
type errorBody struct {
	Error string `json:"error"`
}

// WriteError answers that a request is refused, and why.
func WriteError(w http.ResponseWriter, code int, text string) {
	WriteJSON(w, code, errorBody{text})
}
