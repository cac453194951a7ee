package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

// TestMurmur2 has the vectors of Kafka's own test of its hash.
func TestMurmur2(t *testing.T) {
	for key, want := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		require.Equal(t, want, int32(murmur2([]byte(key))), key)
	}
}

func TestPartition(t *testing.T) {
	g := sdktest.Open(t, `{"field": "user.id"}`)
	got := g.RunPartitioner("partition_by_field", 10,
		sdktest.Value(`{"user":{"id":"21"}}`), sdktest.Value(`{"user":{"id":21}}`),
		sdktest.Value(`{"user":{"id":"\u0032\u0031"}}`), sdktest.Value(`{"user":{"id":true}}`))
	want := choose([]byte("21"), 10)
	require.Equal(t, []int{want, want, want, choose([]byte("true"), 10)}, got)
	require.Equal(t, []int{-1},
		g.RunPartitioner("partition_by_field", 0, sdktest.Value(`{"user":{"id":"21"}}`)))
}

func TestSpread(t *testing.T) {
	g := sdktest.Open(t, `{"field": "k"}`)
	counts := make([]int, 8)
	for i := range 26 * 26 {
		key := string([]byte{byte('a' + i/26), byte('a' + i%26)})
		for _, p := range g.RunPartitioner("partition_by_field", len(counts),
			sdktest.Value(`{"k":"`+key+`"}`)) {
			counts[p]++
		}
	}
	for p, n := range counts {
		require.Greater(t, n, 26*26/len(counts)/2, "partition %d", p)
	}
}

func TestMissing(t *testing.T) {
	in := sdktest.Value(`{"user":null}`)
	in.Partitions = 4
	for missing, want := range map[string]int{"any": -1, "first": 0} {
		g := sdktest.Open(t, `{"field": "user", "missing": "`+missing+`"}`)
		require.Equal(t, want, g.Run("partition_by_field", in)[0].Partition)
	}
	g := sdktest.Open(t, `{"field": "user"}`)
	require.Equal(t, "the field is missing", g.Run("partition_by_field", in)[0].Error.Text)
	in.Value = []byte("{")
	require.Contains(t, g.Run("partition_by_field", in)[0].Error.Text, "json:")
}

func TestRefusedSettings(t *testing.T) {
	for config, field := range map[string]string{
		`{}`: "field", `{"field": "a."}`: "field", `{"field": "a", "missing": "x"}`: "missing",
	} {
		require.Equal(t, field, sdktest.Refusal(t, config).Field, config)
	}
}
