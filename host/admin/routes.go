package admin

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// StopRequest is the body of POST /stop.
type StopRequest struct {
	Now bool `json:"now" doc:"End without another epoch: the next run goes on from the epoch before."`
}

// StateAnswer is the answer of requests that change where the job is in its life.
type StateAnswer struct {
	State State `json:"state"`
}

// table returns the routes of the server, those of every job and c.Routes. The document about all
// of them is the last one. Nothing of c but Version and Routes is looked at before a request.
func (c Config) table() []Route {
	routes := append(c.own(), c.Routes...)
	routes = append(routes, profileRoutes()...)
	document := Route{
		Method: http.MethodGet, Path: pathOpenAPI, Summary: "This document",
		Answers: []Answer{{Code: http.StatusOK, Text: "OpenAPI 3.1", Media: contentTypeJSON}},
	}
	routes = append(routes, document)
	answer := OpenAPI(c.Version, routes)
	routes[len(routes)-1].Serve = func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, answer)
	}
	return routes
}

// Table returns all routes of a server with further ones, for documents about them: a server must
// not be built of it.
func Table(further []Route) []Route { return Config{Routes: further}.table() }

func (c Config) own() []Route {
	return []Route{{
		Method: http.MethodGet, Path: "/healthz", Open: true, Summary: "Whether the process serves",
		Answers: []Answer{{Code: http.StatusOK, Text: "ok"}},
		Serve:   func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok") },
	}, {
		Method: http.MethodGet, Path: "/readyz", Open: true, Summary: "Whether the job works",
		Text: "A job that is paused by a request is ready too: it does what it is asked to.",
		Answers: []Answer{
			{Code: http.StatusOK, Text: "it runs, or is paused; the state"},
			{Code: http.StatusServiceUnavailable, Text: "it does not; the state"},
		},
		Serve: c.ready,
	}, {
		Method: http.MethodGet, Path: "/status", Summary: "The job, its sources and its sinks",
		Answers: []Answer{{Code: http.StatusOK, Text: "the state of now", Body: Status{}}},
		Serve: func(w http.ResponseWriter, _ *http.Request) {
			WriteJSON(w, http.StatusOK, c.Job.Status().filled())
		},
	}, {
		Method: http.MethodGet, Path: "/metrics", Summary: "Metrics for Prometheus",
		Answers: []Answer{{Code: http.StatusOK, Text: "the text format of Prometheus"}},
		Serve:   c.metrics(),
	}, {
		Method: http.MethodPost, Path: "/stop", Summary: "Ends the job after a last epoch",
		Body:    StopRequest{},
		Answers: []Answer{{Code: http.StatusAccepted, Text: "the end has begun", Body: StateAnswer{}}},
		Serve:   c.stop,
	}, {
		Method: http.MethodPost, Path: "/pause", Summary: "Pauses the job",
		Text: "No source is polled any more; what was read is published in one more epoch, and then no " +
			"epoch begins and no transaction is open. The state goes from pausing to paused. A pause " +
			"stands until /resume or the end of the process: a job that is started again runs. A swap " +
			"of a plugin waits for the end of the pause.",
		Answers: []Answer{{Code: http.StatusAccepted, Text: "no source is polled any more",
			Body: StateAnswer{}}},
		Serve: func(w http.ResponseWriter, _ *http.Request) {
			c.Job.Pause()
			WriteJSON(w, http.StatusAccepted, StateAnswer{c.Job.Status().State})
		},
	}, {
		Method: http.MethodPost, Path: "/resume", Summary: "Ends a pause",
		Answers: []Answer{{Code: http.StatusAccepted, Text: "the job works", Body: StateAnswer{}}},
		Serve: func(w http.ResponseWriter, _ *http.Request) {
			c.Job.Resume()
			WriteJSON(w, http.StatusAccepted, StateAnswer{c.Job.Status().State})
		},
	}}
}

func (c Config) ready(w http.ResponseWriter, _ *http.Request) {
	state, code := c.Job.Status().State, http.StatusServiceUnavailable
	switch state {
	case StateRunning, StatePausing, StatePaused:
		code = http.StatusOK
	}
	writeText(w, code, string(state))
}

func (c Config) metrics() http.HandlerFunc {
	if c.Gatherer == nil {
		return nil // for documents
	}
	return promhttp.HandlerFor(c.Gatherer, promhttp.HandlerOpts{
		MaxRequestsInFlight: scrapesMax, Timeout: gatherTimeout,
	}).ServeHTTP
}

func (c Config) stop(w http.ResponseWriter, r *http.Request) {
	var req StopRequest
	if !ReadJSON(w, r, &req) {
		return
	}
	c.Job.Stop(req.Now)
	WriteJSON(w, http.StatusAccepted, StateAnswer{StateStopping})
}
