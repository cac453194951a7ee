package admin

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// pageHead is what stands above the routes, with ~ for the quotes of code.
const pageHead = `# The admin API

<!-- Made by "wasmflow docs --api"; a test compares. -->

A running job serves HTTP: by default on a free port of 127.0.0.1, which the commands find through
the checkpoint store, or where ~[admin]~ says (~address~, ~token~, ~tls~, ~hosts~, see
[reference.md](reference.md)). The same as an OpenAPI 3.1 document is at ~/openapi.json~, and
~wasmflow docs --openapi~ prints it.

Who may call:

- On a loopback address this machine may read without credentials, unless ~token~ is set. What
  changes the job needs the token: that of the job file, or the one that the server drew, which only
  the private file of the run in the checkpoint store names.
- On another address everything but ~/healthz~ and ~/readyz~ needs the token
  (~Authorization: Bearer ...~) or a client certificate of an authority in ~tls.client_ca~. A
  server there does not start without one of them. Without ~tls.cert~ the token travels in clear.
- A request must name the server by a host that is its own: a loopback one on a loopback address, an
  address or a name of the certificate with TLS, or one of ~hosts~. A request that a web page of
  another origin sends is refused.
- A body is JSON of at most 64 KiB, with ~Content-Type: application/json~. Slow requests are cut off.

A refusal is ~application/problem+json~ (RFC 9457) with ~detail~ and ~remedy~. Fields may be
added to answers; none changes its meaning.

`

// Page returns the page about routes for people, as Markdown.
func Page(routes []Route) string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(pageHead, "~", "`"))
	b.WriteString("| route | |\n|---|---|\n")
	for _, r := range routes {
		fmt.Fprintf(&b, "| `%s %s` | %s |\n", r.Method, r.template(), r.Summary)
	}
	s := newSchemas()
	for _, r := range routes {
		fmt.Fprintf(&b, "\n## `%s %s`\n\n%s.%s\n", r.Method, r.template(), r.Summary,
			spaced(r.Text))
		for _, p := range r.Params {
			fmt.Fprintf(&b, "\n`%s`: %s\n", p.Name, p.Text)
		}
		if r.Body != nil {
			fmt.Fprintf(&b, "\nBody: %s.\n", s.label(s.of(reflect.TypeOf(r.Body))))
		}
		b.WriteString("\n")
		for _, a := range r.Answers {
			kind := "`" + a.media() + "`"
			if a.Body != nil {
				kind = s.label(s.of(reflect.TypeOf(a.Body)))
			}
			fmt.Fprintf(&b, "- %d: %s: %s\n", a.Code, kind, a.Text)
		}
	}
	s.of(reflect.TypeFor[Problem]())
	b.WriteString("\n# Structures\n")
	for _, name := range slices.Sorted(maps.Keys(s.built)) {
		s.describe(&b, name, s.built[name].(object))
	}
	return b.String()
}

func spaced(text string) string {
	if text == "" {
		return ""
	}
	return " " + text
}

// describe writes the fields of a structure.
func (s *schemas) describe(b *strings.Builder, name string, schema object) {
	fmt.Fprintf(b, "\n## %s\n\n| field | type | |\n|---|---|---|\n", name)
	properties, _ := schema["properties"].(object)
	required, _ := schema["required"].([]string)
	for _, field := range slices.Sorted(maps.Keys(properties)) {
		property := properties[field].(object)
		text, _ := property["description"].(string)
		if !slices.Contains(required, field) {
			text = strings.TrimSpace(text + " May be missing.")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", field, s.label(property), text)
	}
}

// label names a type for people.
func (s *schemas) label(schema object) string {
	if ref, ok := schema["$ref"].(string); ok {
		name := ref[strings.LastIndex(ref, "/")+1:]
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	}
	if values, ok := schema["enum"].([]string); ok {
		return "`" + strings.Join(values, "`, `") + "`"
	}
	kind, _ := schema["type"].(string)
	switch {
	case kind == "array":
		return "list of " + s.label(schema["items"].(object))
	case schema["format"] == "date-time":
		return "time"
	}
	return cmp.Or(kind, "any JSON")
}
