// Package admin is the HTTP server through which a running job is watched and steered, and the
// client that the command uses for it.
//
// It owns who may call a route, the form of answers and refusals, and the table of routes, of which
// the server, the OpenAPI document and the page for people are made. It knows the job only through
// an interface and changes nothing about it but by asking it to stop, to pause and to go on. Routes
// about what only the engine knows are handed to Listen; they come under the same rules.
//
// Invariants:
//
//	A1  A request that changes something carries the token or a client certificate. Where the job
//	    file sets no token, the server draws one, which only the run file in the private store
//	    names.
//	A2  A server that other machines can reach has a configured token or authorities of client
//	    certificates, and demands one of both for every route but /healthz and /readyz, which tell
//	    no more than one word. Prometheus sends the token with "authorization: credentials_file".
//	A3  On a loopback address reading needs no token unless one is configured. A request names the
//	    server by a host that is the server's: a web page cannot read the job through a name it
//	    controls.
//	A4  Connections, headers, bodies and times are bounded before anything is read.
//	A5  The token stands in no answer, log or error.
//	A6  What a web page of another origin sends is refused, also where a browser would show a
//	    certificate by itself.
//	A7  Every route stands in the table, and what it answers fits the schema there.
//
// Below: connectors, for Secret. Above: host, cmd/wasmflow.
package admin
