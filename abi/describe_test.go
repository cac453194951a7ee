package abi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseDescription(t *testing.T) {
	d, err := ParseDescription([]byte(`{
		"name": "orders", "version": "1.2.0",
		"functions": [
			{"name": "parse", "role": "deserializer", "columns": ["source"], "doc": "reads orders"},
			{"name": "route", "role": "transform", "outputs": ["errors", "late"]},
			{"name": "spread", "role": "partitioner"}
		],
		"config_schema": {"type": "object"}, "state_version": 2, "capabilities": []
	}`))
	require.NoError(t, err)
	i, ok := d.Function("route")
	require.True(t, ok)
	require.Equal(t, 1, i)
	_, ok = d.Function("nope")
	require.False(t, ok)
	require.Equal(t, Columns(ColumnSource), d.Functions[0].ColumnSet())
	require.Equal(t, Columns(ColumnPartitionCount), d.Functions[2].ColumnSet())
}

func TestDescriptionRefusals(t *testing.T) {
	function := func(f string) string { return `{"name":"p","functions":[` + f + `]}` }
	tests := []struct {
		name, json, want string
		unsupported      bool
	}{
		{name: "not JSON", json: `{`, want: "unexpected EOF"},
		{name: "unknown key", json: `{"nam":"x"}`, want: `unknown field "nam"`},
		{name: "trailing bytes", json: function(`{"name":"f","role":"transform"}`) + "x",
			want: "bytes after the JSON object"},
		{name: "no name", json: `{"functions":[{"name":"f","role":"transform"}]}`,
			want: "name: required"},
		{name: "bad name", json: `{"name":"a/b"}`, want: `"a/b" is not letters`},
		{name: "long name", json: `{"name":"` + strings.Repeat("a", 65) + `"}`, want: "above 64"},
		{name: "no functions", json: `{"name":"p"}`, want: "functions: none"},
		{name: "bad version", json: `{"name":"p","version":"\u0007"}`, want: "not printable"},
		{name: "schema not an object", json: `{"name":"p","config_schema":[]}`,
			want: "not a JSON object"},
		{name: "function twice", json: function(`{"name":"f","role":"transform"},
			{"name":"f","role":"bucketer"}`), want: `a second function named "f"`},
		{name: "unknown role", json: function(`{"name":"f","role":"mapper"}`),
			want: `"mapper" is not one of deserializer, transform`},
		{name: "unknown column", json: function(`{"name":"f","role":"transform",
			"columns":["headers","position"]}`),
			want: `"position" is not one of headers, source`},
		{name: "outputs of a bucketer", json: function(`{"name":"f","role":"bucketer",
			"outputs":["x"]}`), want: "a bucketer has one output"},
		{name: "output twice", json: function(`{"name":"f","role":"transform",
			"outputs":["x","x"]}`), want: `a second output named "x"`},
		{name: "output with a dot", json: function(`{"name":"f","role":"transform",
			"outputs":["x.y"]}`), want: "outputs[0]"},
		{name: "unknown capability", json: `{"name":"p","functions":[{"name":"f",
			"role":"transform"}],"capabilities":["gpu"]}`, want: `"gpu" is not specified in ABI 1.0`},
		{name: "reserved role", json: function(`{"name":"f","role":"key_selector"}`),
			want: `"key_selector" is specified in ABI 1 and not offered`, unsupported: true},
	}
	for _, c := range Capabilities() {
		tests = append(tests, struct {
			name, json, want string
			unsupported      bool
		}{
			name: "capability " + string(c),
			json: `{"name":"p","functions":[{"name":"f","role":"transform"}],
				"capabilities":["` + string(c) + `"]}`,
			want: `"` + string(c) + `" is specified in ABI 1 and not offered`, unsupported: true,
		})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseDescription([]byte(tt.json))
			require.ErrorContains(t, err, tt.want)
			if tt.unsupported {
				require.ErrorIs(t, err, ErrUnsupported)
				_, err = DecodeDescription([]byte(tt.json))
				require.NoError(t, err, "inspect shows what run refuses")
			}
		})
	}
	_, err := ParseDescription(make([]byte, DescriptionBytesMax+1))
	require.ErrorContains(t, err, "above")
}

func TestDescriptionReportsAllProblems(t *testing.T) {
	_, err := ParseDescription([]byte(`{"name":"","functions":[{"name":"1","role":"x"}]}`))
	for _, want := range []string{"name: required", "functions[0].name", "functions[0].role"} {
		require.ErrorContains(t, err, want)
	}
}

// TestDescriptionFloods: a megabyte of faults is told in a screenful, and read without comparing
// each item with all others.
func TestDescriptionFloods(t *testing.T) {
	function := func(f string) string { return `{"name":"p","functions":[` + f + `]}` }
	flood := func(head, item, tail string) string {
		return head + strings.Repeat(item+",", 100_000) + item + tail
	}
	outputs := make([]string, 100_000)
	for i := range outputs {
		outputs[i] = fmt.Sprintf(`"o%05d"`, i)
	}
	tests := []struct{ name, json, want string }{
		{"functions", function(flood("", "{}", "")), "functions: 100001 are above 256"},
		{"columns", function(`{"name":"f","role":"transform","columns":` + flood("[", `"x"`, "]") + "}"),
			"functions[0].columns: 100001 are above 64"},
		{"outputs", function(`{"name":"f","role":"transform","outputs":[` +
			strings.Join(outputs, ",") + "]}"), "functions[0].outputs: 100000 are above 64"},
		{"capabilities", `{"name":"p","functions":[{"name":"f","role":"transform"}],"capabilities":` +
			flood("[", `"x"`, "]") + "}", "capabilities: 100001 are above 64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseDescription([]byte(tt.json))
			require.ErrorContains(t, err, tt.want)
			require.LessOrEqual(t, strings.Count(err.Error(), "\n"), problemsMax)
			require.Less(t, len(err.Error()), 8<<10)
		})
	}
}

func TestParseConfigError(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"field", `{"field":"rate","message":"must be positive"}`, "config.rate: must be positive"},
		{"no field", `{"message":"no"}`, "config: no"},
		{"plain text", `boom`, "config: boom"},
		{"no message", `{"field":"rate"}`, `config: {"field":"rate"}`},
		{"empty", ``, "config: refused without a reason"},
		{"escapes", "\x1b[31mred", "config: ?[31mred"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.EqualError(t, ParseConfigError([]byte(tt.data)), tt.want)
		})
	}
}

func TestReservedImports(t *testing.T) {
	for name, want := range map[string]Capability{
		"state_get": CapabilityState, "state_put": CapabilityState,
		"state_delete": CapabilityState, "state_iterate": CapabilityState,
		"timer_set": CapabilityTimers, "timer_delete": CapabilityTimers,
		"async_request": CapabilityAsync,
	} {
		got, ok := ReservedImport(name)
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	_, ok := ReservedImport(ImportLog)
	require.False(t, ok)
}
