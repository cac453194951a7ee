package wasmflow_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

// testConfig has a field of every kind.
type testConfig struct {
	Rate     float64        `json:"rate" doc:"records a second"`
	Name     string         `json:"name"`
	Mode     string         `json:"mode" enum:"strict,loose"`
	MaxItems int            // max_items
	Small    int8           `json:"small"`
	Count    uint16         `json:"count"`
	Timeout  time.Duration  `json:"timeout"`
	Enabled  bool           `json:"enabled"`
	Routes   []route        `json:"routes"`
	Labels   map[string]int `json:"labels"`
	Optional *string        `json:"optional"`
	Address  netip.Addr     `json:"address"`
	Nested   struct {
		Deep string `json:"deep"`
	} `json:"nested"`
	Hidden string `json:"-"`
}

type route struct {
	Topic string   `json:"topic" required:"true"`
	Keys  []string `json:"keys"`
}

func (c *testConfig) Validate() error {
	if c.Rate < 0 {
		return wasmflow.BadField("rate", "must not be negative")
	}
	if c.Name == "plain" {
		return errors.New("no such name")
	}
	return nil
}

var config = testConfig{
	Rate: 1, Mode: "strict", Timeout: time.Second, Routes: []route{{Topic: "d"}},
}

func TestConfigDefaults(t *testing.T) {
	for _, empty := range []string{"", "{}"} {
		sdktest.Open(t, empty)
		require.Equal(t, testConfig{
			Rate: 1, Mode: "strict", Timeout: time.Second, Routes: []route{{Topic: "d"}},
		}, config)
	}
}

func TestConfigValues(t *testing.T) {
	sdktest.Open(t, `{"rate": 2.5, "name": "n", "mode": "loose", "max_items": -7, "small": -128,
		"count": 65535, "timeout": "1m30s", "enabled": true,
		"routes": [{"topic": "a", "keys": ["x", "y"]}, {"topic": "b"}],
		"labels": {"one": 1, "two": 2}, "optional": "o", "address": "10.0.0.1",
		"nested": {"deep": "d"}}`)
	optional := "o"
	want := testConfig{
		Rate: 2.5, Name: "n", Mode: "loose", MaxItems: -7, Small: -128, Count: 65535,
		Timeout: 90 * time.Second, Enabled: true,
		Routes:   []route{{Topic: "a", Keys: []string{"x", "y"}}, {Topic: "b"}},
		Labels:   map[string]int{"one": 1, "two": 2},
		Optional: &optional, Address: netip.MustParseAddr("10.0.0.1"),
	}
	want.Nested.Deep = "d"
	require.Equal(t, want, config)
	sdktest.Open(t, `{"optional": null, "routes": []}`)
	require.Nil(t, config.Optional)
	require.Empty(t, config.Routes)
	require.Equal(t, 1.0, config.Rate, "what was set before does not stay")
}

func TestConfigRefusals(t *testing.T) {
	tests := []struct{ name, json, field, message string }{
		{"syntax", `{`, "", "json: unexpected end at byte 1"},
		{"not an object", `[]`, "", "is an array, not an object"},
		{"unknown", `{"ratio": 1}`, "ratio", "unknown; the keys here are rate, name"},
		{"unknown nested", `{"routes": [{"topic": "a"}, {"topik": "b"}]}`, "routes[1].topik",
			"unknown; the keys here are topic, keys"},
		{"hidden", `{"Hidden": "x"}`, "Hidden", "unknown"},
		{"twice", `{"rate": 1, "rate": 2}`, "rate", "stands twice"},
		{"float", `{"rate": "1"}`, "rate", "is a string, not a number"},
		{"float overflow", `{"rate": 1e999}`, "rate", "1e999 is not a number that fits"},
		{"string", `{"name": 1}`, "name", "is a number, not a string"},
		{"bool", `{"enabled": "yes"}`, "enabled", "is a string, not a boolean"},
		{"fraction", `{"max_items": 1.5}`, "max_items", "1.5 is not a whole number that fits"},
		{"int overflow", `{"small": 128}`, "small", "128 is not a whole number that fits"},
		{"uint", `{"count": -1}`, "count", "-1 is not a whole number from 0 that fits"},
		{"uint overflow", `{"count": 65536}`, "count", "65536 is not a whole number from 0"},
		{"duration", `{"timeout": "soon"}`, "timeout", `"soon" is not a duration`},
		{"duration number", `{"timeout": 5}`, "timeout", "is a number, not a duration"},
		{"enum", `{"mode": "lax"}`, "mode", `"lax" is not one of strict, loose`},
		{"required", `{"routes": [{}]}`, "routes[0].topic", "required"},
		{"element", `{"routes": [{"topic": "a", "keys": ["x", 1]}]}`, "routes[0].keys[1]",
			"is a number, not a string"},
		{"slice", `{"routes": {}}`, "routes", "is an object, not an array"},
		{"map", `{"labels": []}`, "labels", "is an array, not an object"},
		{"map value", `{"labels": {"a": "b"}}`, "labels.a", "is a string, not a whole number"},
		{"pointer", `{"optional": 1}`, "optional", "is a number, not a string"},
		{"text", `{"address": "10.0.0"}`, "address", "10.0.0"},
		{"text number", `{"address": 10}`, "address", "is a number, not a string"},
		{"null", `{"rate": null}`, "rate", "is null, not a number"},
		{"validate", `{"rate": -1}`, "rate", "must not be negative"},
		{"validate plain", `{"name": "plain"}`, "", "no such name"},
		{"on open", `{"name": "field"}`, "name", "is not to be so"},
		{"panic", `{"name": "panic"}`, "", "panic: on open (plugin_test.go:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := sdktest.Refusal(t, tt.json)
			require.Equal(t, tt.field, got.Field)
			require.True(t, strings.Contains(got.Message, tt.message), got.Message)
		})
	}
}

func TestDescription(t *testing.T) {
	var d struct {
		Name, Version string
		Functions     []struct {
			Name, Role, Doc  string
			Columns, Outputs []string
		}
		Schema struct {
			Type       string
			Properties map[string]map[string]any
		} `json:"config_schema"`
	}
	require.NoError(t, json.Unmarshal([]byte(sdktest.Open(t, "").Description()), &d))
	require.Equal(t, "test-plugin", d.Name)
	require.Equal(t, "1.2.3", d.Version)
	found := 0
	for _, f := range d.Functions {
		switch f.Name {
		case "place":
			require.Equal(t, "transform", f.Role)
			require.Equal(t, []string{"late", "bad"}, f.Outputs)
			require.Equal(t, "sends records elsewhere", f.Doc)
			found++
		case "origin":
			require.Equal(t, []string{"key_group", "schema_id", "source"}, f.Columns)
			found++
		case "by_length":
			require.Equal(t, "partitioner", f.Role)
			require.Equal(t, []string{"partition_count"}, f.Columns)
			found++
		}
	}
	require.Equal(t, 3, found)
	p := d.Schema.Properties
	require.Equal(t, map[string]any{
		"type": "number", "default": 1.0, "description": "records a second",
	}, p["rate"])
	require.Equal(t, map[string]any{
		"type": "string", "default": "strict", "enum": []any{"strict", "loose"},
	}, p["mode"])
	require.Equal(t, map[string]any{"type": "string", "default": "1s"}, p["timeout"])
	require.Equal(t, map[string]any{"type": "integer", "minimum": 0.0, "default": 0.0}, p["count"])
	require.Equal(t, map[string]any{"type": "string"}, p["optional"])
	require.Equal(t, "object", p["nested"]["type"])
	items := p["routes"]["items"].(map[string]any)
	require.Equal(t, []any{"topic"}, items["required"])
	require.Equal(t, "integer", p["labels"]["additionalProperties"].(map[string]any)["type"])
	require.NotContains(t, p, "Hidden")
}
