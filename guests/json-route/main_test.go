package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func TestDefaults(t *testing.T) {
	g := sdktest.Open(t, "")
	tests := []struct{ name, value, output, err string }{
		{"on", `{"level":"info"}`, "", ""},
		{"errors", `{"a":1,"level":"error"}`, "errors", ""},
		{"escaped", `{"level":"\u0065rror"}`, "errors", ""},
		{"audit", `{"level":"audit"}`, "audit", ""},
		{"missing", `{"msg":"x"}`, "", "the field is missing"},
		{"null", `{"level":null}`, "", "the field is missing"},
		{"not an object", `[1]`, "", "the field is missing"},
		{"not JSON", `{`, "", "json: unexpected end at byte 1"},
		{"no value", ``, "", "json: unexpected end at byte 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := g.Run("json_route", sdktest.KeyValue("k", tt.value))
			require.Len(t, out, 1)
			if tt.err != "" {
				require.Equal(t, tt.err, out[0].Error.Text)
				return
			}
			require.Nil(t, out[0].Error)
			require.Equal(t, tt.output, out[0].Name)
			require.Equal(t, tt.value, string(out[0].Value))
			require.Equal(t, "k", string(out[0].Key))
			require.Empty(t, out[0].Target)
		})
	}
	require.Empty(t, g.Run("json_route", sdktest.Value(`{"level":"debug"}`)))
}

func TestSettings(t *testing.T) {
	g := sdktest.Open(t, `{"field": "a.b", "routes": {"1": "other", "true": "drop"},
		"default": "error", "missing": "main", "target": "t-{value}-{value}"}`)
	out := g.Run("json_route", sdktest.Value(`{"a":{"b":1}}`), sdktest.Value(`{"a":{"b":true}}`),
		sdktest.Value(`{"a":{"b":"x"}}`), sdktest.Value(`{"a":1}`))
	require.Len(t, out, 3)
	require.Equal(t, "other", out[0].Name)
	require.Equal(t, "t-1-1", out[0].Target)
	require.Equal(t, "no route for the field's value", out[1].Error.Text)
	require.Equal(t, 3, out[2].Parent)
	require.Empty(t, out[2].Target)
}

func TestRefusedSettings(t *testing.T) {
	for config, field := range map[string]string{
		`{"field": ""}`:             "field",
		`{"field": "a..b"}`:         "field",
		`{"routes": {"x": "nope"}}`: "routes.x",
		`{"default": ""}`:           "default",
		`{"missing": "errors!"}`:    "missing",
	} {
		require.Equal(t, field, sdktest.Refusal(t, config).Field, config)
	}
}
