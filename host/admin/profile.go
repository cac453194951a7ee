package admin

import (
	"net/http"
	"net/http/pprof"
)

// profileRoutes serve profiles of the process in the form that `go tool pprof` asks for. A profile
// shows code and sizes, never records, so reading one needs no more than reading the status (A1).
// The command line of the process is no profile.
func profileRoutes() []Route {
	route := func(path, summary, media string, serve http.HandlerFunc, params ...Param) Route {
		return Route{
			Method: http.MethodGet, Path: path, Summary: summary, Params: params, Serve: serve,
			Answers: []Answer{{Code: http.StatusOK, Text: "for go tool pprof", Media: media}},
		}
	}
	const binary = "application/octet-stream"
	seconds := Param{Name: "seconds", Text: "how long to look", Query: true}
	return []Route{
		route("/debug/pprof/{$}", "The profiles of the process that there are", "text/html", pprof.Index),
		route("/debug/pprof/profile", "Where processor time goes", binary, pprof.Profile, seconds),
		route("/debug/pprof/trace", "What the scheduler does", binary, pprof.Trace, seconds),
		route("/debug/pprof/symbol", "Names of program counters", "text/plain", pprof.Symbol),
		route("/debug/pprof/{name}", "One of the profiles", binary, pprof.Index,
			Param{Name: "name", Text: "its name, such as heap or goroutine"}),
	}
}
