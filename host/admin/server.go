package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmflow/wasmflow/connectors"
)

// Bounds of what a caller may take up (A4).
const (
	connectionsMax = 64       // scrapers, people and scripts together need a handful
	headerBytesMax = 16 << 10 // a token and a few headers
	bodyBytesMax   = 64 << 10 // requests are small JSON objects
	scrapesMax     = 4        // gathering walks every metric of the job
	// readTimeout is for header and body together: both are small, so only who stalls needs more.
	readTimeout   = 10 * time.Second
	writeTimeout  = time.Minute // a scrape over a slow line
	idleTimeout   = 2 * time.Minute
	gatherTimeout = 10 * time.Second
)

const (
	autoListen      = "127.0.0.1:0"
	addressAuto     = "auto"
	contentTypeJSON = "application/json"
)

// Config says where a server listens and what it shows.
type Config struct {
	Address string            // host:port, or "auto": a free port of 127.0.0.1
	Token   connectors.Secret // zero: none is configured
	TLS     *TLS              // nil is plain HTTP
	// RenewTLS reads the files of TLS again; nil keeps TLS. It is asked at connections, every ten
	// seconds at most, and what it refuses changes nothing.
	RenewTLS func() (*TLS, error)
	Now      func() time.Time // nil is time.Now
	Hosts    []string         // names that requests may call the server by, beside its own
	Version  string           // of wasmflow, for the OpenAPI document
	Job      Job
	Routes   []Route // beside those of this package
	Gatherer prometheus.Gatherer
	Logger   *slog.Logger
	// ReadTimeout is how long a request may take to arrive; 0 is 10 s.
	ReadTimeout time.Duration
}

// Server serves the routes of one job.
type Server struct {
	listener net.Listener
	mux      *http.ServeMux
	http     *http.Server
	drawn    connectors.Secret
	tls      *TLS
}

// Listen takes the address and sets up the routes. Nothing is answered before Serve. An address
// that other machines can reach with neither a token nor authorities of clients configured is
// ErrTokenRequired.
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
	guarded := !c.Token.IsZero() || c.TLS != nil && c.TLS.clientCA != nil
	if !isLoopback(host) && !guarded {
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
	if !loopback && !guarded {
		return nil, errors.Join(fmt.Errorf("listening for admin requests on %s: %w", bound,
			ErrTokenRequired), listener.Close())
	}
	if !loopback && c.TLS == nil {
		c.Logger.Warn("the admin token travels in clear to this address; set admin.tls",
			"address", bound.String())
	}
	return newServer(c, listener, loopback), nil
}

// newServer builds a server on listener.
func newServer(c Config, listener net.Listener, loopback bool) *Server {
	rules, drawn := newAccess(loopback, c.Token)
	rules.hosts = c.Hosts
	s := &Server{
		listener: newLimitListener(listener, connectionsMax), mux: http.NewServeMux(), drawn: drawn,
		tls: c.TLS,
	}
	for _, r := range c.table() {
		s.mux.Handle(r.pattern(), http.MaxBytesHandler(r.Serve, bodyBytesMax))
		if r.Open {
			rules.open[r.Path] = true
		}
	}
	s.http = &http.Server{
		MaxHeaderBytes: headerBytesMax,
		ReadTimeout:    cmp.Or(c.ReadTimeout, readTimeout),
		WriteTimeout:   writeTimeout,
		IdleTimeout:    idleTimeout,
		// What it logs is about callers, not about the job.
		ErrorLog: slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	if c.TLS != nil {
		renewal := newRenewal(&c)
		rules.leaf = renewal.leaf
		s.http.TLSConfig = renewal.config()
	}
	s.http.Handler = rules.guard(http.HandlerFunc(s.dispatch))
	return s
}

// dispatch serves a request that may pass. What no route takes is refused in the form of all other
// refusals.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil {
		WriteProblem(w, Problem{Status: http.StatusNotFound, Detail: "not found: no route is " +
			r.URL.Path, Remedy: "see " + pathOpenAPI + " for those that there are"})
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	WriteProblem(w, Problem{Status: http.StatusMethodNotAllowed,
		Detail: r.Method + " is no method of " + r.URL.Path,
		Remedy: "use " + strings.Join(allowed, " or ")})
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
	f := RunFile{Address: s.Address(), Token: s.drawn, Host: host, PID: os.Getpid()}
	if s.tls != nil {
		f.Certificate = s.tls.fingerprint()
	}
	return f
}

// Serve answers requests until Close. It returns nil after Close.
func (s *Server) Serve() error {
	serve := s.http.Serve
	if s.tls != nil {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	if err := serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
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
