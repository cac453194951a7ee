package admin_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/admin"
)

func TestClientAgainstServer(t *testing.T) {
	j := newJob()
	s := serve(t, j, "auto", connectors.Secret{})
	file := s.RunFile()
	c := admin.NewClient(file.Address, file.Token, nil)

	status, err := c.Status(t.Context())
	require.NoError(t, err)
	want := j.status
	want.Transforms, want.Sinks, want.Modules = []admin.Stage{}, []admin.Stage{}, []admin.Module{}
	require.Equal(t, want, status)

	require.NoError(t, c.Stop(t.Context(), true))
	require.True(t, <-j.stops)
	require.NoError(t, c.Stop(t.Context(), false))
	require.False(t, <-j.stops)

	stranger := admin.NewClient(file.Address, connectors.NewSecret("guess"), nil)
	_, err = stranger.Status(t.Context())
	require.NoError(t, err, "reading on a loopback address needs no token")
	err = stranger.Stop(t.Context(), true)
	require.ErrorIs(t, err, admin.ErrDenied)
	require.NotContains(t, err.Error(), "guess")
	err = c.Call(t.Context(), http.MethodPost, "/stop", map[string]int{"x": 1}, nil)
	require.ErrorContains(t, err, `decoding the body: json: unknown field "x"; see /openapi.json`)
	var refusal *admin.Problem
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, http.StatusBadRequest, refusal.Status)

	state, err := c.Pause(t.Context())
	require.NoError(t, err)
	require.Equal(t, admin.StatePausing, state)
	state, err = c.Resume(t.Context())
	require.NoError(t, err)
	require.Equal(t, admin.StateRunning, state)
}

func TestClientFindsNobody(t *testing.T) {
	listener := httptest.NewServer(http.NotFoundHandler())
	address := listener.Listener.Addr().String()
	listener.Close()
	_, err := admin.NewClient(address, connectors.Secret{}, nil).Status(t.Context())
	require.ErrorIs(t, err, admin.ErrUnreachable)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = admin.NewClient(address, connectors.Secret{}, nil).Status(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, admin.ErrUnreachable)
}

func TestClientDistrustsAnswers(t *testing.T) {
	followed := false
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>"))
		}, "decoding the answer"},
		{"an error without words", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
		}, "418 I'm a teapot"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			followed = followed || r.URL.Path != "/status"
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "307 Temporary Redirect"},
		{"an endless answer", func(w http.ResponseWriter, _ *http.Request) {
			block := []byte(strings.Repeat(" ", 1<<20))
			for range 17 {
				_, _ = w.Write(block)
			}
		}, "longer than"},
		{"an answer that breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, "unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(c.handler)
			defer s.Close()
			client := admin.NewClient(s.Listener.Addr().String(), connectors.NewSecret("hunter2"), nil)
			_, err := client.Status(t.Context())
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	require.False(t, followed, "the token would go along")
}

func TestRunFile(t *testing.T) {
	file := admin.RunFile{
		Address: "127.0.0.1:4711", Token: connectors.NewSecret("t"), Host: "h", PID: 9,
	}
	data, err := file.Marshal()
	require.NoError(t, err)
	require.JSONEq(t,
		`{"version": 1, "address": "127.0.0.1:4711", "token": "t", "host": "h", "pid": 9}`, string(data))
	got, err := admin.ParseRunFile(data)
	require.NoError(t, err)
	require.Equal(t, file, got)

	for _, c := range []struct{ name, data, want string }{
		{"no JSON", `hunter2`, "decoding the run file: not the JSON of a run file"},
		{"wrong type", `{"token": {"hunter2": 1}}`, "decoding the run file: not the JSON of a run file"},
		{"newer", `{"version": 2}`, "decoding the run file: version 2, this program knows 1"},
		{"no address", `{"version": 1, "address": "x"}`,
			`decoding the run file: address "x" is not host:port`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := admin.ParseRunFile([]byte(c.data))
			require.EqualError(t, err, c.want)
		})
	}
}

func FuzzParseRunFile(f *testing.F) {
	f.Add([]byte(`{"version": 1, "address": "127.0.0.1:4711", "token": "t", "host": "h", "pid": 9}`))
	f.Add([]byte(`{"version": 1, "address": "[::1]:1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := admin.ParseRunFile(data)
		if err != nil {
			return
		}
		again, err := file.Marshal()
		require.NoError(t, err)
		got, err := admin.ParseRunFile(again)
		require.NoError(t, err)
		require.Equal(t, file, got)
	})
}
