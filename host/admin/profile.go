package admin

import (
	"net/http"
	"net/http/pprof"
)

// profileRoutes serves profiles of the process in the form that `go tool pprof` asks for. A profile
// shows code and sizes, never records, so reading one needs no more than reading the status (A1).
func (s *Server) profileRoutes() {
	s.Handle("GET /debug/pprof/", http.HandlerFunc(pprof.Index))
	s.Handle("GET /debug/pprof/profile", http.HandlerFunc(pprof.Profile))
	s.Handle("GET /debug/pprof/trace", http.HandlerFunc(pprof.Trace))
	s.Handle("GET /debug/pprof/symbol", http.HandlerFunc(pprof.Symbol))
}
