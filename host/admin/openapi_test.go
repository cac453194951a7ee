package admin_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/admin"
)

// document is what a test looks at of an OpenAPI document.
type document struct {
	OpenAPI string                          `json:"openapi"`
	Paths   map[string]map[string]operation `json:"paths"`
	whole   any
}

type operation struct {
	OperationID string         `json:"operationId"`
	Security    []any          `json:"security"`
	Responses   map[string]any `json:"responses"`
	RequestBody map[string]any `json:"requestBody"`
}

// fetchDocument reads the document of a server. Its structures are closed: a field that is not in
// the schema is an error, while clients have to bear fields that are added later.
func fetchDocument(t *testing.T, s *admin.Server) document {
	t.Helper()
	got := call(t, s, "GET", "/openapi.json", "", "", "")
	require.Equal(t, 200, got.code)
	var d document
	require.NoError(t, json.Unmarshal([]byte(got.body), &d))
	whole, err := jsonschema.UnmarshalJSON(strings.NewReader(got.body))
	require.NoError(t, err)
	components := whole.(map[string]any)["components"].(map[string]any)
	for _, x := range components["schemas"].(map[string]any) {
		x.(map[string]any)["additionalProperties"] = false
	}
	d.whole = whole
	return d
}

// check validates an answer against what the document says of it.
func (d document) check(t *testing.T, method, path string, got answer) {
	t.Helper()
	code := strconv.Itoa(got.code)
	if _, ok := d.Paths[path][method].Responses[code]; !ok {
		code = "default"
	}
	media, _, _ := strings.Cut(got.head.Get("Content-Type"), ";")
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	at := "#/paths/" + escape.Replace(path) + "/" + method + "/responses/" + code
	if code == "default" {
		at = "#/components/responses/Problem"
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("mem://openapi.json", d.whole))
	schema, err := compiler.Compile("mem://openapi.json" + at + "/content/" +
		escape.Replace(media) + "/schema")
	require.NoError(t, err, "%s %s %d", method, path, got.code)
	var value any = got.body
	if strings.HasSuffix(media, "json") {
		value, err = jsonschema.UnmarshalJSON(strings.NewReader(got.body))
		require.NoError(t, err)
	}
	require.NoError(t, schema.Validate(value), "%s %s %d: %s", method, path, got.code, got.body)
}

func TestEveryRouteIsInTheDocumentAndAnswersAsItSays(t *testing.T) {
	s := serve(t, newJob(), "auto", connectors.Secret{})
	token := s.RunFile().Token.Reveal()
	d := fetchDocument(t, s)
	require.Equal(t, "3.1.0", d.OpenAPI)
	// How to call a route so that it says what it says when all is well.
	calls := map[string]struct {
		path, body string
		code       int
	}{
		"GET /openapi.json":        {},
		"GET /healthz":             {},
		"GET /readyz":              {},
		"GET /status":              {},
		"GET /metrics":             {},
		"GET /extra":               {},
		"GET /debug/pprof/":        {},
		"GET /debug/pprof/{name}":  {path: "/debug/pprof/heap"},
		"GET /debug/pprof/profile": {path: "/debug/pprof/profile?seconds=1"},
		"GET /debug/pprof/trace":   {path: "/debug/pprof/trace?seconds=0.1"},
		"GET /debug/pprof/symbol":  {},
		"POST /extra/{name}":       {path: "/extra/x", body: `{"text": "t"}`},
		"POST /stop":               {code: 202},
		"POST /pause":              {code: 202},
		"POST /resume":             {code: 202},
	}
	table := admin.Table(extraRoutes())
	ids := map[string]bool{}
	for _, r := range table {
		path := strings.TrimSuffix(r.Path, "{$}")
		name := r.Method + " " + path
		how, ok := calls[name]
		require.True(t, ok, "say above how to call %s", name)
		op, ok := d.Paths[path][strings.ToLower(r.Method)]
		require.True(t, ok, "%s is not in the document", name)
		require.False(t, ids[op.OperationID], "two operations are called %s", op.OperationID)
		ids[op.OperationID] = true
		require.Equal(t, r.Body != nil, op.RequestBody != nil)
		require.NotEmpty(t, r.Summary)
		if how.path == "" {
			how.path = path
		}
		if how.code == 0 {
			how.code = 200
		}
		got := call(t, s, r.Method, how.path, token, "", how.body)
		require.Equal(t, how.code, got.code, name)
		d.check(t, strings.ToLower(r.Method), path, got)
	}
	operations := 0
	for _, path := range d.Paths {
		operations += len(path)
	}
	require.Equal(t, len(table), operations, "the document has nothing beside the routes")
	d.check(t, "post", "/stop", call(t, s, "POST", "/stop", "", "", ""))
	d.check(t, "post", "/stop", call(t, s, "POST", "/stop", token, "", "["))
	d.check(t, "get", "/status", call(t, s, "GET", "/status", "", "evil.example", ""))
}

// TestStatusSchemaKnowsEveryField fills every field, which the job of the other test does not.
func TestStatusSchemaKnowsEveryField(t *testing.T) {
	j := newJob()
	fill(reflect.ValueOf(&j.status).Elem())
	j.status.State = admin.StateFailed
	s := serve(t, j, "auto", connectors.Secret{})
	fetchDocument(t, s).check(t, "get", "/status", call(t, s, "GET", "/status", "", "", ""))
}

// fill gives every field below v a value that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("text")
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Bool:
		v.SetBool(true)
	}
}

func TestPageNamesEveryRoute(t *testing.T) {
	page := admin.Page(admin.Table(extraRoutes()))
	for _, r := range admin.Table(extraRoutes()) {
		require.Contains(t, page, "## `"+r.Method+" "+strings.TrimSuffix(r.Path, "{$}")+"`")
	}
	require.Contains(t, page, "| `state` | `starting`, `running`")
}

// TestDocumentsRefuseWhatTheyCannotDescribe: a bug of a route shows before anybody calls it.
func TestDocumentsRefuseWhatTheyCannotDescribe(t *testing.T) {
	type nameless struct{ Field string }
	type Problem struct{} // another structure of that name
	for _, c := range []struct {
		name string
		body any
		want string
	}{
		{"a field without a name", nameless{}, "has no name in JSON"},
		{"a name twice", Problem{}, "two structures are called Problem"},
		{"what JSON has not", func() {}, "no schema for func()"},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() { require.Contains(t, recover(), c.want) }()
			_, _ = admin.Listen(t.Context(), admin.Config{
				Address: "auto", Gatherer: prometheus.NewRegistry(), Routes: []admin.Route{{
					Method: "GET", Path: "/x", Serve: http.NotFound,
					Answers: []admin.Answer{{Code: 200, Body: c.body}},
				}},
			})
			t.Fatal("nothing was refused")
		})
	}
}
