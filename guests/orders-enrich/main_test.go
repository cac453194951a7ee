package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func TestOrdersAreEnriched(t *testing.T) {
	g := sdktest.Open(t, "")
	out := g.Run("enrich",
		sdktest.KeyValue("c-1", `{"order":17,"country":"DE","item":"tea","quantity":3,"cents":450,"state":"paid"}`),
		sdktest.Value(`{"cents":5000,"quantity":2,"item":"cup \"XL\"","country":"JP","order":"a-18"}`),
		sdktest.Value(`{"order":19,"country":"DE","item":"tea","quantity":1,"cents":1,"state":"cancelled"}`),
	)
	require.Len(t, out, 2)
	require.Equal(t, `{"order":17,"country":"DE","region":"EU","item":"tea","quantity":3,`+
		`"cents":450,"total_cents":1350,"large":false}`, string(out[0].Value))
	require.Equal(t, "c-1", string(out[0].Key), "the key stays")
	require.Equal(t, `{"order":"a-18","country":"JP","region":"AP","item":"cup \"XL\"",`+
		`"quantity":2,"cents":5000,"total_cents":10000,"large":true}`, string(out[1].Value))
}

func TestOrdersThatAreRefused(t *testing.T) {
	const member = "order, country, item, quantity or cents is missing or of another type"
	tests := []struct{ name, value, want string }{
		{"not JSON", `{"order":`, "json: unexpected end at byte 9"},
		{"not an object", `[]`, member},
		{"no order", `{"country":"DE","item":"tea","quantity":1,"cents":1}`, member},
		{"a fraction", `{"order":1,"country":"DE","item":"tea","quantity":1.5,"cents":1}`, member},
		{"nothing ordered", `{"order":1,"country":"DE","item":"tea","quantity":0,"cents":1}`,
			"the quantity or the price is out of range"},
		{"too much", `{"order":1,"country":"DE","item":"tea","quantity":9223372036854775807,"cents":2}`,
			"the quantity or the price is out of range"},
		{"nowhere", `{"order":1,"country":"ZZ","item":"tea","quantity":1,"cents":1}`,
			"no region has the country"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := sdktest.Open(t, "").Run("enrich", sdktest.Value(tt.value))
			require.Len(t, out, 1)
			require.NotNil(t, out[0].Error)
			require.Equal(t, tt.want, out[0].Error.Text)
		})
	}
}

func TestSettings(t *testing.T) {
	g := sdktest.Open(t, `{"drop": ["test", "lost"], "large_cents": 2, "regions": {"X": ["ZZ"]}}`)
	out := g.Run("enrich",
		sdktest.Value(`{"order":1,"country":"ZZ","item":1,"quantity":1,"cents":2,"state":"cancelled"}`),
		sdktest.Value(`{"order":2,"country":"ZZ","item":1,"quantity":1,"cents":2,"state":"lost"}`))
	require.Len(t, out, 1)
	require.Contains(t, string(out[0].Value), `"region":"X"`)
	require.Contains(t, string(out[0].Value), `"large":true`)
}

func TestRefusedSettings(t *testing.T) {
	for config, field := range map[string]string{
		`{"large_cents": 0}`:                      "large_cents",
		`{"regions": {"B": ["DE"], "A": ["DE"]}}`: "regions.B",
	} {
		require.Equal(t, field, sdktest.Refusal(t, config).Field, config)
	}
}
