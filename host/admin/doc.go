// Package admin is the HTTP server through which a running job is watched and stopped, and the
// client that the command uses for it.
//
// It owns the routes, who may call them, and the form of their answers. It knows the job only
// through an interface and changes nothing about it but by asking it to stop. Later work adds
// routes with Server.Handle; they come under the same rules.
//
//	GET  /healthz   200 while the process serves
//	GET  /readyz    200 while the job runs, else 503 and its state
//	GET  /status    the job as JSON, see Status
//	GET  /metrics   Prometheus
//	POST /stop      {"now": false} ends the job after a last epoch, {"now": true} at once
//
// Invariants:
//
//	A1  A request that changes something carries the token. Where the job file sets none, the
//	    server draws one, which only the run file in the private store names.
//	A2  A server that other machines can reach has a configured token and demands it for every
//	    route but /healthz and /readyz, which tell no more than one word. Prometheus sends it
//	    with "authorization: credentials_file".
//	A3  On a loopback address reading needs no token unless one is configured, but the request
//	    must name a loopback host: a web page cannot read the job through a name it controls.
//	A4  Connections, headers, bodies and times are bounded before anything is read.
//	A5  The token stands in no answer, log or error.
//
// Below: connectors, for Secret. Above: host, cmd/wasmflow.
package admin
