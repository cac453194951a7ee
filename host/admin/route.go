package admin

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// Route is one thing that a server does. The table of routes is the one place that says what there
// is: the server is built from it, and so are the OpenAPI document and the page for people.
type Route struct {
	Method string
	Path   string // a pattern of http.ServeMux without method; a {name} stands in Params
	// Summary is one line, Text what else there is to know.
	Summary, Text string
	Params        []Param
	// Open tells that no credentials are asked for, whoever can reach the server (A2).
	Open bool
	// Body is any value of the type that the JSON of the request is decoded into; nil is none. It is
	// never required: what is left out has its zero value.
	Body    any
	Answers []Answer // those of success; a refusal is always a Problem
	Serve   http.HandlerFunc
}

// Param is a part of the path or a value of the query.
type Param struct {
	Name, Text string
	Query      bool
}

// Answer is what a route may say.
type Answer struct {
	Code int
	Text string
	// Body is any value of the type that is sent as JSON; nil is something else, of type Media.
	Body  any
	Media string // "" is text/plain
}

// pattern returns the pattern for http.ServeMux.
func (r Route) pattern() string { return r.Method + " " + r.Path }

// template returns the path as OpenAPI writes it.
func (r Route) template() string { return strings.TrimSuffix(r.Path, "{$}") }

// ReadJSON decodes the body of a request into v, which an empty one leaves as it is. Where it
// cannot it answers why and reports false.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	if r.ContentLength == 0 {
		return true
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != contentTypeJSON {
		// A form of a web page cannot send this type without asking first (A6).
		WriteProblem(w, Problem{Status: http.StatusUnsupportedMediaType, Detail: "the body is no JSON",
			Remedy: "send Content-Type: application/json"})
		return false
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err = dec.Decode(v)
	if err == nil && dec.Decode(new(json.RawMessage)) != io.EOF {
		err = errors.New("something follows the JSON value")
	}
	var long *http.MaxBytesError
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return true
	case errors.As(err, &long):
		WriteProblem(w, Problem{Status: http.StatusRequestEntityTooLarge,
			Detail: "the body is longer than 64 KiB", Remedy: "send what the route asks for only"})
	default:
		WriteProblem(w, Problem{Status: http.StatusBadRequest, Detail: "decoding the body: " +
			err.Error(), Remedy: "see " + pathOpenAPI + " for what the route takes"})
	}
	return false
}

// WriteJSON answers with v, indented for people who look at it with curl.
func WriteJSON(w http.ResponseWriter, code int, v any) { writeAs(w, contentTypeJSON, code, v) }

func writeAs(w http.ResponseWriter, media string, code int, v any) {
	w.Header().Set("Content-Type", media)
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the caller went away
}

func writeText(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // the caller went away
}
