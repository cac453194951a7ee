package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/admin"
)

func TestAdminPageIsUpToDate(t *testing.T) {
	r := do(t, "docs", "--api")
	require.Zero(t, r.code, r.stderr)
	page, err := os.ReadFile("../../docs/admin-api.md")
	require.NoError(t, err)
	require.Equal(t, r.stdout, string(page), "run: wasmflow docs --api > docs/admin-api.md")

	var d struct{ Paths map[string]any }
	r = do(t, "docs", "--openapi")
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &d))
	require.Contains(t, d.Paths, "/plugins/{name}/rollback")
	require.Equal(t, exitRefused, do(t, "docs", "--api", "--openapi").code)
}

// api calls the admin server of a job and holds every answer against the server's own document.
type api struct {
	t        *testing.T
	file     admin.RunFile
	document any
}

// runFile reads what a running job left in its store.
func runFile(t *testing.T, dir, job string) admin.RunFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, ".wasmflow/store", job, adminName))
	require.NoError(t, err)
	file, err := admin.ParseRunFile(data)
	require.NoError(t, err)
	return file
}

func openAPI(t *testing.T, dir, job string) *api {
	t.Helper()
	a := &api{t: t, file: runFile(t, dir, job)}
	code, _, body := a.send("GET", "/openapi.json", "")
	require.Equal(t, 200, code)
	var err error
	a.document, err = jsonschema.UnmarshalJSON(strings.NewReader(body))
	require.NoError(t, err)
	components := a.document.(map[string]any)["components"].(map[string]any)
	for _, s := range components["schemas"].(map[string]any) {
		s.(map[string]any)["additionalProperties"] = false // here a field too many is an error
	}
	return a
}

func (a *api) send(method, path, body string) (code int, media, answer string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, "http://"+a.file.Address+path,
		strings.NewReader(body))
	require.NoError(a.t, err)
	req.Header.Set("Authorization", "Bearer "+a.file.Token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(a.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(a.t, err)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(data)
}

// call sends a request, wants code, checks the answer and decodes it into out, unless that is nil.
func (a *api) call(method, path, template, body string, code int, out any) {
	a.t.Helper()
	got, media, answer := a.send(method, path, body)
	require.Equal(a.t, code, got, "%s %s: %s", method, path, answer)
	a.check(method, template, code, media, answer)
	if out != nil {
		require.NoError(a.t, json.Unmarshal([]byte(answer), out))
	}
}

// begin begins a swap or a rollback, as soon as the one before is tidied up, and returns its
// number.
func (a *api) begin(path, template, body string) uint64 {
	a.t.Helper()
	var media, answer string
	require.Eventually(a.t, func() bool {
		var code int
		code, media, answer = a.send("POST", path, body)
		return code == http.StatusAccepted
	}, time.Minute, 10*time.Millisecond)
	a.check("POST", template, http.StatusAccepted, media, answer)
	var begun SwapBegun
	require.NoError(a.t, json.Unmarshal([]byte(answer), &begun))
	return begun.ID
}

// check holds an answer against the schema of template.
func (a *api) check(method, template string, code int, media, answer string) {
	a.t.Helper()
	escape := strings.NewReplacer("/", "~1", "{", "%7B", "}", "%7D")
	at := "#/paths/" + escape.Replace(template) + "/" + strings.ToLower(method) + "/responses/" +
		strconv.Itoa(code)
	if code >= 400 {
		at = "#/components/responses/Problem"
		require.Equal(a.t, "application/problem+json", media)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(a.t, c.AddResource("mem://openapi.json", a.document))
	schema, err := c.Compile("mem://openapi.json" + at + "/content/" + escape.Replace(media) +
		"/schema")
	require.NoError(a.t, err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(answer))
	require.NoError(a.t, err)
	require.NoError(a.t, schema.Validate(value), "%s %s: %s", method, template, answer)
}

// awaitSwap waits until a swap of plugin upper is in the state.
func (a *api) awaitSwap(id uint64, want host.SwapState) (found host.Swap) {
	a.t.Helper()
	require.Eventually(a.t, func() bool {
		var p host.PluginStatus
		a.call("GET", "/plugins/upper", "/plugins/{name}", "", 200, &p)
		for _, s := range p.Swaps {
			if s.ID == id {
				found = s
			}
		}
		return found.State == want
	}, time.Minute, 10*time.Millisecond)
	return found
}

func TestAPIOfARunningJob(t *testing.T) {
	dir := folder(t, map[string]string{
		"job.toml": swapJob, "garbage.wasm": "garbage",
		"upper.wasm":  string(guestC(t, "uppercase_c.wasm")),
		"scalar.wasm": string(guestC(t, "uppercase_c_scalar.wasm")),
	})
	job := start(t, "run", filepath.Join(dir, "job.toml"))
	job.stdout.await("LINE 1")
	a := openAPI(t, dir, "swaps")

	var plugins PluginList
	a.call("GET", "/plugins", "/plugins", "", 200, &plugins)
	require.Len(t, plugins.Plugins, 1)
	before := plugins.Plugins[0].Current.SHA256
	a.call("GET", "/plugins/lower", "/plugins/{name}", "", 404, nil)
	a.call("POST", "/plugins/lower/swap", "/plugins/{name}/swap", `{"path": "x"}`, 404, nil)
	a.call("POST", "/plugins/upper/swap", "/plugins/{name}/swap", "", 422, nil)
	a.call("POST", "/plugins/upper/swap", "/plugins/{name}/swap", `{"file": "x"}`, 400, nil)
	a.call("POST", "/plugins/upper/rollback", "/plugins/{name}/rollback", "", 422, nil)
	a.call("POST", "/plugins/upper/rollback", "/plugins/{name}/rollback", `{"x": 1}`, 400, nil)

	swap := func(name string) uint64 {
		return a.begin("/plugins/upper/swap", "/plugins/{name}/swap",
			`{"path": "`+filepath.Join(dir, name)+`"}`)
	}
	refused := a.awaitSwap(swap("garbage.wasm"), host.SwapRefused)
	require.NotEmpty(t, refused.Reason)
	done := a.awaitSwap(swap("scalar.wasm"), host.SwapDone)
	require.NotEqual(t, before, done.To.SHA256)

	back := a.awaitSwap(a.begin("/plugins/upper/rollback", "/plugins/{name}/rollback", "{}"),
		host.SwapDone)
	require.Equal(t, before, back.To.SHA256)

	var epoch CheckpointBegun
	a.call("POST", "/checkpoints", "/checkpoints", `{"x": 1}`, 400, nil)
	a.call("POST", "/checkpoints", "/checkpoints", "", 202, &epoch)
	var list CheckpointList
	require.Eventually(t, func() bool {
		a.call("GET", "/checkpoints", "/checkpoints", "", 200, &list)
		return list.Checkpoints[0].Epoch >= epoch.Epoch
	}, time.Minute, 10*time.Millisecond)
	require.Positive(t, list.Checkpoints[0].ManifestBytes)

	var state admin.StateAnswer
	a.call("POST", "/pause", "/pause", "", 202, &state)
	require.Contains(t, []admin.State{admin.StatePausing, admin.StatePaused}, state.State)
	a.call("POST", "/resume", "/resume", "", 202, &state)
	require.Equal(t, admin.StateRunning, state.State)
	a.call("GET", "/status", "/status", "", 200, nil)
	a.call("DELETE", "/status", "/status", "", 405, nil)
	a.call("POST", "/stop", "/stop", "", 202, &state)
	require.Zero(t, <-job.code, job.stderr)
}
