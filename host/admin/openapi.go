package admin

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// pathOpenAPI is where the document is.
const pathOpenAPI = "/openapi.json"

// OpenAPI returns the OpenAPI 3.1 document of routes, ready to be encoded as JSON.
func OpenAPI(version string, routes []Route) any {
	s := newSchemas()
	problem := s.of(reflect.TypeFor[Problem]())
	paths := object{}
	for _, r := range routes {
		path, _ := paths[r.template()].(object)
		if path == nil {
			path = object{}
			paths[r.template()] = path
		}
		path[strings.ToLower(r.Method)] = s.operation(r)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "wasmflow admin API", "version": version,
			"description": "Watches and steers one running job.",
		},
		"servers":  []any{object{"url": "/"}},
		"security": []any{object{"token": []any{}}, object{"certificate": []any{}}},
		"paths":    paths,
		"components": object{
			"schemas": s.built,
			"responses": object{"Problem": object{
				"description": "The request is refused.",
				"content":     object{contentTypeProblem: object{"schema": problem}},
			}},
			"securitySchemes": object{
				"token":       object{"type": "http", "scheme": "bearer"},
				"certificate": object{"type": "mutualTLS"},
			},
		},
	}
}

func (s *schemas) operation(r Route) object {
	out := object{"summary": r.Summary, "operationId": operationID(r)}
	if r.Text != "" {
		out["description"] = r.Text
	}
	switch {
	case r.Open:
		out["security"] = []any{}
	case r.Method == http.MethodGet:
		// A server on a loopback address lets this machine read (A3).
		out["security"] = []any{object{}, object{"token": []any{}}, object{"certificate": []any{}}}
	}
	var params []any
	for _, p := range r.Params {
		in := "path"
		if p.Query {
			in = "query"
		}
		params = append(params, object{
			"name": p.Name, "in": in, "required": !p.Query, "description": p.Text,
			"schema": object{"type": "string"},
		})
	}
	if params != nil {
		out["parameters"] = params
	}
	if r.Body != nil {
		out["requestBody"] = object{"content": object{
			contentTypeJSON: object{"schema": s.of(reflect.TypeOf(r.Body))},
		}}
	}
	answers := object{"default": object{"$ref": "#/components/responses/Problem"}}
	for _, a := range r.Answers {
		answers[strconv.Itoa(a.Code)] = object{
			"description": a.Text, "content": object{a.media(): s.content(a)},
		}
	}
	out["responses"] = answers
	return out
}

func (s *schemas) content(a Answer) object {
	switch {
	case a.Body == nil && a.media() == contentTypeJSON:
		return object{"schema": object{"type": "object"}}
	case a.Body == nil:
		return object{"schema": object{"type": "string"}}
	}
	return object{"schema": s.of(reflect.TypeOf(a.Body))}
}

func (a Answer) media() string {
	switch {
	case a.Body != nil:
		return contentTypeJSON
	case a.Media != "":
		return a.Media
	}
	return "text/plain"
}

// operationID makes a name out of method and path: get_plugins_name.
func operationID(r Route) string {
	words := strings.FieldsFunc(r.Path, func(c rune) bool { return strings.ContainsRune("/{}.$", c) })
	return strings.Join(append([]string{strings.ToLower(r.Method)}, words...), "_")
}
