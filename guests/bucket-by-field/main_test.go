package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func TestBuckets(t *testing.T) {
	at := time.Date(2024, 1, 31, 23, 59, 59, 0, time.UTC)
	tests := []struct{ name, path, value, want string }{
		{"field", "{country}", `{"country":"de"}`, "de"},
		{"text", "all", `not JSON`, "all"},
		{"template", "c={a.c}/d={@day}", `{"a":{"c":"de"}}`, "c=de/d=2024-01-31"},
		{"times", "{@year}/{@month}/{@day}/{@hour}", ``,
			"2024/2024-01/2024-01-31/2024-01-31-23"},
		{"number", "n={n}-{b}", `{"n":1.5,"b":true}`, "n=1.5-true"},
		{"missing", "{a}/{b}/{c}/{d}", `{"b":null,"c":"","d":[]}`, "_none/_none/_none/_none"},
		{"escapes", "{a}", `{"a":"x/../y\u00e4 %z"}`, "x%2F..%2Fy%C3%A4%20%25z"},
		{"parent", "{a}/{b}", `{"a":"..","b":"."}`, "%2E%2E/%2E"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := sdktest.Open(t, `{"path": "`+tt.path+`"}`)
			r := sdktest.Record{Value: []byte(tt.value), Timestamp: at}
			require.Equal(t, []string{tt.want}, g.RunBucketer("bucket_by_field", r))
		})
	}
}

func TestTimesOfManyRecords(t *testing.T) {
	g := sdktest.Open(t, `{"path": "{@hour} {@day}"}`)
	g.BatchTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var in []sdktest.Record
	var want []string
	for _, at := range []time.Time{
		time.UnixMilli(-1), time.UnixMilli(1), time.UnixMilli(3_599_999), time.UnixMilli(3_600_000),
		{}, time.Date(1900, 1, 1, 1, 30, 0, 0, time.UTC),
	} {
		in = append(in, sdktest.Record{Timestamp: at})
		if at.IsZero() {
			at = g.BatchTime
		}
		want = append(want, at.UTC().Format("2006-01-02-15 2006-01-02"))
	}
	require.Equal(t, want, g.RunBucketer("bucket_by_field", in...))
}

func TestFailures(t *testing.T) {
	g := sdktest.Open(t, `{"path": "{a.b}", "missing": ""}`)
	require.Equal(t, "field a.b is missing",
		g.Run("bucket_by_field", sdktest.Value(`{"a":1}`))[0].Error.Text)
	require.Contains(t, g.Run("bucket_by_field", sdktest.Value(`{`))[0].Error.Text, "json:")
}

func TestRefusedSettings(t *testing.T) {
	for config, message := range map[string]string{
		`{}`:                    "required",
		`{"path": ""}`:          "is empty",
		`{"path": "{a"}`:        "has a '{' without its '}'",
		`{"path": "a}"}`:        "has a '}' without its '{'",
		`{"path": "{}"}`:        "{} is neither a field nor",
		`{"path": "{a..b}"}`:    "{a..b} is neither a field nor",
		`{"path": "{@minute}"}`: "{@minute} is neither a field nor",
	} {
		refusal := sdktest.Refusal(t, config)
		require.Equal(t, "path", refusal.Field)
		require.Contains(t, refusal.Message, message, config)
	}
}
